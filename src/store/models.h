#pragma once
/* models - the part of store.h that keeps registered models, and tasks that wait for a person. The
 * calls' rules are store.h's. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

struct store;

/* ---- models ---- */

struct store_model {
    int64_t id;
    const char *uuid, *name, *description;
    int64_t created_us, updated_us, n_versions;
    const char *latest; /* the newest version's name; NULL: none */
    const char *rules;  /* JSON array, see registry/registry.h; NULL: none */
};
struct store_models {
    struct store_model *items;
    size_t n;
};
struct store_model_version {
    int64_t id, model_id;
    const char *uuid, *model, *version, *description;
    int64_t artifact_id, run_id, task_id;                            /* 0: none, or deleted since */
    const char *artifact_uuid, *uri, *digest, *run_uuid, *task_uuid; /* out only */
    const char *metadata;                                            /* JSON object */
    const char *aliases; /* out: JSON array of texts, sorted. In: not read (see below) */
    int64_t created_us;
    /* out only from here */
    int64_t updated_us;
    const char *stage;    /* "Staging", "Production", "Archived", or any other; NULL: none */
    const char *approval; /* "APPROVED", "REJECTED"; NULL: nobody has decided */
    const char *approval_who, *approval_why;
    int64_t approval_us;
};
struct store_model_versions {
    struct store_model_version *items;
    size_t n;
};
/* Registers a version of the model `model` (made where it is not there). Reads model, version,
 * description, artifact_id, run_id, task_id, metadata, created_us. version NULL: the next number.
 * `aliases` (may be NULL) move to it. The same version with the same artifact, or one of equal
 * digest, again is fine and answers with the row that is there. DH_EXISTS: the version is there
 * with another artifact. */
int store_model_register(struct store *s, const struct store_model_version *version,
                         const char *const *aliases, size_t n_aliases, struct arena *a,
                         struct store_model_version *ret, struct dh_err *err);
int store_model_set_alias(struct store *s, const char *model, const char *alias,
                          const char *version, struct dh_err *err); /* version NULL: removes it */
int store_model_list(struct store *s, struct arena *a, struct store_models *ret,
                     struct dh_err *err); /* by name */
int store_model_versions(struct store *s, const char *model, struct arena *a,
                         struct store_model_versions *ret, struct dh_err *err); /* newest first */
/* `version`: its name, an alias, or "latest"; NULL is "latest". */
int store_model_find(struct store *s, const char *model, const char *version, struct arena *a,
                     struct store_model_version *ret, struct dh_err *err);

int store_model_get(struct store *s, const char *name, struct arena *a, struct store_model *ret,
                    struct dh_err *err);
/* Makes it, without a version. DH_EXISTS, DH_INVALID. */
int store_model_create(struct store *s, const char *name, const char *description,
                       struct dh_err *err);
/* DH_EXISTS: the new name is taken. */
int store_model_rename(struct store *s, const char *name, const char *to, struct dh_err *err);
int store_model_set_description(struct store *s, const char *name, const char *text,
                                struct dh_err *err);
int store_model_set_rules(struct store *s, const char *name, const char *rules,
                          struct dh_err *err); /* NULL: none */
/* With all versions, aliases, tags. The artifacts stay: gc frees them. */
int store_model_delete(struct store *s, const char *name, struct dh_err *err);

/* Of one version, by its id. */
int store_model_version_set_stage(struct store *s, int64_t id, const char *stage,
                                  struct dh_err *err); /* NULL: none */
int store_model_version_set_description(struct store *s, int64_t id, const char *text,
                                        struct dh_err *err);
int store_model_version_decide(struct store *s, int64_t id, bool approved, const char *who,
                               const char *why, int64_t now_us, struct dh_err *err);
int store_model_version_delete(struct store *s, int64_t id, struct dh_err *err);

/* What was done to a model, oldest first. */
struct store_model_event {
    const char *version; /* NULL: to the model as a whole */
    const char *what;    /* in words */
    const char *who, *why;
    int64_t time_us;
};
struct store_model_events {
    struct store_model_event *items;
    size_t n;
};
int store_model_log(struct store *s, int64_t model_id, const struct store_model_event *event,
                    struct dh_err *err);
int store_model_events(struct store *s, int64_t model_id, struct arena *a,
                       struct store_model_events *ret, struct dh_err *err);

/* ---- approvals: tasks that wait for a person ---- */

struct store_approval {
    int64_t id, run_id, task_id;
    const char *asks;                  /* JSON object: parameter → {description, default, enum} */
    int64_t requested_us, deadline_us; /* deadline 0: none */
    const char *decision;              /* "APPROVED", "REJECTED"; NULL: waits */
    const char *who, *why;
    const char *answers; /* JSON object: parameter → value */
    int64_t decided_us;
    const char *run_uuid, *run_name, *pipeline, *task_uuid, *task_name, *scope_path; /* out only */
};
struct store_approvals {
    struct store_approval *items;
    size_t n;
};
/* The one of this task: asked for now where it is not there. Reads run_id, task_id, asks,
 * requested_us, deadline_us; *ret is what is on record (a decision may be there already). */
int store_approval_ask(struct store *s, const struct store_approval *approval, struct arena *a,
                       struct store_approval *ret, struct dh_err *err);
int store_approval_get(struct store *s, int64_t task_id, struct arena *a,
                       struct store_approval *ret, struct dh_err *err); /* DH_NOT_FOUND */
/* Those that wait (run_id 0: of all runs), or all of them; oldest first. */
int store_approval_list(struct store *s, int64_t run_id, bool decided_too, struct arena *a,
                        struct store_approvals *ret, struct dh_err *err);
enum { STORE_APPROVAL_DECIDED = 1 };
/* Once. STORE_APPROVAL_DECIDED: somebody was quicker. */
int store_approval_decide(struct store *s, int64_t task_id, bool approved, const char *who,
                          const char *why, const char *answers, int64_t now_us, struct dh_err *err);
/* A task that runs anew asks anew. */
int store_approval_forget(struct store *s, int64_t task_id, struct dh_err *err);
