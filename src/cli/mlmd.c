/* mlmd - ML Metadata's service over the record. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "mlmd/serve.h"

static void ready(void *user, int port)
{
    const char *host = user;

    printf(strchr(host, ':') ? "grpc://[%s]:%d\n" : "grpc://%s:%d\n", host, port);
    (void)fflush(stdout);
}

static int run_mlmd(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    const char *host = cli_get(args, "host");
    struct mlmd_serve options = {
        .host = host ? host : "127.0.0.1", .readonly = cli_has(args, "read-only"), .ready = ready};
    long port;

    if (strcmp(cli_at(args, 0), "serve") != 0)
        return dh_fail(err, DH_INVALID, "'%s' is nothing that mlmd does: it does `serve`",
                       cli_at(args, 0));
    if (cli_get_int(args, "port", 0, 8080, &port, err) < 0)
        return -1;
    if (port > 65535)
        return dh_fail(err, DH_INVALID, "--port %ld: a port is at most 65535", port);
    options.port = (int)port;
    options.user = (void *)(uintptr_t)options.host;
    if (cli_store_with(cli, "record", &store, err) < 0 || mlmd_serve(store, &options, err) < 0)
        return -1;
    return CLI_DONE;
}

static const struct cli_option mlmd_options[] = {
    {.name = "host", .value = "ADDRESS", .help = "the address to listen on (default 127.0.0.1)"},
    {.name = "port", .value = "PORT", .help = "the port (default 8080; 0: any free one)"},
    {.name = "read-only", .help = "answer what reads; refuse what writes"},
    {.name = NULL},
};

const struct cli_command cmd_mlmd = {
    .name = "mlmd",
    .group = "Server",
    .summary = "serve the record to ML Metadata's gRPC clients",
    .operands = "serve",
    .min_operands = 1,
    .max_operands = 1,
    .options = mlmd_options,
    .text = "Answers ml_metadata.MetadataStoreService over gRPC (HTTP/2 without TLS), as KFP's "
            "metadata-grpc-service does, from this home's record. There is no access control: "
            "listen on a loopback address, or where only those who may reach it. A client of the "
            "database itself needs no server: it opens the home's dhow.db.",
    .examples = "dhow mlmd serve --port 8080\n  then METADATA_GRPC_SERVICE_HOST=localhost "
                "METADATA_GRPC_SERVICE_PORT=8080",
    .run = run_mlmd,
};
