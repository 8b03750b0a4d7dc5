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
