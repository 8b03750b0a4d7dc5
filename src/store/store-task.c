/* Tasks and their attempts. */
#include <string.h>

#include "store/store-priv.h"

int store_task_insert(struct store *s, const struct store_task *t, int64_t *ret_id,
                      struct dh_err *err)
{
    own_mem char *inputs = store_mlmd_parameters(t->inputs);
    own_mem char *outputs = store_mlmd_parameters(t->outputs);

    if (db_run(s->db, err,
               "INSERT INTO task(uuid, run_id, parent_task_id, name, display_name, scope_path,"
               " type, iteration_index, iteration_count, state, attempts, cache_fingerprint,"
               " cached_from_id, created_us, started_us, finished_us, exit_code, state_reason,"
               " error, log_path, folder, inputs, outputs, inputs_struct, outputs_struct, reusable)"
               " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
               DB_T(t->uuid), DB_I(t->run_id), DB_ID(t->parent_task_id), DB_T(t->name),
               DB_T(t->display_name), DB_T(t->scope_path), DB_T(store_task_type_name(t->type)),
               DB_OPT(t->iteration_index), DB_OPT(t->iteration_count),
               DB_T(store_state_name(t->state)), DB_I(t->attempts), DB_T(t->cache_fingerprint),
               DB_ID(t->cached_from_id), DB_I(t->created_us), DB_ID(t->started_us),
               DB_ID(t->finished_us), DB_OPT(t->exit_code), DB_T(t->state_reason), DB_T(t->error),
               DB_T(t->log_path), DB_T(t->folder), DB_T(t->inputs), DB_T(t->outputs), DB_T(inputs),
               DB_T(outputs), DB_I(!t->only_here)) < 0)
        return dh_while(err, "task %s", t->scope_path);
    *ret_id = db_last_id(s->db);
    return 0;
}

int store_task_start(struct store *s, int64_t id, const struct store_task_start *start,
                     struct dh_err *err)
{
    own_mem char *inputs = store_mlmd_parameters(start->inputs);
    int rc = db_run(s->db, err,
                    "UPDATE task SET state = 'RUNNING', attempts = ?,"
                    " inputs = coalesce(?, inputs), inputs_struct = coalesce(?, inputs_struct),"
                    " cache_fingerprint = coalesce(?, cache_fingerprint), reusable = ?,"
                    " folder = coalesce(?, folder), log_path = coalesce(?, log_path),"
                    " iteration_count = coalesce(?, iteration_count),"
                    " started_us = coalesce(started_us, ?), finished_us = NULL, exit_code = NULL,"
                    " state_reason = NULL, error = NULL, outputs = NULL, outputs_struct = NULL,"
                    " pid = NULL, pid_token = NULL WHERE id = ?",
                    DB_I(start->attempts), DB_T(start->inputs), DB_T(inputs),
                    DB_T(start->cache_fingerprint), DB_I(!start->only_here), DB_T(start->folder),
                    DB_T(start->log_path), DB_OPT(start->iteration_count), DB_I(start->now_us),
                    DB_I(id));

    return store_touched(s, rc, "task", id, err);
}

int store_task_set_pid(struct store *s, int64_t id, int64_t pid, const char *pid_token,
                       struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE task SET pid = ?, pid_token = ? WHERE id = ?", DB_ID(pid),
                    DB_T(pid_token), DB_I(id));

    return store_touched(s, rc, "task", id, err);
}

int store_task_say(struct store *s, int64_t id, const char *reason, struct dh_err *err)
{
    int rc =
        db_run(s->db, err, "UPDATE task SET state_reason = ? WHERE id = ?", DB_T(reason), DB_I(id));

    return store_touched(s, rc, "task", id, err);
}

int store_task_set_error(struct store *s, int64_t id, const char *error, struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE task SET error = ? WHERE id = ?", DB_T(error), DB_I(id));

    return store_touched(s, rc, "task", id, err);
}

/* Where it came from is a statement of its own: SQLite makes an UPDATE that touches a reference to
 * the same table twice as slow, and most tasks come from nowhere. */
int store_task_finish(struct store *s, int64_t id, const struct store_task_finish *finish,
                      struct dh_err *err)
{
    own_mem char *outputs = store_mlmd_parameters(finish->outputs);
    int rc = db_run(s->db, err,
                    "UPDATE task SET state = ?, outputs = ?, outputs_struct = ?, state_reason = ?,"
                    " error = ?, exit_code = ?, finished_us = ?, pid = NULL, pid_token = NULL"
                    " WHERE id = ?",
                    DB_T(store_state_name(finish->state)), DB_T(finish->outputs), DB_T(outputs),
                    DB_T(finish->state_reason), DB_T(finish->error), DB_OPT(finish->exit_code),
                    DB_I(finish->now_us), DB_I(id));

    if (store_touched(s, rc, "task", id, err) < 0)
        return -1;
    if (finish->cached_from_id == 0)
        return 0;
    return db_run(s->db, err, "UPDATE task SET cached_from_id = ? WHERE id = ?",
                  DB_I(finish->cached_from_id), DB_I(id));
}

static int reset(struct store *s, int64_t id, struct dh_err *err)
{
    int rc = db_run(s->db, err,
                    "UPDATE task SET state = 'PENDING', outputs = NULL, outputs_struct = NULL,"
                    " state_reason = NULL,"
                    " error = NULL, exit_code = NULL, cached_from_id = NULL, started_us = NULL,"
                    " finished_us = NULL, pid = NULL, pid_token = NULL WHERE id = ?",
                    DB_I(id));

    if (store_touched(s, rc, "task", id, err) < 0 ||
        db_run(s->db, err, "DELETE FROM artifact_task WHERE task_id = ?", DB_I(id)) < 0)
        return -1;
    if (db_run(s->db, err, "DELETE FROM run_metric WHERE task_id = ?", DB_I(id)) < 0)
        return -1;
    return db_run(s->db, err, "DELETE FROM metric WHERE task_id = ?", DB_I(id));
}

int store_task_reset(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, reset(s, id, err), err);
}

int store_task_delete(struct store *s, int64_t id, struct dh_err *err)
{
    return store_touched(s, db_run(s->db, err, "DELETE FROM task WHERE id = ?", DB_I(id)), "task",
                         id, err);
}

/* ---- reading ---- */

/* `a` NULL: the strings are borrowed from the row. */
static const char *text(const struct db_rows *rows, int column, struct arena *a)
{
    return a ? store_text(rows, column, a) : db_text(rows, column);
}

int store_task_read(const struct db_rows *rows, struct arena *a, struct store_task *ret,
                    struct dh_err *err)
{
    const char *type = db_text(rows, 7);

    *ret = (struct store_task){
        .id = db_int(rows, 0),
        .uuid = text(rows, 1, a),
        .run_id = db_int(rows, 2),
        .parent_task_id = db_int(rows, 3),
        .name = text(rows, 4, a),
        .display_name = text(rows, 5, a),
        .scope_path = text(rows, 6, a),
        .iteration_index = db_int_or(rows, 8, -1),
        .iteration_count = db_int_or(rows, 9, -1),
        .attempts = db_int(rows, 11),
        .cache_fingerprint = text(rows, 12, a),
        .cached_from_id = db_int(rows, 13),
        .cached_from = text(rows, 14, a),
        .inputs = text(rows, 15, a),
        .outputs = text(rows, 16, a),
        .pid = db_int(rows, 17),
        .pid_token = text(rows, 18, a),
        .exit_code = db_int_or(rows, 19, -1),
        .state_reason = text(rows, 20, a),
        .error = text(rows, 21, a),
        .log_path = text(rows, 22, a),
        .folder = text(rows, 23, a),
        .created_us = db_int(rows, 24),
        .started_us = db_int(rows, 25),
        .finished_us = db_int(rows, 26),
    };
    if (!type || store_task_type_parse(type, &ret->type) < 0)
        return dh_fail(err, DH_IO, "the database holds an unknown task type '%s'",
                       type ? type : "");
    return store_read_state(rows, 10, &ret->state, err);
}

int store_task_get(struct store *s, int64_t id, struct arena *a, struct store_task *ret,
                   struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, "SELECT " STORE_TASK_COLUMNS STORE_TASK_FROM "WHERE t.id = ?",
                 DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "task %lld", (long long)id) < 0)
        return -1;
    return store_task_read(rows, a, ret, err);
}

int store_task_find(struct store *s, const char *uuid, struct arena *a, struct store_task *ret,
                    struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, "SELECT " STORE_TASK_COLUMNS STORE_TASK_FROM "WHERE t.uuid = ?",
                 DB_T(uuid)) < 0 ||
        store_one(db_next(rows, err), err, "task %s", uuid) < 0)
        return -1;
    return store_task_read(rows, a, ret, err);
}

static int tasks_of(struct store *s, int64_t run_id, struct db_rows **ret, struct dh_err *err)
{
    return db_query(s->db, err, ret,
                    "SELECT " STORE_TASK_COLUMNS STORE_TASK_FROM "WHERE t.run_id = ? ORDER BY t.id",
                    DB_I(run_id));
}

int store_task_list(struct store *s, int64_t run_id, struct arena *a, struct store_tasks *ret,
                    struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_tasks list = {0};
    size_t cap = 0;
    int rc;

    if (tasks_of(s, run_id, &rows, err) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        if (store_task_read(rows, a, STORE_PUSH(a, &list, cap), err) < 0)
            return -1;
    if (rc == 0)
        *ret = list;
    return rc;
}

int store_task_each(struct store *s, int64_t run_id,
                    int (*fn)(const struct store_task *task, void *user, struct dh_err *err),
                    void *user, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (tasks_of(s, run_id, &rows, err) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct store_task task;

        if (store_task_read(rows, NULL, &task, err) < 0)
            return -1;
        rc = fn(&task, user, err);
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* ---- attempts ---- */

int store_attempt_put(struct store *s, const struct store_attempt *t, struct dh_err *err)
{
    return db_run(s->db, err,
                  "INSERT INTO task_attempt(task_id, number, state, started_us, finished_us,"
                  " exit_code, reason, log_path) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT(task_id, number) DO UPDATE SET state = excluded.state,"
                  " started_us = excluded.started_us, finished_us = excluded.finished_us,"
                  " exit_code = excluded.exit_code, reason = excluded.reason,"
                  " log_path = excluded.log_path",
                  DB_I(t->task_id), DB_I(t->number), DB_T(store_state_name(t->state)),
                  DB_ID(t->started_us), DB_ID(t->finished_us), DB_OPT(t->exit_code),
                  DB_T(t->reason), DB_T(t->log_path));
}

int store_attempt_list(struct store *s, int64_t task_id, struct arena *a,
                       struct store_attempts *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_attempts list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, task_id, number, state, started_us, finished_us, exit_code, reason,"
                 " log_path FROM task_attempt WHERE task_id = ? ORDER BY number",
                 DB_I(task_id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct store_attempt *t = STORE_PUSH(a, &list, cap);

        t->id = db_int(rows, 0);
        t->task_id = db_int(rows, 1);
        t->number = db_int(rows, 2);
        t->started_us = db_int(rows, 4);
        t->finished_us = db_int(rows, 5);
        t->exit_code = db_int_or(rows, 6, -1);
        t->reason = store_text(rows, 7, a);
        t->log_path = store_text(rows, 8, a);
        if (store_read_state(rows, 3, &t->state, err) < 0)
            return -1;
    }
    if (rc == 0)
        *ret = list;
    return rc;
}

const struct store_task *store_tasks_by_id(const struct store_tasks *tasks, int64_t id)
{
    size_t low = 0, high = tasks->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (tasks->items[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < tasks->n && tasks->items[low].id == id ? &tasks->items[low] : NULL;
}
