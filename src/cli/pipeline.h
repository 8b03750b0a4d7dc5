#pragma once
/* pipeline - what run, plan and validate do with a pipeline file and with parameters from the
 * command line. */
#include "cli/cli.h"
#include "spec/spec.h"

/* spec_load_file, where "-" is standard input. `notes` as there. */
int cli_spec_load(const char *file, struct spec **ret, struct spec_notes *notes,
                  struct dh_err *err);
/* The warnings, to standard error; of a spec that was refused (`said` is its message), the other
 * errors. */
void cli_print_notes(const struct cli *cli, const struct spec_notes *notes, const char *said);
/* --params FILE, then each -p NAME=VALUE over it, parsed by its declared type: an object of what
 * was given; the engine checks it and adds the defaults. On 0 *ret is the caller's. DH_INVALID,
 * DH_NOT_FOUND, DH_IO. */
int cli_params(const struct spec *spec, const struct cli_args *args, struct js **ret,
               struct dh_err *err);

/* The options that cli_params reads, for a command's table. */
#define CLI_PARAM_OPTIONS                                                                          \
    {.name = "param",                                                                              \
     .letter = 'p',                                                                                \
     .value = "NAME=VALUE",                                                                        \
     .repeats = true,                                                                              \
     .help =                                                                                       \
         "a parameter of the pipeline, read by its declared type (lists and structs as JSON)"},    \
    {                                                                                              \
        .name = "params", .value = "FILE", .kind = CLI_FILE,                                       \
        .help = "parameters as one JSON object; -p goes before it"                                 \
    }

/* What pods are made with, for the tables of commands that make Workflows. */
#define CLI_POD_OPTIONS                                                                            \
    {.name = "launch-url",                                                                         \
     .value = "URL",                                                                               \
     .help = "pods: dhow's server as they reach it (default: http://dhow.NAMESPACE.svc:8080)"},    \
        {.name = "launcher-image", .value = "IMAGE", .help = "pods: the image of dhow-launch"},    \
        {.name = "image-volume",                                                                   \
         .help = "pods: mount that image instead of copying from it (Kubernetes 1.35)"},           \
        {.name = "image-pull-secret",                                                              \
         .value = "NAME",                                                                          \
         .help = "pods: a pull secret for their images"},                                          \
        {.name = "runner-account",                                                                 \
         .value = "NAME",                                                                          \
         .help = "pods: their service account (default: dhow-runner)"},                            \
        {.name = "executor-account",                                                               \
         .value = "NAME",                                                                          \
         .help = "pods: the account of Argo's own containers (default: dhow-executor)"},           \
        {.name = "agent",                                                                          \
         .value = "WHAT",                                                                          \
         .choices = "off conditions large all",                                                    \
         .help = "what Argo (4.1, with disableAgentPodCreation) asks the server, without a pod: "  \
                 "conditions that it cannot say; 'large': and whether the result of a large task " \
                 "is there already; 'all': of each task (default: off)"},                          \
    {                                                                                              \
        .name = "parallelism", .value = "N", .help = "pods: how many of a run at a time"           \
    }
