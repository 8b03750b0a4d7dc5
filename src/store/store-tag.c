/* Tags of runs, experiments and models, and the last values of a run's metrics. */
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "store/store-priv.h"

/* A statement is kept prepared under its address: one literal a table. */
static const struct {
    const char *set, *remove, *list;
} tables[STORE_N_TAGGED] = {
    [STORE_TAG_RUN] = {"INSERT INTO run_tag(run_id, name, value) VALUES (?, ?, ?)",
                       "DELETE FROM run_tag WHERE run_id = ? AND name = ?",
                       "SELECT name, value FROM run_tag WHERE run_id = ? ORDER BY name"},
    [STORE_TAG_EXPERIMENT] =
        {"INSERT INTO experiment_tag(experiment_id, name, value) VALUES (?, ?, ?)",
         "DELETE FROM experiment_tag WHERE experiment_id = ? AND name = ?",
         "SELECT name, value FROM experiment_tag WHERE experiment_id = ? ORDER BY name"},
    [STORE_TAG_MODEL] = {"INSERT INTO model_tag(model_id, name, value) VALUES (?, ?, ?)",
                         "DELETE FROM model_tag WHERE model_id = ? AND name = ?",
                         "SELECT name, value FROM model_tag WHERE model_id = ? ORDER BY name"},
    [STORE_TAG_MODEL_VERSION] =
        {"INSERT INTO model_version_tag(version_id, name, value) VALUES (?, ?, ?)",
         "DELETE FROM model_version_tag WHERE version_id = ? AND name = ?",
         "SELECT name, value FROM model_version_tag WHERE version_id = ? ORDER BY name"},
};

enum { NAME_MAX_BYTES = 250 };

static int check(const char *name, const char *value, struct dh_err *err)
{
    if (!*name || strlen(name) > NAME_MAX_BYTES)
        return dh_fail(err, DH_INVALID, "a tag's name has 1 to %d bytes: '%.80s'", NAME_MAX_BYTES,
                       name);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < 0x20 || *p == 0x7f || *p == '=')
            return dh_fail(err, DH_INVALID,
                           "a tag's name holds neither '=' nor control characters: '%.80s'", name);
    if (value && strlen(value) > (size_t)NAME_MAX_BYTES * 20)
        return dh_fail(err, DH_INVALID, "tag '%s': a value has at most %d bytes", name,
                       NAME_MAX_BYTES * 20);
    return 0;
}

int store_tag_set(struct store *s, enum store_tagged kind, int64_t id, const char *name,
                  const char *value, struct dh_err *err)
{
    int rc;

    if (check(name, value, err) < 0 || db_scope_begin(s->db, err) < 0)
        return -1;
    rc = db_run(s->db, err, tables[kind].remove, DB_I(id), DB_T(name));
    if (rc == 0 && value)
        rc = db_run(s->db, err, tables[kind].set, DB_I(id), DB_T(name), DB_T(value));
    if (rc == 0 && kind == STORE_TAG_RUN)
        rc = db_run(s->db, err, "UPDATE run SET edited_us = ? WHERE id = ?", DB_I(clock_now_us()),
                    DB_I(id));
    else if (rc == 0 && kind == STORE_TAG_EXPERIMENT)
        rc = db_run(s->db, err, "UPDATE experiment SET edits = edits + 1 WHERE id = ?", DB_I(id));
    return db_scope_end(s->db, rc, err);
}

int store_tags(struct store *s, enum store_tagged kind, int64_t id, struct arena *a,
               const char **ret_json, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    own(js_free) struct js *all = NULL;
    own_mem char *text = NULL;
    int rc;

    if (db_query(s->db, err, &rows, tables[kind].list, DB_I(id)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    *ret_json = "{}";
    if (rc == 0)
        return 0;
    all = js_object();
    for (; rc == 1; rc = db_next(rows, err))
        js_set(all, db_text(rows, 0), js_str(db_text(rows, 1)));
    if (rc < 0)
        return -1;
    text = js_dump(all, JS_COMPACT);
    *ret_json = arena_strdup(a, text);
    return 0;
}

/* The values of one name are there: the newest last. Names of several tasks get theirs. */
static void add_metric(struct js *all, struct js *one)
{
    struct js *last = NULL;
    const char *name = js_get_text(one, "name");

    if (!name)
        return;
    for (js_each(js_get(one, "tasks"), it)) {
        own_mem char *key = dh_printf("%s@%s", name, it.key);

        last = it.value;
        if (js_n(js_get(one, "tasks")) > 1)
            js_set(all, key, js_ref(it.value));
    }
    if (last)
        js_set(all, name, js_ref(last));
}

int store_metric_last(struct store *s, int64_t run_id, struct arena *a, const char **ret_json,
                      struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own(js_free) struct js *all = NULL;
    own(js_free) struct js *one = NULL;
    own_mem char *text = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT m.name, m.number_value, coalesce(t.name, '') FROM run_metric m"
                 " LEFT JOIN task t ON t.id = m.task_id WHERE m.run_id = ?"
                 " ORDER BY m.name, m.time_us, m.id",
                 DB_I(run_id)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    *ret_json = "{}";
    if (rc == 0)
        return 0;
    all = js_object();
    one = js_object();
    for (; rc == 1; rc = db_next(rows, err)) {
        const char *name = js_get_text(one, "name");

        if (!name || strcmp(name, db_text(rows, 0)) != 0) {
            add_metric(all, one);
            js_set(one, "name", js_str(db_text(rows, 0)));
            js_set(one, "tasks", js_object());
        }
        (void)js_remove(js_get(one, "tasks"), db_text(rows, 2)); /* the newest is the last */
        js_set(js_get(one, "tasks"), db_text(rows, 2), js_real(db_real(rows, 1)));
    }
    if (rc < 0)
        return -1;
    add_metric(all, one);
    text = js_dump(all, JS_COMPACT);
    *ret_json = arena_strdup(a, text);
    return 0;
}
