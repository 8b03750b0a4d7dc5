/* ui-compare - several runs side by side. */
#include <string.h>

#include "api/runs.h"
#include "api/ui.h"
#include "base/mem.h"

enum { MAX_RUNS = 50 };

struct side {
    struct store_run runs[MAX_RUNS];
    struct js *parameters[MAX_RUNS], *metrics[MAX_RUNS];
    size_t n;
};

static void side_done(struct side *side)
{
    for (size_t i = 0; i < side->n; i++) {
        js_free(side->parameters[i]);
        js_free(side->metrics[i]);
    }
}

static int load(struct req *r, const char *uuid, struct side *side, struct dh_err *err)
{
    struct store_run *run = &side->runs[side->n];
    const char *metrics;

    if (side->n == MAX_RUNS)
        return dh_fail(err, DH_INVALID, "at most %d runs are compared", MAX_RUNS);
    if (run_find(r, uuid, run, err) < 0 ||
        store_metric_last(r->store, run->id, r->arena, &metrics, err) < 0)
        return -1;
    if (run->parameters &&
        js_parse(run->parameters, strlen(run->parameters), &side->parameters[side->n], err) < 0)
        return -1;
    if (js_parse(metrics, strlen(metrics), &side->metrics[side->n], err) < 0)
        return -1;
    side->n++;
    return 0;
}

static bool before(struct js *const *objects, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (js_get(objects[i], key))
            return true;
    return false;
}

static void write_row(struct js *const *objects, size_t n, const char *key, struct jw *w)
{
    bool differs = false;

    jw_begin(w, '{');
    jw_text(w, "name", key);
    jw_begin_in(w, "values", '[');
    for (size_t i = 0; i < n; i++) {
        const struct js *v = js_get(objects[i], key), *first = js_get(objects[0], key);

        differs = differs || !v != !first || (v && !js_equal(v, first));
        if (!v) {
            jw_raw(w, NULL);
            continue;
        }
        if (w->comma)
            buf_addc(w->to, ',');
        js_write(v, JS_COMPACT, w->to);
        w->comma = true;
    }
    jw_end(w, ']');
    jw_flag(w, "differs", differs);
    jw_end(w, '}');
}

static void write_rows(struct js *const *objects, size_t n, const char *name, struct jw *w)
{
    jw_begin_in(w, name, '[');
    for (size_t i = 0; i < n; i++)
        for (js_each(objects[i], it))
            if (!before(objects, i, it.key))
                write_row(objects, n, it.key, w);
    jw_end(w, ']');
}

/* ---- artifacts: by task and output, the first of each ---- */

struct outputs {
    struct store_linkeds links;
    const char **keys; /* "train/model", beside them */
};

static int load_outputs(struct req *r, const struct store_run *run, struct outputs *ret,
                        struct dh_err *err)
{
    struct store_task t = {0};

    if (store_artifacts_of_run(r->store, run->id, STORE_OUTPUT, r->arena, &ret->links, err) < 0)
        return -1;
    ret->keys = arena_alloc(r->arena, (ret->links.n + 1) * sizeof *ret->keys);
    for (size_t i = 0; i < ret->links.n; i++) {
        const struct store_link *link = &ret->links.items[i].link;

        if (link->task_id != t.id && store_task_get(r->store, link->task_id, r->arena, &t, err) < 0)
            return -1;
        ret->keys[i] = t.type == STORE_RUNTIME || t.type == STORE_IMPORTER
                           ? arena_printf(r->arena, "%s/%s", t.name, link->key)
                           : "";
    }
    return 0;
}

static const struct store_artifact *find_output(const struct outputs *o, const char *key)
{
    for (size_t i = 0; i < o->links.n; i++)
        if (!strcmp(o->keys[i], key))
            return &o->links.items[i].artifact;
    return NULL;
}

static bool found_before(const struct outputs *all, size_t run, size_t i)
{
    const char *key = all[run].keys[i];

    if (!*key)
        return true;
    for (size_t k = 0; k < i; k++)
        if (!strcmp(all[run].keys[k], key))
            return true;
    for (size_t n = 0; n < run; n++)
        if (find_output(&all[n], key))
            return true;
    return false;
}

static void write_output(const struct outputs *all, size_t n, const char *key, const char *type,
                         struct jw *w)
{
    jw_begin(w, '{');
    jw_text(w, "key", key);
    jw_text(w, "type", type);
    jw_begin_in(w, "values", '[');
    for (size_t k = 0; k < n; k++) {
        const struct store_artifact *a = find_output(&all[k], key);

        if (!a) {
            jw_raw(w, NULL);
            continue;
        }
        jw_begin(w, '{');
        ui_artifact_members(a, w);
        jw_end(w, '}');
    }
    jw_end(w, ']');
    jw_end(w, '}');
}

static int write_outputs(struct req *r, const struct side *side, struct jw *w, struct dh_err *err)
{
    struct outputs *all = arena_alloc(r->arena, MAX_RUNS * sizeof *all);

    for (size_t i = 0; i < side->n; i++)
        if (load_outputs(r, &side->runs[i], &all[i], err) < 0)
            return -1;
    jw_begin_in(w, "artifacts", '[');
    for (size_t run = 0; run < side->n; run++)
        for (size_t i = 0; i < all[run].links.n && i < 500; i++)
            if (!found_before(all, run, i))
                write_output(all, side->n, all[run].keys[i], all[run].links.items[i].artifact.type,
                             w);
    jw_end(w, ']');
    return 0;
}

static bool specs_differ(const struct side *side)
{
    for (size_t i = 1; i < side->n; i++)
        if (strcmp(side->runs[i].spec_digest ? side->runs[i].spec_digest : "",
                   side->runs[0].spec_digest ? side->runs[0].spec_digest : "") != 0)
            return true;
    return false;
}

static int write_all(struct req *r, const struct side *side, struct dh_err *err)
{
    struct jw *w = req_json(r);

    jw_begin(w, '{');
    jw_begin_in(w, "runs", '[');
    for (size_t i = 0; i < side->n; i++) {
        jw_begin(w, '{');
        if (ui_run_members(r->store, r->arena, &side->runs[i], w, err) < 0)
            return -1;
        jw_end(w, '}');
    }
    jw_end(w, ']');
    write_rows(side->parameters, side->n, "parameters", w);
    write_rows(side->metrics, side->n, "metrics", w);
    if (write_outputs(r, side, w, err) < 0)
        return -1;
    jw_flag(w, "specs_differ", specs_differ(side));
    jw_end(w, '}');
    return 0;
}

int ui_compare(struct req *r, struct dh_err *err)
{
    const char *ids = req_arg(r, "runs");
    struct side *side = arena_alloc(r->arena, sizeof *side);
    int rc = 0;

    while (ids && *ids && rc == 0) {
        size_t n = strcspn(ids, ",");

        if (n > 0)
            rc = load(r, arena_strndup(r->arena, ids, n), side, err);
        ids += n + (ids[n] == ',');
    }
    if (rc == 0)
        rc = side->n ? write_all(r, side, err) : dh_fail(err, DH_INVALID, "runs: which?");
    side_done(side);
    return rc;
}
