#include "launch/outputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "launch/put.h"

#define CONTROL_FOLDER "/dhow/out"
#define FINISH_MAX ((size_t)32 << 20) /* what a server takes as one request */

/* Folders that are the pod's own and outlive a restart of its container. */
static bool is_ours(const char *path)
{
    static const char *const ours[] = {"/gcs/", "/s3/", "/minio/", "/tmp/kfp/", "/dhow/"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strncmp(path, ours[i], strlen(ours[i])))
            return true;
    return false;
}

void outputs_clear(const struct js *outputs)
{
    const struct js *parameters = js_get(outputs, "parameters");
    const struct js *artifacts = js_get(outputs, "artifacts");
    const char *path = js_get_text(outputs, "executor_output");

    if (path && is_ours(path))
        (void)fs_unlink(path, NULL);
    for (size_t i = 0; i < js_n(parameters); i++) {
        path = js_get_text(js_at(parameters, i), "path");
        if (path && is_ours(path))
            (void)fs_unlink(path, NULL);
    }
    for (size_t i = 0; i < js_n(artifacts); i++) {
        path = js_get_text(js_at(artifacts, i), "path");
        if (path && is_ours(path))
            (void)fs_remove_tree(path, NULL);
    }
}

/* 0: *ret is the text; 1: there is no such file. */
static int read_text(const char *path, size_t max, struct js **ret, struct dh_err *err)
{
    own_mem char *text = NULL;
    struct dh_err why = {0};
    size_t n = 0;

    if (fs_read(path, max, &text, &n, &why) < 0)
        return why.code == DH_NOT_FOUND ? 1 : dh_fail(err, DH_FAILED, "%s", why.msg);
    *ret = js_strn(text, n);
    return 0;
}

static int read_executor_output(const char *path, struct js *finish, size_t *total,
                                struct dh_err *err)
{
    own(js_free) struct js *text = NULL;
    struct js *object = NULL;
    int rc = path ? read_text(path, LIMIT_EXECUTOR_OUTPUT, &text, err) : 1;

    if (rc < 0)
        return -1;
    if (rc == 0) {
        *total += js_text_len(text);
        if (js_parse(js_text(text), js_text_len(text), &object, NULL) < 0)
            object = take(&text); /* the server says what is wrong with it */
    }
    js_set(finish, "executor_output", object ? object : js_null());
    return 0;
}

int outputs_read(const struct js *outputs, struct js *finish, struct dh_err *err)
{
    const struct js *list = js_get(outputs, "parameters");
    struct js *parameters = js_object();
    size_t total = 0;

    js_set(finish, "parameters", parameters);
    if (read_executor_output(js_get_text(outputs, "executor_output"), finish, &total, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(list); i++) {
        const char *name = js_get_text(js_at(list, i), "name");
        const char *path = js_get_text(js_at(list, i), "path");
        struct js *text = NULL;
        int rc = name && path ? read_text(path, LIMIT_OUTPUT_PARAM, &text, err) : 1;

        if (rc < 0)
            return dh_while(err, "output parameter '%s'", name);
        if (rc > 0)
            continue;
        total += js_text_len(text);
        js_set(parameters, name, text);
    }
    if (total > FINISH_MAX)
        return dh_fail(err, DH_FAILED,
                       "the step's output parameters are %zu bytes, more than %zu: what is so "
                       "large must be an artifact",
                       total, FINISH_MAX);
    return 0;
}

/* The executor may say that it wrote elsewhere. */
static const char *path_of(const struct js *artifact, const struct js *executor_output)
{
    const char *name = js_get_text(artifact, "name"), *path;
    const struct js *first =
        js_at(js_path(executor_output, "artifacts", name ? name : "", "artifacts", NULL), 0);

    path = js_get_text(first, "custom_path");
    path = path ? path : js_get_text(first, "customPath");
    return path && *path == '/' ? path : js_get_text(artifact, "path");
}

int outputs_upload(struct server *s, const struct js *outputs, unsigned parallel, struct js *finish,
                   struct dh_err *err)
{
    const struct js *list = js_get(outputs, "artifacts");
    struct js *done = js_array();

    js_set(finish, "artifacts", done);
    for (size_t i = 0; i < js_n(list); i++) {
        const char *name = js_get_text(js_at(list, i), "name");
        const char *path = path_of(js_at(list, i), js_get(finish, "executor_output"));
        struct js *one = NULL;
        int rc;

        if (!name || !path)
            return dh_fail(err, DH_INVALID, "an output artifact of the server's has no path");
        rc = put_artifact(s, name, path, parallel, &one, err);
        if (rc == 0)
            js_push(done, one);
        else if (rc == PUT_NONE)
            launch_say("the step did not write its artifact '%s' (%s)", name, path);
        else
            return rc;
    }
    return 0;
}

int outputs_control(const struct js *control, struct dh_err *err)
{
    for (size_t i = 0; i < js_n(control); i++) {
        const char *file = js_get_text(js_at(control, i), "file");
        const struct js *value = js_get(js_at(control, i), "value");
        own_mem char *path = NULL, *folder = NULL, *text = NULL;

        if (!file || !*file)
            return dh_fail(err, DH_INVALID, "a control value of the server's has no file");
        path = fs_join(CONTROL_FOLDER, file);
        folder = dh_strdup(path);
        *strrchr(folder, '/') = '\0';
        text = js_text(value) ? dh_strdup(js_text(value)) : js_dump(value, JS_COMPACT);
        if ((*folder && fs_mkdirs(folder, 0777, err) < 0) ||
            fs_write(path, text, strlen(text), 0644, err) < 0)
            return -1;
    }
    return 0;
}
