/* Runs. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/js.h"
#include "store/run-query.h"
#include "store/store-priv.h"

#define PARAM_TEXT_MAX 250 /* as much of a value as it is found by */

static int put_param(struct store *s, int64_t id, const char *name, const struct js *value,
                     struct dh_err *err)
{
    own_mem char *dump = js_is(value, JS_STRING) ? NULL : js_dump(value, JS_COMPACT);
    own_mem char *text = dh_strndup(dump ? dump : js_text(value), PARAM_TEXT_MAX);
    size_t n = strlen(text);

    while (n == PARAM_TEXT_MAX && n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        text[--n] = '\0'; /* no half of a character */
    if (n && ((unsigned char)text[n - 1] & 0xC0) == 0xC0)
        text[n - 1] = '\0';
    return db_run(
        s->db, err,
        "INSERT INTO run_param(run_id, name, text_value, number_value) VALUES (?, ?, ?, ?)",
        DB_I(id), DB_T(name), DB_T(text),
        js_is_num(value) ? DB_R(js_as_num(value, 0)) : (struct db_val){.kind = DB_NULL});
}

/* One row a parameter, by which runs are found. */
static int put_params(struct store *s, int64_t id, const char *json, struct dh_err *err)
{
    own(js_free) struct js *all = NULL;

    if (!json || js_parse(json, strlen(json), &all, NULL) < 0)
        return 0;
    for (js_each(all, it))
        if (put_param(s, id, it.key, it.value, err) < 0)
            return -1;
    return 0;
}

int store_run_insert(struct store *s, const struct store_run *run, int64_t *ret_id,
                     struct dh_err *err)
{
    const bool owned = run->owner.pid != 0;
    int64_t id = 0;
    int rc;

    if (db_scope_begin(s->db, err) < 0)
        return -1;
    rc = db_run(s->db, err,
                "INSERT INTO run(uuid, display_name, experiment_id, pipeline_id,"
                " pipeline_version_id, spec_digest, created_us, archived, cache_mode,"
                " pipeline_root, parameters, options, description, namespace, service_account,"
                " scheduled_us, schedule_id, request, queue, state, generation, owner_pid,"
                " owner_host, owner_token, started_us, lease_us)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                DB_T(run->uuid), DB_T(run->display_name), DB_ID(run->experiment_id),
                DB_ID(run->pipeline_id), DB_ID(run->pipeline_version_id), DB_T(run->spec_digest),
                DB_I(run->created_us), DB_I(run->archived),
                DB_T(run->cache_mode ? run->cache_mode : "on"), DB_T(run->pipeline_root),
                DB_T(run->parameters), DB_T(run->options), DB_T(run->description),
                DB_T(run->namespace), DB_T(run->service_account), DB_ID(run->scheduled_us),
                DB_ID(run->schedule_id), DB_T(run->request), DB_T(run->queue),
                DB_T(store_state_name(owned ? STORE_RUNNING : STORE_PENDING)), DB_I(owned),
                DB_ID(run->owner.pid), DB_T(run->owner.host), DB_T(run->owner.token),
                DB_ID(run->started_us), DB_ID(owned ? run->started_us : 0));
    if (rc == 0) {
        id = db_last_id(s->db);
        rc = put_params(s, id, run->parameters, err);
    }
    if (rc == 0)
        rc = store_mlmd_context(s, 0, id, err);
    if (db_scope_end(s->db, rc, err) < 0)
        return dh_while(err, "run %s", run->uuid);
    *ret_id = id;
    return 0;
}

#define RUN_SELECT                                                                                 \
    "SELECT r.id, r.uuid, r.display_name, r.experiment_id, r.pipeline_id, r.pipeline_version_id,"  \
    " e.name, p.name, v.name, r.spec_digest, r.parameters, r.outputs, r.pipeline_root,"            \
    " r.cache_mode, r.options, r.state, r.error, r.created_us, r.started_us, r.finished_us,"       \
    " r.owner_pid, r.owner_host, r.owner_token, r.generation, r.cancel_requested_us, r.archived,"  \
    " r.notes,"                                                                                    \
    " r.description, r.namespace, r.service_account, r.scheduled_us, r.schedule_id, r.request,"    \
    " r.queue, e.uuid, p.uuid, v.uuid, c.uuid, r.lease_us, r.edited_us"                            \
    " FROM run r LEFT JOIN experiment e ON e.id = r.experiment_id"                                 \
    " LEFT JOIN pipeline p ON p.id = r.pipeline_id"                                                \
    " LEFT JOIN pipeline_version v ON v.id = r.pipeline_version_id"                                \
    " LEFT JOIN schedule c ON c.id = r.schedule_id "

static int run_read(const struct db_rows *rows, struct arena *a, struct store_run *ret,
                    struct dh_err *err)
{
    *ret = (struct store_run){
        .id = db_int(rows, 0),
        .uuid = store_text(rows, 1, a),
        .display_name = store_text(rows, 2, a),
        .experiment_id = db_int(rows, 3),
        .pipeline_id = db_int(rows, 4),
        .pipeline_version_id = db_int(rows, 5),
        .experiment = store_text(rows, 6, a),
        .pipeline = store_text(rows, 7, a),
        .pipeline_version = store_text(rows, 8, a),
        .spec_digest = store_text(rows, 9, a),
        .parameters = store_text(rows, 10, a),
        .outputs = store_text(rows, 11, a),
        .pipeline_root = store_text(rows, 12, a),
        .cache_mode = store_text(rows, 13, a),
        .options = store_text(rows, 14, a),
        .error = store_text(rows, 16, a),
        .created_us = db_int(rows, 17),
        .started_us = db_int(rows, 18),
        .finished_us = db_int(rows, 19),
        .owner = {.pid = db_int(rows, 20),
                  .host = store_text(rows, 21, a),
                  .token = store_text(rows, 22, a)},
        .generation = db_int(rows, 23),
        .cancel_requested_us = db_int(rows, 24),
        .archived = db_int(rows, 25) != 0,
        .notes = store_text(rows, 26, a),
        .description = store_text(rows, 27, a),
        .namespace = store_text(rows, 28, a),
        .service_account = store_text(rows, 29, a),
        .scheduled_us = db_int(rows, 30),
        .schedule_id = db_int(rows, 31),
        .request = store_text(rows, 32, a),
        .queue = store_text(rows, 33, a),
        .experiment_uuid = store_text(rows, 34, a),
        .pipeline_uuid = store_text(rows, 35, a),
        .version_uuid = store_text(rows, 36, a),
        .schedule_uuid = store_text(rows, 37, a),
        .lease_us = db_int(rows, 38),
        .edited_us = db_int(rows, 39),
    };
    return store_read_state(rows, 15, &ret->state, err);
}

/* 1: there is none. */
static int find_id(struct store *s, int64_t id, struct arena *a, struct store_run *ret,
                   struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows, RUN_SELECT "WHERE r.id = ?", DB_I(id)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    return rc == 1 ? run_read(rows, a, ret, err) : 1;
}

int store_run_get(struct store *s, int64_t id, struct arena *a, struct store_run *ret,
                  struct dh_err *err)
{
    int rc = find_id(s, id, a, ret, err);

    return rc == 1 ? store_one(0, err, "run %lld", (long long)id) : rc;
}

/* ---- finding one ---- */

/* The only row of an open query: 0 found, 1 none; DH_INVALID where there are several. */
static int only(struct db_rows *rows, const char *name, struct arena *a, struct store_run *ret,
                struct dh_err *err)
{
    own_buf struct buf others = {0};
    int rc = db_next(rows, err), n = 1;

    if (rc != 1)
        return rc < 0 ? -1 : 1;
    if (run_read(rows, a, ret, err) < 0)
        return -1;
    for (; (rc = db_next(rows, err)) == 1; n++)
        if (n < 4)
            buf_addf(&others, ", %s", db_text(rows, 1));
    if (rc < 0)
        return -1;
    if (n == 1)
        return 0;
    return dh_fail(err, DH_INVALID, "'%s' fits several runs: %s%s%s. Give more of the run's id",
                   name, ret->uuid, buf_str(&others), n > 4 ? ", …" : "");
}

static int find_last(struct store *s, struct arena *a, struct store_run *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 RUN_SELECT "WHERE r.archived = 0 ORDER BY r.created_us DESC, r.id DESC"
                            " LIMIT 1") < 0)
        return -1;
    return only(rows, "last", a, ret, err);
}

/* By its id then: one text for both, which SQLite reads once. */
static int find_whole_uuid(struct store *s, const char *uuid, struct arena *a,
                           struct store_run *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows, "SELECT id FROM run WHERE uuid = ?", DB_T(uuid)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    return rc == 1 ? find_id(s, db_int(rows, 0), a, ret, err) : 1;
}

static int find_uuid(struct store *s, const char *name, const char *prefix, struct arena *a,
                     struct store_run *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    char end[42];

    /* 'g' comes after every hex digit and the dash. */
    (void)snprintf(end, sizeof end, "%sg", prefix);
    if (db_query(s->db, err, &rows,
                 RUN_SELECT "WHERE r.uuid >= ? AND r.uuid < ? ORDER BY r.uuid DESC LIMIT 6",
                 DB_T(prefix), DB_T(end)) < 0)
        return -1;
    return only(rows, name, a, ret, err);
}

static int find_display(struct store *s, const char *name, struct arena *a, struct store_run *ret,
                        struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 RUN_SELECT "WHERE r.display_name = ? ORDER BY r.id DESC LIMIT 6", DB_T(name)) < 0)
        return -1;
    return only(rows, name, a, ret, err);
}

int store_run_find(struct store *s, const char *name, struct arena *a, struct store_run *ret,
                   struct dh_err *err)
{
    char hex[40];
    int64_t id = 0;
    int rc = 1;

    if (!strcmp(name, "last") || !strcmp(name, "latest")) {
        rc = find_last(s, a, ret, err);
        return rc == 1 ? store_one(0, err, "run yet") : rc;
    }
    switch (store_name_kind(name, hex, &id)) {
    case STORE_NAME_NUMBER:
        rc = find_id(s, id, a, ret, err);
        break;
    case STORE_NAME_UUID:
        rc = find_whole_uuid(s, hex, a, ret, err);
        break;
    case STORE_NAME_PREFIX:
        rc = find_uuid(s, name, hex, a, ret, err);
        break;
    case STORE_NAME_OTHER:
        break;
    }
    if (rc == 1)
        rc = find_display(s, name, a, ret, err);
    if (rc == 1)
        return dh_fail(err, DH_NOT_FOUND, "there is no run '%s'", name);
    return rc;
}

/* ---- pages ---- */

static void filter_sql(const struct store_run_filter *filter, struct run_query *q)
{
    const char *plus = q->few ? "+" : "";

    if (filter->experiment) {
        buf_addf(&q->sql, " AND %sr.experiment_id = (SELECT id FROM experiment WHERE name = ?)",
                 plus);
        run_query_value(q, DB_T(filter->experiment));
    }
    if (filter->pipeline) {
        buf_addf(&q->sql, " AND %sr.pipeline_id = (SELECT id FROM pipeline WHERE name = ?)", plus);
        run_query_value(q, DB_T(filter->pipeline));
    }
    if (filter->state >= 0 && filter->state < STORE_N_STATES) {
        buf_adds(&q->sql, q->few ? " AND coalesce(r.state, r.state) = ?" : " AND r.state = ?");
        run_query_value(q, DB_T(store_state_name((enum store_state)filter->state)));
    }
    /* Most runs are not archived: where something else chooses, the plus keeps SQLite from going by
     * the index of this. */
    if (!filter->archived_too)
        buf_adds(&q->sql, q->few || filter->experiment || filter->pipeline || filter->state >= 0
                              ? " AND +r.archived = 0"
                              : " AND r.archived = 0");
    if (filter->after_id) {
        buf_addf(&q->sql, " AND %sr.created_us <= ? AND (r.created_us < ? OR r.id < ?)", plus);
        run_query_value(q, DB_I(filter->after_created_us));
        run_query_value(q, DB_I(filter->after_created_us));
        run_query_value(q, DB_I(filter->after_id));
    }
}

/* Whether few rows fit: then they are looked up first, else each run is asked in turn. */
static bool is_rare(void *user, const char *sql, const struct db_val *vals, size_t n)
{
    struct store *s = user;
    own(db_end) struct db_rows *rows = NULL;
    struct dh_err ignored;

    return db_query_built(s->db, &ignored, &rows, sql, vals, n) < 0 ||
           db_next(rows, &ignored) != 1 || db_int(rows, 0) < RUN_QUERY_RARE;
}

int store_run_list(struct store *s, const struct store_run_filter *filter, struct arena *a,
                   struct store_runs *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own_run_query struct run_query q = {.arena = a, .all = filter->sort_all};
    own_run_query struct run_query where = {.arena = a, .is_rare = is_rare, .user = s};
    struct store_runs list = {0};
    size_t cap = 0, limit = filter->limit > 0 ? (size_t)filter->limit : 100;
    int rc;

    if (filter->where && run_query_where(&where, filter->where, err) < 0)
        return -1;
    q.few = where.few;
    buf_adds(&q.sql, RUN_SELECT);
    if (filter->sort && run_query_sort(&q, filter->sort, err) < 0)
        return -1;
    buf_adds(&q.sql, " WHERE 1 = 1");
    filter_sql(filter, &q);
    run_query_add(&q, &where);
    run_query_end(&q, (int64_t)limit + 1, filter->offset); /* one more tells if there are more */
    /* A condition's text has names of the user's in it. */
    rc = filter->where || filter->sort ? db_query_built(s->db, err, &rows, q.sql.p, q.vals, q.n)
                                       : store_query_kept(s, err, &rows, q.sql.p, q.vals, q.n);
    if (rc < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        if (list.n == limit) {
            list.more = true;
            break;
        }
        if (run_read(rows, a, STORE_PUSH(a, &list, cap), err) < 0)
            return -1;
    }
    if (rc < 0)
        return -1;
    *ret = list;
    return 0;
}

/* ---- its life ---- */

int store_run_claim(struct store *s, int64_t id, int64_t generation,
                    const struct store_owner *owner, int64_t now_us, struct dh_err *err)
{
    if (db_run(s->db, err,
               "UPDATE run SET state = 'RUNNING', owner_pid = ?, owner_host = ?, owner_token = ?,"
               " generation = generation + 1, cancel_requested_us = NULL, error = NULL,"
               " queue = CASE WHEN queue = 'retry' THEN 'run' ELSE queue END, lease_us = ?,"
               " outputs = NULL, finished_us = NULL, started_us = coalesce(started_us, ?)"
               " WHERE id = ? AND generation = ?",
               DB_ID(owner->pid), DB_T(owner->host), DB_T(owner->token), DB_I(now_us), DB_I(now_us),
               DB_I(id), DB_I(generation)) < 0)
        return -1;
    return db_changes(s->db) == 0 ? STORE_RUN_TAKEN : 0;
}

int store_run_renew(struct store *s, int64_t id, int64_t generation, int64_t now_us,
                    struct dh_err *err)
{
    if (db_run(s->db, err, "UPDATE run SET lease_us = ? WHERE id = ? AND generation = ?",
               DB_I(now_us), DB_I(id), DB_I(generation)) < 0)
        return -1;
    return db_changes(s->db) == 0 ? STORE_RUN_TAKEN : 0;
}

bool store_run_abandoned(const struct store_run *run, int64_t now_us)
{
    switch (store_owner_state(&run->owner)) {
    case STORE_OWNER_ALIVE:
        return false;
    case STORE_OWNER_ELSEWHERE: /* of one that was started by hand nothing can be told */
        return run->lease_us && now_us - run->lease_us > STORE_LEASE_US;
    case STORE_OWNER_NONE:
    case STORE_OWNER_DEAD:
        break;
    }
    return true;
}

int store_run_finish(struct store *s, int64_t id, enum store_state state, const char *outputs,
                     const char *error, int64_t now_us, struct dh_err *err)
{
    int rc =
        db_run(s->db, err,
               "UPDATE run SET state = ?, outputs = ?, error = ?, finished_us = ?,"
               " owner_pid = NULL, owner_host = NULL, owner_token = NULL,"
               " queue = CASE WHEN queue = 'delete' THEN queue ELSE NULL END WHERE id = ?",
               DB_T(store_state_name(state)), DB_T(outputs), DB_T(error), DB_I(now_us), DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_begin_outside(struct store *s, int64_t id, int64_t started_us, struct dh_err *err)
{
    int rc = db_run(s->db, err,
                    "UPDATE run SET state = 'RUNNING', started_us = ?, finished_us = NULL"
                    " WHERE id = ?",
                    DB_I(started_us), DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_set_name(struct store *s, int64_t id, const char *display_name, struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE run SET display_name = ?, edited_us = ? WHERE id = ?",
                    DB_T(display_name), DB_I(clock_now_us()), DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_set_spec(struct store *s, int64_t id, const char *spec_digest, struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE run SET spec_digest = ? WHERE id = ?", DB_T(spec_digest),
                    DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_set_given(struct store *s, int64_t id, const char *parameters, const char *options,
                        struct dh_err *err)
{
    int rc;

    if (db_scope_begin(s->db, err) < 0)
        return -1;
    rc = db_run(s->db, err, "UPDATE run SET parameters = ?, options = ? WHERE id = ?",
                DB_T(parameters), DB_T(options), DB_I(id));
    rc = store_touched(s, rc, "run", id, err);
    if (rc == 0)
        rc = db_run(s->db, err, "DELETE FROM run_param WHERE run_id = ?", DB_I(id));
    if (rc == 0)
        rc = put_params(s, id, parameters, err);
    return db_scope_end(s->db, rc, err);
}

int store_run_set_notes(struct store *s, int64_t id, const char *notes, struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE run SET notes = ?, edited_us = ? WHERE id = ?", DB_T(notes),
                    DB_I(clock_now_us()), DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_set_archived(struct store *s, int64_t id, bool archived, struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE run SET archived = ?, edited_us = ? WHERE id = ?",
                    DB_I(archived), DB_I(clock_now_us()), DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_set_queue(struct store *s, int64_t id, const char *queue, struct dh_err *err)
{
    return store_touched(
        s, db_run(s->db, err, "UPDATE run SET queue = ? WHERE id = ?", DB_T(queue), DB_I(id)),
        "run", id, err);
}

int store_run_set_request(struct store *s, int64_t id, const char *request, struct dh_err *err)
{
    return store_touched(
        s, db_run(s->db, err, "UPDATE run SET request = ? WHERE id = ?", DB_T(request), DB_I(id)),
        "run", id, err);
}

int store_run_request_cancel(struct store *s, int64_t id, int64_t now_us, struct dh_err *err)
{
    int rc = db_run(s->db, err,
                    "UPDATE run SET cancel_requested_us = coalesce(cancel_requested_us, ?)"
                    " WHERE id = ?",
                    DB_I(now_us), DB_I(id));

    return store_touched(s, rc, "run", id, err);
}

int store_run_cancel_requested(struct store *s, int64_t id, bool *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, "SELECT cancel_requested_us FROM run WHERE id = ?", DB_I(id)) <
            0 ||
        store_one(db_next(rows, err), err, "run %lld", (long long)id) < 0)
        return -1;
    *ret = db_int(rows, 0) != 0;
    return 0;
}

int store_run_delete(struct store *s, int64_t id, struct dh_err *err)
{
    return store_touched(s, db_run(s->db, err, "DELETE FROM run WHERE id = ?", DB_I(id)), "run", id,
                         err);
}
