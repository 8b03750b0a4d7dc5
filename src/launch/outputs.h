#pragma once
/* outputs - what a step's process left behind, read for the finish; nothing is judged here. */
#include "base/err.h"
#include "base/js.h"
#include "launch/server.h"

/* Old files of an earlier start of this container: this one's outputs must be its own. */
void outputs_clear(const struct js *outputs);
/* `executor_output` and `parameters` into `finish`. DH_FAILED: too large, or no files. */
int outputs_read(const struct js *outputs, struct js *finish, struct dh_err *err);
/* Uploads the artifacts, and lists them in `finish`. As put_artifact. */
int outputs_upload(struct server *s, const struct js *outputs, unsigned parallel, struct js *finish,
                   struct dh_err *err);
/* Files that Argo reads: [{"file", "value"}]; a relative name is below /dhow/out. */
int outputs_control(const struct js *control, struct dh_err *err);
