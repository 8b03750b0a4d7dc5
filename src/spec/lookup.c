/* Finding things by name: hashed maps, the spec's own tables, and the name that was probably meant.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/nearest.h"
#include "spec/kubernetes.h"
#include "spec/spec-priv.h"

struct spec_index {
    size_t mask;
    uint32_t slots[]; /* item number + 1, or 0 */
};

/* A secret start value: names come from files, and a file must not be able to choose collisions. */
static uint64_t hash_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t s = atomic_load_explicit(&seed, memory_order_relaxed), none = 0;

    if (s)
        return s;
    if (getrandom(&s, sizeof s, GRND_NONBLOCK) != sizeof s)
        s = (uint64_t)(uintptr_t)&seed;
    s |= 1;
    return atomic_compare_exchange_strong(&seed, &none, s) ? s : none;
}

uint64_t spec_hash(const char *key)
{
    uint64_t h = hash_seed();

    for (; *key; key++) {
        h = (h ^ (unsigned char)*key) * 0x9E3779B97F4A7C15ULL;
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}

static const char *name_of(const void *items, size_t size, size_t i)
{
    /* Every item of a SPEC_MAP begins with its position and its name. */
    return ((const struct string_entry *)(const void *)((const char *)items + i * size))->name;
}

const struct spec_index *spec_index_new(struct arena *arena, const void *items, size_t n,
                                        size_t size)
{
    struct spec_index *index;
    size_t n_slots = 16;

    if (n <= 8)
        return NULL; /* looking at them one by one is as fast */
    while (n_slots < n * 2)
        n_slots *= 2;
    index = arena_alloc(arena, sizeof *index + n_slots * sizeof index->slots[0]);
    index->mask = n_slots - 1;
    for (size_t i = 0; i < n; i++) {
        size_t at = spec_hash(name_of(items, size, i)) & index->mask;

        while (index->slots[at])
            at = (at + 1) & index->mask;
        index->slots[at] = (uint32_t)i + 1;
    }
    return index;
}

void *spec_map_find(const struct spec_index *index, void *items, size_t n, size_t size,
                    const char *key)
{
    if (!key)
        return NULL;
    if (!index) {
        for (size_t i = 0; i < n; i++)
            if (strcmp(name_of(items, size, i), key) == 0)
                return (char *)items + i * size;
        return NULL;
    }
    for (size_t at = spec_hash(key) & index->mask; index->slots[at]; at = (at + 1) & index->mask) {
        size_t i = index->slots[at] - 1;

        if (strcmp(name_of(items, size, i), key) == 0)
            return (char *)items + i * size;
    }
    return NULL;
}

char *spec_hint(const void *items, size_t n, size_t size, const char *name, char to[SPEC_HINT])
{
    struct nearest nearest = {.word = name};

    to[0] = '\0';
    if (n > 2000)
        n = 2000; /* a hint is not worth more time */
    for (size_t i = 0; i < n; i++)
        nearest_try(&nearest, name_of(items, size, i));
    if (nearest.best)
        (void)snprintf(to, SPEC_HINT, "; did you mean '%.80s'?", nearest.best);
    return to;
}

const char *spec_param_type_name(enum spec_param_type type)
{
    static const char *const names[] = {
        [PARAM_UNSPECIFIED] = "PARAMETER_TYPE_ENUM_UNSPECIFIED",
        [PARAM_NUMBER_DOUBLE] = "NUMBER_DOUBLE",
        [PARAM_NUMBER_INTEGER] = "NUMBER_INTEGER",
        [PARAM_STRING] = "STRING",
        [PARAM_BOOLEAN] = "BOOLEAN",
        [PARAM_LIST] = "LIST",
        [PARAM_STRUCT] = "STRUCT",
        [PARAM_TASK_FINAL_STATUS] = "TASK_FINAL_STATUS",
        [PARAM_TASK_CONFIG] = "TASK_CONFIG",
    };

    return (size_t)type < sizeof names / sizeof *names ? names[type] : names[0];
}

const struct component_spec *spec_component(const struct spec *spec, const char *name)
{
    return spec_find(&spec->pipeline.components, name);
}

const struct executor_spec *spec_executor(const struct spec *spec, const char *label)
{
    return spec_find(&spec->pipeline.deployment_spec.executors, label);
}

const struct pipeline_task_spec *dag_task(const struct dag_spec *dag, const char *name)
{
    return spec_find(&dag->tasks, name);
}

bool spec_has_task(const struct spec *spec, const char *name)
{
    if (spec->pipeline.root.dag && dag_task(spec->pipeline.root.dag, name))
        return true;
    for (size_t i = 0; i < spec->pipeline.components.n; i++)
        if (spec->pipeline.components.items[i].dag &&
            dag_task(spec->pipeline.components.items[i].dag, name))
            return true;
    return false;
}

const struct component_spec *spec_task_component(const struct spec *spec,
                                                 const struct pipeline_task_spec *task)
{
    return spec_component(spec, task->component_ref.name);
}

const struct input_parameter_spec *spec_claim_name(const struct pvc_mount *m,
                                                   struct input_parameter_spec *old)
{
    *old = (struct input_parameter_spec){
        .pos = m->pos, .name = "pvc", .parameter_expression_selector = ""};
    if (m->pvc_name_parameter)
        return m->pvc_name_parameter;
    if (m->task_output_parameter) {
        old->kind = INPUT_PARAMETER_TASK_OUTPUT;
        old->task_output_parameter = m->task_output_parameter;
        return old;
    }
    if (!m->component_input_parameter)
        return NULL;
    old->kind = INPUT_PARAMETER_COMPONENT_INPUT;
    old->component_input_parameter = m->component_input_parameter;
    return old;
}

const struct kubernetes_executor_config *spec_kubernetes(const struct spec *spec,
                                                         const char *executor_label)
{
    const struct single_platform_spec *p = spec_find(&spec->platform.platforms, "kubernetes");
    const struct platform_executor *e =
        p ? spec_find(&p->deployment_spec.executors, executor_label) : NULL;

    return e ? e->kubernetes : NULL;
}

const struct pipeline_config *spec_pipeline_config(const struct spec *spec)
{
    const struct single_platform_spec *p = spec_find(&spec->platform.platforms, "kubernetes");

    return p && p->pipeline_config.pos.line ? &p->pipeline_config : NULL;
}

const char *spec_artifact_type(const struct artifact_type_schema *type)
{
    return type->title ? type->title : "system.Artifact";
}

int spec_quantity(const char *text, double *ret)
{
    static const struct {
        const char *suffix;
        double times;
    } units[] = {{"", 1},        {"m", 1e-3},    {"k", 1e3},     {"K", 1e3},     {"M", 1e6},
                 {"G", 1e9},     {"T", 1e12},    {"P", 1e15},    {"E", 1e18},    {"n", 1e-9},
                 {"u", 1e-6},    {"Ki", 1024.0}, {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40},
                 {"Pi", 0x1p50}, {"Ei", 0x1p60}};
    const char *p = text + (*text == '-' || *text == '+');
    char *end;
    double d;

    /* strtod alone would take "inf", "0x10" and leading blanks. */
    if (strspn(p, "0123456789.") == 0 || p[1] == 'x' || p[1] == 'X')
        return -1;
    d = strtod(text, &end);
    if (end == text)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            *ret = d * units[i].times;
            return 0;
        }
    }
    return -1;
}
