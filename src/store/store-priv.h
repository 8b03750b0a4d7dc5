#pragma once
/* store-priv - what the files of store/ share. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "store/db.h"
#include "store/store.h"

struct js;

enum { STORE_PAGES = 32 };

struct store {
    struct db *db;
    struct strmap *types; /* of artifacts: those that are known to have their row in Type */
    int schema;
    char *pages[STORE_PAGES];        /* statements of pages that are kept prepared: by their text */
    struct store_progress *progress; /* of ended runs: catalog_run_progress */
};

/* The schema, step by step: migrations[i] brings version i to i + 1. Never edit a step that was
 * released; add one. */
extern const char *const store_migrations[];
extern const int store_n_migrations;
/* Brings the database up to `n` steps, each in one transaction; safe while others do the same.
 * DH_INVALID: it is newer than that. */
int store_migrate(struct db *db, const char *const *steps, int n, struct dh_err *err);
/* All steps as one text for a SQLite file that is new: the same tables and columns, made at once.
 * The caller's (free). */
char *store_schema_new(void);

/* db_query_built for a text that will be asked for again: the first of those are kept prepared. No
 * value of a user's may stand in it, so that there are few. */
int store_query_kept(struct store *s, struct dh_err *err, struct db_rows **ret, const char *sql,
                     const struct db_val *vals, size_t n);
/* A column's text in the arena; NULL stays NULL. */
const char *store_text(const struct db_rows *rows, int column, struct arena *a);
/* An unknown word can only come from a newer dhow or a damaged file. */
int store_read_state(const struct db_rows *rows, int column, enum store_state *ret,
                     struct dh_err *err);
/* rc of db_next for one wanted row: 0 where it is there; DH_NOT_FOUND "there is no WHAT". */
int store_one(int rc, struct dh_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* An UPDATE or DELETE by id that must have met its row. */
int store_touched(struct store *s, int rc, const char *what, int64_t id, struct dh_err *err);

/* How a thing may be named: what a text can be, before the database is asked. */
enum store_name { STORE_NAME_OTHER, STORE_NAME_NUMBER, STORE_NAME_UUID, STORE_NAME_PREFIX };
/* Lower-cases hex into `to`; a number goes to *ret_id. A uuid of version 7 starts with a zero for
 * the next centuries, and a number never does. */
enum store_name store_name_kind(const char *name, char to[40], int64_t *ret_id);

/* An array that grows in an arena: the items move, the old ones stay until the arena goes. */
#define STORE_PUSH(a, list, cap)                                                                   \
    ({                                                                                             \
        if ((list)->n == (cap)) {                                                                  \
            void *old_ = (list)->items;                                                            \
            (cap) = (cap) ? (cap)*2 : 16;                                                          \
            (list)->items = arena_alloc((a), (cap) * sizeof *(list)->items);                       \
            if ((list)->n)                                                                         \
                memcpy((list)->items, old_, (list)->n * sizeof *(list)->items);                    \
        }                                                                                          \
        &(list)->items[(list)->n++];                                                               \
    })

/* An equal digest, by an index; the value is given three times. SQLite's index has the beginnings
 * (store-schema.c), and a plain `=` would make it forget that: it writes the value into substr. */
#define STORE_DIGEST_IS(column)                                                                    \
    "substr(" column ", 1, 16) = substr(?, 1, 16) AND " column " BETWEEN ? AND ?"
#define STORE_DIGEST(digest) DB_T(digest), DB_T(digest), DB_T(digest)

/* Columns of an artifact and of a task, and their readers, for the queries that join them. */
#define STORE_ARTIFACT_COLUMNS                                                                     \
    "a.id, a.uuid, a.type, a.name, a.uri, a.digest, a.size_bytes, a.metadata, a.state, "           \
    "a.created_us"
enum { STORE_ARTIFACT_N = 10 };
void store_artifact_read(const struct db_rows *rows, int column, struct arena *a,
                         struct store_artifact *ret);
#define STORE_TASK_COLUMNS                                                                         \
    "t.id, t.uuid, t.run_id, t.parent_task_id, t.name, t.display_name, t.scope_path, t.type,"      \
    " t.iteration_index, t.iteration_count, t.state, t.attempts, t.cache_fingerprint,"             \
    " t.cached_from_id, c.uuid, t.inputs, t.outputs, t.pid, t.pid_token, t.exit_code,"             \
    " t.state_reason, t.error, t.log_path, t.folder, t.created_us, t.started_us, t.finished_us"
#define STORE_TASK_FROM " FROM task t LEFT JOIN task c ON c.id = t.cached_from_id "
int store_task_read(const struct db_rows *rows, struct arena *a, struct store_task *ret,
                    struct dh_err *err);

/* A pipeline's row by its name, made where it is not there; no version of it. */
int store_pipeline_only(struct store *s, const char *name, int64_t *ret_id, struct dh_err *err);

/* ---- ML Metadata: store-mlmd*.c ---- */

extern const char store_mlmd_tables[], store_mlmd_views[]; /* migrations */
/* Texts "mlmd-struct::…": of an object; of parameters as JSON text (NULL: there are none); for each
 * nested value of an artifact's metadata, as one JSON object (NULL: there are none). The caller's.
 */
char *store_mlmd_struct(const struct js *object);
char *store_mlmd_parameters(const char *json);
char *store_mlmd_metadata(const char *json);
/* Rows that the views join: before an artifact of this type, after a pipeline or a run, after a new
 * spec. */
int store_mlmd_type(struct store *s, const char *type, struct dh_err *err);
int store_mlmd_context(struct store *s, int64_t pipeline_id, int64_t run_id, struct dh_err *err);
int store_mlmd_spec(struct store *s, const char *digest, const char *json, struct dh_err *err);
