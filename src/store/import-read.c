/* import: reading ML Metadata's tables. */
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/js.h"
#include "base/pb.h"
#include "store/import-priv.h"
#include "store/mlmd.h"

int mlmd_check(struct db *db, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct dh_err why;
    int64_t version;

    if (db_query_built(db, &why, &rows, "SELECT schema_version FROM MLMDEnv", NULL, 0) < 0 ||
        db_next(rows, &why) != 1)
        return dh_fail(err, why.code == DH_IO ? DH_IO : DH_INVALID,
                       "%s holds no ML Metadata: it has no table MLMDEnv with a version",
                       db_path(db));
    version = db_int(rows, 0);
    if (version != 10)
        return dh_fail(
            err, DH_INVALID,
            "%s has ML Metadata of schema version %lld; KFP 2 writes version 10, and that "
            "is what can be imported",
            db_path(db), (long long)version);
    return 0;
}

struct js *mlmd_struct(const char *text)
{
    own_buf struct buf bytes = {0};
    struct js *v = NULL;

    if (!text || strncmp(text, MLMD_STRUCT, sizeof MLMD_STRUCT - 1) != 0)
        return NULL;
    text += sizeof MLMD_STRUCT - 1;
    if (base64_get(&bytes, text, strlen(text)) < 0 ||
        pb_read_struct(pb_in(bytes.p, bytes.n), &v, NULL) < 0)
        return NULL;
    return v;
}

const struct js *mlmd_property(const struct mlmd_node *node, const char *name)
{
    return js_get(node->properties, name);
}

const char *mlmd_text(const struct mlmd_node *node, const char *name)
{
    const char *text = js_text(mlmd_property(node, name));

    return text && *text ? text : NULL;
}

static void free_js(void *v)
{
    js_free(v);
}

struct mlmd_node *mlmd_node(const struct mlmd_nodes *all, int64_t id)
{
    size_t from = 0, to = all->n;

    while (from < to) {
        size_t at = (from + to) / 2;

        if (all->items[at].id < id)
            from = at + 1;
        else
            to = at;
    }
    return from < all->n && all->items[from].id == id ? &all->items[from] : NULL;
}

/* ---- nodes ---- */

/* id, type's name, state, name, uri, created, updated; ordered by id. */
static int read_nodes(struct db *db, const char *sql, int64_t context, struct mlmd_nodes *ret,
                      struct arena *a, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    size_t cap = 0;
    int rc;

    if (db_query(db, err, &rows, sql, DB_I(context)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct mlmd_node *to = STORE_PUSH(a, ret, cap);

        *to = (struct mlmd_node){.id = db_int(rows, 0),
                                 .type = store_text(rows, 1, a),
                                 .state = db_int(rows, 2),
                                 .name = store_text(rows, 3, a),
                                 .uri = store_text(rows, 4, a),
                                 .created_ms = db_int(rows, 5),
                                 .updated_ms = db_int(rows, 6),
                                 .properties = js_object(),
                                 .parent = -1,
                                 .iteration = -1};
        arena_on_free(a, free_js, to->properties);
    }
    return rc;
}

static struct js *value_of(const struct db_rows *rows)
{
    const char *text = db_text(rows, 4);
    struct js *v;

    if (db_text(rows, 2))
        return js_int(db_int(rows, 2));
    if (db_text(rows, 3))
        return js_num(db_real(rows, 3));
    if (!text)
        return db_text(rows, 5) ? js_bool(db_int(rows, 5) != 0) : NULL;
    v = mlmd_struct(text);
    if (v) {
        struct js *whole = js_object();

        js_set(whole, "struct", v);
        return whole;
    }
    return js_str(text);
}

/* node id, name, int, double, string, bool; custom ones last. */
static int read_properties(struct db *db, const char *sql, int64_t context,
                           struct mlmd_nodes *nodes, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    int rc;

    if (db_query(db, err, &rows, sql, DB_I(context)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        struct mlmd_node *node = mlmd_node(nodes, db_int(rows, 0));
        struct js *value = node ? value_of(rows) : NULL;

        if (value)
            js_set(node->properties, db_text(rows, 1), value);
    }
    return rc;
}

/* ---- events ---- */

static bool event_type(int64_t type, enum store_link_type *ret)
{
    *ret = type == 2 || type == 3 || type == 5 ? STORE_INPUT : STORE_OUTPUT;
    return type >= 1 && type <= 6;
}

/* A row a step of a path; an event has one at least where KFP has written it. */
static int read_events(struct db *db, struct mlmd_run *run, struct arena *a, struct dh_err *err)
{
    own(db_end) struct db_rows *rows = NULL;
    struct import_event *last = NULL;
    int64_t last_id = 0;
    size_t cap = 0;
    int rc;

    if (db_query(db, err, &rows,
                 "SELECT v.id, v.artifact_id, v.execution_id, v.type, p.step_index, p.step_key,"
                 " p.is_index_step FROM Association s"
                 " JOIN Event v ON v.execution_id = s.execution_id"
                 " LEFT JOIN EventPath p ON p.event_id = v.id"
                 " WHERE s.context_id = ? ORDER BY v.id",
                 DB_I(run->context)) < 0)
        return -1;
    while ((rc = db_next(rows, err)) == 1) {
        if (!last || db_int(rows, 0) != last_id) {
            enum store_link_type type;

            if (!event_type(db_int(rows, 3), &type))
                continue;
            last = STORE_PUSH(a, &run->events, cap);
            *last = (struct import_event){.artifact = db_int(rows, 1),
                                          .execution = db_int(rows, 2),
                                          .type = type,
                                          .index = -1};
            last_id = db_int(rows, 0);
        }
        if (db_int(rows, 6))
            last->index = db_int(rows, 4);
        else if (!last->key)
            last->key = store_text(rows, 5, a);
    }
    return rc;
}

/* ---- a run ---- */

#define VALUES "x.name, x.int_value, x.double_value, x.string_value, x.bool_value"
#define ARTIFACTS                                                                                  \
    "(SELECT DISTINCT v.artifact_id AS id FROM Association s JOIN Event v"                         \
    " ON v.execution_id = s.execution_id WHERE s.context_id = ?)"

int mlmd_read_run(struct db *db, struct mlmd_run *run, struct arena *a, struct dh_err *err)
{
    if (read_nodes(db,
                   "SELECT e.id, y.name, e.last_known_state, e.name, NULL,"
                   " e.create_time_since_epoch, e.last_update_time_since_epoch FROM Association s"
                   " JOIN Execution e ON e.id = s.execution_id JOIN Type y ON y.id = e.type_id"
                   " WHERE s.context_id = ? ORDER BY e.id",
                   run->context, &run->executions, a, err) < 0 ||
        read_properties(db,
                        "SELECT x.execution_id, " VALUES " FROM Association s"
                        " JOIN ExecutionProperty x ON x.execution_id = s.execution_id"
                        " WHERE s.context_id = ? ORDER BY x.is_custom_property",
                        run->context, &run->executions, err) < 0 ||
        read_events(db, run, a, err) < 0)
        return -1;
    if (read_nodes(db,
                   "SELECT t.id, y.name, t.state, t.name, t.uri, t.create_time_since_epoch,"
                   " t.last_update_time_since_epoch FROM " ARTIFACTS " u"
                   " JOIN Artifact t ON t.id = u.id JOIN Type y ON y.id = t.type_id ORDER BY t.id",
                   run->context, &run->artifacts, a, err) < 0)
        return -1;
    return read_properties(db,
                           "SELECT x.artifact_id, " VALUES " FROM " ARTIFACTS " u"
                           " JOIN ArtifactProperty x ON x.artifact_id = u.id"
                           " ORDER BY x.is_custom_property",
                           run->context, &run->artifacts, err);
}
