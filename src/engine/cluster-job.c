/* cluster-job - a job as its pod sees it: paths, command, environment, inputs; and what it gave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"
#include "engine/platform.h"
#include "plan/executor_input.h"
#include "plan/placeholder.h"
#include "spec/kubernetes.h"

#define POD_FOLDER "/dhow/o" /* what the launcher makes: parameters, the executor's answer */
#define POD_METRICS POD_FOLDER "/.metrics.jsonl"
enum { BEAT_S = 5, GRACE_S = 30, MAX_FILES = 100000 };

/* ---- what it is given ---- */

static void name_folders(struct run *run, struct job *job)
{
    own_mem char *execution = NULL;

    free(job->task_root);
    free(job->remote_root);
    free(job->out);
    free(job->output_file);
    runtime_job_done(&job->spec);
    execution =
        job->attempt > 1 ? dh_printf("%s-%d", job->uuid, job->attempt) : dh_strdup(job->uuid);
    job->remote_root = artifact_path(run->remote_root, run->spec->pipeline.pipeline_info.name,
                                     run->uuid, plan_name(job->node), execution, NULL);
    job->task_root = artifact_uri_plain(job->remote_root);
    job->out = dh_strdup(POD_FOLDER);
    job->output_file = dh_strdup(POD_FOLDER "/executor_output.json");
    job->spec.cwd = dh_strdup(POD_FOLDER);
    job->spec.log = dh_printf("%s/%s-%d.log", run->folder, job->uuid, job->attempt);
    job->spec.label = dh_printf("%s.%d", job->uuid, job->attempt);
}

/* How a bucket is reached is the server's to know. */
static void plain_inputs(struct job *job)
{
    for (js_each(js_path(job->input, "inputs", "artifacts", NULL), it)) {
        struct js *list = js_get(it.value, "artifacts");

        for (size_t i = 0; i < js_n(list); i++) {
            const char *uri = js_get_text(js_at(list, i), "uri");
            own_mem char *plain = uri ? artifact_uri_plain(uri) : NULL;

            if (plain)
                js_set(js_at(list, i), "uri", js_str(plain));
        }
    }
}

int cluster_job_build(struct job *job, struct dh_err *err)
{
    struct run *run = job->run;

    name_folders(run, job);
    job_make_input(job);
    plain_inputs(job);
    return platform_config(run, job, err);
}

/* ---- the answer to its claim ---- */

static struct js *command_of(struct job *job)
{
    struct js *list = js_array();
    char **argv;
    size_t n;

    argv = executor_command(job->run->plan, job->node, job->uuid, job->input, &n);
    for (size_t i = 0; i < n; i++)
        js_push(list, js_str(argv[i]));
    (void)strv_free(argv);
    return list;
}

static struct js *environment_of(struct job *job)
{
    const struct pipeline_container_spec *c = job->node->executor->container;
    struct js *env = js_object();

    js_set(env, "KFP_RUN_ID", js_str(job->run->uuid));
    js_set(env, "DHOW_TASK", js_str(plan_name(job->node)));
    js_set(env, "DHOW_METRICS", js_str(POD_METRICS));
    js_set(env, "KFP_RETRY_INDEX", js_strf("%d", job->attempt - 1));
    for (size_t i = 0; i < c->env.n && !platform_passes(job, TASK_CONFIG_ENV); i++) {
        own_buf struct buf b = {0};

        placeholder_expand(c->env.items[i].value, job->run->plan, job->node, job->uuid, job->input,
                           &b);
        js_set(env, c->env.items[i].name, js_str(buf_str(&b)));
    }
    return env;
}

/* Where Kubernetes puts values that no log may show: the launcher looks there. */
static struct js *secrets_of(struct job *job)
{
    const struct kubernetes_executor_config *k =
        spec_kubernetes(job->run->spec, job->node->executor->name);
    struct js *v = js_object(), *env = js_array(), *folders = js_array();

    js_set(v, "env", env);
    js_set(v, "folders", folders);
    for (size_t i = 0; k && i < k->secret_as_env.n; i++) {
        const struct secret_as_env *s = &k->secret_as_env.items[i];

        for (size_t j = 0; j < s->key_to_env.n; j++)
            js_push(env, js_str(s->key_to_env.items[j].env_var));
    }
    for (size_t i = 0; k && i < k->secret_as_volume.n; i++)
        js_push(folders, js_str(k->secret_as_volume.items[i].mount_path));
    return v;
}

static char *pod_path(const struct js *artifact)
{
    const char *uri = js_get_text(artifact, "uri");
    own_mem char *plain = uri ? artifact_uri_plain(uri) : NULL;
    own(js_free) struct js *copy = js_copy(artifact);

    if (plain)
        js_set(copy, "uri", js_str(plain));
    return executor_artifact_path(copy);
}

/* What is in a bucket that there are keys for; the rest is the step's own to reach. */
static struct js *inputs_of(struct job *job)
{
    struct js *list = js_array();

    for (js_each(js_get(job->node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            const struct js *a = js_at(it.value, i);
            const char *uri = js_get_text(a, "uri"), *digest = js_get_text(a, "digest");
            own_mem char *path = NULL;
            struct js *one;

            if (!uri || !artifact_uri_is_remote(uri) || artifact_has_keys(uri, NULL) != 0)
                continue;
            path = pod_path(a);
            one = js_object();
            js_set(one, "path", js_str(path));
            js_set(one, "uri", js_str(uri));
            if (digest)
                js_set(one, "digest", js_str(digest));
            js_push(list, one);
        }
    return list;
}

static void add_folder_of(struct js *dirs, const char *path)
{
    own_mem char *folder = dh_strdup(path);
    char *slash = strrchr(folder, '/');

    if (!slash || slash == folder)
        return;
    *slash = '\0';
    for (size_t i = 0; i < js_n(dirs); i++)
        if (!strcmp(js_text(js_at(dirs, i)), folder))
            return;
    js_push(dirs, js_str(folder));
}

static struct js *named_path(const char *name, const char *path)
{
    struct js *v = js_object();

    js_set(v, "name", js_str(name));
    js_set(v, "path", js_str(path));
    return v;
}

static struct js *outputs_of(struct job *job, struct js *dirs)
{
    struct js *outputs = js_object(), *parameters = js_array(), *artifacts = js_array();

    js_set(outputs, "executor_output", js_str(job->output_file));
    js_set(outputs, "parameters", parameters);
    js_set(outputs, "artifacts", artifacts);
    js_push(dirs, js_str(job->out));
    for (js_each(js_path(job->input, "outputs", "parameters", NULL), it))
        js_push(parameters, named_path(it.key, js_get_text(it.value, "outputFile")));
    for (js_each(js_path(job->input, "outputs", "artifacts", NULL), it)) {
        own_mem char *path = executor_artifact_path(js_at(js_get(it.value, "artifacts"), 0));

        add_folder_of(dirs, path);
        js_push(artifacts, named_path(it.key, path));
    }
    return outputs;
}

static struct js *control_files(struct job *job)
{
    own_mem char *scope = plan_scope_path(job->node);
    own(js_free) struct js *files = argo_control_files(job->run->cluster->workflow, scope);
    struct js *list = js_array();

    for (size_t i = 0; i < js_n(files); i++)
        js_push(list, named_path("", js_text(js_at(files, i))));
    for (size_t i = 0; i < js_n(list); i++)
        js_set(js_at(list, i), "file", js_ref(js_at(files, i)));
    return list;
}

struct js *cluster_job_claim(struct job *job, const char *attempt)
{
    struct js *v = js_object(), *dirs = js_array();
    int64_t deadline = platform_deadline_us(job->run, job->node);

    js_set(v, "do", js_str("run"));
    js_set(v, "attempt", js_str(attempt));
    js_set(v, "command", command_of(job));
    js_set(v, "env", environment_of(job));
    js_set(v, "cwd", js_null());
    js_set(v, "executor_input", js_ref(job->input));
    js_set(v, "inputs", inputs_of(job));
    js_set(v, "texts", js_array());
    js_set(v, "metrics", js_str(POD_METRICS));
    js_set(v, "secrets", secrets_of(job));
    js_set(v, "outputs", outputs_of(job, dirs));
    js_set(v, "dirs", dirs);
    js_set(v, "timeout_s", deadline ? js_int((deadline + 999999) / 1000000) : js_null());
    js_set(v, "grace_s", js_int(GRACE_S));
    js_set(v, "beat_s", js_int(BEAT_S));
    js_set(v, "control", control_files(job));
    return v;
}

/* ---- what it gave ---- */

static bool is_digest(const char *text)
{
    return text && strlen(text) == DIGEST_TEXT - 1 && strspn(text, "0123456789abcdef") == 64;
}

static int measure_folder(struct js *artifact, const struct js *files, struct dh_err *err)
{
    own_mem struct artifact_piece *pieces = dh_zalloc(js_n(files) + 1, sizeof *pieces);
    char digest[DIGEST_TEXT];
    int64_t total = 0;

    for (size_t i = 0; i < js_n(files); i++) {
        const struct js *f = js_at(files, i);

        pieces[i] = (struct artifact_piece){.name = js_get_text(f, "name"),
                                            .size_bytes = js_get_int(f, "size", -1),
                                            .sha256 = js_get_text(f, "sha256")};
        if (!pieces[i].name || !*pieces[i].name || pieces[i].size_bytes < 0 ||
            pieces[i].size_bytes > INT64_MAX - total || !is_digest(pieces[i].sha256))
            return dh_fail(err, DH_FAILED, "file %zu has no name, size or sha256", i);
        total += pieces[i].size_bytes;
    }
    artifact_digest_pieces(pieces, js_n(files), digest);
    js_set(artifact, "digest", js_str(digest));
    js_set(artifact, "size", js_int(total));
    return 0;
}

static int measure(struct js *artifact, const struct js *sent, struct dh_err *err)
{
    const struct js *files = js_get(sent, "files"), *one = js_at(files, 0);

    if (js_n(files) > MAX_FILES)
        return dh_fail(err, DH_FAILED, "it has more than %d files", MAX_FILES);
    if (js_get_bool(sent, "folder"))
        return measure_folder(artifact, files, err);
    if (!is_digest(js_get_text(one, "sha256")) || js_get_int(one, "size", -1) < 0)
        return dh_fail(err, DH_FAILED, "its file has no size or sha256");
    js_set(artifact, "digest", js_ref(js_get(one, "sha256")));
    js_set(artifact, "size", js_ref(js_get(one, "size")));
    return 0;
}

/* An input that the step hands on is where it was; its own outputs are where they were sent. */
static void place(struct job *job, struct js *artifact)
{
    const char *uri = js_get_text(artifact, "uri");
    size_t n = strlen(job->task_root);

    if (!uri)
        return;
    if (!strncmp(uri, job->task_root, n) && uri[n] == '/') {
        own_mem char *whole = artifact_uri_below(job->remote_root, uri + n + 1);

        js_set(artifact, "uri", js_str(whole));
        return;
    }
    for (js_each(js_get(job->node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            const char *its = js_get_text(js_at(it.value, i), "uri");
            own_mem char *plain = its ? artifact_uri_plain(its) : NULL;

            if (plain && !strcmp(plain, uri)) {
                js_set(artifact, "uri", js_str(its));
                if (js_get_text(js_at(it.value, i), "digest"))
                    js_set(artifact, "digest", js_ref(js_get(js_at(it.value, i), "digest")));
                return;
            }
        }
}

static const struct js *sent_of(const struct js *finish, const char *name)
{
    const struct js *list = js_get(finish, "artifacts");

    for (size_t i = 0; i < js_n(list); i++) {
        const char *its = js_get_text(js_at(list, i), "name");

        if (its && !strcmp(its, name))
            return js_at(list, i);
    }
    return NULL;
}

/* What was sent is the output's first artifact, at its own place, whatever path it had in the pod.
 */
static int take_artifacts(struct job *job, const struct js *finish, struct dh_err *err)
{
    for (js_each(js_get(job->outputs, "artifacts"), it)) {
        const struct js *sent = sent_of(finish, it.key);

        for (size_t i = 0; i < js_n(it.value); i++) {
            struct js *a = js_at(it.value, i);
            bool custom = js_get_text(a, "custom_path") != NULL;

            js_set(a, "custom_path", NULL);
            if (i == 0 && sent && custom) {
                own_mem char *own_place = fs_join(job->task_root, it.key);

                js_set(a, "uri", js_str(own_place));
            }
            place(job, a);
            if (i == 0 && sent && measure(a, sent, err) < 0)
                return dh_while(err, "output artifact '%s'", it.key);
        }
    }
    return 0;
}

int cluster_job_outputs(struct job *job, const struct js *finish, struct dh_err *err)
{
    const struct component_outputs_spec *defs = &job->node->component->output_definitions;
    const struct js *answer = js_get(finish, "executor_output");

    job->outputs = js_free(job->outputs);
    if (!defs->parameters.n && !defs->artifacts.n)
        return 0;
    if (answer && !js_is(answer, JS_NULL) && !js_is(answer, JS_OBJECT))
        return dh_fail(err, DH_FAILED, "the executor output is not a JSON object");
    if (js_is(answer, JS_NULL))
        answer = NULL;
    if (executor_outputs(job->node, job->input, answer, js_get(finish, "parameters"), &job->outputs,
                         err) < 0)
        return -1;
    return take_artifacts(job, finish, err);
}
