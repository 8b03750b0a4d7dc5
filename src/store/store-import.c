/* import: from ML Metadata into the record, a run a transaction. */
#include "store/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/js.h"
#include "store/import-priv.h"

#define MARK "{\"imported\":true}" /* the options of a run that came from elsewhere */
#define NOT_ENDED "it had not ended when it was imported"

struct import {
    struct store *s;
    struct db *db;
    int64_t experiment;
    struct import_counts *n;
    struct dh_err *err;
};

/* An id that is the same whenever it is made of the same text (version 8 of RFC 9562). */
static char *id_of(const char *text, char to[ID_TEXT])
{
    char hex[DIGEST_TEXT];
    size_t at = 0;

    digest_bytes(text, strlen(text), hex);
    hex[12] = '8';
    hex[16] = "89ab"[hex[16] & 3];
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            to[at++] = '-';
        to[at++] = hex[i];
    }
    to[at] = '\0';
    return to;
}

/* ---- what an execution is to us ---- */

static bool is_kfp(const struct mlmd_node *e)
{
    return e->type &&
           (!strcmp(e->type, "system.ContainerExecution") ||
            !strcmp(e->type, "system.DAGExecution") || !strncmp(e->type, "system.Importer", 15));
}

static int64_t place_of(const struct mlmd_run *run, int64_t execution)
{
    const struct mlmd_node *e = mlmd_node(&run->executions, execution);

    return e ? e - run->executions.items : -1;
}

/* The places of parents: KFP creates a DAG before what is in it, so ids ascend. */
static void find_parents(struct mlmd_run *run)
{
    for (size_t i = 0; i < run->executions.n; i++) {
        struct mlmd_node *e = &run->executions.items[i];
        int64_t parent = place_of(run, js_as_int(mlmd_property(e, "parent_dag_id"), 0));

        e->kind = import_kind(e);
        e->ours = import_state(e->state);
        e->parent = parent < (int64_t)i ? parent : -1;
    }
}

/* KFP lets the root run for ever, and others whose last step could not say so: a DAG is what its
 * parts are. What did run when nobody said how it ended is canceled. */
enum { PART_ENDED = 1, PART_FAILED = 2, PART_OPEN = 4 };

static void end_states(struct mlmd_run *run)
{
    for (size_t i = run->executions.n; i-- > 0;) { /* children come after their parents */
        struct mlmd_node *e = &run->executions.items[i];
        struct mlmd_node *parent = e->parent >= 0 ? &run->executions.items[e->parent] : NULL;

        if (e->ours == STORE_RUNNING || e->ours == STORE_PENDING)
            e->ours = e->parts & PART_FAILED   ? STORE_FAILED
                      : e->parts == PART_ENDED ? STORE_SUCCEEDED
                                               : STORE_CANCELED;
        if (parent)
            parent->parts |= e->ours == STORE_FAILED     ? PART_FAILED
                             : e->ours == STORE_CANCELED ? PART_OPEN
                                                         : PART_ENDED;
    }
}

static void name_scopes(struct mlmd_run *run, struct arena *a)
{
    for (size_t i = 0; i < run->executions.n; i++) {
        struct mlmd_node *e = &run->executions.items[i];
        const struct mlmd_node *parent = e->parent >= 0 ? &run->executions.items[e->parent] : NULL;
        const char *name = mlmd_text(e, "task_name");

        if (!name)
            name = mlmd_text(e, "display_name");
        if (!name)
            name = arena_printf(a, "execution-%lld", (long long)e->id);
        if (!strcmp(e->type, "system.DAGExecution") && e->kind == STORE_ROOT)
            name = "root";
        e->iteration = e->kind == STORE_LOOP_ITERATION
                           ? js_as_int(mlmd_property(e, "iteration_index"), -1)
                       : parent ? parent->iteration
                                : -1;
        e->scope = !parent ? (e->kind == STORE_ROOT ? "root" : arena_printf(a, "root.%s", name))
                   : e->kind == STORE_LOOP_ITERATION
                       ? parent->scope
                       : arena_printf(a, "%s.%s", parent->scope, name);
        e->name = name;
    }
}

/* Who made it, within the run: the first event that says so. */
static void find_producers(struct mlmd_run *run)
{
    for (size_t i = run->events.n; i-- > 0;) {
        const struct import_event *e = &run->events.items[i];
        struct mlmd_node *artifact = mlmd_node(&run->artifacts, e->artifact);

        if (artifact && e->type == STORE_OUTPUT)
            artifact->producer = e;
    }
}

/* ---- artifacts ---- */

/* The artifact's row: 0 where it was there. */
static int put_artifact(struct import *in, const struct mlmd_node *node, int64_t *ret)
{
    own(db_end) struct db_rows *rows = NULL;
    own_mem char *metadata = import_metadata(node);
    own_mem char *what =
        dh_printf("mlmd artifact %lld %lld %s %s", (long long)node->id, (long long)node->created_ms,
                  node->type, node->uri ? node->uri : "");
    const char *name = mlmd_text(node, "display_name");
    char uuid[ID_TEXT];
    struct store_artifact row = {.uuid = id_of(what, uuid),
                                 .type = node->type,
                                 .name = name             ? name
                                         : node->name     ? node->name
                                         : node->producer ? node->producer->key
                                                          : NULL,
                                 .uri = node->uri,
                                 .size_bytes = -1,
                                 .metadata = metadata,
                                 .state = node->state == 3 || node->state == 4 ? STORE_DELETED
                                                                               : STORE_LIVE,
                                 .created_us = node->created_ms * 1000};
    int rc;

    if (db_query(in->s->db, in->err, &rows, "SELECT id FROM artifacts WHERE uuid = ?", DB_T(uuid)) <
            0 ||
        (rc = db_next(rows, in->err)) < 0)
        return -1;
    if (rc == 1) {
        *ret = db_int(rows, 0);
        in->n->artifacts_same++;
        return 0;
    }
    rows = db_end(rows);
    in->n->artifacts_new++;
    return store_artifact_insert(in->s, &row, ret, in->err);
}

/* A Metrics artifact's numbers, as a run of our own records them. */
static int put_metrics(struct import *in, const struct mlmd_node *node, int64_t run, int64_t task,
                       int64_t artifact)
{
    if (strcmp(node->type, "system.Metrics") != 0)
        return 0;
    for (js_each(node->properties, it)) {
        struct store_metric metric = {.run_id = run,
                                      .task_id = task,
                                      .artifact_id = artifact,
                                      .name = it.key,
                                      .number = js_as_num(it.value, 0),
                                      .step = -1,
                                      .time_us = node->created_ms * 1000};

        if (js_is_num(it.value) && store_metric_insert(in->s, &metric, in->err) < 0)
            return -1;
    }
    return 0;
}

/* ---- tasks ---- */

/* The task whose result a cached one took, where it was imported, too: of any run. */
static int find_origin(struct import *in, const char *execution, int64_t *ret)
{
    own(db_end) struct db_rows *rows = NULL;
    own(db_end) struct db_rows *tasks = NULL;
    own_mem char *what = NULL;
    char uuid[ID_TEXT];
    int64_t id = execution ? strtoll(execution, NULL, 10) : 0;
    int rc;

    if (id <= 0)
        return 0;
    if (db_query(in->db, in->err, &rows,
                 "SELECT c.name FROM Association s JOIN Context c ON c.id = s.context_id"
                 " JOIN Type y ON y.id = c.type_id AND y.name = 'system.PipelineRun'"
                 " WHERE s.execution_id = ?",
                 DB_I(id)) < 0 ||
        (rc = db_next(rows, in->err)) < 0)
        return -1;
    if (rc == 0)
        return 0;
    what = dh_printf("mlmd execution %s %lld", db_text(rows, 0), (long long)id);
    if (db_query(in->s->db, in->err, &tasks, "SELECT id FROM task WHERE uuid = ?",
                 DB_T(id_of(what, uuid))) < 0 ||
        (rc = db_next(tasks, in->err)) < 0)
        return -1;
    *ret = rc == 1 ? db_int(tasks, 0) : 0;
    return 0;
}

static int put_task(struct import *in, const struct mlmd_run *run, int64_t run_id,
                    struct mlmd_node *e)
{
    own_mem char *what = dh_printf("mlmd execution %s %lld", run->name, (long long)e->id);
    own_mem char *inputs = import_parameters(e, "inputs");
    own_mem char *outputs = import_parameters(e, "outputs");
    bool ended = store_state_ended(e->ours);
    char uuid[ID_TEXT];
    struct store_task row = {
        .uuid = id_of(what, uuid),
        .run_id = run_id,
        .parent_task_id = e->parent >= 0 ? run->executions.items[e->parent].row : 0,
        .name = e->name,
        .display_name = mlmd_text(e, "display_name") ? mlmd_text(e, "display_name") : e->name,
        .scope_path = e->scope,
        .type = e->kind,
        .iteration_index = e->iteration,
        .iteration_count = js_as_int(mlmd_property(e, "iteration_count"), -1),
        .state = e->ours,
        .attempts = e->kind == STORE_RUNTIME && e->ours != STORE_SKIPPED,
        .cache_fingerprint = mlmd_text(e, "cache_fingerprint"),
        .inputs = inputs,
        .outputs = outputs,
        .exit_code = -1,
        .state_reason = e->ours == STORE_SKIPPED    ? "condition was false, or it was not triggered"
                        : e->ours == STORE_CANCELED ? NOT_ENDED
                                                    : NULL,
        .created_us = e->created_ms * 1000,
        .started_us = e->created_ms * 1000,
        .finished_us = ended ? e->updated_ms * 1000 : 0};

    if (find_origin(in, mlmd_text(e, "cached_execution_id"), &row.cached_from_id) < 0)
        return -1;
    in->n->tasks++;
    return store_task_insert(in->s, &row, &e->row, in->err);
}

/* ---- links ---- */

/* A list's artifacts have one key in KFP: their places are counted, in `n`. */
static int64_t next_index(struct strmap *n, const struct import_event *e)
{
    own_mem char *name =
        dh_printf("%lld %d %s", (long long)e->execution, e->type, e->key ? e->key : "");
    uintptr_t at = (uintptr_t)strmap_get(n, name);

    (void)strmap_put(n, name, (void *)(at + 1)); /* NOLINT: a number, not a pointer */
    return (int64_t)at;
}

static int put_links(struct import *in, struct mlmd_run *run, int64_t run_id)
{
    own(strmap_free) struct strmap *indexes = strmap_new();

    for (size_t i = 0; i < run->events.n; i++) {
        const struct import_event *e = &run->events.items[i];
        const struct mlmd_node *artifact = mlmd_node(&run->artifacts, e->artifact);
        const struct mlmd_node *execution = mlmd_node(&run->executions, e->execution);
        struct store_link link = {.type = e->type, .key = e->key ? e->key : "artifact"};

        if (!artifact || !execution)
            continue;
        link.index = next_index(indexes, e);
        link.artifact_id = artifact->row;
        link.task_id = execution->row;
        if (e->type == STORE_INPUT && artifact->producer) {
            const struct mlmd_node *maker =
                mlmd_node(&run->executions, artifact->producer->execution);

            link.producer_task_id = maker ? maker->row : 0;
            link.producer_key = artifact->producer->key;
        }
        if (store_artifact_link(in->s, &link, in->err) < 0 ||
            (e->type == STORE_OUTPUT &&
             put_metrics(in, artifact, run_id, link.task_id, artifact->row) < 0))
            return -1;
        in->n->links++;
    }
    return 0;
}

/* ---- a run ---- */

static const struct mlmd_node *root_of(const struct mlmd_run *run)
{
    for (size_t i = 0; i < run->executions.n; i++)
        if (run->executions.items[i].kind == STORE_ROOT)
            return &run->executions.items[i];
    return NULL;
}

/* The last change of anything in it. */
static int64_t end_of(const struct mlmd_run *run)
{
    int64_t last = run->created_ms;

    for (size_t i = 0; i < run->executions.n; i++)
        if (run->executions.items[i].updated_ms > last)
            last = run->executions.items[i].updated_ms;
    return last * 1000;
}

/* Root, pipeline, and the context's root without "/PIPELINE/RUN" at its end. */
static int put_run(struct import *in, const struct mlmd_run *run, const char *uuid, int64_t *ret,
                   struct arena *a)
{
    const struct mlmd_node *root = root_of(run);
    own_mem char *parameters = root ? import_parameters(root, "inputs") : NULL;
    own_mem char *end = dh_printf("/%s/%s", run->pipeline ? run->pipeline : "", run->name);
    const char *folder = run->pipeline_root ? arena_strdup(a, run->pipeline_root) : NULL;
    size_t n = folder ? strlen(folder) : 0, n_end = strlen(end);
    struct store_run row = {.uuid = uuid,
                            .display_name = run->pipeline ? run->pipeline : run->name,
                            .experiment_id = in->experiment,
                            .cache_mode = "off",
                            .pipeline_root = folder,
                            .parameters = parameters,
                            .options = MARK,
                            .created_us = run->created_ms * 1000};
    enum store_state state = root ? root->ours : STORE_CANCELED;

    if (n > n_end && !strcmp(folder + n - n_end, end))
        row.pipeline_root = arena_strndup(a, folder, n - n_end);
    if (run->pipeline && store_pipeline_only(in->s, run->pipeline, &row.pipeline_id, in->err) < 0)
        return -1;
    if (store_run_insert(in->s, &row, ret, in->err) < 0)
        return -1;
    if (db_run(in->s->db, in->err, "UPDATE run SET started_us = ? WHERE id = ?",
               DB_I(run->created_ms * 1000), DB_I(*ret)) < 0)
        return -1;
    return store_run_finish(in->s, *ret, state, NULL,
                            state == STORE_CANCELED ? "{\"message\":\"" NOT_ENDED "\"}" : NULL,
                            end_of(run), in->err);
}

/* A run without its root execution gets one: others count on it. */
static int put_root(struct import *in, const struct mlmd_run *run, int64_t run_id, int64_t *ret)
{
    char uuid[ID_TEXT];
    own_mem char *what = dh_printf("mlmd root %s", run->name);
    struct store_task row = {.uuid = id_of(what, uuid),
                             .run_id = run_id,
                             .name = "root",
                             .scope_path = "root",
                             .type = STORE_ROOT,
                             .iteration_index = -1,
                             .iteration_count = -1,
                             .state = STORE_CANCELED,
                             .exit_code = -1,
                             .created_us = run->created_ms * 1000};

    return store_task_insert(in->s, &row, ret, in->err);
}

static int write_run(struct import *in, struct mlmd_run *run, const char *uuid, struct arena *a)
{
    int64_t run_id, root = 0;

    find_parents(run);
    find_producers(run);
    end_states(run);
    name_scopes(run, a);
    if (put_run(in, run, uuid, &run_id, a) < 0 ||
        (!root_of(run) && put_root(in, run, run_id, &root) < 0))
        return -1;
    for (size_t i = 0; i < run->artifacts.n; i++)
        if (put_artifact(in, &run->artifacts.items[i], &run->artifacts.items[i].row) < 0)
            return -1;
    for (size_t i = 0; i < run->executions.n; i++)
        if (put_task(in, run, run_id, &run->executions.items[i]) < 0)
            return -1;
    return put_links(in, run, run_id);
}

enum standing { RUN_NEW, RUN_OWN, RUN_SAME, RUN_OPEN };

/* Whether the record has the run, and as what. */
static int look(struct import *in, const char *uuid, int64_t *ret_id, enum standing *ret)
{
    own(db_end) struct db_rows *rows = NULL;
    const char *options, *error;
    int rc;

    if (db_query(in->s->db, in->err, &rows, "SELECT id, options, error FROM run WHERE uuid = ?",
                 DB_T(uuid)) < 0 ||
        (rc = db_next(rows, in->err)) < 0)
        return -1;
    *ret = RUN_NEW;
    if (rc == 0)
        return 0;
    *ret_id = db_int(rows, 0);
    options = db_text(rows, 1);
    error = db_text(rows, 2);
    *ret = !options || strcmp(options, MARK) != 0      ? RUN_OWN
           : error && strstr(error, NOT_ENDED) != NULL ? RUN_OPEN
                                                       : RUN_SAME;
    return 0;
}

/* Executions that are not KFP's go out of the list. */
static void leave_others(struct import *in, struct mlmd_run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->executions.n; i++)
        if (is_kfp(&run->executions.items[i]))
            run->executions.items[n++] = run->executions.items[i];
    in->n->left_executions += (int64_t)(run->executions.n - n);
    run->executions.n = n;
}

static int import_run(struct import *in, struct mlmd_run *run)
{
    own(arena_free) struct arena *a = arena_new();
    char made[ID_TEXT];
    const char *uuid = id_is_uuid(run->name) ? run->name : id_of(run->name, made);
    enum standing standing;
    int64_t known = 0;
    int rc;

    if (look(in, uuid, &known, &standing) < 0)
        return -1;
    if (standing == RUN_OWN || standing == RUN_SAME) {
        *(standing == RUN_OWN ? &in->n->runs_own : &in->n->runs_same) += 1;
        return 0;
    }
    if (mlmd_read_run(in->db, run, a, in->err) < 0)
        return dh_while(in->err, "reading run %s", run->name);
    leave_others(in, run);
    if (store_begin(in->s, in->err) < 0)
        return -1;
    rc = standing == RUN_OPEN ? store_run_delete(in->s, known, in->err) : 0;
    if (rc == 0)
        rc = write_run(in, run, uuid, a);
    if (rc < 0) {
        store_rollback(in->s);
        return dh_while(in->err, "run %s", run->name);
    }
    if (store_commit(in->s, in->err) < 0)
        return -1;
    *(standing == RUN_OPEN ? &in->n->runs_renewed : &in->n->runs_new) += 1;
    return 0;
}

/* ---- all runs ---- */

struct heads {
    struct mlmd_run *items;
    size_t n;
};

static int read_heads(struct import *in, struct arena *a, struct heads *ret)
{
    own(db_end) struct db_rows *rows = NULL;
    size_t cap = 0;
    int rc;

    if (db_query(in->db, in->err, &rows,
                 "SELECT c.id, c.name, c.create_time_since_epoch, q.name, x.string_value"
                 " FROM Context c JOIN Type y ON y.id = c.type_id AND y.name = 'system.PipelineRun'"
                 " LEFT JOIN ParentContext p ON p.context_id = c.id"
                 " LEFT JOIN Context q ON q.id = p.parent_context_id"
                 " LEFT JOIN ContextProperty x ON x.context_id = c.id AND x.name = 'pipeline_root'"
                 " ORDER BY c.id") < 0)
        return -1;
    while ((rc = db_next(rows, in->err)) == 1) {
        struct mlmd_run *to;

        if (ret->n && ret->items[ret->n - 1].context == db_int(rows, 0))
            continue; /* of two pipelines: the first one it is */
        to = STORE_PUSH(a, ret, cap);
        *to = (struct mlmd_run){.context = db_int(rows, 0),
                                .name = store_text(rows, 1, a),
                                .created_ms = db_int(rows, 2),
                                .pipeline = store_text(rows, 3, a),
                                .pipeline_root = store_text(rows, 4, a)};
    }
    return rc;
}

static int count_others(struct import *in)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(in->db, in->err, &rows,
                 "SELECT count(*) FROM Context c JOIN Type y ON y.id = c.type_id"
                 " WHERE y.name NOT IN ('system.Pipeline', 'system.PipelineRun')") < 0 ||
        db_next(rows, in->err) < 0)
        return -1;
    in->n->left_contexts = db_int(rows, 0);
    return 0;
}

static int count_pipelines(struct import *in, const struct heads *heads)
{
    own(strmap_free) struct strmap *names = strmap_new();

    for (size_t i = 0; i < heads->n; i++)
        if (heads->items[i].pipeline)
            (void)strmap_put(names, heads->items[i].pipeline, in);
    in->n->pipelines = (int64_t)strmap_n(names);
    return 0;
}

int store_import(struct store *s, const char *source, const char *experiment,
                 struct import_counts *ret, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(db_close) struct db *db = NULL;
    struct import_counts n = {0};
    struct import in = {.s = s, .n = &n, .err = err};
    struct heads heads = {0};

    if (db_open(source, DB_READONLY, STORE_BUSY_MS, &db, err) < 0 || mlmd_check(db, err) < 0)
        return -1;
    in.db = db;
    if (read_heads(&in, a, &heads) < 0 || count_others(&in) < 0 ||
        count_pipelines(&in, &heads) < 0 ||
        store_experiment_put(s, experiment, &in.experiment, err) < 0)
        return -1;
    for (size_t i = 0; i < heads.n; i++)
        if (import_run(&in, &heads.items[i]) < 0)
            return -1;
    *ret = n;
    return 0;
}
