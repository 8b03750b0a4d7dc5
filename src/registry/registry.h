#pragma once
/* registry - models as a team governs them: who may be champion, who approved it, what it was made
 * from, and how it leaves the house.
 *
 * store/ keeps names, versions, aliases and facts; here are the rules over them, and each change is
 * logged with who and why. It starts nothing and runs nothing.
 *
 * Rules of a model, a JSON array, one object an alias:
 *   {"alias": "champion", "approved": true, "metric": "accuracy", "min": 0.9, "max": …,
 *    "better_by": 0.01}
 * An alias moves to a version only where its rule holds: it was approved; its metric is within min
 * and max; and it is better than that of the version that has the alias now by better_by at least.
 */
#include <stdbool.h>
#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct js;

struct registry_actor {
    const char *who, *why; /* NULL: not said */
};

/* Whether a smaller value of this metric is the better one: what is called loss or error. */
bool registry_smaller_wins(const char *metric);

/* Numbers by name: of the model's own metadata, then the last ones of the run that made it. *ret is
 * the caller's. */
int registry_metrics(struct store *s, const struct store_model_version *v, struct js **ret,
                     struct dh_err *err);

/* DH_INVALID: not in the form above. */
int registry_rules_check(const struct js *rules, struct dh_err *err);

enum { REGISTRY_HELD = 1 };
/* Moves an alias (version NULL: removes it), logged. REGISTRY_HELD: its rule forbids it, *err says
 * why; `force` sets it all the same, and the log says so. */
int registry_alias(struct store *s, const char *model, const char *alias, const char *version,
                   const struct registry_actor *actor, bool force, struct dh_err *err);
/* store_model_register with the rules: an alias that is held is left where it is, and *ret_held
 * (in the arena; NULL: none) says why. */
int registry_register(struct store *s, const struct store_model_version *version,
                      const char *const *aliases, size_t n_aliases, struct arena *a,
                      struct store_model_version *ret, const char **ret_held, struct dh_err *err);
int registry_stage(struct store *s, const char *model, const char *version, const char *stage,
                   const struct registry_actor *actor, struct dh_err *err);
/* who is needed. */
int registry_decide(struct store *s, const char *model, const char *version, bool approved,
                    const struct registry_actor *actor, struct dh_err *err);
/* version NULL: the whole model. DH_INVALID: it has an alias, and not `force`. */
int registry_delete(struct store *s, const char *model, const char *version,
                    const struct registry_actor *actor, bool force, struct dh_err *err);
/* Of the versions that have no alias, no approval and are not in the stage Production the newest
 * `keep` stay. *ret: texts, the versions that go; the caller's. */
int registry_prune(struct store *s, const char *model, int keep, bool dry_run,
                   const struct registry_actor *actor, struct js **ret, struct dh_err *err);

/* Where it comes from: {"run", "task", "pipeline", "spec_digest", "parameters", "data": […]}: data
 * are the Datasets and imported artifacts that it was made from, with their digests. */
int registry_provenance(struct store *s, const struct store_model_version *v, struct js **ret,
                        struct dh_err *err);
/* The report that belongs to it: what the task that registered it got as its input `report`, else
 * the `chosen_report` of its run. DH_NOT_FOUND. */
int registry_report(struct store *s, const struct store_model_version *v, struct arena *a,
                    struct store_artifact *ret, struct dh_err *err);
/* All of a version in one object. */
int registry_version_json(struct store *s, const struct store_model_version *v, struct js **ret,
                          struct dh_err *err);

/* ---- out of the house ---- */

/* Into the new folder `to`: the model's files below model/, MLmodel-like manifest.json (all of
 * registry_version_json, and the files' digests), card.md, and model.onnx where `onnx`. DH_EXISTS:
 * the folder is there and not empty. DH_INVALID: `onnx` of a model that is not ours; DH_NOT_FOUND:
 * its files are gone. */
int registry_export(struct store *s, const struct store_model_version *v, const char *to, bool onnx,
                    struct dh_err *err);
/* A KServe InferenceService in YAML. `storage` NULL: the model's own uri, which must then not be a
 * local folder (DH_INVALID). `format` NULL: told by the metadata's "framework" and the files. *ret
 * is the caller's (free). */
int registry_kserve(struct store *s, const struct store_model_version *v, const char *storage,
                    const char *format, const char *namespace, char **ret, struct dh_err *err);
