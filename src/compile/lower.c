/* lower - a draft's pipelines as pipeline specs: first every value is resolved through the groups,
 * then groups and tasks are written, parents first, as the SDK's compiler does it. */
#include <stdlib.h>
#include <string.h>

#include "compile/compile.h"
#include "compile/draft.h"

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Lower case, and one '-' for whatever else stands between. */
const char *lower_k8s_name(struct arena *a, const char *name)
{
    char *to = arena_strdup(a, name), *at = to;

    for (const char *p = name; *p; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;

        if (is_name_byte(c))
            *at++ = c;
        else if (at > to && at[-1] != '-')
            *at++ = '-';
    }
    while (at > to && at[-1] == '-')
        at--;
    *at = '\0';
    return to;
}

const char *lower_unique(struct arena *a, const struct js *object, const char *base)
{
    const char *name = base;

    for (int i = 2; js_get(object, name); i++)
        name = arena_printf(a, "%s-%d", base, i);
    return name;
}

/* ---- interfaces ---- */

struct js *lower_artifact_type(const char *title)
{
    struct js *type = js_object();

    js_set(type, "schemaTitle", js_str(title));
    js_set(type, "schemaVersion", js_str("0.0.1"));
    return type;
}

static struct js *port(const struct draft_port *p, bool input)
{
    struct js *o = js_object();

    if (p->type == DRAFT_ARTIFACT) {
        js_set(o, "artifactType", lower_artifact_type(p->artifact));
        if (p->list)
            js_set(o, "isArtifactList", js_bool(true));
    } else {
        js_set(o, "parameterType", js_str(draft_type_name(p->type)));
        if (input && p->default_value)
            js_set(o, "defaultValue", js_ref(p->default_value));
    }
    if (input && p->optional)
        js_set(o, "isOptional", js_bool(true));
    if (*p->help)
        js_set(o, "description", js_str(p->help));
    return o;
}

static void set_if_any(struct js *to, const char *key, struct js *v)
{
    if (js_n(v))
        js_set(to, key, v);
    else
        js_free(v);
}

static struct js *ports(const struct draft_ports *list, bool input)
{
    struct js *artifacts = js_object(), *parameters = js_object(), *o = js_object();

    for (size_t i = 0; i < list->n; i++)
        js_set(list->items[i].type == DRAFT_ARTIFACT ? artifacts : parameters, list->items[i].name,
               port(&list->items[i], input));
    set_if_any(o, "artifacts", artifacts);
    set_if_any(o, "parameters", parameters);
    return o;
}

struct js *lower_interface(struct arena *a, struct draft_component *c)
{
    struct js *spec = js_object();

    if (!c->interface) {
        c->interface = draft_keep(a, js_object());
        set_if_any(c->interface, "inputDefinitions", ports(&c->inputs, true));
        set_if_any(c->interface, "outputDefinitions", ports(&c->outputs, false));
    }
    for (js_each(c->interface, it))
        js_set(spec, it.key, js_ref(it.value));
    return spec;
}

/* A type as a group's input or output has it. */
static struct js *passing(enum draft_type type, const char *artifact, bool list)
{
    const struct draft_port p = {.type = type, .artifact = artifact, .list = list, .help = ""};

    return port(&p, false);
}

/* ---- resolving ---- */

static int resolve_input(struct arena *a, struct draft_task *task, const struct draft_input *in,
                         struct dh_err *err);

/* A value inside a text: an input of the task's own, which the text names. */
static int resolve_part(struct arena *a, struct draft_task *task, struct draft_value *v,
                        const char **ret, struct dh_err *err)
{
    const struct draft_input part = {
        arena_printf(a, "pipelinechannel--%s", draft_full_name(a, task->parent, v)), v};

    if (v->type == DRAFT_ARTIFACT)
        return draft_fail(err, task->at, "an artifact cannot stand in a text");
    *ret = part.name;
    return resolve_input(a, task, &part, err);
}

static int resolve_format(struct arena *a, struct draft_task *task, const struct draft_value *v,
                          struct js **ret, struct dh_err *err)
{
    const char *rest = v->format;
    const char *text = "";

    for (size_t i = 0; i < v->n_values; i++) {
        const char *at = strstr(rest, "{}"), *name = NULL;

        if (!at)
            return draft_fail(err, v->at, "the text has %zu {} for %zu values", i, v->n_values);
        if (v->values[i]->kind == DRAFT_CONSTANT) {
            const struct js *c = v->values[i]->constant;
            char *shown = js_text(c) ? NULL : js_dump(c, JS_COMPACT);

            text = arena_printf(a, "%s%.*s%s", text, (int)(at - rest), rest,
                                shown ? shown : js_text(c));
            free(shown);
        } else {
            if (resolve_part(a, task, v->values[i], &name, err) < 0)
                return -1;
            text = arena_printf(a, "%s%.*s{{$.inputs.parameters['%s']}}", text, (int)(at - rest),
                                rest, name);
        }
        rest = at + 2;
    }
    *ret = js_strf("%s%s", text, rest);
    return 0;
}

static struct js *constant_input(struct js *value)
{
    struct js *runtime = js_object(), *o = js_object();

    js_set(runtime, "constant", value);
    js_set(o, "runtimeValue", runtime);
    return o;
}

static int resolve_input(struct arena *a, struct draft_task *task, const struct draft_input *in,
                         struct dh_err *err)
{
    const struct draft_value *v = in->value;
    struct js *from, *text = NULL;

    if (v->kind == DRAFT_CONSTANT) {
        from = constant_input(js_ref(v->constant));
    } else if (v->kind == DRAFT_FORMAT) {
        if (resolve_format(a, task, v, &text, err) < 0)
            return -1;
        from = constant_input(text);
    } else if (draft_resolve(a, task->parent, v, task->at, &from, err) < 0) {
        return -1;
    }
    js_set(js_get(task->resolved, v->type == DRAFT_ARTIFACT ? "artifacts" : "parameters"), in->name,
           from);
    return 0;
}

/* What the branches around a task compare reaches the task's own block too, as the SDK has it. */
static int hand_conditions(struct arena *a, struct draft_task *task, struct dh_err *err)
{
    const char *name;

    for (const struct draft_group *g = task->parent; g; g = g->parent)
        for (size_t i = 0; i < g->n_conditions; i++) {
            const struct draft_value *sides[] = {g->conditions[i].left, g->conditions[i].right};

            for (int k = 0; k < 2; k++)
                if (sides[k]->kind != DRAFT_CONSTANT &&
                    draft_hand(a, task->parent, sides[k], g->at, &name, err) < 0)
                    return -1;
        }
    return 0;
}

/* Settings that are made of values. */
static int resolve_needs(struct arena *a, struct draft_task *task, struct dh_err *err)
{
    for (size_t i = 0; i < task->n_needs; i++) {
        const struct draft_need *need = &task->needs[i];
        const char *name = NULL;
        struct js *from;

        if (need->setting) {
            if (resolve_part(a, task, need->value, &name, err) < 0)
                return -1;
            *need->setting = arena_printf(a, "{{$.inputs.parameters['%s']}}", name);
            js_set(js_get(task->resolved, "parameters"), need->name,
                   constant_input(js_str(*need->setting)));
            continue;
        }
        if (need->value->type != DRAFT_TEXT)
            return draft_fail(err, task->at, "what '%s' is given as a name is no text", task->name);
        if (draft_resolve(a, task->parent, need->value, task->at, &from, err) < 0)
            return -1;
        for (js_each(from, it))
            if (need->also)
                js_set(need->to, it.key, js_ref(it.value));
        js_set(need->to, need->key, from);
    }
    return 0;
}

static int resolve_task(struct arena *a, struct draft_task *task, struct dh_err *err)
{
    task->resolved = draft_keep(a, js_object());
    js_set(task->resolved, "artifacts", js_object());
    js_set(task->resolved, "parameters", js_object());
    for (size_t i = 0; i < task->n_inputs; i++)
        if (resolve_input(a, task, &task->inputs[i], err) < 0)
            return -1;
    return resolve_needs(a, task, err) < 0 ? -1 : hand_conditions(a, task, err);
}

static int resolve_group(struct arena *a, struct draft_group *group, struct dh_err *err)
{
    const char *name;

    for (size_t i = 0; i < group->n_conditions; i++) {
        const struct draft_value *sides[] = {group->conditions[i].left, group->conditions[i].right};

        for (int k = 0; k < 2; k++)
            if (sides[k]->kind != DRAFT_CONSTANT &&
                draft_hand(a, group, sides[k], group->at, &name, err) < 0)
                return -1;
    }
    if (group->items && group->items->kind != DRAFT_CONSTANT &&
        draft_hand(a, group, group->items, group->at, &name, err) < 0)
        return -1;
    for (size_t i = 0; i < group->n_groups; i++)
        if (resolve_group(a, group->groups[i], err) < 0)
            return -1;
    return 0;
}

static int resolve_outputs(struct arena *a, struct draft_pipeline *p, struct dh_err *err)
{
    const struct draft_ports *ports_of = &p->component->outputs;

    for (size_t i = 0; i < ports_of->n; i++) {
        bool given = false;

        for (size_t k = 0; k < p->n_outputs; k++)
            given |= !strcmp(p->outputs[k].name, ports_of->items[i].name);
        if (!given)
            return draft_fail(err, p->component->at, "output '%s' of the pipeline '%s' is not set",
                              ports_of->items[i].name, p->component->name);
    }
    for (size_t i = 0; i < p->n_outputs; i++) {
        struct draft_source s;

        if (draft_surface(a, p->root, p->outputs[i].value, p->component->at, &s, err) < 0)
            return -1;
    }
    return 0;
}

static int resolve(struct arena *a, struct draft_pipeline *p, struct dh_err *err)
{
    if (p->resolved)
        return 0;
    if (p->open != p->root)
        return draft_fail(err, p->open->at, "the block is not ended");
    if (!p->n_tasks)
        return draft_fail(err, p->component->at, "the pipeline '%s' has no task",
                          p->component->name);
    for (size_t i = 0; i < p->n_tasks; i++)
        if (draft_task_check(p->tasks[i], err) < 0 || resolve_task(a, p->tasks[i], err) < 0)
            return -1;
    if (resolve_group(a, p->root, err) < 0 || resolve_outputs(a, p, err) < 0 ||
        draft_order(a, p, err) < 0)
        return -1;
    p->resolved = true;
    return 0;
}

/* ---- writing groups ---- */

static struct js *group_inputs(const struct draft_group *g)
{
    struct js *artifacts = js_object(), *parameters = js_object(), *o = js_object();

    for (size_t i = 0; i < g->n_handed; i++)
        js_set(g->handed[i].value->type == DRAFT_ARTIFACT ? artifacts : parameters,
               g->handed[i].name, js_ref(g->handed[i].from));
    set_if_any(o, "artifacts", artifacts);
    set_if_any(o, "parameters", parameters);
    return o;
}

/* What the items of a loop are, for the loop's inside. */
static struct js *item_type(const struct draft_value *items)
{
    if (items->type == DRAFT_ARTIFACT)
        return passing(DRAFT_ARTIFACT, items->artifact, false);
    if (items->kind == DRAFT_CONSTANT)
        return passing(draft_type_of(js_at(items->constant, 0)), NULL, false);
    return passing(items->item, NULL, false);
}

static const char *item_input(struct arena *a, const struct draft_group *g)
{
    const struct draft_value item = {.kind = DRAFT_ITEM, .group = (struct draft_group *)g};

    return arena_printf(a, "pipelinechannel--%s", draft_full_name(a, g, &item));
}

static struct js *group_component(struct arena *a, const struct draft_group *g)
{
    struct js *spec = js_object(), *in = js_object(), *out = js_object(), *dag = js_object(),
              *outputs = js_object();
    struct js *artifacts = js_object(), *parameters = js_object();

    for (size_t i = 0; i < g->n_handed; i++) {
        const struct draft_value *v = g->handed[i].value;

        js_set(v->type == DRAFT_ARTIFACT ? artifacts : parameters, g->handed[i].name,
               passing(v->type, v->artifact, v->list));
    }
    if (g->items)
        js_set(g->items->type == DRAFT_ARTIFACT ? artifacts : parameters, item_input(a, g),
               item_type(g->items));
    set_if_any(in, "artifacts", artifacts);
    set_if_any(in, "parameters", parameters);
    set_if_any(spec, "inputDefinitions", in);
    artifacts = js_object();
    parameters = js_object();
    for (size_t i = 0; i < g->n_shown; i++) {
        const char *kind = g->shown[i].type == DRAFT_ARTIFACT ? "artifacts" : "parameters";

        js_set(g->shown[i].type == DRAFT_ARTIFACT ? artifacts : parameters, g->shown[i].name,
               passing(g->shown[i].type, g->shown[i].artifact, g->shown[i].list));
        if (!js_get(outputs, kind))
            js_set(outputs, kind, js_object());
        js_set(js_get(outputs, kind), g->shown[i].name, js_ref(g->shown[i].from));
    }
    set_if_any(out, "artifacts", artifacts);
    set_if_any(out, "parameters", parameters);
    set_if_any(spec, "outputDefinitions", out);
    js_set(dag, "tasks", js_object());
    set_if_any(dag, "outputs", outputs);
    js_set(spec, "dag", dag);
    return spec;
}

static void add_iterator(struct arena *a, const struct draft_group *g, struct js *task)
{
    struct js *iterator = js_object(), *items = js_object();
    bool artifact = g->items->type == DRAFT_ARTIFACT;

    if (g->items->kind == DRAFT_CONSTANT) {
        char *raw = js_dump(g->items->constant, JS_SORTED | JS_PYTHON);

        js_set(items, "raw", js_str(raw));
        free(raw);
    } else {
        js_set(items, artifact ? "inputArtifact" : "inputParameter",
               js_strf("pipelinechannel--%s", draft_full_name(a, g->parent, g->items)));
    }
    js_set(iterator, "items", items);
    js_set(iterator, "itemInput", js_str(item_input(a, g)));
    js_set(task, artifact ? "artifactIterator" : "parameterIterator", iterator);
    if (g->parallelism) {
        struct js *policy = js_object();

        js_set(policy, "parallelismLimit", js_int(g->parallelism));
        js_set(task, "iteratorPolicy", policy);
    }
}

static void add_name_and_waits(const struct draft_group *in, const char *name,
                               const char *display_name, struct js *task)
{
    struct js *info = js_object(), *waits = js_get(in->waits, name);

    js_set(info, "name", js_str(display_name ? display_name : name));
    js_set(task, "taskInfo", info);
    if (waits)
        js_set(task, "dependentTasks", js_ref(waits));
}

static int group_task(struct arena *a, const struct draft_group *g, const char *component,
                      struct js **ret, struct dh_err *err)
{
    struct js *task = js_object(), *ref = js_object();
    const char *condition;

    *ret = task;
    add_name_and_waits(g->parent, g->name, g->display_name, task);
    js_set(ref, "name", js_str(component));
    js_set(task, "componentRef", ref);
    set_if_any(task, "inputs", group_inputs(g));
    if (g->items)
        add_iterator(a, g, task);
    if (g->kind == DRAFT_BRANCH) {
        struct js *policy = js_object();

        if (draft_condition_text(a, g, &condition, err) < 0) {
            js_free(policy);
            *ret = js_free(task);
            return -1;
        }
        js_set(policy, "condition", js_str(condition));
        js_set(task, "triggerPolicy", policy);
    }
    return 0;
}

static int lower_children(struct lowered *to, struct draft_group *g, struct js *spec,
                          struct dh_err *err);

static int lower_group(struct lowered *to, struct draft_group *g, struct js **ret_task,
                       struct js **ret_spec, struct dh_err *err)
{
    const char *component =
        lower_unique(to->arena, to->components, arena_printf(to->arena, "comp-%s", g->name));

    if (group_task(to->arena, g, component, ret_task, err) < 0)
        return -1;
    *ret_spec = group_component(to->arena, g);
    js_set(to->components, component, *ret_spec);
    return 0;
}

/* Adds what a group has in it to its dag, then what is in that. */
static int lower_children(struct lowered *to, struct draft_group *g, struct js *spec,
                          struct dh_err *err)
{
    struct js *tasks = js_path(spec, "dag", "tasks", NULL), *task;
    struct js **specs = arena_alloc(to->arena, (g->n_groups + 1) * sizeof *specs);

    for (size_t i = 0; i < g->n_groups; i++) {
        if (lower_group(to, g->groups[i], &task, &specs[i], err) < 0)
            return -1;
        js_set(tasks, g->groups[i]->name, task);
    }
    for (size_t i = 0; i < g->n_tasks; i++) {
        if (lower_task(to, g, g->tasks[i], &task, err) < 0)
            return -1;
        add_name_and_waits(g, g->tasks[i]->name, g->tasks[i]->display_name, task);
        js_set(tasks, g->tasks[i]->name, task);
    }
    for (size_t i = 0; i < g->n_groups; i++)
        if (lower_children(to, g->groups[i], specs[i], err) < 0)
            return -1;
    return 0;
}

static struct js *array_of(const char *text)
{
    struct js *list = js_array();

    js_push(list, js_str(text));
    return list;
}

/* Exit tasks stand in the root beside their handler, and wait for its end, whatever it was. */
static int lower_exit_tasks(struct lowered *to, struct draft_group *root, struct js *spec,
                            struct dh_err *err)
{
    for (size_t i = 0; i < root->n_groups; i++) {
        struct draft_task *exit_task = root->groups[i]->exit_task;
        struct js *task, *policy, *status;

        if (!exit_task)
            continue;
        if (lower_task(to, root, exit_task, &task, err) < 0)
            return -1;
        add_name_and_waits(root, exit_task->name, exit_task->display_name, task);
        js_set(task, "dependentTasks", array_of(root->groups[i]->name));
        policy = js_object();
        js_set(policy, "strategy", js_str("ALL_UPSTREAM_TASKS_COMPLETED"));
        js_set(task, "triggerPolicy", policy);
        for (size_t k = 0; k < exit_task->component->inputs.n; k++) {
            const struct draft_port *in = &exit_task->component->inputs.items[k];
            struct js *of;

            if (in->type != DRAFT_FINAL_STATUS)
                continue;
            if (!js_get(task, "inputs"))
                js_set(task, "inputs", js_object());
            if (!js_path(task, "inputs", "parameters", NULL))
                js_set(js_get(task, "inputs"), "parameters", js_object());
            status = js_object();
            of = js_object();
            js_set(of, "producerTask", js_str(root->groups[i]->name));
            js_set(status, "taskFinalStatus", of);
            js_set(js_path(task, "inputs", "parameters", NULL), in->name, status);
        }
        js_set(js_path(spec, "dag", "tasks", NULL), exit_task->name, task);
    }
    return 0;
}

static int root_outputs(struct arena *a, struct draft_pipeline *p, struct js *spec,
                        struct dh_err *err)
{
    struct js *outputs = js_object();

    for (size_t i = 0; i < p->n_outputs; i++) {
        const struct draft_value *v = p->outputs[i].value;
        const char *kind = v->type == DRAFT_ARTIFACT ? "artifacts" : "parameters";
        struct draft_source s;

        if (draft_surface(a, p->root, v, p->component->at, &s, err) < 0) {
            js_free(outputs);
            return -1;
        }
        if (!js_get(outputs, kind))
            js_set(outputs, kind, js_object());
        js_set(js_get(outputs, kind), p->outputs[i].name, draft_selector(v, s.task, s.key));
    }
    set_if_any(js_get(spec, "dag"), "outputs", outputs);
    return 0;
}

int lower_pipeline(struct lowered *to, struct draft_pipeline *p, struct js **ret,
                   struct dh_err *err)
{
    struct js *spec, *dag;

    if (resolve(to->arena, p, err) < 0)
        return -1;
    spec = lower_interface(to->arena, p->component);
    dag = js_object();
    js_set(dag, "tasks", js_object());
    js_set(spec, "dag", dag);
    if (lower_children(to, p->root, spec, err) < 0 ||
        lower_exit_tasks(to, p->root, spec, err) < 0 || root_outputs(to->arena, p, spec, err) < 0) {
        js_free(spec);
        return -1;
    }
    if (p->config && !to->config)
        to->config = p->config;
    *ret = spec;
    return 0;
}
