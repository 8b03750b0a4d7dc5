/* cluster-claim - the components that make and delete a volume claim have no pod: the run's process
 * asks Kubernetes itself, each time (no cache). The name of a claim is known to the Workflow before
 * the claim is there; pods that mount it wait for it. */
#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"
#include "plan/placeholder.h"

enum { PATIENCE_S = 600 };

static const struct js *input(const struct job *job, const char *name)
{
    const struct js *v = js_path(job->node->inputs, "parameters", name, NULL);

    return js_is(v, JS_NULL) ? NULL : v;
}

static char *input_text(const struct job *job, const char *name)
{
    const struct js *v = input(job, name);

    return v ? placeholder_text(v) : NULL;
}

/* The indices of the loops around it, from outside in: "0.3". */
static char *iteration_text(const struct plan_node *node)
{
    char *text = dh_strdup("");

    for (; node; node = node->parent)
        if (node->iteration_index >= 0) {
            char *longer = dh_printf("%d%s%s", node->iteration_index, *text ? "." : "", text);

            free(text);
            text = longer;
        }
    return text;
}

static int name_claim(struct job *job, char **ret, struct dh_err *err)
{
    own_mem char *name = input_text(job, "pvc_name");
    own_mem char *suffix = input_text(job, "pvc_name_suffix");
    own_mem char *scope = plan_scope_path(job->node);
    own_mem char *iteration = iteration_text(job->node);
    bool has_name = name && *name, has_suffix = suffix && *suffix;

    if (has_name == has_suffix)
        return dh_fail(err, DH_FAILED, "give either pvc_name or pvc_name_suffix%s",
                       has_name ? ", not both" : "");
    *ret = has_name ? take(&name) : argo_claim_name(job->run->uuid, scope, iteration, suffix);
    return 0;
}

static struct js *claim_spec(const struct job *job)
{
    struct js *spec = js_object(), *resources = js_object(), *requests = js_object();
    const struct js *modes = input(job, "access_modes");
    own_mem char *size = input_text(job, "size");
    own_mem char *class = input_text(job, "storage_class_name");
    own_mem char *volume = input_text(job, "volume_name");
    struct js *one;

    if (js_n(modes)) {
        js_set(spec, "accessModes", js_ref(modes));
    } else {
        one = js_array();
        js_push(one, js_str("ReadWriteOnce"));
        js_set(spec, "accessModes", one);
    }
    js_set(requests, "storage", js_str(size && *size ? size : "1Gi"));
    js_set(resources, "requests", requests);
    js_set(spec, "resources", resources);
    if (class)
        js_set(spec, "storageClassName", js_str(class));
    if (volume && *volume)
        js_set(spec, "volumeName", js_str(volume));
    if (js_is(input(job, "data_source"), JS_OBJECT))
        js_set(spec, "dataSource", js_ref(input(job, "data_source")));
    return spec;
}

static struct js *claim_of(const struct job *job, const char *name)
{
    struct js *v = js_object(), *metadata = js_object(), *labels = js_object();

    js_set(v, "apiVersion", js_str("v1"));
    js_set(v, "kind", js_str("PersistentVolumeClaim"));
    js_set(v, "metadata", metadata);
    js_set(metadata, "name", js_str(name));
    js_set(metadata, "labels", labels);
    js_set(labels, ARGO_RUN_LABEL, js_str(job->run->uuid));
    if (js_n(input(job, "annotations")))
        js_set(metadata, "annotations", js_ref(input(job, "annotations")));
    js_set(v, "spec", claim_spec(job));
    return v;
}

/* job->input is {"name", "body"}; without a body the claim is deleted. In a thread. */
static void ask(struct job *job)
{
    struct cluster *c = job->run->cluster;
    const struct js *body = js_get(job->input, "body");
    const char *name = js_get_text(job->input, "name");
    own(kube_disconnect) struct kube_conn *conn = NULL;
    own_mem char *path = kube_path(c->kube, "v1", "persistentvolumeclaims", body ? NULL : name);
    struct dh_err *err = &job->work_err;

    job->work_rc = kube_connect(c->kube, &job->stop, PATIENCE_S, &conn, err);
    if (job->work_rc == 0)
        job->work_rc = kube_call(conn, body ? KUBE_CREATE : KUBE_DELETE, path, body, NULL, err);
    if (body ? job->work_rc == KUBE_CONFLICT && js_get_bool(job->input, "own")
             : job->work_rc == KUBE_NOT_FOUND)
        job->work_rc = 0; /* done by a process before, or not there to be deleted */
}

static int asked(struct job *job, struct dh_err *err)
{
    struct js *parameters;

    if (task_is_stopped(job))
        return task_failed(job, PLAN_CANCELED, job->run->cancel_reason, -1, err);
    if (job->work_rc != 0) {
        (void)dh_fail(err, DH_FAILED, "volume claim '%s': %s", js_get_text(job->input, "name"),
                      job->work_err.msg);
        return task_fail(job, err);
    }
    job->outputs = js_object();
    parameters = js_object();
    js_set(job->outputs, "parameters", parameters);
    if (js_get(job->input, "body"))
        js_set(parameters, "name", js_ref(js_get(job->input, "name")));
    if (record_success(job->run, job, err) < 0)
        return task_fail(job, err);
    return task_succeeded(job, PLAN_SUCCEEDED, true, err);
}

int cluster_builtin(struct job *job, bool create, struct dh_err *err)
{
    own_mem char *name = NULL;
    own_mem char *given = input_text(job, "pvc_name");

    if (create && name_claim(job, &name, err) < 0)
        return task_fail(job, err);
    if (!create && !given) {
        (void)dh_fail(err, DH_FAILED, "pvc_name has no value");
        return task_fail(job, err);
    }
    js_free(job->input);
    job->input = js_object();
    js_set(job->input, "name", js_str(create ? name : given));
    /* One whose name was made of the run's id can be of this run alone. */
    js_set(job->input, "own", js_bool(!given || !*given));
    if (create)
        js_set(job->input, "body", claim_of(job, name));
    job->state = JOB_MEASURING;
    jobs_in_thread(job, ask, asked);
    return 0;
}
