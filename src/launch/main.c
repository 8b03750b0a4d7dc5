/* dhow-launch - the one program that dhow puts into a step's pod: claims the task from dhow's
 * server, brings its inputs, runs the image's own command, takes its outputs away, and exits as it
 * did.
 *
 * Static, so that it runs in any image; without any credential but the run's token (--token-file).
 */
#include <getopt.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "launch/attempt.h"
#include "launch/copy.h"
#include "launch/keep.h"
#include "launch/wire.h"

enum { TOKEN_MAX = 4096, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: dhow-launch --run ID --scope PATH --server URL [OPTION]…\n"
    "       dhow-launch --copy FILE\n"
    "\n"
    "Runs one step of a pipeline in its pod: claims it from dhow's server, downloads its inputs,\n"
    "runs its command, uploads its outputs. Pods that dhow makes start it; people need not.\n"
    "\n"
    "  --run ID           the run\n"
    "  --scope PATH       the task, as root.a.b\n"
    "  --iteration LIST   the loops' indices from outside in, as 0.3; empty outside of loops\n"
    "  --server URL       dhow's server, http or https\n"
    "  --ca FILE          certificates that are trusted (default: $SSL_CERT_FILE, or the image's;\n"
    "                     and ca.crt beside the token)\n"
    "  --token-file FILE  the run's token (default: /dhow-token/token)\n"
    "  --pod-name NAME    this pod (default: $KFP_POD_NAME, or the host's name)\n"
    "  --pod-uid UID      its uid (default: $KFP_POD_UID)\n"
    "  --retry N          the pod's place in the row of retries (default: $KFP_RETRY_INDEX, or 0)\n"
    "  --patience S       seconds to wait for a server that is away (default: 3600)\n"
    "  --parallel N       files that move at a time (default: 8)\n"
    "  --copy FILE        copy this program to FILE (into it, as 'launch', where it is a folder)\n"
    "  --help, --version\n"
    "\n"
    "Exit status: the command's own (128 + N where signal N ended it; 127 not found, 126 not to "
    "be\n"
    "started, 124 timed out); 1 where claiming, downloading or publishing failed; 2 wrong use.\n";

struct wish {
    const char *run, *scope, *iteration, *server, *ca, *token_file, *pod_name, *pod_uid, *copy;
    long retry, patience_s, parallel;
};

static const struct option options[] = {
    {"run", required_argument, NULL, 'r'},
    {"scope", required_argument, NULL, 's'},
    {"iteration", required_argument, NULL, 'i'},
    {"server", required_argument, NULL, 'u'},
    {"ca", required_argument, NULL, 'c'},
    {"token-file", required_argument, NULL, 't'},
    {"pod-name", required_argument, NULL, 'n'},
    {"pod-uid", required_argument, NULL, 'd'},
    {"retry", required_argument, NULL, 'y'},
    {"patience", required_argument, NULL, 'p'},
    {"parallel", required_argument, NULL, 'j'},
    {"copy", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int wrong(const char *what)
{
    launch_say("%s (--help says more)", what);
    return EXIT_USAGE;
}

static long whole(const char *text, long max)
{
    char *end;
    long n = strtol(text, &end, 10);

    return *text && !*end && n >= 0 && n <= max ? n : -1;
}

/* -1: all is read; else the exit status. */
static int take_option(struct wish *w, int option)
{
    const struct {
        int option;
        const char **to;
    } texts[] = {{'r', &w->run},      {'s', &w->scope},   {'i', &w->iteration},
                 {'u', &w->server},   {'c', &w->ca},      {'t', &w->token_file},
                 {'n', &w->pod_name}, {'d', &w->pod_uid}, {'o', &w->copy}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].option == option) {
            *texts[i].to = optarg;
            return -1;
        }
    switch (option) {
    case 'y':
        w->retry = whole(optarg, 1000000);
        return w->retry < 0 ? wrong("--retry wants a number") : -1;
    case 'p':
        w->patience_s = whole(optarg, 31536000);
        return w->patience_s < 0 ? wrong("--patience wants seconds") : -1;
    case 'j':
        w->parallel = whole(optarg, 64);
        return w->parallel < 1 ? wrong("--parallel wants a number from 1 to 64") : -1;
    case 'h':
        (void)fputs(usage, stdout);
        return 0;
    case 'v':
        (void)puts("dhow-launch " DHOW_VERSION);
        return 0;
    default:
        return EXIT_USAGE; /* getopt has said it */
    }
}

static int read_options(int argc, char **argv, struct wish *w)
{
    const char *retry = getenv("KFP_RETRY_INDEX");
    int option, rc;

    *w = (struct wish){.iteration = "",
                       .token_file = "/dhow-token/token",
                       .pod_name = getenv("KFP_POD_NAME"),
                       .pod_uid = getenv("KFP_POD_UID"),
                       .retry = retry ? whole(retry, 1000000) : 0,
                       .patience_s = 3600,
                       .parallel = 8};
    if (w->retry < 0)
        w->retry = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        rc = take_option(w, option);
        if (rc >= 0)
            return rc;
    }
    if (optind < argc)
        return wrong("the step's command comes from the server, not from the command line");
    if (w->copy)
        return -1;
    return w->run && w->scope && w->server ? -1 : wrong("--run, --scope and --server are wanted");
}

/* "0.3" → [0, 3] */
static int read_iteration(const char *text, struct js **ret)
{
    own(js_free) struct js *list = js_array();

    while (*text) {
        size_t n = strcspn(text, ".");
        own_mem char *one = dh_strndup(text, n);
        long index = whole(one, 1000000000);

        if (index < 0 || (text[n] && !text[n + 1]))
            return -1;
        js_push(list, js_int(index));
        text += text[n] ? n + 1 : n;
    }
    *ret = take(&list);
    return 0;
}

/* What the attempt is to be known by: ours alone, and so is then the attempt. The caller's. */
static char *make_secret(void)
{
    unsigned char raw[DIGEST_RAW];
    char text[DIGEST_TEXT];

    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        abort(); /* a kernel without randomness is none to go on with */
    return dh_strdup(digest_hex(raw, sizeof raw, text));
}

static struct js *make_claim(const struct wish *w, struct js *iteration, const char *secret)
{
    struct js *claim = js_object(), *pod = js_object();
    char host[256] = "";

    if (gethostname(host, sizeof host - 1) < 0)
        host[0] = '\0';
    js_set(pod, "name", js_str(w->pod_name ? w->pod_name : host));
    js_set(pod, "uid", js_str(w->pod_uid ? w->pod_uid : ""));
    js_set(claim, "run", js_str(w->run));
    js_set(claim, "scope", js_str(w->scope));
    js_set(claim, "iteration", iteration);
    js_set(claim, "pod", pod);
    js_set(claim, "retry", js_int(w->retry));
    js_set(claim, "secret", js_str(secret));
    return claim;
}

static int read_token(const char *path, char **ret, struct dh_err *err)
{
    own_mem char *text = NULL;
    size_t n = 0;

    if (fs_read(path, TOKEN_MAX, &text, &n, err) < 0)
        return dh_while(err, "the run's token");
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
        text[--n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return dh_fail(err, DH_INVALID, "%s: that is no token", path);
    if (n == 0)
        return dh_fail(err, DH_INVALID, "%s: there is no token in it", path);
    *ret = take(&text);
    return 0;
}

/* Whom the server's maker says to trust comes with the token. */
static char *ca_beside(const char *token_file)
{
    const char *slash = strrchr(token_file, '/');

    return dh_printf("%.*sca.crt", slash ? (int)(slash + 1 - token_file) : 0, token_file);
}

static int launch(const struct wish *w)
{
    struct attempt_plan plan = {
        .parallel = (unsigned)w->parallel,
        .server = {.patience_s = w->patience_s, .lock = PTHREAD_MUTEX_INITIALIZER}};
    struct js *iteration = NULL;
    own_mem char *beside = NULL;
    struct dh_err err = {0};
    size_t n = strlen(w->server);
    int code = 1;

    if (read_iteration(w->iteration, &iteration) < 0)
        return wrong("--iteration wants indices, as 0.3");
    while (n && w->server[n - 1] == '/')
        n--;
    plan.server.url = dh_strndup(w->server, n);
    plan.server.secret = make_secret();
    plan.claim = make_claim(w, iteration, plan.server.secret);
    beside = ca_beside(w->token_file);
    wire_begin(w->ca, w->ca ? NULL : beside);
    if (read_token(w->token_file, &plan.server.token, &err) < 0 || keep_begin(&err) < 0)
        launch_say("%s", err.msg);
    else
        code = attempt_run(&plan);
    (void)js_free(plan.claim);
    server_done(&plan.server);
    return code;
}

int main(int argc, char **argv)
{
    struct wish wish;
    struct dh_err err = {0};
    int rc = read_options(argc, argv, &wish);

    if (rc >= 0)
        return rc;
    /* Whatever the image says in nsswitch.conf: its modules are not for a static program. */
    (void)__nss_configure_lookup("hosts", "files dns");
    if (wish.copy) {
        if (copy_self(wish.copy, argv[0], &err) == 0)
            return 0;
        launch_say("%s", err.msg);
        return 1;
    }
    /* The step has our user: without this it could read the attempt's secret out of our memory. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    return launch(&wish);
}
