#pragma once
/* submit - a run is asked for: by the API, by the page, by a schedule. All three end here. */
#include "api/api-priv.h"
#include "base/id.h"
#include "base/js.h"
#include "spec/spec.h"

struct submit { /* borrowed; NULL or 0: the default */
    const char *display_name, *description, *namespace, *service_account;
    const char *spec_digest; /* a spec that is on record; or `spec` */
    const struct spec *spec;
    int64_t experiment_id; /* needed */
    int64_t pipeline_id, version_id;
    const struct js *parameters; /* an object */
    const char *pipeline_root;   /* as given */
    const struct js *plugins_input;
    bool by_version; /* it is shown as made from its version */
    int64_t scheduled_us, schedule_id;
    const char *run_id; /* a new uuid that is known already; NULL: one is made */
    const char *cache, *runtime;
    int jobs;
};
/* Records it and wakes the queue. DH_INVALID: parameters, spec. */
int submit_run(struct api *api, const struct submit *submit, char ret_run_id[ID_TEXT],
               struct dh_err *err);
/* {"parameters", "pipeline_root", "plugins_input", …}: what is kept of a request. The caller's. */
struct js *submit_request_json(const struct js *parameters, const char *pipeline_root,
                               const struct js *plugins_input);
