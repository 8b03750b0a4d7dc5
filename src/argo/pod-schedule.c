/* pod-schedule - where a task's pod may run: node selectors, tolerations, affinity. Values that are
 * known only then go into the podSpecPatch, for Argo's own object has structs there, not text. */
#include "argo/argo-priv.h"
#include "base/mem.h"
#include "plan/schedule.h"
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
        js_set(js_object_in(spot->pod, "nodeSelector"), s->labels.items[i].name,
               js_str(s->labels.items[i].value));
    if (json_field(a, spot, "nodeSelectorJson", s->node_selector_json, &f) < 0)
        return -1;
    if (f.kind == FLOW_TEXT)
        js_set(pod_patch(spot), "nodeSelector", pod_raw(a, f, true));
    for (js_each(f.kind == FLOW_CONST ? f.value : NULL, it))
        js_set(js_object_in(spot->pod, "nodeSelector"), it.key, js_ref(it.value));
    return 0;
}

/* ---- tolerations ---- */

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
            js_push(known, schedule_toleration(t));
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
            js_set(js_object_in(pod_patch(spot), "affinity"), "nodeAffinity", pod_raw(a, f, true));
            continue;
        }
        if (f.kind == FLOW_NONE && t->node_affinity_json)
            continue;
        node = js_object_in(js_object_in(spot->pod, "affinity"), "nodeAffinity");
        if (f.kind == FLOW_CONST) {
            for (js_each(f.value, it))
                js_set(node, it.key, js_ref(it.value));
        } else {
            schedule_node_affinity(node, t);
        }
    }
    return 0;
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
    for (size_t i = 0; i < k->pod_affinity.n; i++) {
        const struct pod_affinity_term *t = &k->pod_affinity.items[i];
        struct js *affinity = js_object_in(spot->pod, "affinity");

        schedule_pod_affinity(js_object_in(affinity, t->anti ? "podAntiAffinity" : "podAffinity"),
                              t);
    }
    return node_affinity(a, spot, k);
}
