/* flow-output - what a task gives, in its dag's template: through dags, OneOf and loops. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"

static const char *export_name(struct argo *a, struct spot *spot, const char *key, enum flow_as as)
{
    const char *name = name_param(a, flow_key(a, key, as)), *one = name;
    int n = 2;

    for (size_t i = 0; i < spot->n_exports; i++)
        if (!strcmp(spot->exports[i].name, one)) {
            one = arena_printf(a->arena, "%s-%d", name, n++);
            i = (size_t)-1;
        }
    return one;
}

struct exported *flow_export(struct spot *spot, const char *key, enum flow_as as)
{
    for (size_t i = 0; i < spot->n_exports; i++)
        if (spot->exports[i].as == as && !strcmp(spot->exports[i].key, key))
            return &spot->exports[i];
    return NULL;
}

struct exported *flow_export_add(struct argo *a, struct spot *spot, const char *key,
                                 enum flow_as as)
{
    const char *name = export_name(a, spot, key, as);
    struct exported *e;

    DH_GROW(spot->exports, spot->n_exports, spot->cap_exports);
    e = &spot->exports[spot->n_exports++];
    *e = (struct exported){.key = arena_strdup(a->arena, key), .name = name, .as = as};
    return e;
}

/* The name of a claim from a suffix, with the indices of the loops where there are any. */
static struct flow claim_name(struct argo *a, const struct spot *spot, struct flow suffix)
{
    static const char mark[] = "\001"; /* stands for the indices */
    const char *ending = suffix.kind == FLOW_CONST ? flow_render(a, suffix) : "";
    own_mem char *plain =
        argo_claim_name(a->run->run_id, spot->scope, spot->up->n_loops ? mark : "", ending);
    const char *at = strchr(plain, *mark);
    struct flow f = {.kind = FLOW_TEXT, .type = PARAM_STRING};

    if (!at && suffix.kind != FLOW_TEXT)
        return flow_const(a, js_str(plain));
    if (suffix.kind == FLOW_TEXT)
        ending = flow_text_operand(a, suffix);
    else
        ending = arena_printf(a->arena, "'%s'", ending);
    f.expr = at ? arena_printf(a->arena, "('%.*s' + inputs.parameters['iteration'] + %s)",
                               (int)(at - plain), plain, ending)
                : arena_printf(a->arena, "('%s' + %s)", plain, ending);
    return f;
}

/* A claim's name is no output that Argo sees: it is known before the claim is there. */
static int claim_output(struct argo *a, struct spot *spot, const char *key, struct flow *ret)
{
    struct flow name = {0}, suffix = {0};

    if (spot->is_loop || strcmp(key, "name") != 0) {
        *ret = flow_unknown(a, "only the server knows it");
        return 0;
    }
    if (flow_own(a, spot, "pvc_name", AS_TEXT, &name) < 0 ||
        flow_own(a, spot, "pvc_name_suffix", AS_TEXT, &suffix) < 0)
        return -1;
    if (name.kind == FLOW_CONST && !*flow_render(a, name))
        name.kind = FLOW_NONE;
    *ret = name.kind != FLOW_NONE        ? name
           : suffix.kind == FLOW_UNKNOWN ? suffix
                                         : claim_name(a, spot, suffix);
    return 0;
}

/* What a subtask of `dag` gives, inside the dag's template. */
static int subtask_output(struct argo *a, struct spot *dag, const struct parameter_selector_spec *s,
                          enum flow_as as, struct flow *ret)
{
    const struct dag_spec *spec = dag->component->dag;
    const struct pipeline_task_spec *task = dag_task(spec, s->producer_subtask);

    *ret = (struct flow){0};
    return task ? flow_output(a, &dag->children[task - spec->tasks.items], s->output_parameter_key,
                              as, false, ret)
                : 0;
}

/* OneOf: the first that ran. */
static int one_of(struct argo *a, struct spot *dag, const struct parameter_selectors_spec *all,
                  enum flow_as as, struct flow *ret)
{
    own_buf struct buf b = {0}, end = {0};
    struct flow f = {0};

    for (size_t i = 0; i < all->parameter_selectors.n; i++) {
        const struct parameter_selector_spec *s = &all->parameter_selectors.items[i];
        const struct pipeline_task_spec *task = dag_task(dag->component->dag, s->producer_subtask);
        const struct spot *child;

        if (!task)
            continue;
        child = &dag->children[task - dag->component->dag->tasks.items];
        if (subtask_output(a, dag, s, as, &f) < 0)
            return -1;
        if (f.kind == FLOW_UNKNOWN || child->is_gone || (f.kind == FLOW_CONST && as == AS_COUNT)) {
            *ret = f.kind == FLOW_UNKNOWN
                       ? f
                       : flow_unknown(a, "only the server knows which branch ran");
            return 0;
        }
        buf_addf(&b, "(tasks['%s'].status == 'Succeeded' ? %s : ", child->name,
                 f.kind == FLOW_TEXT ? f.expr : flow_text_operand(a, f));
        buf_addc(&end, ')');
    }
    buf_addf(&b, "''%s", buf_str(&end));
    *ret = (struct flow){.kind = FLOW_TEXT, .expr = arena_strdup(a->arena, buf_str(&b))};
    return 0;
}

/* Inside a dag's own template; no value: FLOW_NONE. */
static int dag_output(struct argo *a, struct spot *dag, const char *key, enum flow_as as,
                      struct flow *ret)
{
    const struct dag_output_parameter_spec *out =
        spec_find(&dag->component->dag->outputs.parameters, key);

    *ret = (struct flow){0};
    if (out && out->value_from_parameter)
        return subtask_output(a, dag, out->value_from_parameter, as, ret);
    return out && out->value_from_oneof ? one_of(a, dag, out->value_from_oneof, as, ret) : 0;
}

static enum spec_param_type output_type(const struct spot *spot, const char *key)
{
    const struct component_outputs_parameter_spec *def =
        spec_find(&spot->component->output_definitions.parameters, key);

    return def ? def->parameter_type : PARAM_UNSPECIFIED;
}

struct flow flow_exported(struct argo *a, const struct spot *producer, const struct exported *e,
                          bool careful)
{
    struct flow f = flow_reference(a, "tasks", ".outputs.parameters", producer->name, e->name);

    if (careful) { /* a plain reference to what is not there would hold the task for ever */
        f.expr = arena_printf(a->arena,
                              "(get(get(get(get(tasks, '%s'), 'outputs'), 'parameters'), '%s') ?? "
                              "'')",
                              producer->name, e->name);
        f.tag = NULL;
    }
    f.collected = e->is_collected;
    f.type = e->as != AS_TEXT  ? PARAM_NUMBER_INTEGER
             : e->is_collected ? PARAM_LIST
                               : output_type(producer, e->key);
    return f;
}

/* What one pass of the producer's body gives, and how its template says it: *expr, or NULL for a
 * file. */
static int body_output(struct argo *a, struct spot *producer, const char *key, enum flow_as as,
                       struct flow *ret)
{
    *ret = (struct flow){0};
    if (producer->is_builtin)
        return claim_output(a, producer, key, ret);
    if (!argo_is_leaf(producer))
        return dag_output(a, producer, key, as, ret);
    if (producer->executor->kind == EXECUTOR_CONTAINER &&
        spec_find(&producer->component->output_definitions.parameters, key))
        ret->kind = FLOW_TEXT;
    return 0;
}

int flow_output(struct argo *a, struct spot *producer, const char *key, enum flow_as as,
                bool careful, struct flow *ret)
{
    enum flow_as ask = producer->is_loop ? AS_TEXT : as;
    struct exported *e = flow_export(producer, key, ask);
    struct flow f;

    if (!e) {
        if (body_output(a, producer, key, ask, &f) < 0)
            return -1;
        if (f.kind == FLOW_UNKNOWN || f.kind == FLOW_NONE ||
            (!producer->is_loop && (f.kind == FLOW_CONST || producer->is_builtin))) {
            *ret = f;
            return 0;
        }
        if (f.kind == FLOW_CONST) {
            *ret = flow_unknown(a, "what a loop collected of it is known to the server alone");
            return 0;
        }
        e = flow_export_add(a, producer, key, ask);
        e->is_collected = producer->is_loop || f.collected;
        e->is_nested = producer->is_loop && f.collected;
        e->expr = f.expr;
    }
    f = flow_exported(a, producer, e, careful);
    *ret = as == AS_COUNT && producer->is_loop ? flow_counted(a, f) : f;
    return 0;
}
