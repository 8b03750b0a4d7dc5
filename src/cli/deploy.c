/* deploy - what dhow needs on a Kubernetes cluster, as manifests for `kubectl apply -f -`.
 *
 * The texts are deploy/kubernetes' (made into a table at build); here they get their namespace,
 * images and pipeline root. kustomize makes the same of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/deploy.h"
#include "cli/options.h"

#define NAMESPACE_MAX 63
#define ROOT_LINE "  defaultPipelineRoot: "
#define PORT_LINE " # of the bucket"

struct choice {
    const struct cli_args *args;
    const char *ns, *registry, *root, *endpoint;
    bool chart; /* images are the chart's values */
};

static bool is_chosen(const struct cli_args *args, const char *overlay)
{
    const char *one;

    if (!*overlay)
        return true;
    for (size_t i = 0; (one = cli_get_at(args, "overlay", i)); i++)
        if (!strcmp(one, overlay))
            return true;
    return false;
}

static bool is_known(const char *overlay)
{
    for (const struct manifest *m = deploy_manifests; m->text; m++)
        if (*m->overlay && !strcmp(m->overlay, overlay))
            return true;
    return false;
}

/* RFC 1123's label, as Kubernetes wants a namespace. */
static bool is_namespace(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > NAMESPACE_MAX || s[0] == '-' || s[n - 1] == '-')
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* What stands in a line of YAML as it is. */
static bool is_plain(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n < 1000 && !strpbrk(s, " \t\r\n\"'#{}[],&*!|>%`\\") && s[n - 1] != ':';
}

/* ---- printing ---- */

/* An image of ours by the name that its --image has, or in another registry. */
static void put_own_image(const struct choice *c, const char *image, FILE *to)
{
    const char *name = image + strlen("dhow/"), *given;
    size_t n = strcspn(name, ":");

    for (size_t i = 0; (given = cli_get_at(c->args, "image", i)); i++)
        if (!strncmp(given, name, n) && given[n] == '=') {
            (void)fprintf(to, "%s\n", given + n + 1);
            return;
        }
    if (c->registry)
        (void)fprintf(to, "%s/%s\n", c->registry, name);
    else
        (void)fprintf(to, "%s\n", image);
}

static void put_image(const struct choice *c, const char *image, FILE *to)
{
    const char *name = image + strlen("dhow/");

    if (c->chart)
        (void)fprintf(to, "{{ .Values.images.%.*s }}\n", (int)strcspn(name, ":"), name);
    else
        put_own_image(c, image, to);
}

/* The port that a bucket's endpoint is asked at. */
static long bucket_port(const char *endpoint)
{
    const char *host = endpoint ? strstr(endpoint, "://") : NULL, *colon;

    host = host ? host + 3 : endpoint;
    colon = host ? strrchr(host, ':') : NULL;
    if (colon && strspn(colon + 1, "0123456789") > 0)
        return strtol(colon + 1, NULL, 10);
    return endpoint && !strncmp(endpoint, "http://", 7) ? 80 : 443;
}

static void put_bucket_port(const struct choice *c, const char *line, FILE *to)
{
    (void)fprintf(to, "%.*sport: ", (int)strspn(line, " "), line);
    if (c->chart)
        (void)fputs("{{ .Values.s3.port }}\n", to);
    else
        (void)fprintf(to, "%ld\n", bucket_port(c->endpoint));
}

static void put_line(const struct choice *c, const char *line, bool in_namespace, FILE *to)
{
    const char *image = strstr(line, "image: dhow/"), *ns = strstr(line, "namespace: dhow");

    if (image) {
        image += strlen("image: ");
        (void)fprintf(to, "%.*s", (int)(image - line), line);
        put_image(c, image, to);
    } else if (ns && !ns[strlen("namespace: dhow")] && line[strspn(line, " ")] == 'n') {
        (void)fprintf(to, "%.*snamespace: %s\n", (int)strspn(line, " "), line, c->ns);
    } else if (strstr(line, PORT_LINE)) {
        put_bucket_port(c, line, to);
    } else if (in_namespace && !strcmp(line, "  name: dhow")) {
        (void)fprintf(to, "  name: %s\n", c->ns);
    } else if (!strncmp(line, ROOT_LINE, strlen(ROOT_LINE))) {
        (void)fprintf(to, ROOT_LINE "%s\n", c->root ? c->root : line + strlen(ROOT_LINE));
        if (c->endpoint)
            (void)fprintf(to, "  endpoint: %s\n", c->endpoint);
    } else {
        (void)fprintf(to, "%s\n", line);
    }
}

static void put_manifest(const struct choice *c, const struct manifest *m, FILE *to)
{
    bool in_namespace = false;

    for (const char *at = m->text; *at;) {
        size_t n = strcspn(at, "\n");
        own_mem char *line = dh_strndup(at, n);

        if (!strncmp(line, "kind: ", 6))
            in_namespace = !strcmp(line, "kind: Namespace");
        put_line(c, line, in_namespace, to);
        at += n + (at[n] == '\n');
    }
}

/* ---- the chart ---- */

#define CHART_ROOT                                                                                 \
    "{{ required \"s3.root: expected s3://BUCKET/PATH\" .Values.s3.root }}"                        \
    "{{ with .Values.s3.endpoint }}\n  endpoint: {{ . }}{{ end }}"

static void put_values(const struct choice *c, FILE *to)
{
    const char *one;

    (void)fputs(
        "# What is added: minio or s3 (where artifacts go; one of them), postgres (the record),\n"
        "# volumes (pipelines may make and delete volumes), internet (steps may use the web),\n"
        "# kind (a port of the node), agent (Argo 4.1 asks the server where no pod is "
        "needed).\noverlays:\n",
        to);
    for (size_t i = 0; (one = cli_get_at(c->args, "overlay", i)); i++)
        (void)fprintf(to, "  - %s\n", one);
    (void)fputs("images:\n  server: ", to);
    put_own_image(c, "dhow/server:" DHOW_VERSION, to);
    (void)fputs("  launcher: ", to);
    put_own_image(c, "dhow/launcher:" DHOW_VERSION, to);
    (void)fprintf(to, "s3:\n  root: \"%s\"\n  endpoint: \"%s\"\n  port: %ld\n",
                  c->root ? c->root : "", c->endpoint ? c->endpoint : "", bucket_port(c->endpoint));
}

static void put_chart(FILE *to)
{
    (void)fputs("apiVersion: v2\nname: dhow\nversion: " DHOW_VERSION "\nappVersion: " DHOW_VERSION
                "\ntype: application\n"
                "description: Kubeflow pipelines on Argo Workflows, one pod a step\n",
                to);
}

/* The overlay's objects, where the values ask for them. */
static void put_template(const struct choice *c, const struct manifest *m, FILE *to)
{
    struct choice of_chart = {.args = c->args, .ns = "{{ .Release.Namespace }}", .chart = true};

    if (!strcmp(m->overlay, "s3"))
        of_chart.root = CHART_ROOT;
    if (*m->overlay)
        (void)fprintf(to, "{{- if has \"%s\" .Values.overlays }}\n", m->overlay);
    put_manifest(&of_chart, m, to);
    if (*m->overlay)
        (void)fputs("{{- end }}\n", to);
}

/* One file of it: values, the chart's own, or the manifest's template. */
static int write_part(const struct choice *c, const char *folder, const char *name,
                      const struct manifest *m, struct dh_err *err)
{
    own_mem char *path = fs_join(folder, name);
    own_mem char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    if (!to)
        return dh_fail_errno(err, "open_memstream");
    if (m)
        put_template(c, m, to);
    else if (!strcmp(name, "values.yaml"))
        put_values(c, to);
    else
        put_chart(to);
    if (fclose(to) != 0)
        return dh_fail_errno(err, "%s", path);
    return fs_write(path, text, n, 0644, err);
}

/* The same objects as a chart for Helm. The namespace is Helm's to make, Argo its own chart's. */
static int write_chart(const struct choice *c, const char *folder, struct dh_err *err)
{
    own_mem char *templates = fs_join(folder, "templates");

    if (fs_mkdirs(templates, 0777, err) < 0 || write_part(c, folder, "Chart.yaml", NULL, err) < 0 ||
        write_part(c, folder, "values.yaml", NULL, err) < 0)
        return -1;
    for (const struct manifest *m = deploy_manifests; m->text; m++) {
        own_mem char *name = dh_printf("%s%s%s", m->overlay, *m->overlay ? "-" : "", m->file);

        if (strcmp(m->file, "namespace.yaml") != 0 && strcmp(m->overlay, "argo") != 0 &&
            write_part(c, templates, name, m, err) < 0)
            return -1;
    }
    return CLI_DONE;
}

/* ---- the secrets ---- */

static void random_text(char to[49])
{
    unsigned char raw[24];

    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        abort(); /* so few bytes always come */
    (void)digest_hex(raw, sizeof raw, to);
}

static void put_secret(const struct choice *c, const char *name, const char *data)
{
    (void)printf("---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\n"
                 "  labels: {app.kubernetes.io/part-of: dhow}\nstringData:\n%s",
                 name, c->ns, data);
}

/* New ones each time: `kubectl create`, which leaves those that are there. */
static int put_secrets(const struct choice *c)
{
    char token[49], sum[DIGEST_TEXT], key[49];
    own_mem char *tokens = NULL, *database = NULL, *store = NULL;

    random_text(token);
    tokens = dh_printf("  tokens: |\n    admin admin * sha256:%s\n",
                       digest_bytes(token, strlen(token), sum));
    put_secret(c, "dhow-tokens", tokens);
    if (is_chosen(c->args, "minio")) {
        random_text(key);
        store = dh_printf("  accesskey: dhow\n  secretkey: %s\n", key);
        put_secret(c, "mlpipeline-minio-artifact", store);
    }
    if (is_chosen(c->args, "postgres")) {
        random_text(key);
        database =
            dh_printf("  password: %s\n  url: postgresql://dhow:%s@postgres:5432/dhow\n", key, key);
        put_secret(c, "dhow-database", database);
    }
    (void)fprintf(stderr, "the administrator's token, said this once: %s\n", token);
    return CLI_DONE;
}

/* ---- the command ---- */

static int check_texts(const struct choice *c, struct dh_err *err)
{
    const char *one;

    for (size_t i = 0; (one = cli_get_at(c->args, "overlay", i)); i++)
        if (!is_known(one))
            return dh_fail(err, DH_INVALID, "--overlay %s: there is none of that name", one);
    if (!is_namespace(c->ns))
        return dh_fail(err, DH_INVALID,
                       "--namespace %s: Kubernetes takes letters a-z, digits and '-', at most 63",
                       c->ns);
    for (size_t i = 0; (one = cli_get_at(c->args, "image", i)); i++)
        if ((strncmp(one, "server=", 7) != 0 && strncmp(one, "launcher=", 9) != 0) ||
            !is_plain(strchr(one, '=') + 1))
            return dh_fail(err, DH_INVALID, "--image %s: expected server=IMAGE or launcher=IMAGE",
                           one);
    if ((c->registry && !is_plain(c->registry)) || (c->root && !is_plain(c->root)) ||
        (c->endpoint && !is_plain(c->endpoint)))
        return dh_fail(err, DH_INVALID, "a registry, root or endpoint has no blanks or quotes");
    return 0;
}

/* Where artifacts go must be said, once. */
static int check_store(const struct choice *c, struct dh_err *err)
{
    const bool minio = is_chosen(c->args, "minio"), s3 = is_chosen(c->args, "s3");

    if (minio == s3)
        return dh_fail(err, DH_INVALID,
                       "say where artifacts go: --overlay minio, or --overlay s3 --pipeline-root "
                       "s3://BUCKET/PATH");
    if (c->root && strncmp(c->root, "s3://", 5) != 0 && strncmp(c->root, "gs://", 5) != 0 &&
        strncmp(c->root, "minio://", 8) != 0)
        return dh_fail(err, DH_INVALID, "--pipeline-root %s: expected s3://, gs:// or minio://",
                       c->root);
    if (minio && (c->endpoint || c->root))
        return dh_fail(err, DH_INVALID, "--pipeline-root and --s3-endpoint are for --overlay s3");
    return 0;
}

static int run_deploy(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const struct choice c = {.args = args,
                             .ns = cli_has(args, "namespace") ? cli_get(args, "namespace") : "dhow",
                             .registry = cli_get(args, "registry"),
                             .root = cli_get(args, "pipeline-root"),
                             .endpoint = cli_get(args, "s3-endpoint")};
    const bool secrets = cli_n(args) == 1 && !strcmp(cli_at(args, 0), "secrets");
    const bool chart = cli_n(args) == 2 && !strcmp(cli_at(args, 0), "chart");

    (void)cli;
    if (cli_n(args) > 0 && !secrets && !chart)
        return dh_fail(err, DH_INVALID, "'%s': expected 'secrets', 'chart FOLDER', or nothing",
                       cli_at(args, 0));
    if (check_texts(&c, err) < 0)
        return -1;
    if (secrets)
        return put_secrets(&c);
    if (check_store(&c, err) < 0)
        return -1;
    if (chart)
        return write_chart(&c, cli_at(args, 1), err);
    for (const struct manifest *m = deploy_manifests; m->text; m++) {
        if (!is_chosen(args, m->overlay))
            continue;
        if (!*m->file) {
            (void)fprintf(stderr, "first: kubectl apply --server-side -n %s -f %s", c.ns, m->text);
            continue;
        }
        (void)printf("---\n# %s%s%s\n", m->overlay, *m->overlay ? "/" : "", m->file);
        put_manifest(&c, m, stdout);
    }
    return CLI_DONE;
}

static const struct cli_option options[] = {
    {.name = "overlay",
     .value = "NAME",
     .choices = "agent argo internet kind minio postgres s3 volumes",
     .repeats = true,
     .help = "what is added: argo (a controller of its own), minio or s3 (where artifacts "
             "go; one of them), postgres (the record), volumes (pipelines may make and "
             "delete volumes), internet (steps may use the web), kind (a port of the node), "
             "agent (Argo 4.1 asks the server where no pod is needed)"},
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "where (default: dhow)"},
    {.name = "pipeline-root", .value = "URI", .help = "s3: the bucket and path of artifacts"},
    {.name = "s3-endpoint", .value = "URL", .help = "s3: a server that is not Amazon's"},
    {.name = "registry", .value = "PREFIX", .help = "where our images are (default: dhow)"},
    {.name = "image",
     .value = "NAME=IMAGE",
     .repeats = true,
     .help = "one of them, by digest for instance: server=…, launcher=…"},
    {.name = NULL},
};

const struct cli_command cmd_deploy = {
    .name = "deploy",
    .group = "Server",
    .summary = "print what dhow needs on a Kubernetes cluster",
    .operands = "[secrets | chart FOLDER]",
    .max_operands = 2,
    .options = options,
    .text =
        "Manifests for 'kubectl apply -f -': the server, its rights, the accounts of steps, "
        "network\n"
        "policies. 'dhow deploy secrets' makes the Secrets they need, with new random values: for\n"
        "'kubectl create -f -', once. 'dhow deploy chart FOLDER' writes the same objects as a "
        "chart "
        "for\n"
        "Helm, with namespace, images, overlays and bucket as its values.",
    .examples = "dhow deploy --overlay minio | kubectl apply -f -\n"
                "  dhow, with artifacts in a MinIO beside it\n"
                "dhow deploy secrets --overlay minio | kubectl create -f -\n"
                "  the administrator's token, MinIO's keys\n"
                "dhow deploy chart ./chart --overlay minio && helm install dhow ./chart -n dhow\n"
                "  the same by Helm",
    .run = run_deploy,
};
