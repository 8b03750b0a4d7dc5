/* outputs - what a step left behind: read, checked, measured. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "engine/remote.h"

#define LARGE_BYTES ((int64_t)1 << 20) /* from here on a thread computes the digest */

/* The executor's answer, NULL where the step wrote none. */
static int read_answer(const struct job *job, struct js **ret, struct dh_err *err)
{
    if (js_parse_file(job->output_file, LIMIT_EXECUTOR_OUTPUT, ret, err) == 0) {
        if (js_is(*ret, JS_OBJECT))
            return 0;
        *ret = js_free(*ret);
        return dh_fail(err, DH_FAILED, "the executor output is not a JSON object");
    }
    if (err->code == DH_NOT_FOUND)
        return 0;
    if (err->code == DH_INVALID)
        err->code = DH_FAILED;
    return dh_while(err, "executor output");
}

static int read_parameter_files(const struct job *job, struct js **ret, struct dh_err *err)
{
    const struct component_outputs_parameter_map *defs =
        &job->node->component->output_definitions.parameters;
    own(js_free) struct js *files = js_object();

    for (size_t i = 0; i < defs->n; i++) {
        own_mem char *path = fs_join(job->out, defs->items[i].name);
        own_mem char *text = NULL;
        size_t n;

        if (fs_read(path, LIMIT_OUTPUT_PARAM, &text, &n, err) == 0) {
            js_set(files, defs->items[i].name, js_strn(text, n));
        } else if (err->code != DH_NOT_FOUND) {
            if (err->code == DH_INVALID)
                err->code = DH_FAILED;
            return dh_while(err, "output parameter '%s'", defs->items[i].name);
        }
    }
    *ret = take(&files);
    return 0;
}

static bool is_inside(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

/* Whether `path`, links followed, is the step's own: in its folders, or in the run's workspace. */
static bool is_own(const struct run *run, const struct job *job, const char *path)
{
    const char *const folders[] = {job->task_root, job->spec.cwd, job->out, run->facts.workspace};
    own_mem char *real = realpath(path, NULL);

    for (size_t i = 0; real && i < sizeof folders / sizeof *folders; i++) {
        own_mem char *folder = folders[i] ? realpath(folders[i], NULL) : NULL;

        if (folder && is_inside(real, folder))
            return true;
    }
    return false;
}

static bool is_input(const struct job *job, const char *uri)
{
    for (js_each(js_get(job->node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            own_mem char *path = remote_input_path(job->run, js_at(it.value, i));

            if (!strcmp(js_get_text(js_at(it.value, i), "uri"), uri) || !strcmp(path, uri))
                return true;
        }
    return false;
}

/* A step may write an artifact where it likes (set_path): the bytes come to the artifact's own
 * place, which alone may be replaced for that. */
static int fetch_custom(const struct job *job, struct js *artifact, struct dh_err *err)
{
    const char *from = js_get_text(artifact, "custom_path"), *uri = js_get_text(artifact, "uri");

    if (!from || *from != '/' || !fs_exists(from) || !strcmp(from, uri) ||
        !is_inside(uri, job->task_root) || strstr(uri, "/../"))
        return 0;
    return fs_remove_tree(uri, err) < 0 ? -1 : fs_copy(from, uri, err);
}

/* What a step answers is not trusted with more than the step: in the process runtime it can read
 * what its user can; elsewhere it may name its own folders, the workspace and its inputs, and
 * nothing else comes out. */
static int check_answer(const struct run *run, const struct job *job, struct js *artifact,
                        struct dh_err *err)
{
    const char *custom = js_get_text(artifact, "custom_path"), *uri = js_get_text(artifact, "uri");
    bool free = !strcmp(runtime_name(run->runtime), "process");

    if (!free && custom && fs_exists(custom) && !is_own(run, job, custom))
        js_set(artifact, "custom_path", NULL); /* it means a place in the step's own root */
    if (fetch_custom(job, artifact, err) < 0)
        return -1;
    js_set(artifact, "custom_path", NULL);
    if (free || *uri != '/' || !fs_exists(uri) || is_input(job, uri) || is_own(run, job, uri))
        return 0;
    return dh_fail(err, DH_FAILED, "its uri %s is outside of the step's folder %s", uri,
                   job->task_root);
}

static int check_answers(const struct run *run, const struct job *job, struct dh_err *err)
{
    for (js_each(js_get(job->outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++)
            if (check_answer(run, job, js_at(it.value, i), err) < 0)
                return dh_while(err, "output artifact '%s'", it.key);
    return 0;
}

int outputs_read(struct run *run, struct job *job, struct dh_err *err)
{
    const struct component_outputs_spec *defs = &job->node->component->output_definitions;
    own(js_free) struct js *answer = NULL;
    own(js_free) struct js *files = NULL;

    job->outputs = js_free(job->outputs);
    if (!defs->parameters.n && !defs->artifacts.n)
        return 0;
    if (read_answer(job, &answer, err) < 0 || read_parameter_files(job, &files, err) < 0)
        return -1;
    if (executor_outputs(job->node, job->input, answer, files, &job->outputs, err) < 0)
        return -1;
    return check_answers(run, job, err);
}

bool outputs_are_large(const struct js *outputs)
{
    int64_t total = 0;

    for (js_each(js_get(outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            own_mem char *path = executor_artifact_path(js_at(it.value, i));
            struct stat st;

            if (stat(path, &st) == 0)
                total += S_ISDIR(st.st_mode) ? LARGE_BYTES : st.st_size;
        }
    return total >= LARGE_BYTES;
}

int outputs_measure(struct js *outputs, struct dh_err *err)
{
    for (js_each(js_get(outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            struct js *a = js_at(it.value, i);
            own_mem char *path = executor_artifact_path(a);
            struct artifact_stat st;

            /* A step need not write a file for every artifact (metrics live in the metadata). */
            if (path[0] != '/' || !fs_exists(path))
                continue;
            if (artifact_digest(path, &st, err) < 0) {
                if (err->code != DH_IO)
                    err->code = DH_FAILED;
                return dh_while(err, "output artifact '%s'", it.key);
            }
            js_set(a, "digest", js_str(st.digest));
            js_set(a, "size", js_int(st.size_bytes));
        }
    return 0;
}
