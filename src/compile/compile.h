#pragma once
/* compile - from what an author wrote in C or in short YAML to a pipeline spec.
 *
 * Both forms are read into one draft (draft.h): components, tasks, groups of tasks, and values that
 * say where an input comes from. The draft is checked as it is made, so that a mistake is said with
 * the author's file and line, and then lowered as the SDK's compiler does it: outputs that a task
 * deep in a branch or loop needs are handed down as inputs named `pipelinechannel--…`.
 * It never runs a pipeline and never starts a process. */
#include <stddef.h>
#include "base/err.h"
#include "base/js.h"

struct compiled {
    struct js *pipeline; /* the pipeline spec, as protojson has it */
    struct js *platform; /* the platform spec; NULL: none is needed */
};
void compiled_done(struct compiled *c);
#define own_compiled __attribute__((cleanup(compiled_done)))

/* What a program with dhow/pipeline.h wrote (docs/pipelines-in-c.md): a line of JSON a call.
 * `folder`: where component files that it names are. DH_INVALID: "FILE:LINE: …". */
int compile_record(const char *name, const char *lines, size_t n, const char *folder,
                   struct compiled *ret, struct dh_err *err);

/* The short form (docs/short-form.md). DH_INVALID: "FILE:LINE:COLUMN: …". */
int compile_short(const char *name, const char *yaml, size_t n, const char *folder,
                  struct compiled *ret, struct dh_err *err);

/* A component by itself, as `kfp component build` and load_component_from_file have it: a pipeline
 * of one task. `described` is what `PROGRAM --describe` says: name, description, inputDefinitions,
 * outputDefinitions. */
int compile_component(const struct js *described, const char *image, const char *const *command,
                      size_t n_command, struct compiled *ret, struct dh_err *err);
