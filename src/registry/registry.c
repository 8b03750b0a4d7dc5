#include "registry/registry.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"

bool registry_smaller_wins(const char *metric)
{
    return strncmp(metric, "neg_", 4) != 0 && (strstr(metric, "loss") || strstr(metric, "error"));
}

static struct js *parsed(const char *json, struct js *other)
{
    struct js *v = NULL;

    if (!json || js_parse(json, strlen(json), &v, NULL) < 0)
        return other;
    js_free(other);
    return v;
}

int registry_metrics(struct store *s, const struct store_model_version *v, struct js **ret,
                     struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *metadata = parsed(v->metadata, js_object());
    own(js_free) struct js *of_run = NULL;
    struct js *metrics = js_object();
    const char *json = NULL;

    for (js_each(metadata, it))
        if (js_is_num(it.value))
            js_set(metrics, it.key, js_ref(it.value));
    if (v->run_id && store_metric_last(s, v->run_id, a, &json, err) < 0) {
        js_free(metrics);
        return -1;
    }
    of_run = parsed(json, js_object());
    for (js_each(of_run, it))
        if (!js_get(metrics, it.key))
            js_set(metrics, it.key, js_ref(it.value));
    *ret = metrics;
    return 0;
}

/* ---- rules ---- */

int registry_rules_check(const struct js *rules, struct dh_err *err)
{
    static const char *const numbers[] = {"min", "max", "better_by"};

    if (!js_is(rules, JS_ARRAY))
        return dh_fail(err, DH_INVALID, "rules: expected a list");
    for (size_t i = 0; i < js_n(rules); i++) {
        const struct js *rule = js_at(rules, i);
        bool compares = false;

        if (!js_get_text(rule, "alias"))
            return dh_fail(err, DH_INVALID, "rule %zu: it names no alias", i + 1);
        for (size_t k = 0; k < 3; k++) {
            const struct js *n = js_get(rule, numbers[k]);

            if (n && !js_is_num(n))
                return dh_fail(err, DH_INVALID, "rule %zu: %s is no number", i + 1, numbers[k]);
            compares |= n != NULL;
        }
        if (compares && !js_get_text(rule, "metric"))
            return dh_fail(err, DH_INVALID, "rule %zu: min, max and better_by need a metric",
                           i + 1);
    }
    return 0;
}

static int held(struct dh_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int held(struct dh_err *err, const char *fmt, ...)
{
    own_mem char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = dh_vprintf(fmt, ap);
    va_end(ap);
    (void)dh_fail(err, DH_FAILED, "%s", text);
    return REGISTRY_HELD;
}

static int metric_of(struct store *s, const struct store_model_version *v, const char *name,
                     double *ret, struct dh_err *err)
{
    own(js_free) struct js *metrics = NULL;

    if (registry_metrics(s, v, &metrics, err) < 0)
        return -1;
    *ret = js_as_num(js_get(metrics, name), NAN);
    return 0;
}

static int check_metric(struct store *s, const struct js *rule, const struct store_model_version *v,
                        const struct store_model_version *now, struct dh_err *err)
{
    const char *metric = js_get_text(rule, "metric"), *alias = js_get_text(rule, "alias");
    const struct js *margin = js_get(rule, "better_by");
    double value, other = NAN, gain;

    if (metric_of(s, v, metric, &value, err) < 0 ||
        (now && margin && metric_of(s, now, metric, &other, err) < 0))
        return -1;
    if (isnan(value))
        return held(err, "version %s has no metric '%s', which the rule of '%s' asks for",
                    v->version, metric, alias);
    if (value < js_as_num(js_get(rule, "min"), -INFINITY))
        return held(err, "%s is %.6g; the rule of '%s' asks for %.6g at least", metric, value,
                    alias, js_as_num(js_get(rule, "min"), 0));
    if (value > js_as_num(js_get(rule, "max"), INFINITY))
        return held(err, "%s is %.6g; the rule of '%s' asks for %.6g at most", metric, value, alias,
                    js_as_num(js_get(rule, "max"), 0));
    if (!margin || !now || isnan(other))
        return 0;
    gain = registry_smaller_wins(metric) ? other - value : value - other;
    if (gain < js_as_num(margin, 0))
        return held(err,
                    "%s is %.6g, and %.6g of version %s, which is '%s' now; the rule asks for a "
                    "gain of %.6g",
                    metric, value, other, now->version, alias, js_as_num(margin, 0));
    return 0;
}

static int check_rule(struct store *s, const struct js *rule, const struct store_model_version *v,
                      const struct store_model_version *now, struct dh_err *err)
{
    if (js_get_bool(rule, "approved") && (!v->approval || strcmp(v->approval, "APPROVED") != 0))
        return held(err,
                    "version %s is not approved, and the rule of '%s' asks for it: 'dhow models "
                    "approve %s %s --by WHO'",
                    v->version, js_get_text(rule, "alias"), v->model, v->version);
    return js_get_text(rule, "metric") ? check_metric(s, rule, v, now, err) : 0;
}

/* REGISTRY_HELD: *err says why. */
static int check_rules(struct store *s, const char *alias, const struct store_model_version *v,
                       struct arena *a, struct dh_err *err)
{
    own(js_free) struct js *rules = NULL;
    struct store_model_version now;
    struct store_model model;
    struct dh_err ignored;
    bool has = store_model_find(s, v->model, alias, a, &now, &ignored) == 0 && now.id != v->id;

    if (store_model_get(s, v->model, a, &model, err) < 0)
        return -1;
    rules = parsed(model.rules, js_array());
    for (size_t i = 0; i < js_n(rules); i++) {
        const struct js *rule = js_at(rules, i);
        int rc = strcmp(js_get_text(rule, "alias"), alias) != 0
                     ? 0
                     : check_rule(s, rule, v, has ? &now : NULL, err);

        if (rc)
            return rc;
    }
    return 0;
}

/* ---- changes, each logged ---- */

static int log_it(struct store *s, const struct store_model_version *v, const char *what,
                  const struct registry_actor *actor, struct dh_err *err)
{
    struct store_model_event event = {.version = v->version,
                                      .what = what,
                                      .who = actor ? actor->who : NULL,
                                      .why = actor ? actor->why : NULL};

    return store_model_log(s, v->model_id, &event, err);
}

static int move_alias(struct store *s, const char *alias, const struct store_model_version *v,
                      const struct registry_actor *actor, bool force, struct arena *a,
                      struct dh_err *err)
{
    struct dh_err why = {0};
    int rc = check_rules(s, alias, v, a, &why);

    if (rc < 0 || (rc == REGISTRY_HELD && !force)) {
        *err = why;
        return rc;
    }
    if (store_model_set_alias(s, v->model, alias, v->version, err) < 0)
        return -1;
    return log_it(s, v,
                  rc ? arena_printf(a, "alias '%s' set in spite of its rule: %s", alias, why.msg)
                     : arena_printf(a, "alias '%s' set", alias),
                  actor, err);
}

static int drop_alias(struct store *s, const char *model, const char *alias,
                      const struct registry_actor *actor, struct arena *a, struct dh_err *err)
{
    struct store_model_version v;

    if (store_model_find(s, model, alias, a, &v, err) < 0 ||
        store_model_set_alias(s, model, alias, NULL, err) < 0)
        return -1;
    return log_it(s, &v, arena_printf(a, "alias '%s' removed", alias), actor, err);
}

/* All or nothing. */
static int finish(struct store *s, bool ours, int rc, struct dh_err *err)
{
    if (!ours)
        return rc;
    if (rc == 0)
        return store_commit(s, err);
    store_rollback(s);
    return rc;
}

static int begin(struct store *s, bool *ours, struct dh_err *err)
{
    *ours = !store_in_transaction(s);
    return *ours ? store_begin(s, err) : 0;
}

int registry_alias(struct store *s, const char *model, const char *alias, const char *version,
                   const struct registry_actor *actor, bool force, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_model_version v;
    bool ours;
    int rc;

    if (begin(s, &ours, err) < 0)
        return -1;
    if (!version)
        return finish(s, ours, drop_alias(s, model, alias, actor, a, err), err);
    rc = store_model_find(s, model, version, a, &v, err);
    if (rc == 0)
        rc = move_alias(s, alias, &v, actor, force, a, err);
    return finish(s, ours, rc, err);
}

static int register_all(struct store *s, const struct store_model_version *version,
                        const char *const *aliases, size_t n, struct arena *a,
                        struct store_model_version *ret, const char **ret_held, struct dh_err *err)
{
    struct store_model_version before;
    struct dh_err none;
    bool known = version->version &&
                 store_model_find(s, version->model, version->version, a, &before, &none) == 0;

    if (store_model_register(s, version, NULL, 0, a, ret, err) < 0 ||
        (!known && log_it(s, ret, "registered", NULL, err) < 0))
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct dh_err why = {0};
        int rc = move_alias(s, aliases[i], ret, NULL, false, a, &why);

        if (rc < 0) {
            *err = why;
            return -1;
        }
        if (rc == 0)
            continue;
        *ret_held =
            arena_printf(a, "%s %s is not '%s': %s", ret->model, ret->version, aliases[i], why.msg);
        if (log_it(s, ret, arena_printf(a, "alias '%s' held: %s", aliases[i], why.msg), NULL, err) <
            0)
            return -1;
    }
    return store_model_find(s, ret->model, ret->version, a, ret, err);
}

int registry_register(struct store *s, const struct store_model_version *version,
                      const char *const *aliases, size_t n_aliases, struct arena *a,
                      struct store_model_version *ret, const char **ret_held, struct dh_err *err)
{
    bool ours;

    *ret_held = NULL;
    if (begin(s, &ours, err) < 0)
        return -1;
    return finish(s, ours, register_all(s, version, aliases, n_aliases, a, ret, ret_held, err),
                  err);
}

int registry_stage(struct store *s, const char *model, const char *version, const char *stage,
                   const struct registry_actor *actor, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_model_version v;
    bool ours;
    int rc;

    if (begin(s, &ours, err) < 0)
        return -1;
    rc = store_model_find(s, model, version, a, &v, err);
    if (rc == 0)
        rc = store_model_version_set_stage(s, v.id, stage, err);
    if (rc == 0)
        rc = log_it(s, &v, stage ? arena_printf(a, "stage '%s'", stage) : "no stage", actor, err);
    return finish(s, ours, rc, err);
}

int registry_decide(struct store *s, const char *model, const char *version, bool approved,
                    const struct registry_actor *actor, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_model_version v;
    bool ours;
    int rc;

    if (!actor->who || !*actor->who)
        return dh_fail(err, DH_INVALID, "who decides? --by NAME");
    if (begin(s, &ours, err) < 0)
        return -1;
    rc = store_model_find(s, model, version, a, &v, err);
    if (rc == 0)
        rc = store_model_version_decide(s, v.id, approved, actor->who, actor->why, clock_now_us(),
                                        err);
    if (rc == 0)
        rc = log_it(s, &v, approved ? "approved" : "rejected", actor, err);
    return finish(s, ours, rc, err);
}

/* ---- deleting ---- */

static bool has_alias(const struct store_model_version *v)
{
    own(js_free) struct js *aliases = parsed(v->aliases, js_array());

    return js_n(aliases) > 0;
}

static int drop_version(struct store *s, const struct store_model_version *v,
                        const struct registry_actor *actor, bool force, struct dh_err *err)
{
    if (has_alias(v) && !force)
        return dh_fail(err, DH_INVALID,
                       "version %s of '%s' has aliases: %s; move them first, or --force",
                       v->version, v->model, v->aliases);
    if (store_model_version_delete(s, v->id, err) < 0)
        return -1;
    return log_it(s, v, "deleted", actor, err);
}

static int drop_model(struct store *s, const char *model, bool force, struct arena *a,
                      struct dh_err *err)
{
    struct store_model_versions all;

    if (store_model_versions(s, model, a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        if (has_alias(&all.items[i]) && !force)
            return dh_fail(err, DH_INVALID,
                           "version %s of '%s' has aliases: %s; remove them first, or --force",
                           all.items[i].version, model, all.items[i].aliases);
    return store_model_delete(s, model, err);
}

int registry_delete(struct store *s, const char *model, const char *version,
                    const struct registry_actor *actor, bool force, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_model_version v;
    bool ours;
    int rc;

    if (begin(s, &ours, err) < 0)
        return -1;
    if (!version)
        return finish(s, ours, drop_model(s, model, force, a, err), err);
    rc = store_model_find(s, model, version, a, &v, err);
    if (rc == 0)
        rc = drop_version(s, &v, actor, force, err);
    return finish(s, ours, rc, err);
}

static bool is_kept(const struct store_model_version *v)
{
    return has_alias(v) || (v->approval && !strcmp(v->approval, "APPROVED")) ||
           (v->stage && !strcmp(v->stage, "Production"));
}

static int prune(struct store *s, const char *model, int keep, bool dry_run,
                 const struct registry_actor *actor, struct js *gone, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_model_versions all;
    int n = 0;

    if (store_model_versions(s, model, a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        if (is_kept(&all.items[i]) || n++ < keep)
            continue;
        if (!dry_run && drop_version(s, &all.items[i], actor, false, err) < 0)
            return -1;
        js_push(gone, js_str(all.items[i].version));
    }
    return 0;
}

int registry_prune(struct store *s, const char *model, int keep, bool dry_run,
                   const struct registry_actor *actor, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *gone = js_array();
    bool ours;

    if (begin(s, &ours, err) < 0)
        return -1;
    if (finish(s, ours, prune(s, model, keep, dry_run, actor, gone, err), err) < 0)
        return -1;
    *ret = take(&gone);
    return 0;
}
