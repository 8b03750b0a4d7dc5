#pragma once
/* mlmd - the record as ML Metadata's objects: types, contexts, executions, artifacts, events.
 *
 * Reads the views that a client of the database reads (store-mlmd-schema.c), so that both see the
 * same. Strings are the arena's. A text value that begins with MLMD_STRUCT is a struct, in base64.
 */
#include "store/store.h"

#define MLMD_STRUCT "mlmd-struct::"

enum mlmd_kind { MLMD_EXECUTION = 0, MLMD_ARTIFACT = 1, MLMD_CONTEXT = 2 }; /* as in `Type` */

/* ---- types ---- */

struct mlmd_type {
    int64_t id;
    const char *name, *version, *description;
};
struct mlmd_types {
    struct mlmd_type *items;
    size_t n;
};
/* By name (NULL: any) and ids (n 0: any), ordered by id. */
int mlmd_types(struct store *s, enum mlmd_kind kind, const char *name, const int64_t *ids, size_t n,
               struct arena *a, struct mlmd_types *ret, struct dh_err *err);
/* Its id; it is made where it is not there. */
int mlmd_type_put(struct store *s, enum mlmd_kind kind, const char *name, int64_t *ret,
                  struct dh_err *err);

/* ---- items ---- */

enum mlmd_value_kind { MLMD_INT, MLMD_DOUBLE, MLMD_TEXT, MLMD_BOOL };
struct mlmd_value {
    const char *name;
    enum mlmd_value_kind kind;
    bool custom;
    int64_t number;
    double real;
    const char *text;
};
struct mlmd_item {
    int64_t id, type_id, state; /* state -1: none */
    const char *type, *name, *uri;
    int64_t created_ms, updated_ms;
    struct mlmd_value *values;
    size_t n_values;
};
struct mlmd_items {
    struct mlmd_item *items;
    size_t n;
    bool more;
};

enum mlmd_order { MLMD_BY_ID, MLMD_BY_CREATED, MLMD_BY_UPDATED };
struct mlmd_query { /* all that are not set: any */
    enum mlmd_kind kind;
    const int64_t *ids;
    size_t n_ids;
    bool by_ids; /* only these, though there may be none */
    bool bare;   /* without their properties */
    const char *type, *name, *uri;
    int64_t context;             /* executions, artifacts of it */
    int64_t execution, artifact; /* contexts of it */
    int64_t parent, child;       /* contexts: children of parent, parents of child */
    const char *filter;          /* see mlmd-filter.c */
    enum mlmd_order order;
    bool descending;
    int limit;      /* 0: none */
    bool has_after; /* the last one of the page before: */
    int64_t after_value, after_id;
};
/* DH_INVALID: a filter that cannot be read; it says where and what would be right. */
int mlmd_items(struct store *s, const struct mlmd_query *q, struct arena *a, struct mlmd_items *ret,
               struct dh_err *err);

/* ---- events ---- */

struct mlmd_event {
    int64_t artifact, execution, type, ms;
    const char *key;
};
struct mlmd_events {
    struct mlmd_event *items;
    size_t n;
};
/* Of these executions, or these artifacts. */
int mlmd_events(struct store *s, enum mlmd_kind of, const int64_t *ids, size_t n, struct arena *a,
                struct mlmd_events *ret, struct dh_err *err);

/* ---- what belongs to which context ---- */

struct mlmd_belonging {
    int64_t id, context; /* of an execution, or an artifact */
};
struct mlmd_belongings {
    struct mlmd_belonging *items;
    size_t n;
};
/* The associations of these executions, or the attributions of these artifacts. */
int mlmd_belongings(struct store *s, enum mlmd_kind of, const int64_t *ids, size_t n,
                    struct arena *a, struct mlmd_belongings *ret, struct dh_err *err);

/* ---- writing: all of a request within store_begin and store_commit ---- */

struct js;
struct mlmd_put {     /* an object that a client gives */
    int64_t id;       /* 0: a new one */
    const char *type; /* its name */
    const char *name, *uri;
    int64_t state;         /* -1: none */
    struct js *properties; /* {name: value}, custom ones and others; a struct as {"struct": …} */
};
enum {                     /* named answers of these calls */
       MLMD_FORBIDDEN = 1, /* it is of a run that dhow ran: what that did is not to be changed */
       MLMD_NO_PLACE = 2,  /* the record has none for such a thing; *err says which there are */
};
/* system.Pipeline and system.PipelineRun. DH_EXISTS: that name is there, and `put` has no id. */
int mlmd_context_put(struct store *s, const struct mlmd_put *put, int64_t *ret, struct dh_err *err);
int mlmd_parent_put(struct store *s, int64_t child, int64_t parent, struct dh_err *err);
int mlmd_artifact_put(struct store *s, const struct mlmd_put *put, int64_t *ret,
                      struct dh_err *err);
/* Of the run among the contexts, where it is new. */
int mlmd_execution_put(struct store *s, const struct mlmd_put *put, const int64_t *contexts,
                       size_t n_contexts, int64_t *ret, struct dh_err *err);
/* Whether that run is told from outside, so that its rows may be written from outside. */
bool mlmd_is_told(const struct store_run *run);
/* All of such a run's task that can change, as `task` has it; its id says which. */
int mlmd_task_set(struct store *s, const struct store_task *task, struct dh_err *err);
/* The same event again is fine. */
int mlmd_event_put(struct store *s, const struct mlmd_event *event, struct dh_err *err);
