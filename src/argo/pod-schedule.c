/* pod-schedule - where a task's pod may run: node selectors, tolerations, affinity. Values that are
 * known only then go into the podSpecPatch, for Argo's own object has structs there, not text. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "plan/value.h"
#include "spec/kubernetes.h"

/* A JSON value of an input: CONST with an object or list, TEXT, or NONE. */
static int json_field(struct argo *a, struct spot *spot, const char *field,
                      const struct input_parameter_spec *in, struct flow *ret)
{
    struct js *parsed = NULL;

    *ret = (struct flow){0};
    if (!in)
        return 0;
    if (pod_flow(a, spot, field, in->pos, NULL, in, ret) < 0)
        return -1;
    if (ret->kind != FLOW_CONST)
        return 0;
    if (js_is(ret->value, JS_STRING) &&
        js_parse(js_text(ret->value), js_text_len(ret->value), &parsed, NULL) == 0)
        *ret = flow_const(a, parsed);
    *ret = flow_const(a, value_as(PARAM_STRUCT, ret->value)); /* the SDK's 100.0 is a 100 */
    if (js_is(ret->value, JS_NULL))
        ret->kind = FLOW_NONE;
    else if (!js_is(ret->value, JS_OBJECT) && !js_is(ret->value, JS_ARRAY))
        return argo_refuse(a, in->pos, spot, field, "expected JSON, got a %s",
                           js_kind_name(ret->value));
    return 0;
}

static int node_selector(struct argo *a, struct spot *spot, const struct node_selector *s)
{
    struct flow f;

    for (size_t i = 0; i < s->labels.n; i++)
        js_set(pod_object(spot->pod, "nodeSelector"), s->labels.items[i].name,
               js_str(s->labels.items[i].value));
    if (json_field(a, spot, "nodeSelectorJson", s->node_selector_json, &f) < 0)
        return -1;
    if (f.kind == FLOW_TEXT)
        js_set(pod_patch(spot), "nodeSelector", pod_raw(a, f, true));
    for (js_each(f.kind == FLOW_CONST ? f.value : NULL, it))
        js_set(pod_object(spot->pod, "nodeSelector"), it.key, js_ref(it.value));
    return 0;
}

/* ---- tolerations ---- */

static void set_text(struct js *to, const char *key, const char *text)
{
    if (text && *text)
        js_set(to, key, js_str(text));
}

static struct js *toleration_of(const struct toleration *t)
{
    struct js *v = js_object();

    set_text(v, "key", t->key);
    set_text(v, "operator", t->operator);
    set_text(v, "value", t->value);
    set_text(v, "effect", t->effect);
    if (t->has_toleration_seconds)
        js_set(v, "tolerationSeconds", js_int(t->toleration_seconds));
    return v;
}

/* The list as one expression: those known now, and those that come, each one or a list. */
static void patch_tolerations(struct argo *a, struct spot *spot, struct js *known,
                              const char *coming)
{
    struct flow f = flow_const(a, js_ref(known));
    enum cel_expr_type type;
    own_mem char *expr = dh_printf("flatten([%s%s])", flow_operand(a, f, &type), coming);

    js_set(pod_patch(spot), "tolerations", pod_raw_expr(expr));
}

static int tolerations(struct argo *a, struct spot *spot,
                       const struct kubernetes_executor_config *k)
{
    own(js_free) struct js *known = js_array();
    own_buf struct buf coming = {0};

    for (size_t i = 0; i < k->tolerations.n; i++) {
        const struct toleration *t = &k->tolerations.items[i];
        const char *field = arena_printf(a->arena, "tolerationJson-%zu", i);
        enum cel_expr_type type;
        struct flow f;

        if (json_field(a, spot, field, t->toleration_json, &f) < 0)
            return -1;
        if (f.kind == FLOW_TEXT) {
            f.type = PARAM_STRUCT;
            buf_addf(&coming, ", %s", flow_operand(a, f, &type));
        } else if (f.kind == FLOW_NONE && !t->toleration_json) {
            js_push(known, toleration_of(t));
        } else if (js_is(f.value, JS_ARRAY)) {
            for (size_t j = 0; j < js_n(f.value); j++)
                js_push(known, js_ref(js_at(f.value, j)));
        } else if (f.kind == FLOW_CONST) {
            js_push(known, js_ref(f.value));
        }
    }
    if (coming.n)
        patch_tolerations(a, spot, known, buf_str(&coming));
    else if (js_n(known))
        js_set(spot->pod, "tolerations", take(&known));
    return 0;
}

/* ---- affinity ---- */

static struct js *requirements(const struct selector_requirement *items, size_t n)
{
    struct js *list = js_array();

    for (size_t i = 0; i < n; i++) {
        struct js *v = js_object();

        js_set(v, "key", js_str(items[i].key));
        js_set(v, "operator", js_str(items[i].operator));
        for (size_t j = 0; j < items[i].values.n; j++)
            js_push(pod_list(v, "values"), js_str(items[i].values.items[j]));
        js_push(list, v);
    }
    return list;
}

static struct js *node_term(const struct node_affinity_term *t)
{
    struct js *v = js_object();

    if (t->match_expressions.n)
        js_set(v, "matchExpressions",
               requirements(t->match_expressions.items, t->match_expressions.n));
    if (t->match_fields.n)
        js_set(v, "matchFields", requirements(t->match_fields.items, t->match_fields.n));
    return v;
}

static struct js *weighted(int32_t weight, const char *key, struct js *term)
{
    struct js *v = js_object();

    js_set(v, "weight", js_int(weight));
    js_set(v, key, term);
    return v;
}

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static int node_affinity(struct argo *a, struct spot *spot,
                         const struct kubernetes_executor_config *k)
{
    for (size_t i = 0; i < k->node_affinity.n; i++) {
        const struct node_affinity_term *t = &k->node_affinity.items[i];
        struct js *node;
        struct flow f;

        if (json_field(a, spot, "nodeAffinityJson", t->node_affinity_json, &f) < 0)
            return -1;
        if (f.kind == FLOW_TEXT) {
            js_set(pod_object(pod_patch(spot), "affinity"), "nodeAffinity", pod_raw(a, f, true));
            continue;
        }
        if (f.kind == FLOW_NONE && t->node_affinity_json)
            continue;
        node = pod_object(pod_object(spot->pod, "affinity"), "nodeAffinity");
        if (f.kind == FLOW_CONST) {
            for (js_each(f.value, it))
                js_set(node, it.key, js_ref(it.value));
        } else if (t->has_weight) {
            js_push(pod_list(node, PREFERRED), weighted(t->weight, "preference", node_term(t)));
        } else {
            js_push(pod_list(pod_object(node, REQUIRED), "nodeSelectorTerms"), node_term(t));
        }
    }
    return 0;
}

static void set_selector(struct js *to, const char *key, const struct string_map *labels,
                         const struct selector_requirement *expressions, size_t n)
{
    struct js *v;

    if (!labels->n && !n)
        return;
    v = pod_object(to, key);
    for (size_t i = 0; i < labels->n; i++)
        js_set(pod_object(v, "matchLabels"), labels->items[i].name, js_str(labels->items[i].value));
    if (n)
        js_set(v, "matchExpressions", requirements(expressions, n));
}

static void pod_affinity(struct spot *spot, const struct pod_affinity_term *t)
{
    struct js *term = js_object(), *group;

    set_selector(term, "labelSelector", &t->match_pod_labels, t->match_pod_expressions.items,
                 t->match_pod_expressions.n);
    set_selector(term, "namespaceSelector", &t->match_namespace_labels,
                 t->match_namespace_expressions.items, t->match_namespace_expressions.n);
    set_text(term, "topologyKey", t->topology_key);
    for (size_t i = 0; i < t->namespaces.n; i++)
        js_push(pod_list(term, "namespaces"), js_str(t->namespaces.items[i]));
    group =
        pod_object(pod_object(spot->pod, "affinity"), t->anti ? "podAntiAffinity" : "podAffinity");
    if (t->has_weight)
        js_push(pod_list(group, PREFERRED), weighted(t->weight, "podAffinityTerm", term));
    else
        js_push(pod_list(group, REQUIRED), term);
}

int pod_schedule(struct argo *a, struct spot *spot)
{
    const struct kubernetes_executor_config *k = spec_kubernetes(a->spec, spot->executor->name);

    if (!k)
        return 0;
    if (!pod_is_passed(spot, TASK_CONFIG_KUBERNETES_NODE_SELECTOR) &&
        node_selector(a, spot, &k->node_selector) < 0)
        return -1;
    if (!pod_is_passed(spot, TASK_CONFIG_KUBERNETES_TOLERATIONS) && tolerations(a, spot, k) < 0)
        return -1;
    if (pod_is_passed(spot, TASK_CONFIG_KUBERNETES_AFFINITY))
        return 0;
    for (size_t i = 0; i < k->pod_affinity.n; i++)
        pod_affinity(spot, &k->pod_affinity.items[i]);
    return node_affinity(a, spot, k);
}
