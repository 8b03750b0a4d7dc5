#pragma once
/* spec-priv - what the folder's own files share: where an error is said, and names. */
#include "spec/doc.h"
#include "spec/spec.h"

/* A place in the spec, as a chain up to the root: components.comp-x.dag. */
struct spec_path {
    const struct spec_path *up;
    const char *name; /* NULL: `index` */
    size_t index;
};

/* One load: where its errors and warnings go. The first error is in *err. */
struct spec_ctx {
    struct arena *arena;
    const char *source;
    struct spec_notes *notes; /* or NULL */
    struct dh_err *err;       /* or NULL */
    size_t n_errors;
};

#define SPEC_MAX_ERRORS 100 /* enough is said then: reading and checking stop */

uint64_t spec_hash(const char *key); /* differs from process to process */
const struct spec_index *spec_index_new(struct arena *arena, const void *items, size_t n,
                                        size_t size);

/* Both write "SOURCE:LINE:COLUMN: PATH: …"; `path` may be NULL. spec_error returns -1. */
int spec_error(struct spec_ctx *ctx, struct spec_pos pos, const struct spec_path *path,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void spec_warn(struct spec_ctx *ctx, struct spec_pos pos, const struct spec_path *path,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "; did you mean 'x'?" for the name among `items` (a SPEC_MAP's) that is nearest to `name`, else
 * "". */
#define SPEC_HINT 120
char *spec_hint(const void *items, size_t n, size_t size, const char *name, char to[SPEC_HINT]);
#define spec_hint_in(map, name, to)                                                                \
    spec_hint((map)->items, (map)->n, sizeof *(map)->items, (name), (to))

/* Semantic checks of a decoded spec; errors go to ctx. `top` is where the pipeline spec stands, or
 * NULL. */
void spec_validate(struct spec_ctx *ctx, const struct spec_path *top, const struct spec *spec);
/* Its parts in validate-graph.c. */
void spec_check_cycles(struct spec_ctx *ctx, const struct spec_path *path,
                       const struct dag_spec *dag);
void spec_check_nesting(struct spec_ctx *ctx, const struct spec_path *top, const struct spec *spec);
/* And in validate-task.c: one task of `owner`'s dag, and the dag's outputs. */
void spec_check_task(struct spec_ctx *ctx, const struct spec_path *path, const struct spec *spec,
                     const struct component_spec *owner, const struct pipeline_task_spec *task);
void spec_check_dag_outputs(struct spec_ctx *ctx, const struct spec_path *path,
                            const struct spec *spec, const struct dag_spec *dag);
