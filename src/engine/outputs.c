/* outputs - what a step left behind: read, checked, measured. */
#include <string.h>
#include <sys/stat.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine-priv.h"

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

/* A step may write an artifact where it likes (set_path): the bytes come to the artifact's own
 * place. */
static int fetch_custom(struct js *artifact, struct dh_err *err)
{
    const char *from = js_get_text(artifact, "custom_path"), *uri = js_get_text(artifact, "uri");
    int rc = 0;

    if (from && *from == '/' && *uri == '/' && fs_exists(from)) {
        rc = fs_remove_tree(uri, err);
        if (rc == 0)
            rc = fs_copy(from, uri, err);
    }
    js_set(artifact, "custom_path", NULL);
    return rc;
}

static int fetch_custom_paths(struct js *outputs, struct dh_err *err)
{
    for (js_each(js_get(outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++)
            if (js_get(js_at(it.value, i), "custom_path") &&
                fetch_custom(js_at(it.value, i), err) < 0)
                return dh_while(err, "output artifact '%s'", it.key);
    return 0;
}

int outputs_read(struct run *run, struct job *job, struct dh_err *err)
{
    const struct component_outputs_spec *defs = &job->node->component->output_definitions;
    own(js_free) struct js *answer = NULL;
    own(js_free) struct js *files = NULL;
    (void)run;

    job->outputs = js_free(job->outputs);
    if (!defs->parameters.n && !defs->artifacts.n)
        return 0;
    if (read_answer(job, &answer, err) < 0 || read_parameter_files(job, &files, err) < 0)
        return -1;
    if (executor_outputs(job->node, job->input, answer, files, &job->outputs, err) < 0)
        return -1;
    return fetch_custom_paths(job->outputs, err);
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
