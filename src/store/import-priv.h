#pragma once
/* import-priv - what is read of one run, before it is written. Everything lives in its arena. */
#include "store/import.h"
#include "store/store-priv.h"

struct import_event;
struct mlmd_node { /* an execution or an artifact */
    int64_t id;
    const char *type, *name, *uri;
    int64_t state, created_ms, updated_ms;
    struct js *properties; /* custom ones win; structs as {"struct": …} */
    /* of an execution, while it is written */
    int64_t row, parent; /* our id; place of the parent in the list, -1: none */
    const char *scope;
    enum store_task_type kind;
    enum store_state ours;
    int64_t iteration;
    unsigned parts;                      /* of a DAG: how its parts ended */
    const struct import_event *producer; /* of an artifact; NULL: not made in this run */
};
struct mlmd_nodes {
    struct mlmd_node *items;
    size_t n;
};
struct import_event {
    int64_t artifact, execution, index;
    enum store_link_type type;
    const char *key;
};
struct import_events {
    struct import_event *items;
    size_t n;
};
struct mlmd_run {
    int64_t context;
    const char *name, *pipeline, *pipeline_root;
    int64_t created_ms;
    struct mlmd_nodes executions, artifacts; /* by id; artifacts: those that events name */
    struct import_events events;
};

/* The store has version 10. */
int mlmd_check(struct db *db, struct dh_err *err);
/* Everything of a run but its head. */
int mlmd_read_run(struct db *db, struct mlmd_run *run, struct arena *a, struct dh_err *err);
/* By its id there; NULL: not in the list. */
struct mlmd_node *mlmd_node(const struct mlmd_nodes *all, int64_t id);
/* A struct value's text as JSON; NULL: it is none. The caller's. */
struct js *mlmd_struct(const char *text);
const struct js *mlmd_property(const struct mlmd_node *node, const char *name); /* or NULL */
const char *mlmd_text(const struct mlmd_node *node, const char *name);          /* or NULL */

/* ---- what an object of theirs is to us: for imports, and for what is written through the service
 */

enum store_task_type import_kind(const struct mlmd_node *execution);
enum store_state import_state(int64_t state);
/* JSON texts, the caller's; NULL: nothing in it. */
char *import_metadata(const struct mlmd_node *artifact);
char *import_parameters(const struct mlmd_node *execution, const char *name);
