/* import: what an object of ML Metadata's is to us. */
#include <string.h>

#include "base/js.h"
#include "store/import-priv.h"

enum store_task_type import_kind(const struct mlmd_node *e)
{
    const char *name = mlmd_text(e, "task_name");

    if (!strcmp(e->type, "system.ContainerExecution"))
        return STORE_RUNTIME;
    if (strcmp(e->type, "system.DAGExecution") != 0)
        return STORE_IMPORTER;
    if (e->name && !strncmp(e->name, "run/", 4))
        return STORE_ROOT;
    if (mlmd_property(e, "iteration_count"))
        return STORE_LOOP;
    if (mlmd_property(e, "iteration_index"))
        return STORE_LOOP_ITERATION;
    if (name && !strncmp(name, "condition-branches-", 19))
        return STORE_CONDITION_BRANCH;
    if (name && !strncmp(name, "condition-", 10))
        return STORE_CONDITION;
    return name && !strncmp(name, "exit-handler-", 13) ? STORE_EXIT_HANDLER : STORE_DAG;
}

enum store_state import_state(int64_t state)
{
    static const enum store_state states[] = {STORE_PENDING,   STORE_PENDING, STORE_RUNNING,
                                              STORE_SUCCEEDED, STORE_FAILED,  STORE_CACHED,
                                              STORE_SKIPPED};

    return state >= 0 && state <= 6 ? states[state] : STORE_PENDING;
}

/* As the step gave it: flags that became numbers stay numbers. */
char *import_metadata(const struct mlmd_node *node)
{
    own(js_free) struct js *out = js_object();

    for (js_each(node->properties, it)) {
        const struct js *whole = js_get(it.value, "struct");
        const struct js *inner = js_n(whole) == 1 ? js_get(whole, "list") : NULL;

        if (!inner && js_n(whole) == 1)
            inner = js_get(whole, "struct");
        if (!strcmp(it.key, "display_name") || !strcmp(it.key, "store_session_info"))
            continue;
        js_set(out, it.key, js_ref(inner ? inner : whole ? whole : it.value));
    }
    return js_n(out) ? js_dump(out, JS_COMPACT) : NULL;
}

char *import_parameters(const struct mlmd_node *e, const char *name)
{
    const struct js *v = js_get(mlmd_property(e, name), "struct");

    return js_n(v) ? js_dump(v, JS_COMPACT) : NULL;
}
