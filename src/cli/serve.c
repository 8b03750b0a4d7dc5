/* serve - the server: KFP's API, live events and the page on one port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "argo/argo.h"
#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pipeline.h"

enum { CA_MAX = 1 << 20 };

static void say_ready(void *user, const char *url)
{
    const struct cli *cli = user;

    if (cli->json) {
        own(js_free) struct js *v = js_object();
        own_mem char *text = NULL;

        out_set_text(v, "url", url);
        text = js_dump(v, JS_COMPACT);
        printf("%s\n", text);
    } else {
        printf("%s\n", url);
        fprintf(stderr, "serving; Ctrl-C stops the server, and leaves runs running\n");
    }
    (void)fflush(stdout);
}

static void say_note(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "warning: %s\n", text);
}

/* Certificates, for pods. Never a key, which lies beside them all too often. */
static int read_ca(const char *file, struct js *settings, struct dh_err *err)
{
    own_mem char *pem = NULL;
    size_t n;

    if (fs_read(file, CA_MAX, &pem, &n, err) < 0)
        return dh_while(err, "--launch-ca");
    if (!strstr(pem, "-----BEGIN CERTIFICATE-----") || strstr(pem, "PRIVATE KEY"))
        return dh_fail(err, DH_INVALID, "--launch-ca %s: expected certificates alone, as PEM",
                       file);
    js_set(settings, "launch_ca", js_str(pem));
    return 0;
}

/* What `--engine argo` makes of the options that are for it. */
static int read_cluster(const struct cli_args *args, struct js **ret, struct dh_err *err)
{
    static const struct {
        const char *option, *key;
    } texts[] = {{"namespace", "namespace"},
                 {"kube-context", "context"},
                 {"launch-url", "server"},
                 {"launcher-image", "launcher_image"},
                 {"runner-account", "runner_account"},
                 {"executor-account", "executor_account"},
                 {"image-pull-secret", "image_pull_secret"}};
    const char *engine = cli_get(args, "engine"), *span = cli_get(args, "pull-timeout");
    /* The environment is how the manifests say it. */
    const char *agent = cli_has(args, "agent") ? cli_get(args, "agent") : getenv("DHOW_AGENT");
    own(js_free) struct js *v = js_object();
    enum argo_agent known;
    int64_t us = 0;
    long pods;

    if (engine && strcmp(engine, "local") != 0 && strcmp(engine, "argo") != 0)
        return dh_fail(err, DH_INVALID, "--engine %s: expected local or argo", engine);
    if (cli_get_int(args, "parallelism", 0, 0, &pods, err) < 0)
        return -1;
    if (span && clock_parse_span(span, &us) < 0)
        return dh_fail(err, DH_INVALID, "--pull-timeout %s: expected 90s, 5m or 1h", span);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        out_set_text(v, texts[i].key, cli_get(args, texts[i].option));
    if (argo_agent_named(agent, &known, err) < 0)
        return -1;
    out_set_text(v, "agent", agent);
    if (cli_has(args, "launch-ca") && read_ca(cli_get(args, "launch-ca"), v, err) < 0)
        return -1;
    if (cli_has(args, "image-volume"))
        js_set(v, "image_volume", js_bool(true));
    if (pods)
        js_set(v, "parallelism", js_int(pods));
    if (us)
        js_set(v, "pull_timeout_us", js_int(us));
    if (engine && !strcmp(engine, "argo"))
        *ret = take(&v);
    return 0;
}

static int run_serve(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own_mem char *home = NULL;
    const char *hosts[64] = {0};
    struct api_options o = {
        .version = DHOW_VERSION,
        .host = cli_get(args, "host"),
        .tokens_file = cli_get(args, "tokens"),
        .oidc_issuer = cli_get(args, "oidc-issuer"),
        .oidc_audience = cli_get(args, "oidc-audience"),
        .oidc_keys = cli_get(args, "oidc-keys"),
        .allow_hosts = hosts,
        .tls_cert = cli_get(args, "tls-cert"),
        .tls_key = cli_get(args, "tls-key"),
        .time_zone = cli_get(args, "time-zone"),
        .access_log = cli_get(args, "access-log"),
        .fetch_urls = cli_has(args, "fetch-urls"),
        .pipeline_root = cli_get(args, "pipeline-root"),
        .note = say_note,
        .ready = say_ready,
        .user = cli,
    };
    own(js_free) struct js *cluster = NULL;
    long port, jobs;

    for (size_t i = 0; i < 63 && (hosts[i] = cli_get_at(args, "allow-host", i)); i++)
        ;
    if (cli_get_int(args, "port", 0, 8888, &port, err) < 0 ||
        cli_get_int(args, "jobs", 1, 0, &jobs, err) < 0 || cli_home(cli, &home, err) < 0)
        return -1;
    if (read_cluster(args, &cluster, err) < 0)
        return -1;
    o.cluster = cluster;
    if (port > 65535)
        return dh_fail(err, DH_INVALID, "--port %ld: a port is at most 65535", port);
    o.home = home;
    o.db = cli->db;
    o.port = (int)port;
    o.jobs = jobs > 4096 ? 4096 : (int)jobs;
    artifact_use_codes(NULL); /* nobody sits there to be asked */
    return api_serve(&o, err);
}

static const struct cli_option serve_options[] = {
    {.name = "port",
     .letter = 'P',
     .value = "N",
     .help = "the port (default 8888; 0: any free one)"},
    {.name = "host",
     .value = "ADDRESS",
     .help =
         "the address to listen on (default 127.0.0.1: this machine alone; others need --tokens)"},
    {.name = "jobs",
     .letter = 'j',
     .value = "N",
     .help = "runs at a time, others wait (default 4)"},
    {.name = "engine",
     .value = "NAME",
     .choices = "local argo",
     .help =
         "what executes runs: local (this machine), or argo: each is an Argo Workflow, each step "
         "a pod"},
    {.name = "pipeline-root",
     .value = "URI",
     .help = "where runs that name no root leave their artifacts; with argo a bucket: s3://…"},
    {.name = "namespace",
     .value = "NAME",
     .help = "argo: of Workflows and pods (default: of the "
             "kubeconfig, or the server's own)"},
    {.name = "kube-context", .value = "NAME", .help = "argo: the context of KUBECONFIG to use"},
    {.name = "launch-ca",
     .value = "FILE",
     .kind = CLI_FILE,
     .help =
         "argo: certificates, PEM, that pods trust beside those of their images: this server's\n"
         "authority where --launch-url is https, the bucket's"},
    CLI_POD_OPTIONS,
    {.name = "pull-timeout",
     .value = "SPAN",
     .help = "argo: how long an image may fail to be pulled before its task fails (default 5m)"},
    {.name = "tokens",
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "who may do what: lines NAME ROLE NAMESPACES TOKEN; roles are viewer, runner, admin"},
    {.name = "oidc-issuer",
     .value = "URL",
     .help = "take OpenID Connect tokens of this issuer; claims dhow_role, dhow_namespaces and "
             "dhow_roles say what may be done"},
    {.name = "oidc-audience", .value = "TEXT", .help = "for whom such a token must be"},
    {.name = "oidc-keys",
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "its keys, a JSON web key set: a file or URL (default: as the issuer says)"},
    {.name = "allow-host",
     .value = "NAME",
     .repeats = true,
     .help = "a name by which the server may be called, besides localhost and its address"},
    {.name = "tls-cert",
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "serve https: certificate chain, PEM"},
    {.name = "tls-key", .value = "FILE", .kind = CLI_FILE, .help = "its private key, PEM"},
    {.name = "time-zone",
     .value = "ZONE",
     .help = "of schedules that name none, as in Europe/Berlin (default UTC)"},
    {.name = "access-log",
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "a JSON line a request; - is standard error"},
    {.name = "fetch-urls",
     .help = "may fetch pipelines from URLs, also where others than you may ask it to"},
    {.name = NULL},
};

const struct cli_command cmd_serve = {
    .name = "serve",
    .group = "Server",
    .summary = "serve KFP's API and the web page",
    .operands = "",
    .options = serve_options,
    .text =
        "One process and one port: kfp.Client(host), the kfp command line and the page work with "
        "it. Runs that are\n"
        "submitted are executed by processes of their own: they go on when the server stops, and "
        "a server that is\n"
        "started again takes them up. What 'dhow run' has recorded is there too.",
    .examples =
        "dhow serve\ndhow serve --port 9000 --jobs 8\n"
        "dhow serve --host 0.0.0.0 --tokens tokens.txt --tls-cert cert.pem --tls-key key.pem",
    .run = run_serve,
};
