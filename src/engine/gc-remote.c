#include "engine/gc-remote.h"

#include <stdlib.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/mem.h"
#include "base/workers.h"

#define THREADS 8

void gc_remote_add(struct gc_remote *r, const char *uri)
{
    DH_GROW(r->uris, r->n_uris, r->cap_uris);
    r->uris[r->n_uris++] = dh_strdup(uri);
}

void gc_remote_add_run(struct gc_remote *r, const char *root, const char *pipeline,
                       const char *run_uuid)
{
    if (!root || !pipeline || !artifact_uri_is_remote(root))
        return;
    DH_GROW(r->runs, r->n_runs, r->cap_runs);
    r->runs[r->n_runs++] = artifact_path(root, pipeline, run_uuid, NULL, NULL, NULL);
}

void gc_remote_add_root(struct gc_remote *r, const char *root)
{
    if (!root || !artifact_uri_is_remote(root))
        return;
    for (size_t i = 0; i < r->n_roots; i++)
        if (!strcmp(r->roots[i], root))
            return;
    DH_GROW(r->roots, r->n_roots, r->cap_roots);
    r->roots[r->n_roots++] = dh_strdup(root);
}

void gc_remote_abort(const struct gc_remote *r, int64_t before_us,
                     void (*fn)(void *user, const char *root, size_t n), void *user)
{
    for (size_t i = 0; i < r->n_roots; i++) {
        struct dh_err ignored = {0};
        size_t n = 0;

        if (artifact_has_keys(r->roots[i], &ignored) == 0 &&
            artifact_abort_uploads(r->roots[i], before_us, &n, &ignored) == 0 && n)
            fn(user, r->roots[i], n);
    }
}

static int remove_one(void *user, size_t i, struct dh_err *err)
{
    return artifact_remove(((char *const *)user)[i], NULL, err);
}

struct logs {
    const char *run;
    struct gc_remote found;
};

/* {task}/{execution}/executor-logs-0 */
static int find_log(const char *key, int64_t size_bytes, void *user, struct dh_err *err)
{
    struct logs *logs = user;
    const char *slash = strrchr(key, '/');
    own_mem char *uri = NULL;
    (void)size_bytes;
    (void)err;

    if (slash && !strncmp(slash, "/executor-logs-", strlen("/executor-logs-"))) {
        uri = artifact_uri_below(logs->run, key);
        gc_remote_add(&logs->found, uri);
    }
    return 0;
}

static int remove_logs(void *user, size_t i, struct dh_err *err)
{
    struct logs logs = {.run = ((char *const *)user)[i]};
    int rc = artifact_list(logs.run, find_log, &logs, err);

    for (size_t n = 0; rc == 0 && n < logs.found.n_uris; n++)
        rc = artifact_remove(logs.found.uris[n], NULL, err);
    gc_remote_done(&logs.found);
    return rc;
}

int gc_remote_remove(const struct gc_remote *r, struct dh_err *err)
{
    if (workers_run(r->n_uris, THREADS, remove_one, r->uris, err) < 0)
        return -1;
    return workers_run(r->n_runs, THREADS, remove_logs, r->runs, err);
}

void gc_remote_done(struct gc_remote *r)
{
    for (size_t i = 0; i < r->n_uris; i++)
        free(r->uris[i]);
    for (size_t i = 0; i < r->n_runs; i++)
        free(r->runs[i]);
    for (size_t i = 0; i < r->n_roots; i++)
        free(r->roots[i]);
    free(r->uris);
    free(r->runs);
    free(r->roots);
    *r = (struct gc_remote){0};
}
