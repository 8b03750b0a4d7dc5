/* short-task - tasks and blocks of the short form.
 *
 *     fit: {run: train, with: {rate: 0.2}}                       a task
 *     good: {when: "${fit.score} > 0.9", tasks: {…}, else: {…}}  a branch
 *     rows: {each: "${list}", as: row, parallel: 2, tasks: {…}}  a loop
 *     safe: {tasks: {…}, finally: {run: clean, with: {…}}}       a block with an exit task
 *
 * `when` and `each` may stand on a task too: a block of that task alone. */
#include "compile/short.h"

static int set_retry(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *of[4] = {node, NULL, NULL, NULL};
    double *to[4] = {NULL, &task->retry.backoff_s, &task->retry.factor, &task->retry.max_s};

    if (node->kind == DOC_MAP) {
        if (short_keys(r, node, "retry", "times", "backoff", "factor", "max", NULL) < 0)
            return -1;
        of[0] = doc_get(node, "times");
        of[1] = doc_get(node, "backoff");
        of[2] = doc_get(node, "factor");
        of[3] = doc_get(node, "max");
    }
    if (!of[0] || of[0]->kind != DOC_INT || of[0]->integer < 0 || of[0]->integer > INT32_MAX)
        return short_fail(r, node, "'retry' has to be how often, or a map with 'times'");
    task->retry.given = true;
    task->retry.times = (int)of[0]->integer;
    for (int i = 1; i < 4; i++) {
        if (!of[i])
            continue;
        if (of[i]->kind != DOC_INT && of[i]->kind != DOC_REAL)
            return short_fail(r, of[i], "'retry': seconds and factor are numbers");
        *to[i] = of[i]->kind == DOC_INT ? (double)of[i]->integer : of[i]->real;
    }
    return 0;
}

static int set_texts(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    static const struct {
        const char *key;
        enum draft_setting setting;
    } texts[] = {{"name", DRAFT_DISPLAY_NAME},       {"image", DRAFT_IMAGE},
                 {"cpu", DRAFT_CPU_LIMIT},           {"memory", DRAFT_MEMORY_LIMIT},
                 {"cpu-request", DRAFT_CPU_REQUEST}, {"memory-request", DRAFT_MEMORY_REQUEST},
                 {"gpu", DRAFT_ACCELERATOR_COUNT},   {"gpu-type", DRAFT_ACCELERATOR_TYPE}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct doc_node *v = doc_get(node, texts[i].key);
        struct draft_value *value;

        if (!v)
            continue;
        if (v->kind != DOC_INT && v->kind != DOC_STRING)
            return short_fail(r, v, "'%s' has to be a text", texts[i].key);
        if (short_value(r, v, &value) < 0 ||
            draft_task_set(r->a, task, texts[i].setting, value, short_at(r, v), r->err) < 0)
            return -1;
    }
    if (doc_get(node, "gpu") && !doc_get(node, "gpu-type"))
        task->accelerator_type = "nvidia.com/gpu";
    return 0;
}

/* {path: the claim's name} */
static int set_mounts(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *mounts;

    if (short_map(r, node, "mount", &mounts) < 0)
        return -1;
    for (size_t i = 0; mounts && i < mounts->n; i++) {
        const struct doc_node *path = doc_key(mounts, i);
        struct draft_value *claim;

        if (path->kind != DOC_STRING || *path->text != '/')
            return short_fail(r, path, "'mount': expected an absolute path, and a claim's name");
        if (short_value(r, doc_value(mounts, i), &claim) < 0)
            return -1;
        draft_task_mount(r->a, task, claim, path->text);
    }
    return 0;
}

static int set_flags(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *cache = doc_get(node, "cache"),
                          *ignore = doc_get(node, "ignore-failure");

    if (cache && cache->kind == DOC_BOOL)
        task->no_cache = !cache->boolean;
    else if (cache && cache->kind == DOC_STRING)
        task->cache_key = cache->text;
    else if (cache)
        return short_fail(r, cache, "'cache' has to be true, false, or a key");
    if (ignore && ignore->kind != DOC_BOOL)
        return short_fail(r, ignore, "'ignore-failure' has to be true or false");
    task->ignore_upstream_failure = ignore && ignore->boolean;
    return 0;
}

static int set_env(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *env;

    if (short_map(r, node, "env", &env) < 0)
        return -1;
    task->env = draft_keep(r->a, js_array());
    for (size_t i = 0; env && i < env->n; i++) {
        struct js *one;

        if (doc_value(env, i)->kind != DOC_STRING || doc_key(env, i)->kind != DOC_STRING)
            return short_fail(r, doc_value(env, i),
                              "a variable's value has to be a text (in quotes)");
        one = js_object();
        js_set(one, "name", js_str(doc_key(env, i)->text));
        js_set(one, "value", js_str(doc_value(env, i)->text));
        js_push(task->env, one);
    }
    return 0;
}

static struct draft_task *find_task(const struct short_reader *r, const char *name)
{
    const struct short_name *n = r->names;

    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    return n ? n->task : NULL;
}

static int set_after(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *after = doc_get(node, "after");
    size_t n = !after ? 0 : after->kind == DOC_LIST ? after->n : 1;

    for (size_t i = 0; i < n; i++) {
        const struct doc_node *one = after->kind == DOC_LIST ? &after->items[i] : after;
        struct draft_task *other = one->kind == DOC_STRING ? find_task(r, one->text) : NULL;

        if (!other)
            return short_fail(r, one, "'after' names a task above");
        draft_task_after(r->a, task, other);
    }
    return 0;
}

static int settings(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *kubernetes, *retry = doc_get(node, "retry");

    if (short_map(r, node, "kubernetes", &kubernetes) < 0)
        return -1;
    if (kubernetes)
        task->kubernetes = draft_keep(r->a, doc_to_js(kubernetes));
    if ((retry && set_retry(r, retry, task) < 0) || set_texts(r, node, task) < 0 ||
        set_flags(r, node, task) < 0 || set_env(r, node, task) < 0 || set_mounts(r, node, task) < 0)
        return -1;
    return set_after(r, node, task);
}

static int inputs(struct short_reader *r, const struct doc_node *node, struct draft_task *task)
{
    const struct doc_node *with;

    if (short_map(r, node, "with", &with) < 0)
        return -1;
    for (size_t i = 0; with && i < with->n; i++) {
        const struct doc_node *key = doc_key(with, i);
        struct draft_value *v;

        if (key->kind != DOC_STRING)
            return short_fail(r, key, "an input's name has to be a text");
        task->at = short_at(r, key);
        if (short_value(r, doc_value(with, i), &v) < 0 ||
            draft_task_input(r->a, task, key->text, v, r->err) < 0)
            return -1;
    }
    task->at = short_at(r, node);
    return 0;
}

static int one_task(struct short_reader *r, const char *name, const struct doc_node *node,
                    struct draft_task **ret)
{
    const char *run;
    struct draft_component *c, *named;
    struct draft_task *task;

    if (short_keys(r, node, "a task", "run", "with", "after", "when", "each", "as", "parallel",
                   "name", "retry", "cache", "ignore-failure", "cpu", "memory", "cpu-request",
                   "memory-request", "gpu", "gpu-type", "image", "env", "mount", "kubernetes",
                   NULL) < 0 ||
        short_text(r, node, "run", &run) < 0)
        return -1;
    c = run ? strmap_get(r->components, run) : NULL;
    if (!c)
        return short_fail(r, run ? doc_get(node, "run") : node,
                          run ? "there is no component '%s'" : "task '%s' has no 'run'",
                          run ? run : name);
    /* The task goes by its own name, not by its component's. */
    named = arena_alloc(r->a, sizeof *named);
    *named = *c;
    named->name = name;
    task = draft_task_new(r->a, short_at(r, node), r->p, named);
    if (inputs(r, node, task) < 0 || settings(r, node, task) < 0 ||
        draft_task_check(task, r->err) < 0)
        return -1;
    *ret = task;
    return 0;
}

/* ---- blocks ---- */

static int block_tasks(struct short_reader *r, const char *name, const struct doc_node *node,
                       bool task)
{
    const struct doc_node *tasks;
    struct draft_task *made;

    if (!task)
        return short_map(r, node, "tasks", &tasks) < 0 ? -1 : short_tasks(r, tasks);
    if (one_task(r, name, node, &made) < 0)
        return -1;
    short_name_add(r, name, NULL, made);
    return 0;
}

static int branch(struct short_reader *r, const char *name, const struct doc_node *node, bool task)
{
    struct draft_condition *c = arena_alloc(r->a, sizeof *c);
    const struct doc_node *other;
    struct draft_group *g;

    if (short_condition(r, doc_get(node, "when"), c) < 0 ||
        draft_if(r->a, short_at(r, node), r->p, c, task ? NULL : name, &g, r->err) < 0 ||
        block_tasks(r, name, node, task) < 0 || draft_group_end(r->p, r->err) < 0)
        return -1;
    if (task || !doc_get(node, "else"))
        return 0;
    if (short_map(r, node, "else", &other) < 0 ||
        draft_else(r->a, short_at(r, other), r->p, DRAFT_ELSE, NULL, NULL, &g, r->err) < 0 ||
        short_tasks(r, other) < 0)
        return -1;
    return draft_group_end(r->p, r->err);
}

static int loop(struct short_reader *r, const char *name, const struct doc_node *node, bool task)
{
    const struct doc_node *parallel = doc_get(node, "parallel");
    struct draft_value *items, *item;
    struct draft_group *g;
    const char *as;

    if (parallel && (parallel->kind != DOC_INT || parallel->integer > INT32_MAX))
        return short_fail(r, parallel, "'parallel' has to be a number: how many at a time");
    if (short_text(r, node, "as", &as) < 0 || short_value(r, doc_get(node, "each"), &items) < 0 ||
        draft_loop(r->a, short_at(r, node), r->p, items, parallel ? (int)parallel->integer : 0,
                   task ? NULL : name, &g, r->err) < 0)
        return -1;
    item = draft_item(r->a, short_at(r, node), r->p, g);
    short_name_add(r, as ? as : "item", item, NULL);
    if (block_tasks(r, name, node, task) < 0)
        return -1;
    return draft_group_end(r->p, r->err);
}

static int guarded(struct short_reader *r, const char *name, const struct doc_node *node)
{
    const struct doc_node *finally;
    struct draft_task *last;
    struct draft_group *g;

    if (short_map(r, node, "finally", &finally) < 0 ||
        one_task(r, arena_printf(r->a, "%s-finally", name), finally, &last) < 0 ||
        draft_exit_handler(r->a, short_at(r, node), r->p, last, name, &g, r->err) < 0 ||
        block_tasks(r, name, node, false) < 0)
        return -1;
    return draft_group_end(r->p, r->err);
}

static int entry(struct short_reader *r, const char *name, const struct doc_node *node)
{
    bool task = doc_get(node, "run") != NULL;

    if (!task && !doc_get(node, "tasks"))
        return short_fail(r, node, "'%s' has neither 'run' nor 'tasks'", name);
    if (!task && short_keys(r, node, "a block", "tasks", "when", "else", "each", "as", "parallel",
                            "finally", NULL) < 0)
        return -1;
    if (doc_get(node, "when") && doc_get(node, "each"))
        return short_fail(r, node, "'%s': 'when' and 'each' together: put one block into the other",
                          name);
    if (doc_get(node, "when"))
        return branch(r, name, node, task);
    if (doc_get(node, "each"))
        return loop(r, name, node, task);
    if (!task && doc_get(node, "finally"))
        return guarded(r, name, node);
    if (!task)
        return short_fail(r, node, "the block '%s' has no 'when', 'each' or 'finally'", name);
    return block_tasks(r, name, node, true);
}

int short_tasks(struct short_reader *r, const struct doc_node *map)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct doc_node *key = doc_key(map, i), *node = doc_value(map, i);

        if (key->kind != DOC_STRING || !*key->text)
            return short_fail(r, key, "a task's name has to be a text");
        if (node->kind != DOC_MAP)
            return short_fail(r, node, "'%s' has to be a map", key->text);
        if (entry(r, key->text, node) < 0)
            return -1;
    }
    return 0;
}
