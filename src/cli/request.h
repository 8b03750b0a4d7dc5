#pragma once
/* request - the options of `run` and `plan` as what the engine is asked for. */
#include "cli/cli.h"
#include "engine/engine.h"

struct cli_request {
    struct engine_request engine; /* borrows from those below, from args and from spec */
    struct js *parameters, *secrets, *notify, *tags;
};

/* DH_INVALID, DH_NOT_FOUND, DH_IO: a parameter or secret. cli_request_done also after a failure. */
int cli_request(const struct cli_args *args, const struct spec *spec, struct cli_request *ret,
                struct dh_err *err);
void cli_request_done(struct cli_request *request);
