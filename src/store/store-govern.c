/* What governs models: stages, decisions, what was done; and the tasks that wait for a person. */
#include <string.h>

#include "base/clock.h"
#include "store/store-priv.h"

/* ---- versions ---- */

int store_model_version_set_stage(struct store *s, int64_t id, const char *stage,
                                  struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE model_version SET stage = ?, updated_us = ? WHERE id = ?",
                    DB_T(stage), DB_I(clock_now_us()), DB_I(id));

    return store_touched(s, rc, "model version", id, err);
}

int store_model_version_set_description(struct store *s, int64_t id, const char *text,
                                        struct dh_err *err)
{
    int rc =
        db_run(s->db, err, "UPDATE model_version SET description = ?, updated_us = ? WHERE id = ?",
               DB_T(text), DB_I(clock_now_us()), DB_I(id));

    return store_touched(s, rc, "model version", id, err);
}

int store_model_version_decide(struct store *s, int64_t id, bool approved, const char *who,
                               const char *why, int64_t now_us, struct dh_err *err)
{
    int rc = db_run(s->db, err,
                    "UPDATE model_version SET approval = ?, approval_who = ?, approval_why = ?,"
                    " approval_us = ?, updated_us = ? WHERE id = ?",
                    DB_T(approved ? "APPROVED" : "REJECTED"), DB_T(who), DB_T(why), DB_I(now_us),
                    DB_I(now_us), DB_I(id));

    return store_touched(s, rc, "model version", id, err);
}

int store_model_version_delete(struct store *s, int64_t id, struct dh_err *err)
{
    return store_touched(s, db_run(s->db, err, "DELETE FROM model_version WHERE id = ?", DB_I(id)),
                         "model version", id, err);
}

int store_model_log(struct store *s, int64_t model_id, const struct store_model_event *event,
                    struct dh_err *err)
{
    return db_run(s->db, err,
                  "INSERT INTO model_event(model_id, version, time_us, what, who, why)"
                  " VALUES (?, ?, ?, ?, ?, ?)",
                  DB_I(model_id), DB_T(event->version),
                  DB_I(event->time_us ? event->time_us : clock_now_us()), DB_T(event->what),
                  DB_T(event->who), DB_T(event->why));
}

int store_model_events(struct store *s, int64_t model_id, struct arena *a,
                       struct store_model_events *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_model_events list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT version, what, who, why, time_us FROM model_event WHERE model_id = ?"
                 " ORDER BY id",
                 DB_I(model_id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = (struct store_model_event){.version = store_text(rows, 0, a),
                                                                .what = store_text(rows, 1, a),
                                                                .who = store_text(rows, 2, a),
                                                                .why = store_text(rows, 3, a),
                                                                .time_us = db_int(rows, 4)};
    if (rc == 0)
        *ret = list;
    return rc;
}

/* ---- approvals ---- */

#define APPROVAL_SELECT                                                                            \
    "SELECT a.id, a.run_id, a.task_id, a.asks, a.requested_us, a.deadline_us, a.decision, a.who,"  \
    " a.why, a.answers, a.decided_us, r.uuid, r.display_name, p.name, t.uuid, t.name,"             \
    " t.scope_path FROM approval a JOIN run r ON r.id = a.run_id"                                  \
    " JOIN task t ON t.id = a.task_id LEFT JOIN pipeline p ON p.id = r.pipeline_id "

static void approval_read(const struct db_rows *rows, struct arena *a, struct store_approval *ret)
{
    *ret = (struct store_approval){
        .id = db_int(rows, 0),
        .run_id = db_int(rows, 1),
        .task_id = db_int(rows, 2),
        .asks = store_text(rows, 3, a),
        .requested_us = db_int(rows, 4),
        .deadline_us = db_int(rows, 5),
        .decision = store_text(rows, 6, a),
        .who = store_text(rows, 7, a),
        .why = store_text(rows, 8, a),
        .answers = store_text(rows, 9, a),
        .decided_us = db_int(rows, 10),
        .run_uuid = store_text(rows, 11, a),
        .run_name = store_text(rows, 12, a),
        .pipeline = store_text(rows, 13, a),
        .task_uuid = store_text(rows, 14, a),
        .task_name = store_text(rows, 15, a),
        .scope_path = store_text(rows, 16, a),
    };
}

/* 1: there is none. */
static int approval_of(struct store *s, int64_t task_id, struct arena *a,
                       struct store_approval *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows, APPROVAL_SELECT "WHERE a.task_id = ?", DB_I(task_id)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return 1;
    approval_read(rows, a, ret);
    return 0;
}

int store_approval_ask(struct store *s, const struct store_approval *approval, struct arena *a,
                       struct store_approval *ret, struct dh_err *err)
{
    int rc = approval_of(s, approval->task_id, a, ret, err);

    if (rc != 1)
        return rc;
    if (db_run(s->db, err,
               "INSERT INTO approval(run_id, task_id, asks, requested_us, deadline_us)"
               " VALUES (?, ?, ?, ?, ?)",
               DB_I(approval->run_id), DB_I(approval->task_id), DB_T(approval->asks),
               DB_I(approval->requested_us), DB_ID(approval->deadline_us)) < 0)
        return -1;
    return approval_of(s, approval->task_id, a, ret, err);
}

int store_approval_get(struct store *s, int64_t task_id, struct arena *a,
                       struct store_approval *ret, struct dh_err *err)
{
    int rc = approval_of(s, task_id, a, ret, err);

    return store_one(rc < 0 ? -1 : rc == 0, err, "approval that task %lld asks for",
                     (long long)task_id);
}

int store_approval_list(struct store *s, int64_t run_id, bool decided_too, struct arena *a,
                        struct store_approvals *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_approvals list = {0};
    size_t cap = 0;
    int rc;

    /* A task that was canceled, or whose run is over, waits no more. */
    if ((decided_too ? db_query(s->db, err, &rows,
                                APPROVAL_SELECT "WHERE a.run_id = ? OR 0 = ?"
                                                " ORDER BY a.requested_us, a.id",
                                DB_I(run_id), DB_I(run_id))
                     : db_query(s->db, err, &rows,
                                APPROVAL_SELECT "WHERE a.decision IS NULL AND t.state = 'RUNNING'"
                                                " AND (a.run_id = ? OR 0 = ?)"
                                                " ORDER BY a.requested_us, a.id",
                                DB_I(run_id), DB_I(run_id))) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        approval_read(rows, a, STORE_PUSH(a, &list, cap));
    if (rc == 0)
        *ret = list;
    return rc;
}

int store_approval_decide(struct store *s, int64_t task_id, bool approved, const char *who,
                          const char *why, const char *answers, int64_t now_us, struct dh_err *err)
{
    if (db_run(s->db, err,
               "UPDATE approval SET decision = ?, who = ?, why = ?, answers = ?, decided_us = ?"
               " WHERE task_id = ? AND decision IS NULL",
               DB_T(approved ? "APPROVED" : "REJECTED"), DB_T(who), DB_T(why), DB_T(answers),
               DB_I(now_us), DB_I(task_id)) < 0)
        return -1;
    return db_changes(s->db) > 0 ? 0 : STORE_APPROVAL_DECIDED;
}

int store_approval_forget(struct store *s, int64_t task_id, struct dh_err *err)
{
    return db_run(s->db, err, "DELETE FROM approval WHERE task_id = ?", DB_I(task_id));
}
