/* What runs belong to: experiments, pipelines, their versions and specs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "store/store-priv.h"

static int named(const char *what, const char *name, struct dh_err *err)
{
    if (!name || !*name)
        return dh_fail(err, DH_INVALID, "%s needs a name", what);
    if (strlen(name) > 1000)
        return dh_fail(err, DH_INVALID, "the name of %s is longer than 1000 bytes", what);
    return 0;
}

/* One id by one text. 0: *ret_id; 1: no such row. */
static int id_of(struct store *s, const char *sql, const char *name, int64_t *ret_id,
                 struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows, sql, DB_T(name)) < 0 || (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return 1;
    *ret_id = db_int(rows, 0);
    return 0;
}

/* ---- experiments ---- */

int store_experiment_put(struct store *s, const char *name, int64_t *ret_id, struct dh_err *err)
{
    static const char find[] = "SELECT id FROM experiment WHERE name = ?";
    char uuid[ID_TEXT];
    int rc;

    if (named("an experiment", name, err) < 0)
        return -1;
    rc = id_of(s, find, name, ret_id, err);
    if (rc <= 0)
        return rc;
    /* Another process may make it in between: then that one is it. */
    if (db_run(s->db, err,
               "INSERT INTO experiment(uuid, name, created_us) VALUES (?, ?, ?)"
               " ON CONFLICT(name) DO NOTHING",
               DB_T(id_new(uuid)), DB_T(name), DB_I(clock_now_us())) < 0)
        return -1;
    rc = id_of(s, find, name, ret_id, err);
    return store_one(rc < 0 ? -1 : rc == 0, err, "experiment '%s'", name);
}

#define EXPERIMENT_COLUMNS                                                                         \
    "SELECT e.id, e.uuid, e.name, e.description, e.created_us, e.archived,"                        \
    " (SELECT max(created_us) FROM run WHERE experiment_id = e.id) AS last_us,"                    \
    " (SELECT count(*) FROM run WHERE experiment_id = e.id) AS n_runs, e.notes FROM experiment e "

static void experiment_read(const struct db_rows *rows, struct arena *a,
                            struct store_experiment *ret)
{
    *ret = (struct store_experiment){
        .id = db_int(rows, 0),
        .uuid = store_text(rows, 1, a),
        .name = store_text(rows, 2, a),
        .description = store_text(rows, 3, a),
        .created_us = db_int(rows, 4),
        .archived = db_int(rows, 5) != 0,
        .last_run_us = db_int(rows, 6),
        .n_runs = db_int(rows, 7),
        .notes = store_text(rows, 8, a),
    };
}

int store_experiment_set_archived(struct store *s, int64_t id, bool archived, struct dh_err *err)
{
    int rc =
        db_run(s->db, err, "UPDATE experiment SET archived = ?, edits = edits + 1 WHERE id = ?",
               DB_I(archived), DB_I(id));

    return store_touched(s, rc, "experiment", id, err);
}

int store_experiment_set_notes(struct store *s, int64_t id, const char *notes, struct dh_err *err)
{
    int rc = db_run(s->db, err, "UPDATE experiment SET notes = ?, edits = edits + 1 WHERE id = ?",
                    DB_T(notes), DB_I(id));

    return store_touched(s, rc, "experiment", id, err);
}

int store_experiment_find(struct store *s, const char *name, struct arena *a,
                          struct store_experiment *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, EXPERIMENT_COLUMNS "WHERE e.name = ? OR e.uuid = ?", DB_T(name),
                 DB_T(name)) < 0 ||
        store_one(db_next(rows, err), err, "experiment '%s'", name) < 0)
        return -1;
    experiment_read(rows, a, ret);
    return 0;
}

int store_experiment_list(struct store *s, struct arena *a, struct store_experiments *ret,
                          struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_experiments list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT * FROM (" EXPERIMENT_COLUMNS
                 ") x ORDER BY coalesce(last_us, created_us) DESC, id DESC") < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        experiment_read(rows, a, STORE_PUSH(a, &list, cap));
    if (rc == 0)
        *ret = list;
    return rc;
}

/* ---- specs ---- */

int store_spec_put(struct store *s, const char *digest, const char *json, struct dh_err *err)
{
    static const char find[] = "SELECT 1 FROM spec WHERE digest = ?";
    int64_t ignored;
    int rc = id_of(s, find, digest, &ignored, err);

    if (rc <= 0)
        return rc;
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    rc = db_run(s->db, err,
                "INSERT INTO spec(digest, json, created_us) VALUES (?, ?, ?)"
                " ON CONFLICT(digest) DO NOTHING",
                DB_T(digest), DB_T(json), DB_I(clock_now_us()));
    if (rc == 0 && db_changes(s->db) > 0)
        rc = store_mlmd_spec(s, digest, json, err);
    return db_scope_end(s->db, rc, err);
}

int store_spec_get(struct store *s, const char *digest, struct arena *a, const char **ret_json,
                   struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (!digest)
        return dh_fail(err, DH_NOT_FOUND,
                       "this run has no pipeline spec: it ran elsewhere, and was imported or told "
                       "by ML Metadata's service");
    if (db_query(s->db, err, &rows, "SELECT json FROM spec WHERE digest = ?", DB_T(digest)) < 0 ||
        store_one(db_next(rows, err), err, "pipeline spec %s", digest) < 0)
        return -1;
    *ret_json = store_text(rows, 0, a);
    return 0;
}

/* ---- pipelines ---- */

int store_pipeline_only(struct store *s, const char *name, int64_t *ret_id, struct dh_err *err)
{
    static const char find[] = "SELECT id FROM pipeline WHERE name = ?";
    char uuid[ID_TEXT];
    bool made;
    int rc = id_of(s, find, name, ret_id, err);

    if (rc <= 0)
        return rc;
    if (db_run(s->db, err,
               "INSERT INTO pipeline(uuid, name, created_us) VALUES (?, ?, ?)"
               " ON CONFLICT(name) DO NOTHING",
               DB_T(id_new(uuid)), DB_T(name), DB_I(clock_now_us())) < 0)
        return -1;
    made = db_changes(s->db) > 0;
    rc = id_of(s, find, name, ret_id, err);
    if (store_one(rc < 0 ? -1 : rc == 0, err, "pipeline '%s'", name) < 0)
        return -1;
    return made ? store_mlmd_context(s, *ret_id, 0, err) : 0;
}

/* 0: *ret_id; 1: none yet. */
static int version_with_spec(struct store *s, int64_t pipeline, const char *digest, int64_t *ret_id,
                             struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id FROM pipeline_version WHERE spec_digest = ? AND pipeline_id = ?"
                 " ORDER BY id DESC LIMIT 1",
                 DB_T(digest), DB_I(pipeline)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    *ret_id = db_int(rows, 0);
    return rc == 0;
}

/* 0: *ret_id has that name and spec; 1: no such name. */
static int version_named(struct store *s, int64_t pipeline, const char *name, const char *digest,
                         int64_t *ret_id, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT id, spec_digest FROM pipeline_version WHERE pipeline_id = ? AND name = ?",
                 DB_I(pipeline), DB_T(name)) < 0 ||
        (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return 1;
    if (digest && strcmp(db_text(rows, 1), digest) != 0)
        return dh_fail(err, DH_EXISTS, "version '%s' is there already with another spec", name);
    *ret_id = db_int(rows, 0);
    return 0;
}

static int next_ordinal(struct store *s, int64_t pipeline, int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT coalesce(max(ordinal), 0) + 1 FROM pipeline_version WHERE pipeline_id = ?",
                 DB_I(pipeline)) < 0)
        return -1;
    rc = db_next(rows, err);
    *ret = db_int(rows, 0);
    return rc < 0 ? -1 : 0;
}

static int version_add(struct store *s, int64_t pipeline, const char *name, const char *digest,
                       int64_t *ret_id, struct dh_err *err)
{
    char uuid[ID_TEXT], number[24];
    int64_t ordinal, taken;
    int rc = 0;

    if (next_ordinal(s, pipeline, &ordinal, err) < 0)
        return -1;
    /* A number may have been given out as a name by hand. */
    for (; !name; ordinal++) {
        (void)snprintf(number, sizeof number, "%lld", (long long)ordinal);
        rc = version_named(s, pipeline, number, NULL, &taken, err);
        if (rc < 0)
            return -1;
        if (rc == 1) {
            name = number;
            break;
        }
    }
    if (db_run(s->db, err,
               "INSERT INTO pipeline_version(uuid, pipeline_id, name, ordinal, spec_digest,"
               " created_us) VALUES (?, ?, ?, ?, ?, ?)",
               DB_T(id_new(uuid)), DB_I(pipeline), DB_T(name), DB_I(ordinal), DB_T(digest),
               DB_I(clock_now_us())) < 0)
        return -1;
    *ret_id = db_last_id(s->db);
    return 0;
}

/* The answer without the write lock, as for every run of a pipeline but its first: 1 where there is
 * something to make. */
static int pipeline_known(struct store *s, const char *name, const char *version,
                          const char *digest, int64_t ids[2], struct dh_err *err)
{
    int rc = id_of(s, "SELECT id FROM pipeline WHERE name = ?", name, &ids[0], err);

    if (rc != 0)
        return rc;
    return version ? version_named(s, ids[0], version, digest, &ids[1], err)
                   : version_with_spec(s, ids[0], digest, &ids[1], err);
}

int store_pipeline_put(struct store *s, const char *name, const char *version,
                       const char *spec_digest, int64_t *ret_pipeline_id, int64_t *ret_version_id,
                       struct dh_err *err)
{
    int64_t ids[2] = {0, 0};
    int rc;

    if (named("a pipeline", name, err) < 0 ||
        (version && named("a pipeline's version", version, err) < 0))
        return -1;
    rc = pipeline_known(s, name, version, spec_digest, ids, err);
    if (rc == 1) {
        if (db_scope_begin(s->db, err) < 0)
            return -1;
        rc = store_pipeline_only(s, name, &ids[0], err);
        if (rc == 0)
            rc = pipeline_known(s, name, version, spec_digest, ids, err);
        if (rc == 1)
            rc = version_add(s, ids[0], version, spec_digest, &ids[1], err);
        rc = db_scope_end(s->db, rc, err);
    }
    if (rc < 0)
        return dh_while(err, "pipeline '%s'", name);
    if (ret_pipeline_id)
        *ret_pipeline_id = ids[0];
    if (ret_version_id)
        *ret_version_id = ids[1];
    return 0;
}

#define PIPELINE_COLUMNS                                                                           \
    "SELECT p.id, p.uuid, p.name, p.description, p.created_us,"                                    \
    " (SELECT max(created_us) FROM run WHERE pipeline_id = p.id) AS last_us,"                      \
    " (SELECT count(*) FROM pipeline_version WHERE pipeline_id = p.id) AS n_versions,"             \
    " (SELECT count(*) FROM run WHERE pipeline_id = p.id) AS n_runs FROM pipeline p "

static void pipeline_read(const struct db_rows *rows, struct arena *a, struct store_pipeline *ret)
{
    *ret = (struct store_pipeline){
        .id = db_int(rows, 0),
        .uuid = store_text(rows, 1, a),
        .name = store_text(rows, 2, a),
        .description = store_text(rows, 3, a),
        .created_us = db_int(rows, 4),
        .last_run_us = db_int(rows, 5),
        .n_versions = db_int(rows, 6),
        .n_runs = db_int(rows, 7),
    };
}

int store_pipeline_find(struct store *s, const char *name, struct arena *a,
                        struct store_pipeline *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, PIPELINE_COLUMNS "WHERE p.name = ? OR p.uuid = ?", DB_T(name),
                 DB_T(name)) < 0 ||
        store_one(db_next(rows, err), err, "pipeline '%s'", name) < 0)
        return -1;
    pipeline_read(rows, a, ret);
    return 0;
}

int store_pipeline_list(struct store *s, struct arena *a, struct store_pipelines *ret,
                        struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_pipelines list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT * FROM (" PIPELINE_COLUMNS
                 ") x ORDER BY coalesce(last_us, created_us) DESC, id DESC") < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        pipeline_read(rows, a, STORE_PUSH(a, &list, cap));
    if (rc == 0)
        *ret = list;
    return rc;
}

int store_pipeline_version_list(struct store *s, int64_t pipeline, struct arena *a,
                                struct store_pipeline_versions *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_pipeline_versions list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT v.id, v.pipeline_id, v.uuid, v.name, p.name, v.spec_digest, v.created_us"
                 " FROM pipeline_version v JOIN pipeline p ON p.id = v.pipeline_id"
                 " WHERE v.pipeline_id = ? ORDER BY v.ordinal DESC, v.id DESC",
                 DB_I(pipeline)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct store_pipeline_version *v = STORE_PUSH(a, &list, cap);

        v->id = db_int(rows, 0);
        v->pipeline_id = db_int(rows, 1);
        v->uuid = store_text(rows, 2, a);
        v->name = store_text(rows, 3, a);
        v->pipeline = store_text(rows, 4, a);
        v->spec_digest = store_text(rows, 5, a);
        v->created_us = db_int(rows, 6);
    }
    if (rc == 0)
        *ret = list;
    return rc;
}
