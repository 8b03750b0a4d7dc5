/* names - what nodes, states and types are called. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "plan/plan-priv.h"

const char *plan_type_name(enum plan_type type)
{
    static const char *const names[] = {"RUNTIME",        "IMPORTER",         "DAG",
                                        "CONDITION",      "CONDITION_BRANCH", "LOOP",
                                        "LOOP_ITERATION", "EXIT_HANDLER"};

    return names[type];
}

const char *plan_state_name(enum plan_state state)
{
    static const char *const names[] = {"PENDING", "RUNNING", "SUCCEEDED", "CACHED",
                                        "SKIPPED", "FAILED",  "CANCELED"};

    return names[state];
}

const char *plan_name(const struct plan_node *node)
{
    return node->task ? node->task->name : "root";
}

static void add_path(const struct plan_node *node, bool indexes, struct buf *b)
{
    if (node->parent)
        add_path(node->parent, indexes, b);
    if (node->iteration_index < 0) { /* an iteration has its loop's name, which is there already */
        if (b->n)
            buf_addc(b, '.');
        buf_adds(b, plan_name(node));
    } else if (indexes) {
        buf_addf(b, "[%d]", node->iteration_index);
    }
}

char *plan_scope_path(const struct plan_node *node)
{
    struct buf b = {0};

    add_path(node, false, &b);
    return buf_take(&b);
}

char *plan_key(const struct plan_node *node)
{
    struct buf b = {0};

    add_path(node, true, &b);
    return buf_take(&b);
}

int32_t plan_iteration(const struct plan_node *node)
{
    for (; node; node = node->parent)
        if (node->iteration_index >= 0)
            return node->iteration_index;
    return -1;
}

const struct retry_policy *plan_retry_policy(const struct plan_node *node)
{
    for (; node && node->task; node = node->parent)
        if (node->task->retry_policy)
            return node->task->retry_policy;
    return NULL;
}

bool plan_may_cache(const struct plan_node *node)
{
    return node->type == PLAN_RUNTIME && node->task->caching_options.enable_cache;
}
