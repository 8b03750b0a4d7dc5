/* catalog-run - runs and tasks as those who watch them ask. */
#include <string.h>

#include "base/buf.h"
#include "store/catalog.h"
#include "store/store-priv.h"

enum { KEPT_PROGRESS = 4096 };

struct store_progress {
    int64_t run_id, generation;
    int64_t n[STORE_N_STATES];
};

static int count_states(struct store *s, int64_t run_id, int64_t ret[STORE_N_STATES],
                        struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    memset(ret, 0, STORE_N_STATES * sizeof *ret);
    if (db_query(s->db, err, &rows,
                 "SELECT state, count(*) FROM task WHERE run_id = ?"
                 " AND type IN ('RUNTIME', 'IMPORTER') GROUP BY state",
                 DB_I(run_id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        enum store_state state;

        if (store_read_state(rows, 0, &state, err) < 0)
            return -1;
        ret[state] = db_int(rows, 1);
    }
    return rc;
}

int catalog_run_progress(struct store *s, const struct store_run *run, int64_t ret[STORE_N_STATES],
                         struct dh_err *err)
{
    struct store_progress *kept;

    /* A retry raises the generation; what others tell of a run that ran elsewhere does not. */
    if (!store_state_ended(run->state) || run->generation == 0 || run->queue)
        return count_states(s, run->id, ret, err);
    if (!s->progress)
        s->progress = dh_zalloc(KEPT_PROGRESS, sizeof *s->progress);
    kept = &s->progress[run->id % KEPT_PROGRESS];
    if (kept->run_id != run->id || kept->generation != run->generation) {
        kept->run_id = 0;
        if (count_states(s, run->id, kept->n, err) < 0)
            return -1;
        kept->run_id = run->id;
        kept->generation = run->generation;
    }
    memcpy(ret, kept->n, sizeof kept->n);
    return 0;
}

int catalog_run_has_tasks(struct store *s, int64_t run_id, int n, bool *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT count(*) FROM (SELECT 1 FROM task WHERE run_id = ? LIMIT ?) x",
                 DB_I(run_id), DB_I(n)) < 0 ||
        db_next(rows, err) < 0)
        return -1;
    *ret = db_int(rows, 0) >= n;
    return 0;
}

int catalog_task_children(struct store *s, int64_t task_id, struct arena *a,
                          struct catalog_uuids *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct catalog_uuids list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows, "SELECT uuid FROM task WHERE parent_task_id = ? ORDER BY id",
                 DB_I(task_id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = store_text(rows, 0, a);
    if (rc == 0)
        *ret = list;
    return rc;
}

int catalog_open_runs(struct store *s, struct arena *a, struct catalog_ids *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct catalog_ids list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM run WHERE state IN ('PENDING', 'RUNNING')"
                 " UNION SELECT id FROM run WHERE queue IN ('run', 'retry', 'delete') ORDER BY 1") <
        0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = db_int(rows, 0);
    if (rc == 0)
        *ret = list;
    return rc;
}

/* The one number that a statement gives; none is 0. */
static int number(struct store *s, const char *sql, int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, sql) < 0 || db_next(rows, err) < 0)
        return -1;
    *ret = db_int(rows, 0);
    return 0;
}

int catalog_newest_run(struct store *s, int64_t *ret_id, struct dh_err *err)
{
    return number(s, "SELECT max(id) FROM run", ret_id, err);
}

int catalog_last_edit(struct store *s, int64_t *ret_us, struct dh_err *err)
{
    return number(s, "SELECT max(edited_us) FROM run WHERE edited_us IS NOT NULL", ret_us, err);
}

int catalog_edited_runs(struct store *s, int64_t *at_us, int limit, struct arena *a,
                        struct catalog_ids *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct catalog_ids list = {0};
    int64_t last_us = *at_us;
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, edited_us FROM run WHERE edited_us > ? ORDER BY edited_us LIMIT ?",
                 DB_I(last_us), DB_I(limit)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        *STORE_PUSH(a, &list, cap) = db_int(rows, 0);
        last_us = db_int(rows, 1);
    }
    if (rc < 0)
        return -1;
    *at_us = last_us;
    *ret = list;
    return 0;
}

/* A row's numbers in one: mixed, not added, so that no two changes make up for each other. */
static int mark(struct store *s, const char *sql, int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    uint64_t h = 0;

    if (db_query_built(s->db, err, &rows, sql, NULL, 0) < 0 || db_next(rows, err) < 0)
        return -1;
    for (int i = 0; i < db_columns(rows); i++)
        h = (h ^ (uint64_t)db_int(rows, i)) * 0x9e3779b97f4a7c15ULL;
    *ret = (int64_t)h;
    return 0;
}

int catalog_marks(struct store *s, int64_t ret[CATALOG_N_KINDS], struct dh_err *err)
{
    static const char *const marks[CATALOG_N_KINDS] = {
        [CATALOG_SCHEDULES] = "SELECT count(*), max(id), max(updated_us), sum(n_fired),"
                              " sum(enabled) FROM schedule",
        [CATALOG_MODELS] = "SELECT count(*), max(id), max(updated_us),"
                           " (SELECT count(*) FROM model_version),"
                           " (SELECT max(id) FROM model_version),"
                           " (SELECT max(updated_us) FROM model_version),"
                           " (SELECT max(id) FROM model_event) FROM model",
        [CATALOG_PIPELINES] = "SELECT count(*), max(id), sum(edits),"
                              " (SELECT max(id) FROM pipeline_version),"
                              " (SELECT max(id) FROM run) FROM pipeline",
        [CATALOG_EXPERIMENTS] = "SELECT count(*), max(id), sum(edits),"
                                " (SELECT max(id) FROM run) FROM experiment",
    };

    for (int i = 0; i < CATALOG_N_KINDS; i++)
        if (mark(s, marks[i], &ret[i], err) < 0)
            return -1;
    return 0;
}

int catalog_tasks_after(struct store *s, int64_t run_id, int64_t after, int limit, struct arena *a,
                        struct store_tasks *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_tasks list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT " STORE_TASK_COLUMNS STORE_TASK_FROM
                 "WHERE t.run_id = ? AND t.id > ? ORDER BY t.id LIMIT ?",
                 DB_I(run_id), DB_I(after), DB_I(limit)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        if (store_task_read(rows, a, STORE_PUSH(a, &list, cap), err) < 0)
            return -1;
    if (rc == 0)
        *ret = list;
    return rc;
}

int catalog_metrics_after(struct store *s, int64_t run_id, int64_t after, const char *name,
                          int limit, struct arena *a, struct store_metrics *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_metrics list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, run_id, task_id, artifact_id, name, number_value, step, time_us"
                 " FROM metric WHERE run_id = ? AND id > ? AND (? = '' OR name = ?)"
                 " ORDER BY id LIMIT ?",
                 DB_I(run_id), DB_I(after), DB_T(name ? name : ""), DB_T(name ? name : ""),
                 DB_I(limit)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = (struct store_metric){
            .id = db_int(rows, 0),
            .run_id = db_int(rows, 1),
            .task_id = db_int(rows, 2),
            .artifact_id = db_int(rows, 3),
            .name = store_text(rows, 4, a),
            .number = db_real(rows, 5),
            .step = db_int_or(rows, 6, -1),
            .time_us = db_int(rows, 7),
        };
    if (rc == 0)
        *ret = list;
    return rc;
}

int catalog_task_key(struct store *s, const struct store_task *task, struct arena *a,
                     const char **ret, struct dh_err *err)
{
    struct store_task at = *task;
    const char *key = "";

    for (int depth = 0; depth < 1000; depth++) {
        key = at.type == STORE_LOOP_ITERATION
                  ? arena_printf(a, "[%lld]%s", (long long)at.iteration_index, key)
                  : arena_printf(a, ".%s%s", at.type == STORE_ROOT ? "root" : at.name, key);
        if (!at.parent_task_id)
            break;
        if (store_task_get(s, at.parent_task_id, a, &at, err) < 0)
            return -1;
    }
    *ret = key + (*key == '.');
    return 0;
}

/* ---- search ---- */

static int found(struct db_rows *rows, const char *kind, struct arena *a,
                 struct catalog_founds *list, size_t *cap, struct dh_err *err)
{
    int rc;

    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, list, *cap) = (struct catalog_found){
            .kind = kind,
            .uuid = store_text(rows, 0, a),
            .name = store_text(rows, 1, a),
            .state = store_text(rows, 2, a),
            .at_us = db_int(rows, 3),
        };
    return rc;
}

int catalog_search(struct store *s, const char *text, int reach, struct arena *a,
                   struct catalog_founds *ret, struct dh_err *err)
{
    static const struct {
        const char *kind, *sql;
    } asks[] = {
        {"pipeline", "SELECT uuid, name, NULL, created_us FROM pipeline"
                     " WHERE name LIKE ? ESCAPE '!' ORDER BY id DESC LIMIT 5"},
        {"experiment", "SELECT uuid, name, NULL, created_us FROM experiment"
                       " WHERE name LIKE ? ESCAPE '!' ORDER BY id DESC LIMIT 5"},
        {"model", "SELECT name, name, NULL, created_us FROM model"
                  " WHERE name LIKE ? ESCAPE '!' ORDER BY id DESC LIMIT 5"},
        {"schedule", "SELECT uuid, display_name, NULL, created_us FROM schedule"
                     " WHERE display_name LIKE ? ESCAPE '!' ORDER BY id DESC LIMIT 5"},
    };
    struct catalog_founds list = {0};
    struct buf like = {0};
    size_t cap = 0;
    int rc = 0;

    buf_addc(&like, '%');
    for (const char *c = text; *c; c++) {
        if (strchr("%_!", *c))
            buf_addc(&like, '!');
        buf_addc(&like, *c);
    }
    buf_addc(&like, '%');
    {
        own(db_end) struct db_rows *rows = NULL;

        rc = db_query(s->db, err, &rows,
                      "SELECT uuid, display_name, state, created_us FROM (SELECT * FROM run"
                      " ORDER BY id DESC LIMIT ?) r WHERE display_name LIKE ? ESCAPE '!' LIMIT 8",
                      DB_I(reach), DB_T(like.p));
        if (rc == 0)
            rc = found(rows, "run", a, &list, &cap, err);
    }
    for (size_t i = 0; rc == 0 && i < sizeof asks / sizeof *asks; i++) {
        own(db_end) struct db_rows *rows = NULL;

        rc = db_query(s->db, err, &rows, asks[i].sql, DB_T(like.p));
        if (rc == 0)
            rc = found(rows, asks[i].kind, a, &list, &cap, err);
    }
    buf_done(&like);
    if (rc == 0)
        *ret = list;
    return rc;
}
