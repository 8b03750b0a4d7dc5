/* Attempts that are pods. */
#include <string.h>

#include "store/pods.h"
#include "store/store-priv.h"

int store_pod_put(struct store *s, const struct store_pod *pod, struct dh_err *err)
{
    if (db_run(s->db, err,
               "INSERT INTO pod(run_id, task_id, number, name, uid, secret, answer)"
               " VALUES (?,?,?,?,?,?,?)"
               " ON CONFLICT(task_id, number) DO UPDATE SET name = excluded.name,"
               " uid = excluded.uid, secret = excluded.secret, answer = excluded.answer",
               DB_I(pod->run_id), DB_I(pod->task_id), DB_I(pod->number), DB_T(pod->name),
               DB_T(pod->uid), DB_T(pod->secret), DB_T(pod->answer)) < 0)
        return dh_while(err, "pod %s", pod->name);
    return 0;
}

int store_pod_list(struct store *s, int64_t run_id, struct arena *a, struct store_pods *ret,
                   struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_pods list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT p.run_id, p.task_id, p.number, p.name, p.uid, p.secret, p.answer, t.uuid"
                 " FROM pod p JOIN task t ON t.id = p.task_id WHERE p.run_id = ?"
                 " ORDER BY p.task_id, p.number",
                 DB_I(run_id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        *STORE_PUSH(a, &list, cap) = (struct store_pod){.run_id = db_int(rows, 0),
                                                        .task_id = db_int(rows, 1),
                                                        .number = db_int(rows, 2),
                                                        .name = store_text(rows, 3, a),
                                                        .uid = store_text(rows, 4, a),
                                                        .secret = store_text(rows, 5, a),
                                                        .answer = store_text(rows, 6, a),
                                                        .task = store_text(rows, 7, a)};
    if (rc == 0)
        *ret = list;
    return rc;
}
