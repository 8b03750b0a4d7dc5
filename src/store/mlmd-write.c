/* mlmd - what a client of ML Metadata writes, in its place on the record.
 *
 * Runs, tasks, artifacts and links that come this way are rows like any others. Their runs carry a
 * mark in their options: only these can be changed from outside. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/js.h"
#include "store/import-priv.h"
#include "store/mlmd.h"

#define MARK "{\"mlmd\":true}"

static int no_place(struct dh_err *err, const char *what, const char *type)
{
    (void)dh_fail(err, DH_INVALID, "the record has no place for %s of type '%s': it takes KFP's",
                  what, type ? type : "");
    return MLMD_NO_PLACE;
}

static int forbidden(struct dh_err *err, const char *what, int64_t id)
{
    (void)dh_fail(err, DH_INVALID,
                  "%s %" PRId64 " is of a run that dhow ran: it is not to be changed", what, id);
    return MLMD_FORBIDDEN;
}

/* The first column of the first row; 1: no row. */
static int ask(struct store *s, const char *sql, const struct db_val *vals, size_t n, int64_t *ret,
               struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    *ret = 0;
    if (db_query_vals(s->db, err, &rows, sql, vals, n) < 0 || (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 1)
        *ret = db_int(rows, 0);
    return rc == 0;
}

static const char *text_of(const struct mlmd_put *put, const char *name)
{
    const char *text = js_text(js_get(put->properties, name));

    return text && *text ? text : NULL;
}

/* ---- contexts ---- */

static int run_put(struct store *s, const struct mlmd_put *put, struct dh_err *err)
{
    const char *root = text_of(put, "pipeline_root");
    struct store_run run = {.uuid = put->name,
                            .display_name = put->name,
                            .cache_mode = "off",
                            .pipeline_root = root,
                            .namespace = text_of(put, "namespace"),
                            .options = MARK,
                            .created_us = clock_now_us()};
    int64_t id;

    if (!id_is_uuid(put->name))
        return dh_fail(err, DH_INVALID, "'%s' is no run's id: that is a UUID", put->name);
    if (store_run_insert(s, &run, &id, err) < 0)
        return -1;
    return store_run_begin_outside(s, id, run.created_us, err);
}

int mlmd_context_put(struct store *s, const struct mlmd_put *put, int64_t *ret, struct dh_err *err)
{
    static const char by_name[] = "SELECT c.id FROM Context c JOIN Type y ON y.id = c.type_id "
                                  "WHERE y.name = ? AND c.name = ?";
    bool run = put->type && !strcmp(put->type, "system.PipelineRun");
    int64_t ignored;
    int rc;

    if (!run && (!put->type || strcmp(put->type, "system.Pipeline") != 0))
        return no_place(err, "a context", put->type);
    if (!put->name || !*put->name)
        return dh_fail(err, DH_INVALID, "a context needs a name");
    rc = ask(s, by_name, DB_VALS(DB_T(put->type), DB_T(put->name)), ret, err);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return put->id == *ret
                   ? 0
                   : dh_fail(err, DH_EXISTS, "there is a %s '%s' already", put->type, put->name);
    if (put->id)
        return dh_fail(err, DH_NOT_FOUND, "there is no context %" PRId64 " of that name", put->id);
    if (run ? run_put(s, put, err) < 0 : store_pipeline_only(s, put->name, &ignored, err) < 0)
        return -1;
    rc = ask(s, by_name, DB_VALS(DB_T(put->type), DB_T(put->name)), ret, err);
    return rc == 1 ? dh_fail(err, DH_BUG, "context '%s'", put->name) : rc;
}

int mlmd_parent_put(struct store *s, int64_t child, int64_t parent, struct dh_err *err)
{
    int64_t run, pipeline, now;
    int rc = ask(s, "SELECT run_id FROM mlmd_context WHERE id = ? AND run_id IS NOT NULL",
                 DB_VALS(DB_I(child)), &run, err);

    if (rc == 0)
        rc = ask(s, "SELECT pipeline_id FROM mlmd_context WHERE id = ? AND pipeline_id IS NOT NULL",
                 DB_VALS(DB_I(parent)), &pipeline, err);
    if (rc == 1)
        return no_place(err, "a parent", "other than a run's pipeline");
    if (rc < 0 || ask(s, "SELECT coalesce(pipeline_id, 0) FROM run WHERE id = ?",
                      DB_VALS(DB_I(run)), &now, err) < 0)
        return -1;
    if (now == pipeline)
        return dh_fail(err, DH_EXISTS, "context %" PRId64 " has that parent already", child);
    if (now)
        return forbidden(err, "context", child);
    return db_run(s->db, err,
                  "UPDATE run SET pipeline_id = ?, display_name = (SELECT name FROM pipeline"
                  " WHERE id = ?) WHERE id = ?",
                  DB_I(pipeline), DB_I(pipeline), DB_I(run));
}

/* ---- artifacts ---- */

static struct mlmd_node node_of(const struct mlmd_put *put)
{
    return (struct mlmd_node){
        .type = put->type, .name = put->name, .uri = put->uri, .properties = put->properties};
}

static int artifact_change(struct store *s, const struct mlmd_put *put, const char *metadata,
                           bool deleted, struct dh_err *err)
{
    own_mem char *structs = store_mlmd_metadata(metadata);
    int64_t foreign;

    if (ask(s,
            "SELECT count(*) FROM artifact_task l JOIN task t ON t.id = l.task_id"
            " JOIN run r ON r.id = t.run_id WHERE l.artifact_id = ? AND l.type = 'OUTPUT'"
            " AND r.options <> ?",
            DB_VALS(DB_I(put->id), DB_T(MARK)), &foreign, err) < 0)
        return -1;
    if (foreign)
        return forbidden(err, "artifact", put->id);
    if (db_run(s->db, err,
               "UPDATE artifacts SET uri = ?, state = ?, metadata = ?, metadata_struct = ?"
               " WHERE id = ?",
               DB_T(put->uri), DB_T(deleted ? "DELETED" : "LIVE"), DB_T(metadata), DB_T(structs),
               DB_I(put->id)) < 0)
        return -1;
    return store_touched(s, 0, "artifact", put->id, err);
}

int mlmd_artifact_put(struct store *s, const struct mlmd_put *put, int64_t *ret, struct dh_err *err)
{
    struct mlmd_node node = node_of(put);
    own_mem char *metadata = import_metadata(&node);
    const char *name = text_of(put, "display_name");
    bool deleted = put->state == 3 || put->state == 4;
    char uuid[ID_TEXT];
    struct store_artifact row = {.uuid = id_new(uuid),
                                 .type = put->type,
                                 .name = name ? name : put->name,
                                 .uri = put->uri,
                                 .size_bytes = -1,
                                 .metadata = metadata,
                                 .state = deleted ? STORE_DELETED : STORE_LIVE,
                                 .created_us = clock_now_us()};

    if (!put->type)
        return no_place(err, "an artifact", NULL);
    *ret = put->id;
    return put->id ? artifact_change(s, put, metadata, deleted, err)
                   : store_artifact_insert(s, &row, ret, err);
}

/* ---- executions ---- */

/* The marked run among the contexts. */
static int run_of(struct store *s, const int64_t *contexts, size_t n, int64_t *ret,
                  struct dh_err *err)
{
    for (size_t i = 0; i < n; i++) {
        own(db_end) struct db_rows *rows = NULL;
        const char *options;
        int rc;

        if (db_query(s->db, err, &rows,
                     "SELECT r.id, r.options FROM mlmd_context c JOIN run r ON r.id = c.run_id"
                     " WHERE c.id = ?",
                     DB_I(contexts[i])) < 0 ||
            (rc = db_next(rows, err)) < 0)
            return -1;
        if (rc == 0)
            continue;
        options = db_text(rows, 1);
        *ret = db_int(rows, 0);
        return options && !strcmp(options, MARK) ? 0 : forbidden(err, "context", contexts[i]);
    }
    return no_place(err, "an execution without a context", "system.PipelineRun");
}

struct parent {
    int64_t id, iteration;
    const char *scope;
};

static int find_parent(struct store *s, int64_t id, int64_t run, struct arena *a,
                       struct parent *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, scope_path, iteration_index FROM task WHERE id = ? AND run_id = ?",
                 DB_I(id), DB_I(run)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return dh_fail(err, DH_NOT_FOUND, "parent_dag_id: the run has no execution %" PRId64, id);
    *ret = (struct parent){db_int(rows, 0), db_int_or(rows, 2, -1), store_text(rows, 1, a)};
    return 0;
}

static const char *name_of(const struct mlmd_put *put, enum store_task_type kind)
{
    const char *name = text_of(put, "task_name");

    if (!name)
        name = text_of(put, "display_name");
    return kind == STORE_ROOT ? "root" : name ? name : "execution";
}

/* A run ends when the last of its tasks has changed: who looks for those by time relies on it. */
static int lasts_until(struct store *s, int64_t task, int64_t us, struct dh_err *err)
{
    return db_run(s->db, err,
                  "UPDATE run SET finished_us = ? WHERE finished_us < ?"
                  " AND id = (SELECT run_id FROM task WHERE id = ?)",
                  DB_I(us), DB_I(us), DB_I(task));
}

static int insert_execution(struct store *s, const struct mlmd_put *put, int64_t run, int64_t *ret,
                            struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct mlmd_node node = node_of(put);
    own_mem char *inputs = import_parameters(&node, "inputs");
    own_mem char *outputs = import_parameters(&node, "outputs");
    const char *cached = text_of(put, "cached_execution_id"), *shown = text_of(put, "display_name");
    int64_t parent_id = js_as_int(js_get(put->properties, "parent_dag_id"), 0);
    enum store_task_type kind = import_kind(&node);
    enum store_state state = import_state(put->state);
    struct parent parent = {.iteration = -1, .scope = "root"};
    char uuid[ID_TEXT];
    struct store_task row = {
        .uuid = id_new(uuid),
        .run_id = run,
        .name = name_of(put, kind),
        .type = kind,
        .iteration_count = js_as_int(js_get(put->properties, "iteration_count"), -1),
        .state = state,
        .attempts = kind == STORE_RUNTIME,
        .cache_fingerprint = text_of(put, "cache_fingerprint"),
        .cached_from_id = cached ? strtoll(cached, NULL, 10) : 0,
        .inputs = inputs,
        .outputs = outputs,
        .exit_code = -1,
        .state_reason =
            state == STORE_SKIPPED ? "condition was false, or it was not triggered" : NULL,
        .created_us = clock_now_us()};

    if (parent_id && find_parent(s, parent_id, run, a, &parent, err) < 0)
        return -1;
    row.parent_task_id = parent.id;
    row.display_name = shown ? shown : row.name;
    row.iteration_index = kind == STORE_LOOP_ITERATION
                              ? js_as_int(js_get(put->properties, "iteration_index"), -1)
                              : parent.iteration;
    row.scope_path = kind == STORE_ROOT || kind == STORE_LOOP_ITERATION
                         ? parent.scope
                         : arena_printf(a, "%s.%s", parent.scope, row.name);
    row.started_us = row.created_us;
    row.finished_us = store_state_ended(state) ? row.created_us : 0;
    if (kind == STORE_ROOT && inputs &&
        db_run(s->db, err, "UPDATE run SET parameters = ? WHERE id = ?", DB_T(inputs), DB_I(run)) <
            0)
        return -1;
    if (store_task_insert(s, &row, ret, err) < 0)
        return -1;
    return lasts_until(s, *ret, row.created_us, err);
}

/* The root's end is the run's, and of all that nobody has ended. */
static int end_run(struct store *s, int64_t run, enum store_state state, struct dh_err *err)
{
    if (db_run(s->db, err,
               "UPDATE task SET state = 'CANCELED', state_reason = 'the run ended before it did',"
               " finished_us = ? WHERE run_id = ? AND state IN ('PENDING', 'RUNNING')",
               DB_I(clock_now_us()), DB_I(run)) < 0)
        return -1;
    return store_run_finish(s, run, state, NULL, NULL, clock_now_us(), err);
}

static int update_execution(struct store *s, const struct mlmd_put *put, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct mlmd_node node = node_of(put);
    own_mem char *inputs = import_parameters(&node, "inputs");
    own_mem char *outputs = import_parameters(&node, "outputs");
    own_mem char *inputs_struct = store_mlmd_parameters(inputs);
    own_mem char *outputs_struct = store_mlmd_parameters(outputs);
    const char *cached = text_of(put, "cached_execution_id"), *options;
    enum store_state state = import_state(put->state);
    int64_t run;
    bool root;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT r.id, r.options, t.type FROM task t JOIN run r ON r.id = t.run_id"
                 " WHERE t.id = ?",
                 DB_I(put->id)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return dh_fail(err, DH_NOT_FOUND, "there is no execution %" PRId64, put->id);
    run = db_int(rows, 0);
    options = db_text(rows, 1);
    root = !strcmp(db_text(rows, 2), "ROOT");
    if (!options || strcmp(options, MARK) != 0)
        return forbidden(err, "execution", put->id);
    rows = db_end(rows);
    if (db_run(s->db, err,
               "UPDATE task SET state = ?, inputs = coalesce(?, inputs),"
               " inputs_struct = coalesce(?, inputs_struct), outputs = coalesce(?, outputs),"
               " outputs_struct = coalesce(?, outputs_struct),"
               " cache_fingerprint = coalesce(?, cache_fingerprint), finished_us = ? WHERE id = ?",
               DB_T(store_state_name(state)), DB_T(inputs), DB_T(inputs_struct), DB_T(outputs),
               DB_T(outputs_struct), DB_T(text_of(put, "cache_fingerprint")),
               DB_ID(store_state_ended(state) ? clock_now_us() : 0), DB_I(put->id)) < 0)
        return -1;
    if (cached && db_run(s->db, err, "UPDATE task SET cached_from_id = ? WHERE id = ?",
                         DB_ID(strtoll(cached, NULL, 10)), DB_I(put->id)) < 0)
        return -1;
    if (root && store_state_ended(state))
        return end_run(s, run, state, err);
    return lasts_until(s, put->id, clock_now_us(), err);
}

bool mlmd_is_told(const struct store_run *run)
{
    return run->options && !strcmp(run->options, MARK);
}

int mlmd_task_set(struct store *s, const struct store_task *t, struct dh_err *err)
{
    own_mem char *inputs = store_mlmd_parameters(t->inputs);
    own_mem char *outputs = store_mlmd_parameters(t->outputs);
    int rc =
        db_run(s->db, err,
               "UPDATE task SET display_name = ?, state = ?, cache_fingerprint = ?,"
               " iteration_index = ?, iteration_count = ?, inputs = ?, inputs_struct = ?,"
               " outputs = ?, outputs_struct = ?, state_reason = ?, error = ?,"
               " started_us = ?, finished_us = ? WHERE id = ?",
               DB_T(t->display_name), DB_T(store_state_name(t->state)), DB_T(t->cache_fingerprint),
               DB_OPT(t->iteration_index), DB_OPT(t->iteration_count), DB_T(t->inputs),
               DB_T(inputs), DB_T(t->outputs), DB_T(outputs), DB_T(t->state_reason), DB_T(t->error),
               DB_ID(t->started_us), DB_ID(t->finished_us), DB_I(t->id));

    if (store_touched(s, rc, "task", t->id, err) < 0)
        return -1;
    if (t->type == STORE_ROOT && store_state_ended(t->state))
        return end_run(s, t->run_id, t->state, err);
    return lasts_until(s, t->id, t->finished_us ? t->finished_us : t->started_us, err);
}

int mlmd_execution_put(struct store *s, const struct mlmd_put *put, const int64_t *contexts,
                       size_t n_contexts, int64_t *ret, struct dh_err *err)
{
    int64_t run, there;
    int rc;

    if (!put->type || (strcmp(put->type, "system.ContainerExecution") != 0 &&
                       strcmp(put->type, "system.DAGExecution") != 0 &&
                       strncmp(put->type, "system.Importer", 15) != 0))
        return no_place(err, "an execution", put->type);
    *ret = put->id;
    if (put->id)
        return update_execution(s, put, err);
    rc = run_of(s, contexts, n_contexts, &run, err);
    if (rc != 0)
        return rc;
    if (put->name && !strncmp(put->name, "run/", 4)) {
        rc = ask(s, "SELECT id FROM task WHERE run_id = ? AND type = 'ROOT'", DB_VALS(DB_I(run)),
                 &there, err);
        if (rc == 0)
            return dh_fail(err, DH_EXISTS, "there is an execution '%s' already", put->name);
        if (rc < 0)
            return -1;
    }
    return insert_execution(s, put, run, ret, err);
}

/* ---- events ---- */

static int metrics_of(struct store *s, int64_t artifact, int64_t task, int64_t run,
                      struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own(js_free) struct js *metadata = NULL;
    const char *text;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT metadata FROM artifacts WHERE id = ? AND type = 'system.Metrics'",
                 DB_I(artifact)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    text = rc == 1 ? db_text(rows, 0) : NULL;
    if (!text || js_parse(text, strlen(text), &metadata, NULL) < 0)
        return 0;
    for (js_each(metadata, it)) {
        struct store_metric metric = {.run_id = run,
                                      .task_id = task,
                                      .artifact_id = artifact,
                                      .name = it.key,
                                      .number = js_as_num(it.value, 0),
                                      .step = -1,
                                      .time_us = clock_now_us()};

        if (js_is_num(it.value) && store_metric_insert(s, &metric, err) < 0)
            return -1;
    }
    return 0;
}

int mlmd_event_put(struct store *s, const struct mlmd_event *event, struct dh_err *err)
{
    bool input = event->type == 2 || event->type == 3 || event->type == 5;
    struct store_link link = {.artifact_id = event->artifact,
                              .task_id = event->execution,
                              .type = input ? STORE_INPUT : STORE_OUTPUT,
                              .key = event->key ? event->key : "artifact"};
    const char *type = input ? "INPUT" : "OUTPUT";
    int64_t run, there;
    int rc = ask(
        s, "SELECT r.id FROM task t JOIN run r ON r.id = t.run_id WHERE t.id = ? AND r.options = ?",
        DB_VALS(DB_I(event->execution), DB_T(MARK)), &run, err);

    if (rc == 1)
        return forbidden(err, "execution", event->execution);
    if (rc < 0)
        return -1;
    rc = ask(s, "SELECT id FROM artifact_task WHERE task_id = ? AND artifact_id = ? AND type = ?",
             DB_VALS(DB_I(event->execution), DB_I(event->artifact), DB_T(type)), &there, err);
    if (rc <= 0)
        return rc;
    if (store_artifact_next_index(s, event->execution, link.type, link.key, &link.index, err) < 0)
        return -1;
    if (input) {
        rc = ask(s,
                 "SELECT min(l.task_id) FROM artifact_task l WHERE l.artifact_id = ?"
                 " AND l.type = 'OUTPUT'",
                 DB_VALS(DB_I(event->artifact)), &link.producer_task_id, err);
        if (rc < 0)
            return -1;
    }
    if (store_artifact_link(s, &link, err) < 0)
        return -1;
    return input ? 0 : metrics_of(s, event->artifact, event->execution, run, err);
}
