#include "plan/executor_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "plan/placeholder.h"
#include "plan/plan-priv.h"
#include "spec/params.h"

char **strv_free(char **v)
{
    for (char **s = v; s && *s; s++)
        free(*s);
    free(v);
    return NULL;
}

static struct js *type_json(const struct artifact_type_schema *type)
{
    struct js *v = js_object();

    if (type->schema_title)
        js_set(v, "schemaTitle", js_str(type->schema_title));
    if (type->schema_uri)
        js_set(v, "schemaUri", js_str(type->schema_uri));
    if (type->instance_schema)
        js_set(v, "instanceSchema", js_str(type->instance_schema));
    if (type->schema_version[0])
        js_set(v, "schemaVersion", js_str(type->schema_version));
    return v;
}

/* Our artifact → KFP's RuntimeArtifact. */
static struct js *runtime_artifact(const struct js *a)
{
    struct js *v = js_object(), *schema = js_get(a, "schema");
    const char *custom_path = js_get_text(a, "custom_path");

    js_set(v, "name", js_ref(js_get(a, "name")));
    if (!schema) {
        schema = js_object();
        js_set(schema, "schemaTitle", js_ref(js_get(a, "type")));
        js_set(schema, "schemaVersion", js_str("0.0.1"));
        js_set(v, "type", schema);
    } else {
        js_set(v, "type", js_ref(schema));
    }
    js_set(v, "uri", js_ref(js_get(a, "uri")));
    js_set(v, "metadata", js_get(a, "metadata") ? js_ref(js_get(a, "metadata")) : js_object());
    if (custom_path)
        js_set(v, "customPath", js_str(custom_path));
    return v;
}

static struct js *artifact_list(struct js *items)
{
    struct js *v = js_object();

    js_set(v, "artifacts", items);
    return v;
}

struct js *executor_input_view(const struct js *inputs)
{
    struct js *view = js_object(), *in = js_object(), *artifacts;
    const struct js *lists = js_get(inputs, "artifacts"),
                    *parameters = js_get(inputs, "parameters");

    js_set(view, "inputs", in);
    if (js_n(parameters))
        js_set(in, "parameterValues", js_ref(parameters));
    if (!js_n(lists))
        return view;
    artifacts = js_object();
    js_set(in, "artifacts", artifacts);
    for (js_each(lists, it)) {
        struct js *items = js_array();

        for (size_t i = 0; i < js_n(it.value); i++)
            js_push(items, runtime_artifact(js_at(it.value, i)));
        js_set(artifacts, it.key, artifact_list(items));
    }
    return view;
}

static struct js *output_artifact(const struct component_outputs_artifact_spec *def,
                                  const struct exec_paths *paths)
{
    own_mem char *uri = fs_join(paths->task_root, def->name);
    struct js *a = js_object(), *items = js_array();

    js_set(a, "name", js_str(def->name));
    js_set(a, "type", type_json(&def->artifact_type));
    js_set(a, "uri", js_str(uri));
    js_set(a, "metadata", def->metadata ? js_copy(def->metadata) : js_object());
    js_push(items, a);
    return artifact_list(items);
}

/* The one placeholder that an input cannot have replaced before the task has an id. */
static void name_task(struct js *view, const char *task_id)
{
    static const char placeholder[] = "{{$.pipeline_task_uuid}}";
    struct js *values = js_path(view, "inputs", "parameterValues", NULL), *named;

    for (js_each(values, it)) {
        const char *at = js_text(it.value), *found = at ? strstr(at, placeholder) : NULL;
        own_buf struct buf b = {0};

        if (!found)
            continue;
        for (; found; found = strstr(at, placeholder)) {
            buf_add(&b, at, (size_t)(found - at));
            buf_adds(&b, task_id);
            at = found + sizeof placeholder - 1;
        }
        buf_adds(&b, at);
        named = js_copy(values);
        js_set(named, it.key, js_str(buf_str(&b)));
        js_set(js_get(view, "inputs"), "parameterValues", named);
        name_task(view, task_id); /* the object has changed: look again for the next one */
        return;
    }
}

struct js *executor_input_build(const struct plan_node *node, const struct exec_paths *paths)
{
    const struct component_outputs_spec *defs = &node->component->output_definitions;
    struct js *input = executor_input_view(node->inputs), *outputs = js_object(), *group;

    if (paths->task_id)
        name_task(input, paths->task_id);
    js_set(input, "outputs", outputs);
    if (defs->parameters.n) {
        group = js_object();
        js_set(outputs, "parameters", group);
        for (size_t i = 0; i < defs->parameters.n; i++) {
            own_mem char *file = fs_join(paths->param_dir, defs->parameters.items[i].name);
            struct js *one = js_object();

            js_set(one, "outputFile", js_str(file));
            js_set(group, defs->parameters.items[i].name, one);
        }
    }
    if (defs->artifacts.n) {
        group = js_object();
        js_set(outputs, "artifacts", group);
        for (size_t i = 0; i < defs->artifacts.n; i++)
            js_set(group, defs->artifacts.items[i].name,
                   output_artifact(&defs->artifacts.items[i], paths));
    }
    js_set(outputs, "outputFile", js_str(paths->output_file));
    return input;
}

char **executor_command(const struct plan *plan, const struct plan_node *node, const char *task_id,
                        const struct js *executor_input, size_t *ret_n)
{
    const struct pipeline_container_spec *c = node->executor->container;
    own(js_free) struct js *list = js_array();
    char **argv;

    for (size_t i = 0; i < c->command.n; i++)
        placeholder_struct(c->command.items[i], executor_input, list);
    for (size_t i = 0; i < c->args.n; i++)
        placeholder_struct(c->args.items[i], executor_input, list);
    argv = dh_zalloc(js_n(list) + 1, sizeof *argv);
    for (size_t i = 0; i < js_n(list); i++) {
        struct buf b = {0};

        placeholder_expand(js_text(js_at(list, i)), plan, node, task_id, executor_input, &b);
        argv[i] = buf_take(&b);
    }
    *ret_n = js_n(list);
    return argv;
}

char *executor_artifact_path(const struct js *artifact)
{
    static const struct {
        const char *scheme, *path;
    } remote[] = {{"gs://", "/gcs/"}, {"s3://", "/s3/"}, {"minio://", "/minio/"}};
    const char *custom = js_get_text(artifact, "customPath"), *uri = js_get_text(artifact, "uri");

    if (!custom)
        custom = js_get_text(artifact, "custom_path");
    if (custom && *custom)
        return dh_strdup(custom);
    if (!uri)
        return dh_strdup("");
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (!strncmp(uri, remote[i].scheme, strlen(remote[i].scheme)))
            return dh_printf("%s%s", remote[i].path, uri + strlen(remote[i].scheme));
    if (!strncmp(uri, "oci://", 6)) {
        char *path = dh_printf("/oci/%s/models", uri + 6);

        for (char *s = path + 5; *s && strcmp(s, "/models") != 0; s++)
            if (*s == '/')
                *s = '_';
        return path;
    }
    return dh_strdup(strncmp(uri, "file://", 7) ? uri : uri + 7);
}

/* ---- answers ---- */

/* An output parameter's file, read as its type says: text for STRING, True and true for BOOLEAN,
 * JSON else. */
static int parameter_from_text(const struct component_outputs_parameter_spec *def,
                               const struct js *text, struct js **ret, struct dh_err *err)
{
    own_mem char *lower = NULL;
    const char *s = js_text(text);

    if (def->parameter_type == PARAM_STRING || def->parameter_type == PARAM_UNSPECIFIED) {
        *ret = js_ref(text);
        return 0;
    }
    if (def->parameter_type == PARAM_BOOLEAN) {
        lower = dh_strdup(s);
        for (char *c = lower; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
        s = lower;
    }
    if (js_parse(s, strlen(s), ret, err) < 0) {
        err->code = DH_FAILED;
        return dh_while(err, "output parameter '%s': expected %s, got \"%.60s\"", def->name,
                        spec_param_type_name(def->parameter_type), js_text(text));
    }
    return 0;
}

/* As the backend reads what a step wrote: 3.0 is no integer there. */
static bool has_type(enum spec_param_type type, const struct js *v)
{
    return type == PARAM_NUMBER_INTEGER ? js_is(v, JS_INT) : spec_param_fits(type, v);
}

static int output_parameter_value(const struct component_outputs_parameter_spec *def,
                                  const struct js *executor_input, const struct js *answer,
                                  const struct js *files, struct js **ret, struct dh_err *err)
{
    struct js *v = js_ref(js_get(js_get(answer, "parameterValues"), def->name)), *converted = NULL;

    if (!v && js_get(files, def->name) &&
        parameter_from_text(def, js_get(files, def->name), &v, err) < 0)
        return -1;
    if (!v)
        return dh_fail(
            err, DH_FAILED, "output parameter '%s' was not written: expected %s in %s", def->name,
            spec_param_type_name(def->parameter_type),
            js_get_text(js_path(executor_input, "outputs", "parameters", def->name, NULL),
                        "outputFile"));
    converted = value_as(def->parameter_type, v);
    if (!js_is(v, JS_NULL) && !has_type(def->parameter_type, converted)) {
        (void)dh_fail(err, DH_FAILED, "output parameter '%s': expected %s, got: %s", def->name,
                      spec_param_type_name(def->parameter_type), js_kind_name(v));
        converted = js_free(converted);
    }
    js_free(v);
    *ret = converted;
    return converted ? 0 : -1;
}

/* One artifact of an answer over what was promised for it. */
static struct js *answered_artifact(const struct component_outputs_artifact_spec *def,
                                    const struct js *promised, const struct js *answered)
{
    struct js *a = js_object(), *metadata = js_object();
    const char *uri = js_get_text(answered, "uri"), *name = js_get_text(answered, "name");
    const char *custom_path = js_get_text(answered, "customPath");

    if (!custom_path)
        custom_path = js_get_text(answered, "custom_path");
    js_set(a, "name", js_str(name ? name : def->name));
    js_set(a, "type", js_str(spec_artifact_type(&def->artifact_type)));
    js_set(a, "schema", js_ref(js_get(promised, "type")));
    js_set(a, "uri", uri && *uri ? js_str(uri) : js_ref(js_get(promised, "uri")));
    for (js_each(js_get(promised, "metadata"), it))
        js_set(metadata, it.key, js_ref(it.value));
    for (js_each(js_get(answered, "metadata"), it))
        js_set(metadata, it.key, js_ref(it.value));
    js_set(a, "metadata", metadata);
    if (custom_path && *custom_path)
        js_set(a, "custom_path", js_str(custom_path));
    return a;
}

static struct js *output_artifact_list(const struct component_outputs_artifact_spec *def,
                                       const struct js *executor_input, const struct js *answer)
{
    const struct js *promised =
        js_at(js_path(executor_input, "outputs", "artifacts", def->name, "artifacts", NULL), 0);
    const struct js *answered = js_get(js_get(js_get(answer, "artifacts"), def->name), "artifacts");
    struct js *list = js_array();

    for (size_t i = 0; i < js_n(answered); i++)
        js_push(list, answered_artifact(def, promised, js_at(answered, i)));
    if (!answered)
        js_push(list, answered_artifact(def, promised, NULL));
    return list;
}

int executor_outputs(const struct plan_node *node, const struct js *executor_input,
                     const struct js *answer, const struct js *files, struct js **ret,
                     struct dh_err *err)
{
    const struct component_outputs_spec *defs = &node->component->output_definitions;
    own(js_free) struct js *outputs = js_object();
    struct js *parameters = js_object(), *artifacts = js_object(), *v;

    js_set(outputs, "parameters", parameters);
    js_set(outputs, "artifacts", artifacts);
    for (size_t i = 0; i < defs->parameters.n; i++) {
        v = NULL;
        if (output_parameter_value(&defs->parameters.items[i], executor_input, answer, files, &v,
                                   err) < 0)
            return -1;
        if (v)
            js_set(parameters, defs->parameters.items[i].name, v);
    }
    for (size_t i = 0; i < defs->artifacts.n; i++)
        js_set(artifacts, defs->artifacts.items[i].name,
               output_artifact_list(&defs->artifacts.items[i], executor_input, answer));
    *ret = js_n(parameters) || js_n(artifacts) ? take(&outputs) : NULL;
    return 0;
}

int executor_import(const struct plan *plan, const struct plan_node *node, struct js **ret,
                    struct dh_err *err)
{
    const struct importer_spec *im = node->executor->importer;
    const struct js *uri = im->artifact_uri.constant;
    own(js_free) struct js *expanded = NULL;
    own(js_free) struct js *metadata = NULL;
    struct js *outputs, *artifacts, *list, *a;
    const char *key = "artifact";

    if (im->artifact_uri.runtime_parameter)
        uri = js_get(js_get(node->inputs, "parameters"), im->artifact_uri.runtime_parameter);
    if (!uri)
        uri = js_get(js_get(node->inputs, "parameters"), "uri");
    if (!js_text(uri) || !*js_text(uri))
        return dh_fail(err, DH_FAILED, "importer: no URI is given");
    expanded = placeholder_expand_value(uri, plan, node, node->inputs);
    if (node->component->output_definitions.artifacts.n)
        key = node->component->output_definitions.artifacts.items[0].name;
    a = js_object();
    js_set(a, "name", js_str(key));
    js_set(a, "type", js_str(spec_artifact_type(&im->type_schema)));
    js_set(a, "schema", type_json(&im->type_schema));
    js_set(a, "uri", js_ref(expanded));
    metadata = im->metadata ? placeholder_expand_value(im->metadata, plan, node, node->inputs)
                            : js_object();
    js_set(a, "metadata", value_as(PARAM_STRUCT, metadata));
    list = js_array();
    js_push(list, a);
    artifacts = js_object();
    js_set(artifacts, key, list);
    outputs = js_object();
    js_set(outputs, "parameters", js_object());
    js_set(outputs, "artifacts", artifacts);
    *ret = outputs;
    return 0;
}
