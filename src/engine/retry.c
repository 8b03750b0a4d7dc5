/* retry - what a retry is to run, checked before the run is touched and recorded together with its
 * claim: a retry that cannot begin leaves the run as it was, and one that is killed is the same
 * retry when it is resumed. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "spec/params.h"

/* The task of the dag that a path's word names, without its [index]; *at goes behind it. */
static const struct pipeline_task_spec *next_task(const struct dag_spec *dag, const char **at)
{
    size_t n = strcspn(*at, ".[");
    own_mem char *name = dh_strndup(*at, n);

    *at += n;
    while (**at == '[')
        *at += strcspn(*at, "]") + (strchr(*at, ']') ? 1 : 0);
    if (**at == '.')
        ++*at;
    return dag ? dag_task(dag, name) : NULL;
}

/* "root.loop[3].train", or without "root." */
static bool is_path(const struct spec *spec, const char *path)
{
    const struct component_spec *c = &spec->pipeline.root;
    const struct pipeline_task_spec *task;

    if (!strncmp(path, "root.", 5))
        path += 5;
    while (*path) {
        task = next_task(c->dag, &path);
        c = task ? spec_task_component(spec, task) : NULL;
        if (!c)
            return false;
    }
    return true;
}

static bool is_task(const struct spec *spec, const char *name)
{
    return strpbrk(name, ".[") ? is_path(spec, name) : spec_has_task(spec, name);
}

static int check_from(const struct spec *spec, const char *const *from, struct dh_err *err)
{
    for (; from && *from; from++)
        if (!is_task(spec, *from))
            return dh_fail(err, DH_NOT_FOUND, "pipeline '%s' has no task '%s'",
                           spec->pipeline.pipeline_info.name, *from);
    return 0;
}

static const struct store_task *task_at(const struct store_tasks *tasks, const char *const *keys,
                                        const char *key)
{
    for (size_t i = 0; i < tasks->n; i++)
        if (!strcmp(keys[i], key))
            return &tasks->items[i];
    return NULL;
}

/* Each "loop[3]" on the way of a path is on record. */
static int check_iterations(const struct store_tasks *tasks, const char *const *keys,
                            struct arena *a, const char *path, struct dh_err *err)
{
    const char *below = strncmp(path, "root.", 5) ? path : path + 5;

    for (const char *open = strchr(below, '['); open; open = strchr(open + 1, '[')) {
        const char *close = strchr(open, ']');
        const char *of = arena_printf(a, "root.%.*s", (int)(open - below), below);
        const struct store_task *loop = task_at(tasks, keys, of);

        if (close &&
            task_at(tasks, keys, arena_printf(a, "root.%.*s", (int)(close + 1 - below), below)))
            continue;
        if (loop && loop->iteration_count > 0)
            return dh_fail(err, DH_NOT_FOUND,
                           "there is no '%s': the iterations of '%s' in this run are [0] to [%lld]",
                           path, of, (long long)loop->iteration_count - 1);
        return dh_fail(err, DH_NOT_FOUND, "there is no '%s': '%s' has no iterations in this run",
                       path, of);
    }
    return 0;
}

static int check_recorded(struct engine *e, int64_t run, const char *const *from, struct arena *a,
                          struct dh_err *err)
{
    struct store_tasks tasks;
    const char **keys = NULL;

    for (; from && *from; from++) {
        if (!strchr(*from, '['))
            continue;
        if (!keys && store_task_list(e->store, run, a, &tasks, err) < 0)
            return -1;
        if (!keys)
            keys = earlier_keys(a, &tasks);
        if (check_iterations(&tasks, keys, a, *from, err) < 0)
            return -1;
    }
    return 0;
}

/* The parameters that the run had, as far as the changed pipeline still has them, and its defaults.
 */
static int bind_again(const struct spec *spec, const struct store_run *row, struct js **ret,
                      struct dh_err *err)
{
    own(js_free) struct js *had = NULL;
    own(js_free) struct js *given = js_object();

    if (row->parameters && js_parse(row->parameters, strlen(row->parameters), &had, err) < 0)
        return -1;
    for (js_each(had, it))
        if (spec_find(&spec->pipeline.root.input_definitions.parameters, it.key))
            js_set(given, it.key, js_ref(it.value));
    return spec_bind_params(spec, given, ret, err);
}

int retry_check(struct engine *e, const struct store_run *row, const struct engine_how *how,
                struct js **ret_parameters, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    own(spec_free) struct spec *recorded = NULL;
    own(js_free) struct js *parameters = NULL;
    const struct spec *spec = how->spec;
    const char *json;

    if (!spec) {
        if (store_spec_get(e->store, row->spec_digest, arena, &json, err) < 0 ||
            spec_load_bytes("pipeline", json, strlen(json), &recorded, NULL, err) < 0)
            return -1;
        spec = recorded;
    }
    if (bind_again(spec, row, &parameters, err) < 0 || engine_try_plan(spec, parameters, err) < 0 ||
        check_from(spec, how->from, err) < 0 ||
        check_recorded(e, row->id, how->from, arena, err) < 0)
        return -1;
    *ret_parameters = take(&parameters);
    return 0;
}

static int put_spec(struct engine *e, int64_t run, const struct spec *spec, struct dh_err *err)
{
    own(js_free) struct js *v = spec_to_json(spec);
    own_mem char *text = js_dump(v, JS_COMPACT);
    char digest[DIGEST_TEXT];

    (void)digest_bytes(text, strlen(text), digest);
    if (store_spec_put(e->store, digest, text, err) < 0)
        return -1;
    return store_run_set_spec(e->store, run, digest, err);
}

int retry_record(struct engine *e, const struct store_run *row, const struct engine_how *how,
                 const struct js *parameters, struct dh_err *err)
{
    own(js_free) struct js *options = NULL;
    own_mem char *options_text = NULL;
    own_mem char *parameters_text = js_dump(parameters, JS_COMPACT);
    struct js *retry = js_object(), *from = js_array();

    for (const char *const *name = how->from; name && *name; name++)
        js_push(from, js_str(*name));
    js_set(retry, "at", js_int(clock_now_us()));
    js_set(retry, "from", from);
    if (js_parse(row->options ? row->options : "{}", strlen(row->options ? row->options : "{}"),
                 &options, err) < 0) {
        js_free(retry);
        return -1;
    }
    js_set(options, "retry", retry);
    options_text = js_dump(options, JS_COMPACT);
    if (how->spec && put_spec(e, row->id, how->spec, err) < 0)
        return -1;
    return store_run_set_given(e->store, row->id, parameters_text, options_text, err);
}
