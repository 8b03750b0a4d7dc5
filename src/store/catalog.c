#include "store/catalog.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/store-priv.h"

/* One number by one text. */
static int number_of(struct store *s, const char *sql, const char *text, const char *what,
                     int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, sql, DB_T(text)) < 0 ||
        store_one(db_next(rows, err), err, "%s '%s'", what, text) < 0)
        return -1;
    *ret = db_int(rows, 0);
    return 0;
}

/* ---- names ---- */

const char *catalog_name(const char *name, const char *namespace)
{
    size_t n = strlen(namespace ? namespace : "");

    return name && n && !strncmp(name, namespace, n) && name[n] == '/' ? name + n + 1 : name;
}

/* The caller's. */
static char *recorded_name(const char *name, const char *namespace)
{
    return namespace && *namespace ? dh_printf("%s/%s", namespace, name) : dh_strdup(name);
}

/* ---- experiments ---- */

int catalog_experiment_add(struct store *s, const struct catalog_experiment *e, int64_t *ret_id,
                           struct dh_err *err)
{
    own_mem char *name = recorded_name(e->name, e->namespace);
    char uuid[ID_TEXT];
    int rc = db_run(s->db, err,
                    "INSERT INTO experiment(uuid, name, description, namespace, created_us)"
                    " VALUES (?, ?, ?, ?, ?)",
                    DB_T(id_new(uuid)), DB_T(name), DB_T(e->description), DB_T(e->namespace),
                    DB_I(clock_now_us()));

    if (rc < 0)
        return -1;
    *ret_id = db_last_id(s->db);
    return 0;
}

int catalog_experiment_get(struct store *s, int64_t id, struct arena *a,
                           struct catalog_experiment *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT e.uuid, e.name, e.description, e.namespace, e.created_us, e.archived,"
                 " (SELECT max(created_us) FROM run WHERE experiment_id = e.id)"
                 " FROM experiment e WHERE e.id = ?",
                 DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "experiment %lld", (long long)id) < 0)
        return -1;
    *ret = (struct catalog_experiment){
        .id = id,
        .uuid = store_text(rows, 0, a),
        .name = store_text(rows, 1, a),
        .description = store_text(rows, 2, a),
        .namespace = store_text(rows, 3, a),
        .created_us = db_int(rows, 4),
        .archived = db_int(rows, 5) != 0,
        .last_run_us = db_int(rows, 6),
    };
    ret->name = catalog_name(ret->name, ret->namespace);
    return 0;
}

int catalog_experiment_id(struct store *s, const char *uuid, int64_t *ret_id, struct dh_err *err)
{
    return number_of(s, "SELECT id FROM experiment WHERE uuid = ?", uuid, "experiment", ret_id,
                     err);
}

static int archive(struct store *s, int64_t id, bool archived, struct dh_err *err)
{
    if (store_experiment_set_archived(s, id, archived, err) < 0)
        return -1;
    if (!archived)
        return 0;
    if (db_run(
            s->db, err,
            "UPDATE run SET archived = 1, edited_us = ? WHERE experiment_id = ? AND archived = 0",
            DB_I(clock_now_us()), DB_I(id)) < 0)
        return -1;
    return db_run(s->db, err, "UPDATE schedule SET enabled = 0 WHERE experiment_id = ?", DB_I(id));
}

int catalog_experiment_archive(struct store *s, int64_t id, bool archived, struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, archive(s, id, archived, err), err);
}

static int delete_experiment(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_run(s->db, err, "UPDATE run SET experiment_id = NULL WHERE experiment_id = ?",
               DB_I(id)) < 0 ||
        db_run(s->db, err,
               "UPDATE schedule SET experiment_id = NULL, enabled = 0 WHERE experiment_id = ?",
               DB_I(id)) < 0)
        return -1;
    return store_touched(s, db_run(s->db, err, "DELETE FROM experiment WHERE id = ?", DB_I(id)),
                         "experiment", id, err);
}

int catalog_experiment_delete(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, delete_experiment(s, id, err), err);
}

/* ---- pipelines ---- */

static int add_pipeline(struct store *s, const struct catalog_pipeline *p, int64_t *ret_id,
                        struct dh_err *err)
{
    own_mem char *name = recorded_name(p->name, p->namespace);
    char uuid[ID_TEXT];
    int64_t now_us = clock_now_us();

    if (db_run(s->db, err,
               "UPDATE pipeline SET uploaded = 1, edits = edits + 1, uuid = ?, display_name = ?,"
               " description = ?, namespace = ?, created_us = ? WHERE name = ? AND uploaded = 0",
               DB_T(id_new(uuid)), DB_T(p->display_name), DB_T(p->description), DB_T(p->namespace),
               DB_I(now_us), DB_T(name)) < 0)
        return -1;
    if (db_changes(s->db) > 0)
        return number_of(s, "SELECT id FROM pipeline WHERE uuid = ?", uuid, "pipeline", ret_id,
                         err);
    if (db_run(s->db, err,
               "INSERT INTO pipeline(uuid, name, display_name, description, namespace, created_us,"
               " uploaded) VALUES (?, ?, ?, ?, ?, ?, 1)",
               DB_T(uuid), DB_T(name), DB_T(p->display_name), DB_T(p->description),
               DB_T(p->namespace), DB_I(now_us)) < 0)
        return -1;
    *ret_id = db_last_id(s->db);
    return 0;
}

int catalog_pipeline_add(struct store *s, const struct catalog_pipeline *pipeline, int64_t *ret_id,
                         struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, add_pipeline(s, pipeline, ret_id, err), err);
}

int catalog_pipeline_get(struct store *s, int64_t id, struct arena *a, struct catalog_pipeline *ret,
                         struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT uuid, name, display_name, description, namespace, created_us"
                 " FROM pipeline WHERE id = ?",
                 DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "pipeline %lld", (long long)id) < 0)
        return -1;
    *ret = (struct catalog_pipeline){
        .id = id,
        .uuid = store_text(rows, 0, a),
        .name = store_text(rows, 1, a),
        .display_name = store_text(rows, 2, a),
        .description = store_text(rows, 3, a),
        .namespace = store_text(rows, 4, a),
        .created_us = db_int(rows, 5),
    };
    ret->name = catalog_name(ret->name, ret->namespace);
    return 0;
}

int catalog_pipeline_id(struct store *s, const char *uuid, int64_t *ret_id, struct dh_err *err)
{
    return number_of(s, "SELECT id FROM pipeline WHERE uuid = ? AND uploaded = 1", uuid, "pipeline",
                     ret_id, err);
}

int catalog_pipeline_named(struct store *s, const char *name, const char *namespace,
                           int64_t *ret_id, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own_mem char *recorded = recorded_name(name, namespace);

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM pipeline WHERE name IN (?, ?) AND uploaded = 1"
                 " AND (? = '' OR coalesce(namespace, '') = ?)",
                 DB_T(name), DB_T(recorded), DB_T(namespace ? namespace : ""),
                 DB_T(namespace ? namespace : "")) < 0 ||
        store_one(db_next(rows, err), err, "pipeline '%s'", name) < 0)
        return -1;
    *ret_id = db_int(rows, 0);
    return 0;
}

int catalog_pipeline_rename(struct store *s, int64_t id, const char *display_name,
                            struct dh_err *err)
{
    return store_touched(
        s,
        db_run(s->db, err, "UPDATE pipeline SET display_name = ?, edits = edits + 1 WHERE id = ?",
               DB_T(display_name), DB_I(id)),
        "pipeline", id, err);
}

/* What nothing refers to goes; the rest is out of sight. */
static int delete_pipeline(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_run(s->db, err,
               "DELETE FROM tag WHERE kind = 'version' AND owner_id IN"
               " (SELECT id FROM pipeline_version WHERE pipeline_id = ?)",
               DB_I(id)) < 0 ||
        db_run(s->db, err, "DELETE FROM tag WHERE kind = 'pipeline' AND owner_id = ?", DB_I(id)) <
            0 ||
        db_run(s->db, err,
               "DELETE FROM pipeline_version WHERE pipeline_id = ? AND NOT EXISTS"
               " (SELECT 1 FROM run WHERE run.pipeline_version_id = pipeline_version.id) AND NOT"
               " EXISTS (SELECT 1 FROM schedule"
               " WHERE schedule.pipeline_version_id = pipeline_version.id)",
               DB_I(id)) < 0 ||
        db_run(s->db, err, "UPDATE pipeline_version SET uploaded = 0 WHERE pipeline_id = ?",
               DB_I(id)) < 0 ||
        db_run(s->db, err, "UPDATE pipeline SET uploaded = 0, edits = edits + 1 WHERE id = ?",
               DB_I(id)) < 0)
        return -1;
    return db_run(s->db, err,
                  "DELETE FROM pipeline WHERE id = ? AND NOT EXISTS"
                  " (SELECT 1 FROM run WHERE pipeline_id = pipeline.id) AND NOT EXISTS"
                  " (SELECT 1 FROM schedule WHERE pipeline_id = pipeline.id) AND NOT EXISTS"
                  " (SELECT 1 FROM pipeline_version WHERE pipeline_id = pipeline.id)",
                  DB_I(id));
}

int catalog_pipeline_delete(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, delete_pipeline(s, id, err), err);
}

/* ---- versions ---- */

/* What is done to a version is seen on its pipeline by those who watch. */
static int touch_pipeline(struct store *s, int64_t version_id, struct dh_err *err)
{
    return db_run(s->db, err,
                  "UPDATE pipeline SET edits = edits + 1 WHERE id ="
                  " (SELECT pipeline_id FROM pipeline_version WHERE id = ?)",
                  DB_I(version_id));
}

static int add_version(struct store *s, const struct catalog_version *v, int64_t *ret_id,
                       struct dh_err *err)
{
    char uuid[ID_TEXT];

    /* What a deleted version has left keeps its runs, under another name. */
    if (db_run(s->db, err,
               "UPDATE pipeline_version SET name = uuid WHERE pipeline_id = ? AND name = ?"
               " AND uploaded = 0",
               DB_I(v->pipeline_id), DB_T(v->name)) < 0 ||
        db_run(s->db, err,
               "INSERT INTO pipeline_version(uuid, pipeline_id, name, display_name, description,"
               " code_source_url, package_url, ordinal, spec_digest, created_us, uploaded)"
               " SELECT ?, ?, ?, ?, ?, ?, ?, coalesce(max(ordinal), 0) + 1, ?, ?, 1"
               " FROM pipeline_version WHERE pipeline_id = ?",
               DB_T(id_new(uuid)), DB_I(v->pipeline_id), DB_T(v->name), DB_T(v->display_name),
               DB_T(v->description), DB_T(v->code_source_url), DB_T(v->package_url),
               DB_T(v->spec_digest), DB_I(clock_now_us()), DB_I(v->pipeline_id)) < 0)
        return -1;
    *ret_id = db_last_id(s->db);
    return 0;
}

int catalog_version_add(struct store *s, const struct catalog_version *version, int64_t *ret_id,
                        struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, add_version(s, version, ret_id, err), err);
}

int catalog_version_get(struct store *s, int64_t id, struct arena *a, struct catalog_version *ret,
                        struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT v.pipeline_id, v.uuid, p.uuid, v.name, v.display_name, v.description,"
                 " v.code_source_url, v.package_url, v.spec_digest, v.created_us"
                 " FROM pipeline_version v JOIN pipeline p ON p.id = v.pipeline_id WHERE v.id = ?",
                 DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "pipeline version %lld", (long long)id) < 0)
        return -1;
    *ret = (struct catalog_version){
        .id = id,
        .pipeline_id = db_int(rows, 0),
        .uuid = store_text(rows, 1, a),
        .pipeline_uuid = store_text(rows, 2, a),
        .name = store_text(rows, 3, a),
        .display_name = store_text(rows, 4, a),
        .description = store_text(rows, 5, a),
        .code_source_url = store_text(rows, 6, a),
        .package_url = store_text(rows, 7, a),
        .spec_digest = store_text(rows, 8, a),
        .created_us = db_int(rows, 9),
    };
    return 0;
}

int catalog_version_id(struct store *s, int64_t pipeline_id, const char *uuid, bool hidden,
                       int64_t *ret_id, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM pipeline_version WHERE uuid = ? AND (? = 0 OR pipeline_id = ?)"
                 " AND (uploaded = 1 OR ? = 1)",
                 DB_T(uuid), DB_I(pipeline_id), DB_I(pipeline_id), DB_I(hidden)) < 0 ||
        store_one(db_next(rows, err), err, "pipeline version '%s'", uuid) < 0)
        return -1;
    *ret_id = db_int(rows, 0);
    return 0;
}

int catalog_version_newest(struct store *s, int64_t pipeline_id, int64_t *ret_id,
                           struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM pipeline_version WHERE pipeline_id = ? AND uploaded = 1"
                 " ORDER BY created_us DESC, id DESC LIMIT 1",
                 DB_I(pipeline_id)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return 1;
    *ret_id = db_int(rows, 0);
    return 0;
}

static int rename_version(struct store *s, int64_t id, const char *display_name, struct dh_err *err)
{
    if (touch_pipeline(s, id, err) < 0)
        return -1;
    return store_touched(s,
                         db_run(s->db, err,
                                "UPDATE pipeline_version SET display_name = ? WHERE id = ?",
                                DB_T(display_name), DB_I(id)),
                         "pipeline version", id, err);
}

int catalog_version_rename(struct store *s, int64_t id, const char *display_name,
                           struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, rename_version(s, id, display_name, err), err);
}

static int delete_version(struct store *s, int64_t id, struct dh_err *err)
{
    if (touch_pipeline(s, id, err) < 0 ||
        db_run(s->db, err, "DELETE FROM tag WHERE kind = 'version' AND owner_id = ?", DB_I(id)) <
            0 ||
        db_run(s->db, err, "UPDATE pipeline_version SET uploaded = 0 WHERE id = ?", DB_I(id)) < 0)
        return -1;
    return db_run(s->db, err,
                  "DELETE FROM pipeline_version WHERE id = ? AND NOT EXISTS"
                  " (SELECT 1 FROM run WHERE pipeline_version_id = pipeline_version.id) AND NOT"
                  " EXISTS (SELECT 1 FROM schedule WHERE pipeline_version_id ="
                  " pipeline_version.id)",
                  DB_I(id));
}

int catalog_version_delete(struct store *s, int64_t id, struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, delete_version(s, id, err), err);
}

/* ---- tags ---- */

static int set_tags(struct store *s, const char *kind, int64_t owner, const struct js *tags,
                    struct dh_err *err)
{
    if (db_run(s->db, err, "DELETE FROM tag WHERE kind = ? AND owner_id = ?", DB_T(kind),
               DB_I(owner)) < 0)
        return -1;
    for (js_each(tags, it))
        if (db_run(s->db, err,
                   "INSERT INTO tag(kind, owner_id, tag_key, tag_value) VALUES (?, ?, ?, ?)",
                   DB_T(kind), DB_I(owner), DB_T(it.key),
                   DB_T(js_text(it.value) ? js_text(it.value) : "")) < 0)
            return -1;
    return !strcmp(kind, "version")
               ? touch_pipeline(s, owner, err)
               : db_run(s->db, err, "UPDATE pipeline SET edits = edits + 1 WHERE id = ?",
                        DB_I(owner));
}

int catalog_tags_set(struct store *s, const char *kind, int64_t owner, const struct js *tags,
                     struct dh_err *err)
{
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    return db_scope_end(s->db, set_tags(s, kind, owner, tags, err), err);
}

int catalog_tags_get(struct store *s, const char *kind, int64_t owner, struct js **ret,
                     struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own(js_free) struct js *tags = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT tag_key, tag_value FROM tag WHERE kind = ? AND owner_id = ?"
                 " ORDER BY tag_key",
                 DB_T(kind), DB_I(owner)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        if (!tags)
            tags = js_object();
        js_set(tags, db_text(rows, 0), js_str(db_text(rows, 1)));
    }
    if (rc < 0)
        return -1;
    *ret = take(&tags);
    return 0;
}
