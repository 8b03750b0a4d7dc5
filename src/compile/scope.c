/* scope - how a value reaches who uses it: down through the groups around the user, out of the
 * groups around its task.
 *
 * A task of the pipeline's root may name an input of the pipeline, or another task there. Anything
 * else is handed down: each group between gets it as an input `pipelinechannel--FULL-NAME`. What is
 * made inside of a loop or branch comes out of it under that name too (Collected, OneOf). */
#include "compile/draft.h"

static const char prefix[] = "pipelinechannel--";

const char *draft_channel_name(struct arena *a, const struct draft_value *v)
{
    switch (v->kind) {
    case DRAFT_ITEM:
        return v->group->item_name;
    case DRAFT_FIELD:
        return arena_printf(a, "%s-subvar-%s", draft_channel_name(a, v->of), v->name);
    case DRAFT_COLLECTED:
        return draft_channel_name(a, v->of);
    default:
        return v->name;
    }
}

/* Does `group` hold the task, itself or further down? */
static bool holds(const struct draft_group *group, const struct draft_task *task)
{
    const struct draft_group *g = task->parent;

    while (g && g != group)
        g = g->parent;
    return g != NULL;
}

/* The group directly in `group` that holds `inner` (or is it); NULL: none. */
static struct draft_group *child_around(const struct draft_group *group, struct draft_group *inner)
{
    while (inner && inner->parent != group)
        inner = inner->parent;
    return inner;
}

/* The name of the task or group that the value comes from, as seen from `group`; NULL: none. */
static const char *origin(const struct draft_group *group, const struct draft_value *v)
{
    switch (v->kind) {
    case DRAFT_OUTPUT:
        return v->task->name;
    case DRAFT_ITEM:
        return origin(group, v->group->items);
    case DRAFT_FIELD:
        return origin(group, v->of);
    case DRAFT_ONE_OF:
        return v->group->name;
    case DRAFT_COLLECTED:
        while (!holds(group, v->of->task))
            group = group->parent;
        if (v->of->task->parent == group)
            return v->of->task->name;
        return child_around(group, v->of->task->parent)->name;
    default:
        return NULL;
    }
}

const char *draft_full_name(struct arena *a, const struct draft_group *group,
                            const struct draft_value *v)
{
    const char *from = origin(group, v), *name = draft_channel_name(a, v);

    if (v->kind == DRAFT_COLLECTED) /* what it is called where it comes out */
        name = arena_printf(a, "%s%s-%s", prefix, v->of->task->name, v->of->name);
    return from ? arena_printf(a, "%s-%s", from, name) : name;
}

/* ---- coming out ---- */

struct js *draft_selector(const struct draft_value *v, const char *task, const char *key)
{
    bool artifact = v->type == DRAFT_ARTIFACT;
    struct js *one = js_object(), *out = js_object(), *list;

    js_set(one, "producerSubtask", js_str(task));
    js_set(one, artifact ? "outputArtifactKey" : "outputParameterKey", js_str(key));
    if (!artifact) {
        js_set(out, "valueFromParameter", one);
        return out;
    }
    list = js_array();
    js_push(list, one);
    js_set(out, "artifactSelectors", list);
    return out;
}

static struct draft_shown *find_shown(struct draft_group *g, const char *name)
{
    for (size_t i = 0; i < g->n_shown; i++)
        if (!strcmp(g->shown[i].name, name))
            return &g->shown[i];
    return NULL;
}

static void show(struct arena *a, struct draft_group *g, const char *name,
                 const struct draft_value *v, struct js *from)
{
    const struct draft_shown shown = {.name = name,
                                      .value = v,
                                      .type = v->type,
                                      .artifact = v->artifact,
                                      .list = v->list,
                                      .from = draft_keep(a, from)};

    if (!find_shown(g, name))
        DRAFT_PUSH(a, g->shown, g->n_shown, g->cap_shown, shown);
}

/* Lets `output` come out of the groups from its task's on, up to that directly in `top`, as a value
 * of v's type; *ret is the last one. */
static void come_out(struct arena *a, const struct draft_group *top, const struct draft_value *v,
                     const struct draft_value *output, struct draft_source *ret)
{
    const char *name = arena_printf(a, "%s%s-%s", prefix, output->task->name, output->name);
    const char *task = output->task->name, *key = output->name;

    for (struct draft_group *g = output->task->parent; g != top; g = g->parent) {
        show(a, g, name, v, draft_selector(v, task, key));
        task = g->name;
        key = name;
        ret->through = g;
    }
    ret->task = task;
    ret->key = key;
}

static int surface_collected(struct arena *a, struct draft_group *group,
                             const struct draft_value *v, struct draft_place user,
                             struct draft_source *ret, struct dh_err *err)
{
    bool loop = false;

    for (const struct draft_group *g = v->of->task->parent; g != group; g = g->parent) {
        loop |= g->kind == DRAFT_LOOP;
        if (g->parent == group && g->kind != DRAFT_LOOP)
            return draft_fail(err, user,
                              "what is collected from '%s' is used outside of the %s '%s' around "
                              "its loop, which may not run",
                              v->of->task->name,
                              g->kind == DRAFT_EXIT_HANDLER ? "handler" : "branch", g->name);
    }
    if (!loop)
        return draft_fail(err, user,
                          "'%s' is collected where it is not the task of a loop; use its output "
                          "as it is",
                          v->of->task->name);
    come_out(a, group, v, v->of, ret);
    return 0;
}

static int surface_one_of(struct arena *a, struct draft_group *group, const struct draft_value *v,
                          struct draft_place user, struct draft_source *ret, struct dh_err *err)
{
    bool artifact = v->type == DRAFT_ARTIFACT;
    struct js *list, *from;

    if (v->group->parent != group)
        return draft_fail(err, user,
                          "the value of '%s' is used outside of the block that the if stands in",
                          v->group->name);
    *ret = (struct draft_source){v->group->name, v->name, v->group};
    if (find_shown(v->group, v->name))
        return 0;
    list = js_array();
    for (size_t i = 0; i < v->n_values; i++) {
        struct draft_source s = {0};
        struct js *one = js_object();

        come_out(a, v->group, v, v->values[i], &s);
        js_set(one, "producerSubtask", js_str(s.task));
        js_set(one, artifact ? "outputArtifactKey" : "outputParameterKey", js_str(s.key));
        js_push(list, one);
    }
    from = js_object();
    if (artifact) {
        js_set(from, "artifactSelectors", list);
    } else {
        struct js *selectors = js_object();

        js_set(selectors, "parameterSelectors", list);
        js_set(from, "valueFromOneof", selectors);
    }
    show(a, v->group, v->name, v, from);
    return 0;
}

int draft_surface(struct arena *a, struct draft_group *group, const struct draft_value *v,
                  struct draft_place user, struct draft_source *ret, struct dh_err *err)
{
    const struct draft_group *around;

    *ret = (struct draft_source){0};
    if (v->kind == DRAFT_COLLECTED)
        return surface_collected(a, group, v, user, ret, err);
    if (v->kind == DRAFT_ONE_OF)
        return surface_one_of(a, group, v, user, ret, err);
    around = child_around(group, v->task->parent);
    if (v->task->parent != group && around)
        return draft_fail(err, user,
                          "output '%s' of '%s' (line %d) is used outside of the %s '%s' around it; "
                          "%s",
                          v->name, v->task->name, v->task->at.line,
                          around->kind == DRAFT_LOOP ? "loop" : "block", around->name,
                          around->kind == DRAFT_LOOP ? "collect it"
                                                     : "use one-of, or move the user in");
    *ret = (struct draft_source){v->task->name, v->name, NULL};
    return 0;
}

/* ---- going in ---- */

static struct js *from_task(const struct draft_value *v, const struct draft_source *s)
{
    bool artifact = v->type == DRAFT_ARTIFACT;
    struct js *of = js_object(), *out = js_object();

    js_set(of, "producerTask", js_str(s->task));
    js_set(of, artifact ? "outputArtifactKey" : "outputParameterKey", js_str(s->key));
    js_set(out, artifact ? "taskOutputArtifact" : "taskOutputParameter", of);
    return out;
}

static struct js *from_component(const struct draft_value *v, const char *name)
{
    struct js *out = js_object();

    js_set(out, v->type == DRAFT_ARTIFACT ? "componentInputArtifact" : "componentInputParameter",
           js_str(name));
    return out;
}

static bool is_of_this_loop(const struct draft_group *group, const struct draft_value *v)
{
    const struct draft_value *item = v->kind == DRAFT_FIELD ? v->of : v;

    return item->kind == DRAFT_ITEM && item->group == group;
}

/* Is it made below `group`, so that nobody has to hand it down? */
static bool is_below(const struct draft_group *group, const struct draft_value *v)
{
    switch (v->kind) {
    case DRAFT_OUTPUT:
        return holds(group, v->task);
    case DRAFT_COLLECTED:
        return holds(group, v->of->task);
    case DRAFT_ONE_OF:
        return child_around(group, v->group) != NULL;
    default:
        return false;
    }
}

static int resolve_here(struct arena *a, struct draft_group *group, const struct draft_value *v,
                        struct draft_place user, struct js **ret, struct dh_err *err)
{
    struct draft_source s;

    if (draft_surface(a, group, v, user, &s, err) < 0)
        return -1;
    *ret = from_task(v, &s);
    return 0;
}

int draft_resolve(struct arena *a, struct draft_group *group, const struct draft_value *v,
                  struct draft_place user, struct js **ret, struct dh_err *err)
{
    const char *name;

    if (is_below(group, v))
        return resolve_here(a, group, v, user, ret, err);
    if (is_of_this_loop(group, v)) {
        const struct draft_value *item = v->kind == DRAFT_FIELD ? v->of : v;

        *ret =
            from_component(item, arena_printf(a, "%s%s", prefix, draft_full_name(a, group, item)));
        if (v->kind == DRAFT_FIELD)
            js_set(*ret, "parameterExpressionSelector",
                   js_strf("parseJson(string_value)[\"%s\"]", v->name));
        return 0;
    }
    if (!group->parent) {
        if (v->kind != DRAFT_INPUT)
            return draft_fail(err, user, "the item of a loop (line %d) is used outside of it",
                              v->at.line);
        *ret = from_component(v, v->name);
        return 0;
    }
    if (draft_hand(a, group, v, user, &name, err) < 0)
        return -1;
    *ret = from_component(v, name);
    return 0;
}

int draft_hand(struct arena *a, struct draft_group *group, const struct draft_value *v,
               struct draft_place user, const char **ret, struct dh_err *err)
{
    struct js *from;
    struct draft_handed handed = {
        .name = arena_printf(a, "%s%s", prefix, draft_full_name(a, group->parent, v)), .value = v};

    *ret = handed.name;
    for (size_t i = 0; i < group->n_handed; i++)
        if (!strcmp(group->handed[i].name, handed.name))
            return 0;
    if (draft_resolve(a, group->parent, v, user, &from, err) < 0)
        return -1;
    handed.from = draft_keep(a, from);
    DRAFT_PUSH(a, group->handed, group->n_handed, group->cap_handed, handed);
    return 0;
}
