/* The model registry: names, versions, aliases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/js.h"
#include "store/store-priv.h"

/* Names are shown, typed and put into paths and URLs. */
static int named(const char *what, const char *name, struct dh_err *err)
{
    if (!name || !*name)
        return dh_fail(err, DH_INVALID, "%s needs a name", what);
    if (strlen(name) > 250)
        return dh_fail(err, DH_INVALID, "the name of %s is longer than 250 bytes", what);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < 0x20 || *p == 0x7f || *p == '/' || *p == '\\')
            return dh_fail(err, DH_INVALID,
                           "the name of %s must not hold slashes or control characters: '%s'", what,
                           name);
    return 0;
}

static int number(struct store *s, const char *sql, const struct db_val *vals, size_t n,
                  int64_t *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query_vals(s->db, err, &rows, sql, vals, n) < 0 || (rc = db_next(rows, err)) < 0)
        return -1;
    if (rc == 0)
        return 1;
    *ret = db_int(rows, 0);
    return 0;
}

static int model_id(struct store *s, const char *name, int64_t *ret, struct dh_err *err)
{
    return number(s, "SELECT id FROM model WHERE name = ?", DB_VALS(DB_T(name)), ret, err);
}

static int version_id(struct store *s, int64_t model, const char *version, int64_t *ret,
                      struct dh_err *err)
{
    return number(s, "SELECT id FROM model_version WHERE model_id = ? AND version = ?",
                  DB_VALS(DB_I(model), DB_T(version)), ret, err);
}

/* ---- reading versions ---- */

#define VERSION_SELECT                                                                             \
    "SELECT v.id, v.model_id, v.uuid, m.name, v.version, v.description, v.artifact_id, v.run_id,"  \
    " v.task_id, a.uuid, a.uri, a.digest, r.uuid, t.uuid, v.metadata, v.created_us,"               \
    " coalesce(v.updated_us, v.created_us), v.stage, v.approval, v.approval_who,"                  \
    " v.approval_why, v.approval_us"                                                               \
    " FROM model_version v JOIN model m ON m.id = v.model_id"                                      \
    " LEFT JOIN artifacts a ON a.id = v.artifact_id LEFT JOIN run r ON r.id = v.run_id"            \
    " LEFT JOIN task t ON t.id = v.task_id "

static int aliases_of(struct store *s, int64_t version, struct arena *a, const char **ret,
                      struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    own(js_free) struct js *list = js_array();
    own_mem char *text = NULL;
    int rc;

    if (db_query(s->db, err, &rows,
                 "SELECT alias FROM model_alias WHERE version_id = ? ORDER BY alias",
                 DB_I(version)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        js_push(list, js_str(db_text(rows, 0)));
    if (rc < 0)
        return -1;
    text = js_dump(list, JS_COMPACT);
    *ret = arena_strdup(a, text);
    return 0;
}

static int version_read(struct store *s, const struct db_rows *rows, struct arena *a,
                        struct store_model_version *ret, struct dh_err *err)
{
    *ret = (struct store_model_version){
        .id = db_int(rows, 0),
        .model_id = db_int(rows, 1),
        .uuid = store_text(rows, 2, a),
        .model = store_text(rows, 3, a),
        .version = store_text(rows, 4, a),
        .description = store_text(rows, 5, a),
        .artifact_id = db_int(rows, 6),
        .run_id = db_int(rows, 7),
        .task_id = db_int(rows, 8),
        .artifact_uuid = store_text(rows, 9, a),
        .uri = store_text(rows, 10, a),
        .digest = store_text(rows, 11, a),
        .run_uuid = store_text(rows, 12, a),
        .task_uuid = store_text(rows, 13, a),
        .metadata = store_text(rows, 14, a),
        .created_us = db_int(rows, 15),
        .updated_us = db_int(rows, 16),
        .stage = store_text(rows, 17, a),
        .approval = store_text(rows, 18, a),
        .approval_who = store_text(rows, 19, a),
        .approval_why = store_text(rows, 20, a),
        .approval_us = db_int(rows, 21),
    };
    return aliases_of(s, ret->id, a, &ret->aliases, err);
}

static int version_get(struct store *s, int64_t id, struct arena *a,
                       struct store_model_version *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, VERSION_SELECT "WHERE v.id = ?", DB_I(id)) < 0 ||
        store_one(db_next(rows, err), err, "model version %lld", (long long)id) < 0)
        return -1;
    return version_read(s, rows, a, ret, err);
}

/* ---- registering ---- */

static int model_put(struct store *s, const char *name, int64_t now_us, int64_t *ret,
                     struct dh_err *err)
{
    char uuid[ID_TEXT];
    int rc = model_id(s, name, ret, err);

    if (rc < 0)
        return -1;
    if (rc == 0)
        return db_run(s->db, err, "UPDATE model SET updated_us = ? WHERE id = ?", DB_I(now_us),
                      DB_I(*ret));
    if (db_run(s->db, err,
               "INSERT INTO model(uuid, name, created_us, updated_us) VALUES (?, ?, ?, ?)",
               DB_T(id_new(uuid)), DB_T(name), DB_I(now_us), DB_I(now_us)) < 0)
        return -1;
    *ret = db_last_id(s->db);
    return 0;
}

/* A version that is a plain number takes that place in the order, where it is ahead of the last. */
static int64_t ordinal_for(const char *version, int64_t next)
{
    size_t n = strlen(version);
    int64_t as_number;

    if (n == 0 || n > 15 || strspn(version, "0123456789") != n)
        return next;
    as_number = strtoll(version, NULL, 10);
    return as_number > next ? as_number : next;
}

static int version_insert(struct store *s, int64_t model, const struct store_model_version *v,
                          int64_t now_us, int64_t *ret, struct dh_err *err)
{
    char uuid[ID_TEXT], name[24];
    const char *version = v->version;
    int64_t ordinal = 1, taken;
    int rc;

    if (number(s, "SELECT coalesce(max(ordinal), 0) + 1 FROM model_version WHERE model_id = ?",
               DB_VALS(DB_I(model)), &ordinal, err) < 0)
        return -1;
    for (; !version; ordinal++) {
        (void)snprintf(name, sizeof name, "%lld", (long long)ordinal);
        rc = version_id(s, model, name, &taken, err);
        if (rc < 0)
            return -1;
        if (rc == 1) {
            version = name;
            break;
        }
    }
    if (db_run(s->db, err,
               "INSERT INTO model_version(uuid, model_id, version, ordinal, description,"
               " artifact_id, run_id, task_id, metadata, created_us)"
               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               DB_T(id_new(uuid)), DB_I(model), DB_T(version), DB_I(ordinal_for(version, ordinal)),
               DB_T(v->description), DB_ID(v->artifact_id), DB_ID(v->run_id), DB_ID(v->task_id),
               DB_T(v->metadata), DB_I(now_us)) < 0)
        return -1;
    *ret = db_last_id(s->db);
    return 0;
}

static int alias_put(struct store *s, int64_t model, const char *alias, int64_t version,
                     struct dh_err *err)
{
    if (named("an alias", alias, err) < 0)
        return -1;
    if (!strcmp(alias, "latest"))
        return dh_fail(err, DH_INVALID,
                       "'latest' is always the newest version: choose another alias");
    return db_run(s->db, err,
                  "INSERT INTO model_alias(model_id, alias, version_id, set_us)"
                  " VALUES (?, ?, ?, ?) ON CONFLICT(model_id, alias)"
                  " DO UPDATE SET version_id = excluded.version_id, set_us = excluded.set_us",
                  DB_I(model), DB_T(alias), DB_I(version), DB_I(clock_now_us()));
}

/* Registering again is fine (a resumed run does it, and one that ran anew and made the same bytes)
 * as long as it is the same thing. */
static int same_artifact(struct store *s, int64_t version, int64_t artifact, struct dh_err *err)
{
    int64_t known = 0, same = 0;

    if (number(s, "SELECT coalesce(artifact_id, 0) FROM model_version WHERE id = ?",
               DB_VALS(DB_I(version)), &known, err) < 0 ||
        number(s,
               "SELECT count(*) FROM artifacts a JOIN artifacts b ON a.digest = b.digest"
               " WHERE a.id = ? AND b.id = ?",
               DB_VALS(DB_I(known), DB_I(artifact)), &same, err) < 0)
        return -1;
    if (known == artifact || same)
        return 0;
    return dh_fail(err, DH_EXISTS, "it is registered already, with another artifact (%lld)",
                   (long long)known);
}

static int register_version(struct store *s, const struct store_model_version *v,
                            const char *const *aliases, size_t n_aliases, int64_t *ret,
                            struct dh_err *err)
{
    int64_t now_us = v->created_us ? v->created_us : clock_now_us(), model;
    int rc;

    if (model_put(s, v->model, now_us, &model, err) < 0)
        return -1;
    rc = v->version ? version_id(s, model, v->version, ret, err) : 1;
    if (rc == 1)
        rc = version_insert(s, model, v, now_us, ret, err);
    else if (rc == 0)
        rc = same_artifact(s, *ret, v->artifact_id, err);
    if (rc < 0)
        return -1;
    for (size_t i = 0; i < n_aliases; i++)
        if (alias_put(s, model, aliases[i], *ret, err) < 0)
            return -1;
    return 0;
}

int store_model_register(struct store *s, const struct store_model_version *version,
                         const char *const *aliases, size_t n_aliases, struct arena *a,
                         struct store_model_version *ret, struct dh_err *err)
{
    int64_t id = 0;
    int rc;

    if (named("a model", version->model, err) < 0 ||
        (version->version && named("a model's version", version->version, err) < 0))
        return -1;
    if (version->version && !strcmp(version->version, "latest"))
        return dh_fail(err, DH_INVALID,
                       "'latest' is always the newest version: name this one otherwise");
    if (db_scope_begin(s->db, err) < 0)
        return -1;
    rc = register_version(s, version, aliases, n_aliases, &id, err);
    if (rc == 0)
        rc = version_get(s, id, a, ret, err);
    if (db_scope_end(s->db, rc, err) < 0)
        return dh_while(err, "model '%s'%s%s", version->model, version->version ? " version " : "",
                        version->version ? version->version : "");
    return 0;
}

int store_model_set_alias(struct store *s, const char *model, const char *alias,
                          const char *version, struct dh_err *err)
{
    int64_t id = 0, to = 0;
    int rc = model_id(s, model, &id, err);

    if (store_one(rc < 0 ? -1 : rc == 0, err, "model '%s'", model) < 0)
        return -1;
    if (version) {
        rc = version_id(s, id, version, &to, err);
        if (store_one(rc < 0 ? -1 : rc == 0, err, "version '%s' of model '%s'", version, model) < 0)
            return -1;
        return alias_put(s, id, alias, to, err);
    }
    if (db_run(s->db, err, "DELETE FROM model_alias WHERE model_id = ? AND alias = ?", DB_I(id),
               DB_T(alias)) < 0)
        return -1;
    return store_one(db_changes(s->db) > 0, err, "alias '%s' of model '%s'", alias, model);
}

/* ---- looking ---- */

#define MODEL_SELECT                                                                               \
    "SELECT m.id, m.uuid, m.name, m.description, m.created_us, m.updated_us,"                      \
    " (SELECT count(*) FROM model_version WHERE model_id = m.id),"                                 \
    " (SELECT version FROM model_version WHERE model_id = m.id"                                    \
    "  ORDER BY ordinal DESC LIMIT 1), m.rules FROM model m "

static void model_read(const struct db_rows *rows, struct arena *a, struct store_model *ret)
{
    *ret = (struct store_model){
        .id = db_int(rows, 0),
        .uuid = store_text(rows, 1, a),
        .name = store_text(rows, 2, a),
        .description = store_text(rows, 3, a),
        .created_us = db_int(rows, 4),
        .updated_us = db_int(rows, 5),
        .n_versions = db_int(rows, 6),
        .latest = store_text(rows, 7, a),
        .rules = store_text(rows, 8, a),
    };
}

int store_model_list(struct store *s, struct arena *a, struct store_models *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_models list = {0};
    size_t cap = 0;
    int rc;

    if (db_query(s->db, err, &rows, MODEL_SELECT "ORDER BY m.name") < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        model_read(rows, a, STORE_PUSH(a, &list, cap));
    if (rc == 0)
        *ret = list;
    return rc;
}

int store_model_get(struct store *s, const char *name, struct arena *a, struct store_model *ret,
                    struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;

    if (db_query(s->db, err, &rows, MODEL_SELECT "WHERE m.name = ?", DB_T(name)) < 0 ||
        store_one(db_next(rows, err), err, "model '%s'", name) < 0)
        return -1;
    model_read(rows, a, ret);
    return 0;
}

int store_model_create(struct store *s, const char *name, const char *description,
                       struct dh_err *err)
{
    char uuid[ID_TEXT];
    int64_t now_us = clock_now_us();

    if (named("a model", name, err) < 0)
        return -1;
    if (db_run(s->db, err,
               "INSERT INTO model(uuid, name, description, created_us, updated_us)"
               " VALUES (?, ?, ?, ?, ?)",
               DB_T(id_new(uuid)), DB_T(name), DB_T(description), DB_I(now_us), DB_I(now_us)) == 0)
        return 0;
    return err->code == DH_EXISTS ? dh_fail(err, DH_EXISTS, "model '%s' is there already", name)
                                  : dh_while(err, "model '%s'", name);
}

int store_model_rename(struct store *s, const char *name, const char *to, struct dh_err *err)
{
    if (named("a model", to, err) < 0)
        return -1;
    if (db_run(s->db, err, "UPDATE model SET name = ?, updated_us = ? WHERE name = ?", DB_T(to),
               DB_I(clock_now_us()), DB_T(name)) < 0)
        return err->code == DH_EXISTS ? dh_fail(err, DH_EXISTS, "model '%s' is there already", to)
                                      : -1;
    return store_one(db_changes(s->db) > 0, err, "model '%s'", name);
}

int store_model_set_description(struct store *s, const char *name, const char *text,
                                struct dh_err *err)
{
    if (db_run(s->db, err, "UPDATE model SET description = ?, updated_us = ? WHERE name = ?",
               DB_T(text), DB_I(clock_now_us()), DB_T(name)) < 0)
        return -1;
    return store_one(db_changes(s->db) > 0, err, "model '%s'", name);
}

int store_model_set_rules(struct store *s, const char *name, const char *rules, struct dh_err *err)
{
    if (db_run(s->db, err, "UPDATE model SET rules = ?, updated_us = ? WHERE name = ?", DB_T(rules),
               DB_I(clock_now_us()), DB_T(name)) < 0)
        return -1;
    return store_one(db_changes(s->db) > 0, err, "model '%s'", name);
}

int store_model_delete(struct store *s, const char *name, struct dh_err *err)
{
    if (db_run(s->db, err, "DELETE FROM model WHERE name = ?", DB_T(name)) < 0)
        return -1;
    return store_one(db_changes(s->db) > 0, err, "model '%s'", name);
}

int store_model_versions(struct store *s, const char *model, struct arena *a,
                         struct store_model_versions *ret, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct store_model_versions list = {0};
    size_t cap = 0;
    int64_t id = 0;
    int rc = model_id(s, model, &id, err);

    if (store_one(rc < 0 ? -1 : rc == 0, err, "model '%s'", model) < 0 ||
        db_query(s->db, err, &rows, VERSION_SELECT "WHERE v.model_id = ? ORDER BY v.ordinal DESC",
                 DB_I(id)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1)
        if (version_read(s, rows, a, STORE_PUSH(a, &list, cap), err) < 0)
            return -1;
    if (rc == 0)
        *ret = list;
    return rc;
}

int store_model_find(struct store *s, const char *model, const char *version, struct arena *a,
                     struct store_model_version *ret, struct dh_err *err)
{
    int64_t id = 0, found = 0;
    int rc = model_id(s, model, &id, err);

    if (store_one(rc < 0 ? -1 : rc == 0, err, "model '%s'", model) < 0)
        return -1;
    if (!version || !strcmp(version, "latest")) {
        rc = number(s,
                    "SELECT id FROM model_version WHERE model_id = ? ORDER BY ordinal DESC LIMIT 1",
                    DB_VALS(DB_I(id)), &found, err);
    } else {
        rc = version_id(s, id, version, &found, err);
        if (rc == 1)
            rc = number(s, "SELECT version_id FROM model_alias WHERE model_id = ? AND alias = ?",
                        DB_VALS(DB_I(id), DB_T(version)), &found, err);
    }
    if (store_one(rc < 0 ? -1 : rc == 0, err, "version '%s' of model '%s'",
                  version ? version : "latest", model) < 0)
        return -1;
    return version_get(s, found, a, ret, err);
}
