/* serve - the server: KFP's API, live events and the page on one port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"

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
        .ready = say_ready,
        .user = cli,
    };
    long port, jobs;

    for (size_t i = 0; i < 63 && (hosts[i] = cli_get_at(args, "allow-host", i)); i++)
        ;
    if (cli_get_int(args, "port", 0, 8888, &port, err) < 0 ||
        cli_get_int(args, "jobs", 1, 0, &jobs, err) < 0 || cli_home(cli, &home, err) < 0)
        return -1;
    if (port > 65535)
        return dh_fail(err, DH_INVALID, "--port %ld: a port is at most 65535", port);
    o.home = home;
    o.db = cli->db;
    o.port = (int)port;
    o.jobs = jobs > 4096 ? 4096 : (int)jobs;
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
