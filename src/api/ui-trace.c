/* ui-trace - a run as a trace: /ui/runs/{run}/trace. */
#include "api/api-priv.h"
#include "api/otlp.h"
#include "api/runs.h"
#include "api/ui.h"

int ui_runs_trace(struct req *r, struct dh_err *err)
{
    struct store_run run;

    if (run_find(r, r->param[0], &run, err) < 0)
        return -1;
    r->type = "application/json";
    return otlp_write(r->store, &run, r->api->options->version, &r->out, err);
}
