/* job - what a step sees: its folders, its input, its command line and its environment. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "engine/platform.h"
#include "engine/remote.h"
#include "plan/placeholder.h"

extern char **environ;

/* What a step gets of our own environment: where programs and certificates are, how to reach the
 * network and the package registries, language and time zone. Nothing else: no keys, no tokens, no
 * HOME. */
static bool passes(const char *entry)
{
    static const char *const names[] = {"PATH",
                                        "HOME",
                                        "USER",
                                        "LOGNAME",
                                        "LANG",
                                        "LANGUAGE",
                                        "TZ",
                                        "HTTP_PROXY",
                                        "HTTPS_PROXY",
                                        "NO_PROXY",
                                        "ALL_PROXY",
                                        "http_proxy",
                                        "https_proxy",
                                        "no_proxy",
                                        "all_proxy",
                                        "SSL_CERT_FILE",
                                        "SSL_CERT_DIR",
                                        "CURL_CA_BUNDLE",
                                        "REQUESTS_CA_BUNDLE",
                                        "LD_LIBRARY_PATH"};
    static const char *const prefixes[] = {"LC_", "PIP_", "UV_"};
    size_t n = strcspn(entry, "=");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && !strncmp(entry, names[i], n))
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(entry, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

struct strv {
    char **items;
    size_t n, cap;
};

static void strv_add(struct strv *v, char *text)
{
    DH_GROW(v->items, v->n, v->cap);
    v->items[v->n++] = text;
}

/* NAME=value, replacing an earlier NAME. Takes `text`. */
static void strv_setenv(struct strv *v, char *text)
{
    size_t n = strcspn(text, "=") + 1;

    for (size_t i = 0; i < v->n; i++)
        if (!strncmp(v->items[i], text, n)) {
            free(v->items[i]);
            v->items[i] = text;
            return;
        }
    strv_add(v, text);
}

char **env_base(const struct run *run)
{
    const char *source = js_get_text(run->options, "source_dir");
    const char *from = js_get_text(run->options, "invocation_dir");
    const char *path = getenv("PATH"), *slash = strrchr(run->engine->self, '/');
    struct strv v = {0};

    for (char **e = environ; *e; e++)
        if (passes(*e))
            strv_setenv(&v, dh_strdup(*e));
    /* A script in a step may call `dhow component …` too. */
    strv_setenv(&v, dh_printf("PATH=%s:%.*s", path ? path : "/usr/local/bin:/usr/bin:/bin",
                              (int)(slash - run->engine->self), run->engine->self));
    if (!getenv("LANG"))
        strv_setenv(&v, dh_strdup("LANG=C.UTF-8"));
    strv_setenv(&v, dh_printf("KFP_RUN_ID=%s", run->uuid));
    if (source)
        strv_setenv(&v, dh_printf("DHOW_PIPELINE_DIR=%s", source));
    if (from)
        strv_setenv(&v, dh_printf("DHOW_INVOCATION_DIR=%s", from));
    strv_add(&v, NULL);
    return v.items;
}

static char **environment(struct run *run, struct job *job, struct dh_err *err)
{
    const struct pipeline_container_spec *c = job->node->executor->container;
    own_mem char *metrics = metrics_live_path(job);
    struct strv v = {0};

    for (char **e = run->base_env; *e; e++)
        strv_add(&v, dh_strdup(*e));
    strv_setenv(&v, dh_printf("TMPDIR=%s", job->spec.cwd));
    strv_setenv(&v, dh_printf("KFP_POD_NAME=%s", job->uuid));
    strv_setenv(&v, dh_printf("KFP_POD_UID=%s", job->uuid));
    strv_setenv(&v, dh_printf("KFP_RETRY_INDEX=%d", job->attempt - 1));
    strv_setenv(&v, dh_printf("DHOW_TASK=%s", plan_name(job->node)));
    strv_setenv(&v, dh_printf("DHOW_METRICS=%s", metrics));
    for (size_t i = 0; i < c->env.n && !platform_passes(job, TASK_CONFIG_ENV); i++) {
        struct buf b = {0};

        buf_addf(&b, "%s=", c->env.items[i].name);
        placeholder_expand(c->env.items[i].value, run->plan, job->node, job->uuid, job->input, &b);
        strv_setenv(&v, buf_take(&b));
    }
    strv_add(&v, NULL);
    if (platform_environment(run, job, &v.items, err) < 0) {
        (void)strv_free(v.items);
        return NULL;
    }
    return v.items;
}

static void add_mount(struct runtime_job *spec, const char *path, bool writable)
{
    spec->mounts = dh_realloc(spec->mounts, spec->n_mounts + 1, sizeof *spec->mounts);
    spec->mounts[spec->n_mounts++] =
        (struct runtime_mount){.path = dh_strdup(path), .writable = writable};
}

static void mount_inputs(struct job *job)
{
    for (js_each(js_get(job->node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            own_mem char *path = remote_input_mount(job->run, js_at(it.value, i));

            if (path[0] == '/' && fs_exists(path))
                add_mount(&job->spec, path, false); /* outputs_read has looked at what steps name */
        }
}

/* Whether the step may be told about folders of its own for outputs. */
static bool names_executor_input(const struct pipeline_container_spec *c)
{
    for (size_t i = 0; i < c->command.n; i++)
        if (strstr(c->command.items[i], "{{$}}") || strstr(c->command.items[i], "{{$.output"))
            return true;
    for (size_t i = 0; i < c->args.n; i++)
        if (strstr(c->args.items[i], "{{$}}") || strstr(c->args.items[i], "{{$.output"))
            return true;
    return false;
}

/* As the run's author says; else a sandbox has none, and a container has it. */
static bool network(const struct run *run)
{
    const char *asked = js_get_text(run->options, "network");

    return asked ? !strcmp(asked, "on") : strcmp(runtime_name(run->runtime), "sandbox") != 0;
}

static void name_folders(struct run *run, struct job *job)
{
    own_mem char *execution = NULL;

    free(job->task_root);
    free(job->out);
    free(job->output_file);
    runtime_job_done(&job->spec);
    secret_masks_done(&job->masks);
    /* A folder an attempt: what an earlier success made may be in use by other runs. */
    execution =
        job->attempt > 1 ? dh_printf("%s-%d", job->uuid, job->attempt) : dh_strdup(job->uuid);
    job->task_root = artifact_path(run->local_root, run->spec->pipeline.pipeline_info.name,
                                   run->uuid, plan_name(job->node), execution, NULL);
    free(job->remote_root);
    job->remote_root = run->remote_root
                           ? artifact_path(run->remote_root, run->spec->pipeline.pipeline_info.name,
                                           run->uuid, plan_name(job->node), execution, NULL)
                           : NULL;
    job->out = dh_printf("%s/%s.out", run->folder, job->uuid);
    job->output_file = dh_printf("%s/executor_output.json", job->out);
    job->spec.cwd = work_folder(run, job->slot);
    job->spec.log = dh_printf("%s/%s-%d.log", run->folder, job->uuid, job->attempt);
    job->spec.label = dh_printf("%s.%d", job->uuid, job->attempt);
    job->spec.user = job->spec.group = -1;
    job->spec.network = network(run);
    job->spec.pull_policy = "";
}

bool job_has_out(const struct job *job)
{
    return job->node->component->output_definitions.parameters.n ||
           names_executor_input(job->node->executor->container);
}

static int make_given(const struct job *job, const char *folder, struct dh_err *err)
{
    return fs_mkdirs(folder, 0755, err) < 0 ? -1 : runtime_give(&job->spec, folder, err);
}

int job_make_folders(struct job *job, struct dh_err *err)
{
    if (job->attempt > 1 && fs_remove_tree(job->out, err) < 0)
        return -1;
    if (!job->spec.any_cwd &&
        (work_make(job, err) < 0 || runtime_give(&job->spec, job->spec.cwd, err) < 0))
        return -1;
    if (job_has_out(job) && make_given(job, job->out, err) < 0)
        return -1;
    return job->node->component->output_definitions.artifacts.n
               ? make_given(job, job->task_root, err)
               : 0;
}

void job_make_input(struct job *job)
{
    js_free(job->input);
    job->input =
        executor_input_build(job->node, &(struct exec_paths){.task_root = job->task_root,
                                                             .param_dir = job->out,
                                                             .task_id = job->uuid,
                                                             .output_file = job->output_file});
}

void job_name(struct run *run, struct job *job)
{
    name_folders(run, job);
    job_make_input(job);
    remote_localize(run, job);
}

int job_build(struct run *run, struct job *job, struct dh_err *err)
{
    const struct pipeline_container_spec *c = job->node->executor->container;
    struct buf image = {0};
    size_t n;

    job_name(run, job);
    if (platform_config(run, job, err) < 0)
        return -1;
    job->spec.argv = executor_command(run->plan, job->node, job->uuid, job->input, &n);
    job->spec.args_only = c->command.n == 0;
    placeholder_expand(c->image, run->plan, job->node, job->uuid, job->input, &image);
    job->spec.image = buf_take(&image);
    job->spec.env = environment(run, job, err);
    if (!job->spec.env)
        return -1;
    mount_inputs(job);
    add_mount(&job->spec, job->spec.cwd, true);
    if (job_has_out(job))
        add_mount(&job->spec, job->out, true);
    if (job->node->component->output_definitions.artifacts.n)
        add_mount(&job->spec, job->task_root, true);
    if (run->facts.workspace)
        add_mount(&job->spec, run->facts.workspace, true);
    return platform_apply(run, job, err);
}
