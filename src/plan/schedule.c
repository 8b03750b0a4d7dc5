#include "plan/schedule.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static void set_text(struct js *to, const char *key, const char *text)
{
    if (text && *text)
        js_set(to, key, js_str(text));
}

struct js *schedule_toleration(const struct toleration *t)
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

static struct js *requirements(const struct selector_requirement *items, size_t n)
{
    struct js *list = js_array();

    for (size_t i = 0; i < n; i++) {
        struct js *v = js_object();

        js_set(v, "key", js_str(items[i].key));
        js_set(v, "operator", js_str(items[i].operator));
        for (size_t j = 0; j < items[i].values.n; j++)
            js_push(js_array_in(v, "values"), js_str(items[i].values.items[j]));
        js_push(list, v);
    }
    return list;
}

static void add(struct js *group, struct js *required, bool has_weight, int32_t weight,
                const char *key, struct js *term)
{
    struct js *v;

    if (!has_weight) {
        js_push(required, term);
        return;
    }
    v = js_object();
    js_set(v, "weight", js_int(weight));
    js_set(v, key, term);
    js_push(js_array_in(group, PREFERRED), v);
}

void schedule_node_affinity(struct js *node, const struct node_affinity_term *t)
{
    struct js *term = js_object();

    if (t->match_expressions.n)
        js_set(term, "matchExpressions",
               requirements(t->match_expressions.items, t->match_expressions.n));
    if (t->match_fields.n)
        js_set(term, "matchFields", requirements(t->match_fields.items, t->match_fields.n));
    add(node, t->has_weight ? NULL : js_array_in(js_object_in(node, REQUIRED), "nodeSelectorTerms"),
        t->has_weight, t->weight, "preference", term);
}

static void set_selector(struct js *to, const char *key, const struct string_map *labels,
                         const struct selector_requirement *expressions, size_t n)
{
    struct js *v;

    if (!labels->n && !n)
        return;
    v = js_object_in(to, key);
    for (size_t i = 0; i < labels->n; i++)
        js_set(js_object_in(v, "matchLabels"), labels->items[i].name,
               js_str(labels->items[i].value));
    if (n)
        js_set(v, "matchExpressions", requirements(expressions, n));
}

void schedule_pod_affinity(struct js *group, const struct pod_affinity_term *t)
{
    struct js *term = js_object();

    set_selector(term, "labelSelector", &t->match_pod_labels, t->match_pod_expressions.items,
                 t->match_pod_expressions.n);
    set_selector(term, "namespaceSelector", &t->match_namespace_labels,
                 t->match_namespace_expressions.items, t->match_namespace_expressions.n);
    set_text(term, "topologyKey", t->topology_key);
    for (size_t i = 0; i < t->namespaces.n; i++)
        js_push(js_array_in(term, "namespaces"), js_str(t->namespaces.items[i]));
    add(group, t->has_weight ? NULL : js_array_in(group, REQUIRED), t->has_weight, t->weight,
        "podAffinityTerm", term);
}
