/* What came of a run beside what its test expects. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/pipeline-test.h"

#define ROOT "root."

static bool names(const struct js *task, const char *name)
{
    const char *path = js_get_text(task, "scope_path"), *key = js_get_text(task, "key");

    return !strcmp(name, js_get_text(task, "name")) || !strcmp(name, path) ||
           !strcmp(name, path + strlen(ROOT)) ||
           (key && (!strcmp(name, key) || !strcmp(name, key + strlen(ROOT))));
}

static bool is_leaf(const struct js *task)
{
    const char *type = js_get_text(task, "type");

    return !strcmp(type, "RUNTIME") || !strcmp(type, "IMPORTER");
}

static bool has_run(const struct js *task)
{
    const char *state = js_get_text(task, "state");

    return !strcmp(state, "SUCCEEDED") || !strcmp(state, "CACHED") || !strcmp(state, "FAILED");
}

static char *text_of(const struct js *v)
{
    return v ? js_dump(v, JS_COMPACT) : dh_strdup("nothing");
}

static void same(struct test_case *one, const char *what, const char *name, const struct js *got,
                 const struct js *want)
{
    own_mem char *had = NULL;
    own_mem char *wanted = NULL;

    if (got && js_equal(got, want))
        return;
    had = text_of(got);
    wanted = text_of(want);
    test_wrong(one, "%s%s: %s, expected %s", what, name, had, wanted);
}

static void judge_state(struct test_case *one, const struct js *expect)
{
    const char *want = js_get_text(expect, "state"), *got = js_get_text(one->run, "state");
    const char *part = js_get_text(expect, "error");
    const struct js *error = js_get(one->run, "error");
    const char *task = js_get_text(error, "task"), *message = js_get_text(error, "message");

    if (!want)
        want = part ? "FAILED" : "SUCCEEDED";
    if (strcmp(want, got) != 0)
        test_wrong(one, "state: %s, expected %s%s%s%s%s", got, want, message ? ": " : "",
                   task ? task : "", task ? ": " : "", message ? message : "");
    if (part && !(message && strstr(message, part)))
        test_wrong(one, "error: \"%s\", expected one with \"%s\"", message ? message : "", part);
}

static bool listed(const struct js *list, const struct js *task)
{
    for (size_t i = 0; i < js_n(list); i++)
        if (js_text(js_at(list, i)) && names(task, js_text(js_at(list, i))))
            return true;
    return false;
}

/* `ran`: exactly these steps ran. */
static void judge_path(struct test_case *one, const struct js *want)
{
    const struct js *tasks = js_get(one->run, "tasks");

    for (size_t i = 0; i < js_n(want); i++) {
        const char *name = js_text(js_at(want, i));
        bool found = false;

        for (size_t j = 0; name && !found && j < js_n(tasks); j++)
            found = is_leaf(js_at(tasks, j)) && has_run(js_at(tasks, j)) &&
                    names(js_at(tasks, j), name);
        if (!found)
            test_wrong(one, "ran: '%s' did not run", name ? name : "?");
    }
    for (size_t j = 0; j < js_n(tasks); j++)
        if (is_leaf(js_at(tasks, j)) && has_run(js_at(tasks, j)) && !listed(want, js_at(tasks, j)))
            test_wrong(one, "ran: '%s' ran, and is not in the list",
                       js_get_text(js_at(tasks, j), "scope_path") + strlen(ROOT));
}

static void judge_one_state(struct test_case *one, const char *what, const char *name,
                            const char *want)
{
    const struct js *tasks = js_get(one->run, "tasks");
    bool found = false;

    for (size_t i = 0; i < js_n(tasks); i++) {
        const struct js *task = js_at(tasks, i);

        if (!names(task, name))
            continue;
        found = true;
        if (strcmp(js_get_text(task, "state"), want) != 0)
            test_wrong(one, "%s: '%s' is %s, expected %s", what, name, js_get_text(task, "state"),
                       want);
    }
    /* What lies in a dag that did not open was skipped too. */
    if (!found && strcmp(want, "SKIPPED") != 0)
        test_wrong(one, "%s: there is no task '%s' in the run", what, name);
}

static void judge_outputs(struct test_case *one, const char *name, const struct js *want)
{
    const struct js *tasks = js_get(one->run, "tasks");
    bool found = false;

    for (size_t i = 0; i < js_n(tasks); i++) {
        own_mem char *what = dh_printf("task_outputs: %s: ", name);

        if (!names(js_at(tasks, i), name))
            continue;
        found = true;
        for (js_each(want, it))
            same(one, what, it.key, js_path(js_at(tasks, i), "outputs", "parameters", it.key, NULL),
                 it.value);
    }
    if (!found)
        test_wrong(one, "task_outputs: there is no task '%s' in the run", name);
}

void test_judge(struct test_case *one)
{
    const struct js *expect = js_get(one->given, "expect"), *list = js_get(expect, "skipped");

    judge_state(one, expect);
    if (js_get(expect, "ran"))
        judge_path(one, js_get(expect, "ran"));
    for (size_t i = 0; i < js_n(list); i++)
        if (js_text(js_at(list, i)))
            judge_one_state(one, "skipped", js_text(js_at(list, i)), "SKIPPED");
    for (js_each(js_get(expect, "tasks"), it))
        judge_one_state(one, "tasks", it.key, js_text(it.value) ? js_text(it.value) : "?");
    for (js_each(js_get(expect, "outputs"), it))
        same(one, "outputs: ", it.key, js_path(one->run, "outputs", it.key, NULL), it.value);
    for (js_each(js_get(expect, "task_outputs"), it))
        judge_outputs(one, it.key, it.value);
}
