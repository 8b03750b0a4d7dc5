#include "engine/stub.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"

#define ROOT "root."

const struct js *stub_find(const struct run *run, const struct plan_node *node)
{
    const struct js *stubs = js_get(run->options, "stubs"), *found;
    own_mem char *key = NULL;
    own_mem char *path = NULL;

    if (!stubs)
        return NULL;
    key = plan_key(node);
    path = plan_scope_path(node);
    if ((found = js_get(stubs, key)) || (found = js_get(stubs, key + strlen(ROOT))) ||
        (found = js_get(stubs, path)) || (found = js_get(stubs, path + strlen(ROOT))) ||
        (found = js_get(stubs, plan_name(node))))
        return found;
    return js_get(stubs, "*");
}

/* ---- what it gives ---- */

static struct js *nothing_of(enum spec_param_type type)
{
    switch (type) {
    case PARAM_NUMBER_INTEGER:
        return js_int(0);
    case PARAM_NUMBER_DOUBLE:
        return js_real(0);
    case PARAM_BOOLEAN:
        return js_bool(false);
    case PARAM_LIST:
        return js_array();
    case PARAM_STRUCT:
        return js_object();
    default:
        return js_str("");
    }
}

static int check_names(const struct component_outputs_spec *defs, const struct js *stub,
                       struct dh_err *err)
{
    for (js_each(js_get(stub, "outputs"), it))
        if (!spec_find(&defs->parameters, it.key))
            return dh_fail(err, DH_FAILED, "stub: the component has no output parameter '%s'",
                           it.key);
    for (js_each(js_get(stub, "artifacts"), it))
        if (!spec_find(&defs->artifacts, it.key))
            return dh_fail(err, DH_FAILED, "stub: the component has no output artifact '%s'",
                           it.key);
    return 0;
}

/* As the step's ExecutorOutput would be. The stub for all others gives each parameter something. */
static struct js *answer_of(const struct run *run, const struct job *job, const struct js *stub)
{
    const struct component_outputs_spec *defs = &job->node->component->output_definitions;
    bool any = stub == js_path(run->options, "stubs", "*", NULL);
    struct js *answer = js_object(), *parameters = js_object(), *artifacts = js_object();

    js_set(answer, "parameterValues", parameters);
    js_set(answer, "artifacts", artifacts);
    for (size_t i = 0; i < defs->parameters.n; i++) {
        const struct component_outputs_parameter_spec *def = &defs->parameters.items[i];
        struct js *given = js_path(stub, "outputs", def->name, NULL);

        if (given || any)
            js_set(parameters, def->name, given ? js_ref(given) : nothing_of(def->parameter_type));
    }
    for (js_each(js_get(stub, "artifacts"), it)) {
        struct js *entry = js_object(), *list = js_array(), *one = js_object();

        if (!js_get(it.value, "metadata"))
            js_free(one);
        else {
            js_set(one, "metadata", js_ref(js_get(it.value, "metadata")));
            js_push(list, one);
        }
        js_set(entry, "artifacts", list);
        if (js_n(list))
            js_set(artifacts, it.key, entry);
        else
            js_free(entry);
    }
    return answer;
}

static int write_artifact(const struct job *job, const char *name, const struct js *given,
                          struct dh_err *err)
{
    const struct js *list = js_path(job->outputs, "artifacts", name, NULL);
    const struct js *content = js_is(given, JS_STRING) ? given : js_get(given, "content");
    own_mem char *path = NULL;

    if (!content || !js_n(list))
        return 0;
    if (!js_is(content, JS_STRING))
        return dh_fail(err, DH_FAILED, "stub: artifact '%s': expected a text as its content", name);
    path = executor_artifact_path(js_at(list, 0));
    if (fs_mkdirs(job->task_root, 0755, err) < 0)
        return -1;
    return fs_write_new(path, js_text(content), js_text_len(content), 0644, err);
}

int stub_outputs(struct run *run, struct job *job, const struct js *stub, struct dh_err *err)
{
    own(js_free) struct js *answer = NULL;
    own(js_free) struct js *files = js_object();
    const char *fail = js_get_text(stub, "fail");

    if (fail)
        return dh_fail(err, DH_FAILED, "%s", *fail ? fail : "the stub fails");
    if (check_names(&job->node->component->output_definitions, stub, err) < 0)
        return -1;
    job_name(run, job);
    answer = answer_of(run, job, stub);
    if (executor_outputs(job->node, job->input, answer, files, &job->outputs, err) < 0)
        return dh_while(err, "stub");
    for (js_each(js_get(stub, "artifacts"), it))
        if (write_artifact(job, it.key, it.value, err) < 0)
            return -1;
    return outputs_measure(job->outputs, err);
}

/* ---- before the run ---- */

int stub_check(const struct spec *spec, const struct js *stubs, struct dh_err *err)
{
    for (js_each(stubs, it)) {
        const char *dot = strrchr(it.key, '.');
        own_mem char *name = dh_strdup(dot ? dot + 1 : it.key);

        name[strcspn(name, "[")] = '\0';
        if (strcmp(it.key, "*") != 0 && !spec_has_task(spec, name))
            return dh_fail(err, DH_INVALID, "stub '%s': the pipeline has no task '%s'", it.key,
                           name);
        if (!js_is(it.value, JS_OBJECT))
            return dh_fail(err, DH_INVALID, "stub '%s': expected a map of outputs, artifacts, fail",
                           it.key);
    }
    return 0;
}
