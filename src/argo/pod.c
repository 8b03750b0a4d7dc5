/* pod - the template of a container task: the user's image with the launcher as its command. The
 * user's own command is not in it: the server sends it to the launcher. */
#include <string.h>

#include "argo/argo-priv.h"
#include "base/mem.h"
#include "spec/kubernetes.h"

/* From here on a pod is worth a question whether it is needed; bytes. */
#define LARGE_CPU 4.0
#define LARGE_MEMORY 16e9
#define RAW '\001' /* begins a text of the patch that is written as it is */

/* ---- small parts ---- */

static struct js *named(const char *name, const char *key, struct js *value)
{
    struct js *v = js_object();

    js_set(v, "name", js_str(name));
    js_set(v, key, value);
    return v;
}

struct js *pod_container(struct spot *spot)
{
    return js_get(spot->pod, "container");
}

void pod_mount(struct js *container, const char *volume, const char *path, const char *sub_path,
               bool read_only)
{
    struct js *v = named(volume, "mountPath", js_str(path));

    if (sub_path && *sub_path)
        js_set(v, "subPath", js_str(sub_path));
    if (read_only)
        js_set(v, "readOnly", js_bool(true));
    js_push(js_array_in(container, "volumeMounts"), v);
}

bool pod_is_passed(const struct spot *spot, enum task_config_passthrough_type field)
{
    const struct component_spec *c = spot->component;

    for (size_t i = 0; i < c->task_config_passthroughs.n; i++)
        if (c->task_config_passthroughs.items[i].field == field)
            return !c->task_config_passthroughs.items[i].apply_to_task;
    return false;
}

/* ---- fields that may be an input ---- */

int pod_flow(struct argo *a, struct spot *spot, const char *field, struct spec_pos pos,
             const char *constant, const struct input_parameter_spec *in, struct flow *ret)
{
    struct flow f = {0};

    if (in) {
        if (flow_argument(a, spot, in, AS_TEXT, &f) < 0)
            return -1;
        f = flow_cross(a, spot, field, f);
    } else if (constant && *constant) {
        if (flow_expand(a, spot, constant, false, &f) < 0)
            return -1;
    }
    if (f.kind == FLOW_UNKNOWN)
        return argo_refuse(a, in && in->pos.line ? in->pos : pos, spot, field, "%s", f.why);
    *ret = f;
    return 0;
}

int pod_text(struct argo *a, struct spot *spot, const char *field, struct spec_pos pos,
             const char *constant, const struct input_parameter_spec *in, const char **ret)
{
    struct flow f;

    if (pod_flow(a, spot, field, pos, constant, in, &f) < 0)
        return -1;
    *ret = flow_render(a, f);
    if (!**ret)
        return argo_refuse(a, in && in->pos.line ? in->pos : pos, spot, field, "it has no value");
    return 0;
}

/* ---- the patch: fields that Argo's own object has no text for ---- */

struct js *pod_patch(struct spot *spot)
{
    if (!spot->patch)
        spot->patch = js_object();
    return spot->patch;
}

struct js *pod_patch_main(struct spot *spot)
{
    struct js *list = js_array_in(pod_patch(spot), "containers"), *main;

    if (!js_n(list)) {
        main = js_object();
        js_set(main, "name", js_str("main"));
        js_push(list, main);
    }
    return js_at(list, 0);
}

struct js *pod_raw(struct argo *a, struct flow f, bool as_json)
{
    enum cel_expr_type type;
    const char *operand;

    f.type = as_json ? PARAM_STRUCT : PARAM_STRING;
    operand = flow_operand(a, f, &type);
    return pod_raw_expr(operand);
}

struct js *pod_raw_expr(const char *expr)
{
    return js_strf("%c{{=toJson(%s)}}", RAW, expr);
}

static void write_text(const char *text, struct buf *b)
{
    own(js_free) struct js *v = *text == RAW ? NULL : js_str(text);

    if (v)
        js_write(v, JS_COMPACT, b);
    else
        buf_adds(b, text + 1);
}

static void write_patch(const struct js *v, struct buf *b)
{
    size_t n = 0;

    switch (js_kind(v)) {
    case JS_STRING:
        write_text(js_text(v), b);
        break;
    case JS_ARRAY:
        buf_addc(b, '[');
        for (; n < js_n(v); n++) {
            buf_adds(b, n ? "," : "");
            write_patch(js_at(v, n), b);
        }
        buf_addc(b, ']');
        break;
    case JS_OBJECT:
        buf_addc(b, '{');
        for (js_each(v, it)) {
            buf_adds(b, n++ ? ", " : " "); /* a brace before "{{" would be taken for part of it */
            write_text(it.key, b);
            buf_addc(b, ':');
            write_patch(it.value, b);
        }
        buf_addc(b, '}');
        break;
    default:
        js_write(v, JS_COMPACT, b);
    }
}

static void set_patch(struct spot *spot)
{
    own_buf struct buf b = {0};

    if (!spot->patch)
        return;
    write_patch(spot->patch, &b);
    js_set(spot->pod, "podSpecPatch", js_str(buf_str(&b)));
}

/* ---- resources ---- */

struct resource {
    const char *field, *key, *text;
    double number; /* the older field: cores, GB */
    bool is_limit;
};

static int one_resource(struct argo *a, struct spot *spot, const struct resource *r,
                        struct spec_pos pos)
{
    struct js *resources = js_object_in(pod_container(spot), "resources");
    const char *group = r->is_limit ? "limits" : "requests";
    struct flow f;

    if (!*r->text) {
        if (r->number > 0) {
            own_buf struct buf b = {0};

            js_write_num(r->number, &b);
            js_set(js_object_in(resources, group), r->key,
                   js_strf("%s%s", buf_str(&b), strcmp(r->key, "memory") ? "" : "G"));
        }
        return 0;
    }
    if (pod_flow(a, spot, r->field, pos, r->text, NULL, &f) < 0)
        return -1;
    if (f.kind == FLOW_TEXT)
        js_set(js_object_in(js_object_in(pod_patch_main(spot), "resources"), group), r->key,
               pod_raw(a, f, false));
    else if (*flow_render(a, f))
        js_set(js_object_in(resources, group), r->key, js_str(flow_render(a, f)));
    return 0;
}

static int accelerator(struct argo *a, struct spot *spot, const struct accelerator_config *c)
{
    const char *type = *c->resource_type ? c->resource_type : c->type;
    own_mem char *number = dh_printf("%lld", (long long)c->count);
    const char *count = *c->resource_count ? c->resource_count : c->count > 0 ? number : "";
    struct flow key, value;

    if (!*type || !*count)
        return 0;
    if (pod_flow(a, spot, "accelerator.resourceType", c->pos, type, NULL, &key) < 0 ||
        pod_flow(a, spot, "accelerator.resourceCount", c->pos, count, NULL, &value) < 0)
        return -1;
    if (key.kind != FLOW_TEXT && value.kind != FLOW_TEXT) {
        js_set(js_object_in(js_object_in(pod_container(spot), "resources"), "limits"),
               flow_render(a, key), js_str(flow_render(a, value)));
        return 0;
    }
    js_set(js_object_in(js_object_in(pod_patch_main(spot), "resources"), "limits"),
           key.kind == FLOW_TEXT ? js_text(argo_keep(a, pod_raw(a, key, false)))
                                 : flow_render(a, key),
           value.kind == FLOW_TEXT ? pod_raw(a, value, false) : js_str(flow_render(a, value)));
    return 0;
}

static int resources(struct argo *a, struct spot *spot, const struct resource_spec *r)
{
    const struct resource all[] = {
        {"resources.resourceCpuRequest", "cpu", r->resource_cpu_request, r->cpu_request, false},
        {"resources.resourceMemoryRequest", "memory", r->resource_memory_request, r->memory_request,
         false},
        {"resources.resourceCpuLimit", "cpu", r->resource_cpu_limit, r->cpu_limit, true},
        {"resources.resourceMemoryLimit", "memory", r->resource_memory_limit, r->memory_limit,
         true},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (one_resource(a, spot, &all[i], r->pos) < 0)
            return -1;
    return r->accelerator ? accelerator(a, spot, r->accelerator) : 0;
}

const struct retry_policy *argo_retry_policy(const struct spot *spot)
{
    for (; spot && spot->task; spot = spot->up)
        if (spot->task->retry_policy)
            return spot->task->retry_policy;
    return NULL;
}

/* ---- the launcher ---- */

static struct js *field_ref(const char *name, const char *path)
{
    struct js *from = js_object(), *ref = js_object();

    js_set(ref, "fieldPath", js_str(path));
    js_set(from, "fieldRef", ref);
    return named(name, "valueFrom", from);
}

struct js *pod_env_field(const char *name, const char *path)
{
    return field_ref(name, path);
}

static struct js *texts(const char *const *items, size_t n)
{
    struct js *list = js_array();

    for (size_t i = 0; i < n; i++)
        js_push(list, js_str(items[i]));
    return list;
}

static char *server(const struct argo_options *o)
{
    if (o->server)
        return dh_strdup(o->server);
    return o->namespace ? dh_printf("http://dhow.%s.svc:8080", o->namespace)
                        : dh_strdup("http://dhow:8080");
}

static struct js *closed_context(void)
{
    static const char *const all[] = {"ALL"};
    struct js *v = js_object(), *capabilities = js_object();

    js_set(v, "allowPrivilegeEscalation", js_bool(false));
    js_set(capabilities, "drop", texts(all, 1));
    js_set(v, "capabilities", capabilities);
    return v;
}

/* Copies the launcher to where the user's container finds it. */
static void launcher(struct argo *a, struct spot *spot)
{
    static const char *const copy[] = {"/dhow-launch", "--copy", "/dhow/launch"};
    struct js *v, *resources, *context;

    if (a->options->image_volume)
        return;
    v = js_object();
    js_set(v, "name", js_str("dhow-launcher"));
    js_set(v, "image", js_str(argo_launcher_image(a)));
    js_set(v, "command", texts(copy, 3));
    resources = js_object();
    js_set(js_object_in(resources, "requests"), "cpu", js_str("10m"));
    js_set(js_object_in(resources, "requests"), "memory", js_str("16Mi"));
    js_set(js_object_in(resources, "limits"), "memory", js_str("64Mi"));
    js_set(v, "resources", resources);
    context = closed_context();
    js_set(context, "runAsNonRoot", js_bool(true));
    js_set(context, "readOnlyRootFilesystem", js_bool(true));
    js_set(v, "securityContext", context);
    pod_mount(v, "dhow", "/dhow", NULL, false);
    js_push(js_array_in(spot->pod, "initContainers"), v);
}

static void launch(struct argo *a, struct spot *spot)
{
    struct js *container = pod_container(spot), *env = js_array_in(container, "env");
    own_mem char *url = server(a->options);
    const char *const command[] = {a->options->image_volume ? "/dhow/bin/dhow-launch"
                                                            : "/dhow/launch"};
    const char *const args[] = {"--run",       a->run->run_id,
                                "--scope",     "{{inputs.parameters.scope}}",
                                "--iteration", "{{inputs.parameters.iteration}}",
                                "--server",    url};

    js_set(container, "command", texts(command, 1));
    js_set(container, "args", texts(args, sizeof args / sizeof *args));
    js_push(env, field_ref("KFP_POD_NAME", "metadata.name"));
    js_push(env, field_ref("KFP_POD_UID", "metadata.uid"));
    if (a->options->error_retries >= 0 || argo_retry_policy(spot))
        js_push(env, named("KFP_RETRY_INDEX", "value", js_str("{{retries}}")));
}

#define WORKSPACE "/kfp-workspace"

static bool names_workspace(const char *text)
{
    return strstr(text, WORKSPACE) || strstr(text, "workspace_path");
}

static bool value_names_workspace(const struct js *v)
{
    own_mem char *text = v ? js_dump(v, JS_COMPACT) : NULL;

    return text && names_workspace(text);
}

/* Whether an input may have a path in the run's workspace: what other tasks give, may. */
static bool may_get_workspace(const struct argo *a, const struct spot *spot, const char *input)
{
    const struct input_parameter_spec *in;

    if (!spot->up)
        return value_names_workspace(js_get(a->run->parameters, input));
    in = spec_find(&spot->task->inputs.parameters, input);
    if (!in) /* a default, or the item of a loop */
        return spot->is_loop;
    if (in->kind == INPUT_PARAMETER_COMPONENT_INPUT)
        return may_get_workspace(a, spot->up, in->component_input_parameter);
    return in->kind != INPUT_PARAMETER_RUNTIME_VALUE ||
           value_names_workspace(in->runtime_value->constant);
}

/* A claim that one node alone may mount keeps pods together: only those that need it have it. */
static bool needs_workspace(const struct argo *a, const struct spot *spot)
{
    const struct pipeline_container_spec *c = spot->executor->container;
    const struct component_inputs_parameter_map *inputs =
        &spot->component->input_definitions.parameters;

    if (!argo_workspace(a))
        return false;
    if (spot->task->inputs.artifacts.n)
        return true;
    for (size_t i = 0; i < c->command.n; i++)
        if (names_workspace(c->command.items[i]))
            return true;
    for (size_t i = 0; i < c->args.n; i++)
        if (names_workspace(c->args.items[i]))
            return true;
    for (size_t i = 0; i < c->env.n; i++)
        if (names_workspace(c->env.items[i].value))
            return true;
    for (size_t i = 0; i < inputs->n; i++)
        if (value_names_workspace(inputs->items[i].default_value) ||
            may_get_workspace(a, spot, inputs->items[i].name))
            return true;
    return false;
}

/* The folders that the SDK's types map URIs to, writable in any image. */
static void folders(struct argo *a, struct spot *spot)
{
    struct js *container = pod_container(spot);

    for (const struct argo_folder *f = argo_folders; f->volume; f++)
        pod_mount(container, f->volume, f->path, NULL, false);
    pod_mount(container, "dhow-token", "/dhow-token", NULL, true);
    if (a->options->image_volume)
        pod_mount(container, "dhow-launcher", "/dhow/bin", NULL, true);
    if (needs_workspace(a, spot))
        pod_mount(container, "kfp-workspace", WORKSPACE, NULL, false);
}

/* ---- retries, deadlines ---- */

static struct js *seconds(int64_t us)
{
    if (us % 1000000)
        return js_strf("%lldms", (long long)(us / 1000));
    return js_strf("%llds", (long long)(us / 1000000));
}

static int backoff(struct argo *a, struct spot *spot, const struct retry_policy *p,
                   struct js *strategy)
{
    struct js *v;

    if (p->backoff_duration_us <= 0)
        return 0;
    v = js_object_in(strategy, "backoff");
    js_set(v, "duration", seconds(p->backoff_duration_us));
    if (p->backoff_factor > 0) {
        if (p->backoff_factor != (double)(int32_t)p->backoff_factor)
            return argo_refuse(a, p->pos, spot, "retryPolicy.backoffFactor",
                               "Argo takes whole numbers only, and this is %g", p->backoff_factor);
        js_set(v, "factor", js_int((int64_t)p->backoff_factor));
    }
    if (p->backoff_max_duration_us > 0)
        js_set(v, "cap", seconds(p->backoff_max_duration_us));
    return 0;
}

/* A pod that did not end by itself. Argo calls some of these an error, and some a failure: one that
 * Kubernetes told to end (the launcher's 143), one whose node restarted, one that a kubelet
 * evicted. */
#define LOST                                                                                       \
    "lastRetry.status == 'Error' || lastRetry.message startsWith 'main: Error (exit code 143)' "   \
    "|| "                                                                                          \
    "lastRetry.message startsWith 'main: Unknown (exit code 255)' || "                             \
    "lastRetry.message startsWith 'main: ContainerStatusUnknown' || "                              \
    "lastRetry.message startsWith 'The node was low on ' || "                                      \
    "lastRetry.message startsWith 'Pod was terminated in response '"

static int retries(struct argo *a, struct spot *spot)
{
    const struct retry_policy *p = argo_retry_policy(spot);
    int32_t lost = a->options->error_retries ? a->options->error_retries : 2;
    struct js *strategy;

    if (!p && lost < 0)
        return 0;
    strategy = js_object_in(spot->pod, "retryStrategy");
    js_set(strategy, "limit", js_int(p && p->max_retry_count > 0 ? p->max_retry_count : lost));
    js_set(strategy, "retryPolicy", js_str("Always"));
    if (!p || p->max_retry_count <= 0)
        js_set(strategy, "expression", js_str(LOST));
    return p ? backoff(a, spot, p, strategy) : 0;
}

static void metadata(struct spot *spot)
{
    struct js *annotations = js_object_in(js_object_in(spot->pod, "metadata"), "annotations");

    js_set(annotations, ARGO_SCOPE_ANNOTATION, js_str("{{inputs.parameters.scope}}"));
    js_set(annotations, ARGO_ITERATION_ANNOTATION, js_str("{{inputs.parameters.iteration}}"));
}

/* A task that waits for a person has no program: its launcher waits for the server's answer, which
 * comes when somebody has decided, and tells Argo what that was. */
static bool waits_for_person(const struct pipeline_container_spec *c)
{
    return !strcmp(c->image, "kfp://human-input");
}

/* Worth a look before it is scheduled. What is only known then may be much. */
static bool is_much(const char *text, double number, double much)
{
    double value;

    return (spec_quantity(text, &value) == 0 ? value : *text ? much : number) >= much;
}

static bool is_large(const struct resource_spec *r)
{
    return r && (r->accelerator || is_much(r->resource_cpu_request, r->cpu_request, LARGE_CPU) ||
                 is_much(r->resource_cpu_limit, r->cpu_limit, LARGE_CPU) ||
                 is_much(r->resource_memory_request, r->memory_request * 1e9, LARGE_MEMORY) ||
                 is_much(r->resource_memory_limit, r->memory_limit * 1e9, LARGE_MEMORY));
}

bool pod_is_probed(const struct argo *a, const struct spot *spot)
{
    const struct pipeline_container_spec *c = spot->executor->container;

    if (a->options->agent < ARGO_AGENT_LARGE || !decide_may_ask(spot))
        return false;
    return waits_for_person(c) || (spot->task->caching_options.enable_cache &&
                                   (a->options->agent == ARGO_AGENT_ALL || is_large(c->resources)));
}

int pod_build(struct argo *a, struct spot *spot)
{
    const struct pipeline_container_spec *c = spot->executor->container;
    struct js *container = js_object();
    const char *image;

    spot->pod = js_object();
    metadata(spot);
    js_set(spot->pod, "container", container);
    if (pod_text(a, spot, "image", c->pos, c->image, NULL, &image) < 0)
        return -1;
    js_set(container, "image", js_str(waits_for_person(c) ? argo_launcher_image(a) : image));
    launcher(a, spot);
    launch(a, spot);
    folders(a, spot);
    js_set(container, "securityContext", closed_context());
    if (c->resources && !pod_is_passed(spot, TASK_CONFIG_RESOURCES) &&
        resources(a, spot, c->resources) < 0)
        return -1;
    if (retries(a, spot) < 0 || pod_platform(a, spot) < 0 || pod_schedule(a, spot) < 0)
        return -1;
    set_patch(spot);
    return 0;
}
