/* cluster-errand - what a pod's request needs of the object store, done in a thread: what an input
 * is made of, and URLs for those who have no keys. */
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-priv.h"

enum { GET_S = 3600, PUT_S = 6 * 3600, MAX_FILES = 100000 };

struct errand {
    uv_work_t work;
    struct cluster *c;
    uint64_t conn, job;
    int attempt;
    enum errand_kind kind;
    struct js *in, *out; /* the thread's until it is done */
    int rc;
    struct dh_err err;
};

/* ---- inputs ---- */

struct files {
    struct js *list;
    const char *uri;
};

static int add_file(struct js *list, const char *uri, const char *name, int64_t size,
                    const char *digest, struct dh_err *err)
{
    struct js *f = js_object();
    own_mem char *url = NULL;

    js_push(list, f);
    if (artifact_presign(uri, "GET", GET_S, &url, err) < 0)
        return -1;
    js_set(f, "name", js_str(name));
    js_set(f, "url", js_str(url));
    js_set(f, "size", js_int(size));
    js_set(f, "sha256", digest ? js_str(digest) : js_null());
    return 0;
}

static int add_below(const char *key, int64_t size, void *user, struct dh_err *err)
{
    struct files *f = user;
    size_t n = strlen(key);
    own_mem char *uri = NULL;

    if (js_n(f->list) >= MAX_FILES)
        return dh_fail(err, DH_FAILED, "%s has more than %d files", f->uri, MAX_FILES);
    if (n && key[n - 1] == '/') { /* an empty folder's mark: nothing to fetch */
        struct js *mark = js_object();

        js_set(mark, "name", js_str(key));
        js_push(f->list, mark);
        return 0;
    }
    uri = artifact_uri_below(f->uri, key);
    return add_file(f->list, uri, key, size, NULL, err);
}

static int resolve_input(struct js *input, struct dh_err *err)
{
    const char *uri = js_get_text(input, "uri"), *digest = js_get_text(input, "digest");
    struct files files = {js_array(), uri};
    struct artifact_stat st;
    int rc = 0;

    js_set(input, "files", files.list);
    js_set(input, "folder", js_bool(false));
    if (artifact_stat_uri(uri, false, NULL, &st, err) < 0) {
        /* A step need not have written what it promised (metrics live in the metadata). */
        if (err->code != DH_NOT_FOUND || digest)
            return -1;
    } else if (st.kind == ARTIFACT_DIR) {
        js_set(input, "folder", js_bool(true));
        rc = artifact_list(uri, add_below, &files, err);
    } else {
        rc = add_file(files.list, uri, "", st.size_bytes, digest, err);
    }
    if (rc < 0)
        return -1;
    js_set(input, "uri", NULL);
    js_set(input, "digest", NULL);
    return 0;
}

/* Inputs that are not there are left out. */
static int resolve(struct errand *e)
{
    struct js *list = js_get(e->in, "inputs"), *there = js_array();

    for (size_t i = 0; i < js_n(list); i++) {
        struct js *one = js_at(list, i);

        if (resolve_input(one, &e->err) < 0) {
            js_free(there);
            return -1;
        }
        if (js_get_bool(one, "folder") || js_n(js_get(one, "files")))
            js_push(there, js_ref(one));
    }
    js_set(e->in, "inputs", there);
    e->out = take(&e->in);
    return 0;
}

/* ---- outputs ---- */

/* "a/b" below an artifact, "" the artifact itself, "a/" an empty folder. */
static bool is_safe(const char *name)
{
    if (!name || *name == '/')
        return false;
    for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        size_t n = strcspn(at, "/");

        if ((n == 0 && *at) || (n == 1 && *at == '.') || (n == 2 && !strncmp(at, "..", 2)))
            return false;
    }
    return true;
}

static char *place_of(const struct js *in, const char *name)
{
    const char *uri = js_get_text(in, "uri");

    return *name ? artifact_uri_below(uri, name) : dh_strdup(uri);
}

static int sign_parts(const char *uri, int64_t size, const char *sha256, struct js *to,
                      struct dh_err *err)
{
    struct artifact_parts parts = {0};
    struct js *urls;

    if (artifact_begin_parts(uri, size, sha256, PUT_S, &parts, err) < 0)
        return -1;
    urls = js_array();
    for (size_t i = 0; i < parts.n; i++)
        js_push(urls, js_str(parts.urls[i]));
    js_set(to, "upload", js_str(parts.upload));
    js_set(to, "part_size", js_int(parts.part_size));
    js_set(to, "urls", urls);
    artifact_parts_done(&parts);
    return 0;
}

static int sign_one(const struct js *in, const struct js *file, struct js *to, struct dh_err *err)
{
    const char *name = js_get_text(file, "name"), *sha256 = js_get_text(file, "sha256");
    int64_t size = js_get_int(file, "size", -1);
    own_mem char *uri = NULL;
    own_mem char *url = NULL;
    struct js *headers;

    if (!is_safe(name) || size < 0)
        return dh_fail(err, DH_INVALID, "a file has no name that it may have, or no size");
    if (sha256 && (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64))
        return dh_fail(err, DH_INVALID, "sha256 of '%s': expected 64 hex digits", name);
    js_set(to, "name", js_str(name));
    uri = place_of(in, name);
    if (size > ARTIFACT_PARTS_FROM)
        return sign_parts(uri, size, sha256, to, err);
    if (artifact_presign_put(uri, sha256, PUT_S, &url, err) < 0)
        return -1;
    js_set(to, "url", js_str(url));
    if (!sha256)
        return 0;
    headers = js_object();
    js_set(headers, ARTIFACT_SHA256_HEADER, js_str(sha256));
    js_set(to, "headers", headers);
    return 0;
}

static int sign(struct errand *e)
{
    const struct js *files = js_get(e->in, "files");
    struct js *list = js_array();

    e->out = js_object();
    js_set(e->out, "files", list);
    if (js_n(files) > MAX_FILES)
        return dh_fail(&e->err, DH_INVALID, "more than %d files", MAX_FILES);
    for (size_t i = 0; i < js_n(files); i++) {
        struct js *one = js_object();

        js_push(list, one);
        if (sign_one(e->in, js_at(files, i), one, &e->err) < 0)
            return -1;
    }
    return 0;
}

static int complete(struct errand *e)
{
    const struct js *list = js_get(e->in, "etags");
    const char *name = js_get_text(e->in, "name"), *upload = js_get_text(e->in, "upload");
    own_mem const char **etags = dh_zalloc(js_n(list) + 1, sizeof *etags);
    own_mem char *uri = NULL;

    if (!is_safe(name) || !upload || !js_n(list))
        return dh_fail(&e->err, DH_INVALID, "expected name, upload and etags");
    for (size_t i = 0; i < js_n(list); i++) {
        etags[i] = js_text(js_at(list, i));
        if (!etags[i])
            return dh_fail(&e->err, DH_INVALID, "etags: expected texts");
    }
    uri = place_of(e->in, name);
    e->out = js_object();
    return artifact_end_parts(uri, upload, etags, js_n(list), &e->err);
}

/* ---- the thread, and back ---- */

static void in_thread(uv_work_t *work)
{
    struct errand *e = work->data;

    e->rc = e->kind == ERRAND_CLAIM ? resolve(e) : e->kind == ERRAND_SIGN ? sign(e) : complete(e);
}

/* What it was to get is not there: that is the attempt's end. */
static int claim_failed(struct errand *e, struct dh_err *err)
{
    struct run *run = e->c->run;
    struct job *job = jobs_find(run, e->job);
    own_mem char *reason = dh_printf("its inputs: %s", e->err.msg);
    struct js *body;

    if (e->err.code == DH_IO) {
        gate_refuse(e->c, e->conn, 503, 2, "%s", reason);
        return 0;
    }
    body = js_object();
    js_set(body, "do", js_str("fail"));
    js_set(body, "message", js_str(reason));
    gate_reply(e->c, e->conn, 200, 0, body);
    if (!job || job->state != JOB_RUNNING || job->attempt != e->attempt)
        return 0;
    if (!store_in_transaction(run->engine->store) && store_begin(run->engine->store, err) < 0)
        return -1;
    return cluster_lost(job, PLAN_FAILED, reason, -1, err);
}

static void done(uv_work_t *work, int status)
{
    struct errand *e = work->data;
    struct run *run = e->c->run;
    int rc = 0;
    (void)status;

    if (!run->over) {
        if (e->rc == 0)
            gate_reply(e->c, e->conn, 200, 0, take(&e->out));
        else if (e->kind == ERRAND_CLAIM)
            rc = claim_failed(e, run->err);
        else
            gate_refuse(e->c, e->conn, e->err.code == DH_INVALID ? 400 : 503, 0, "%s", e->err.msg);
        if (rc < 0)
            run_fail(run);
        else if (store_in_transaction(run->engine->store))
            run_turn(run);
        else
            gate_flush(e->c);
    }
    js_free(e->in);
    js_free(e->out);
    free(e);
}

void errand_start(struct cluster *c, uint64_t conn, enum errand_kind kind, uint64_t job,
                  int attempt, struct js *in)
{
    struct errand *e = dh_zalloc(1, sizeof *e);

    e->work.data = e;
    e->c = c;
    e->conn = conn;
    e->kind = kind;
    e->job = job;
    e->attempt = attempt;
    e->in = in;
    (void)uv_queue_work(&c->run->engine->loop, &e->work, in_thread, done);
}
