#include "engine/remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "artifact/artifact-cache.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/workers.h"

#define CACHE_BYTES ((int64_t)20 << 30)
#define ASK_THREADS 16
#define SEND_AFTER_CANCEL_MS 3000

struct transfer { /* one thing on its way; the thread's */
    char *uri;    /* far */
    char *local;
    char *digest; /* NULL: not known */
    int64_t size;
    char *same[3]; /* URIs whose bytes are the same */
    int n_same;
    struct js *artifact; /* the loop's: what it is in job->outputs. Borrowed */
    int found;           /* of an ask */
};

static char *optional(const char *text)
{
    return text ? dh_strdup(text) : NULL;
}

static struct transfer *add(struct job *job)
{
    DH_GROW(job->transfers, job->n_transfers, job->cap_transfers);
    job->transfers[job->n_transfers] = (struct transfer){.size = -1};
    return &job->transfers[job->n_transfers++];
}

static void clear(struct job *job)
{
    for (size_t i = 0; i < job->n_transfers; i++) {
        struct transfer *t = &job->transfers[i];

        free(t->uri);
        free(t->local);
        free(t->digest);
        for (int j = 0; j < t->n_same; j++)
            free(t->same[j]);
    }
    job->n_transfers = 0;
}

void remote_job_done(struct job *job)
{
    clear(job);
    free(job->transfers);
    free(job->remote_root);
}

/* ---- the root ---- */

int remote_root(struct run *run, const char *recorded, struct dh_err *err)
{
    own_mem char *local = NULL;
    int rc = artifact_uri_local(recorded, &local, err);

    if (rc < 0)
        return -1;
    run->cache_folder = arena_printf(run->arena, "%s/cache/artifacts", run->engine->home);
    if (rc == 0) {
        run->local_root = arena_strdup(run->arena, local);
        run->facts.pipeline_root = run->local_root;
        return 0;
    }
    local = artifact_uri_plain(recorded);
    run->remote_root = arena_strdup(run->arena, recorded);
    run->facts.pipeline_root = arena_strdup(run->arena, local);
    run->local_root = arena_printf(run->arena, "%s/runs/%s/stage", run->engine->home, run->uuid);
    run->verified = strmap_new();
    return 0;
}

/* ---- inputs ---- */

/* It is far, and there are keys for it; else its path is what KFP's launcher would make of it. */
static bool is_far(const struct js *artifact)
{
    const char *uri = js_get_text(artifact, "uri"), *custom = js_get_text(artifact, "custom_path");

    if (!custom)
        custom = js_get_text(artifact, "customPath");
    return uri && !(custom && *custom) && artifact_uri_is_remote(uri) &&
           artifact_has_keys(uri, NULL) == 0;
}

/* {run}/inputs/{of the URI}/{its last name}: the name that the step's author knows. */
static char *view_path(const struct run *run, const char *uri)
{
    own_mem char *plain = artifact_uri_plain(uri);
    size_t n = strlen(plain);
    const char *name;
    char digest[DIGEST_TEXT];

    while (n && plain[n - 1] == '/')
        plain[--n] = '\0';
    name = strrchr(plain, '/');
    name = name ? name + 1 : plain;
    (void)digest_bytes(uri, strlen(uri), digest);
    if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strlen(name) > 240)
        name = "artifact";
    return dh_printf("%s/inputs/%.16s/%s", run->folder, digest, name);
}

char *remote_input_path(const struct run *run, const struct js *artifact)
{
    return is_far(artifact) ? view_path(run, js_get_text(artifact, "uri"))
                            : executor_artifact_path(artifact);
}

char *remote_input_mount(const struct run *run, const struct js *artifact)
{
    char *path = remote_input_path(run, artifact);

    if (is_far(artifact)) {
        *strrchr(path, '/') = '\0';
        (void)fs_mkdirs(path, 0755, NULL);
    }
    return path;
}

int remote_give(const struct run *run, const struct js *artifact, const char *to,
                struct dh_err *err)
{
    const struct artifact_how how = {.digest = js_get_text(artifact, "digest")};

    if (!is_far(artifact))
        return 1;
    return artifact_cache_give(run->cache_folder, js_get_text(artifact, "uri"), &how, to, NULL,
                               err);
}

void remote_localize(struct run *run, struct job *job)
{
    for (js_each(js_path(job->input, "inputs", "artifacts", NULL), it)) {
        struct js *list = js_get(it.value, "artifacts");

        for (size_t i = 0; i < js_n(list); i++)
            if (is_far(js_at(list, i))) {
                own_mem char *path = view_path(run, js_get_text(js_at(list, i), "uri"));

                js_set(js_at(list, i), "uri", js_str(path));
            }
    }
}

bool remote_must_fetch(struct run *run, struct job *job)
{
    clear(job);
    for (js_each(js_get(job->node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            const struct js *a = js_at(it.value, i);
            own_mem char *path = is_far(a) ? remote_input_path(run, a) : NULL;
            struct transfer *t;

            if (!path || fs_exists(path))
                continue;
            t = add(job);
            t->uri = dh_strdup(js_get_text(a, "uri"));
            t->digest = optional(js_get_text(a, "digest"));
            t->local = take(&path);
        }
    return job->n_transfers > 0;
}

void remote_fetch_work(struct job *job)
{
    job->work_rc = 0;
    for (size_t i = 0; i < job->n_transfers && job->work_rc == 0; i++) {
        struct transfer *t = &job->transfers[i];
        const struct artifact_how how = {.digest = t->digest, .stop = &job->stop};

        job->work_rc = artifact_cache_give(job->run->cache_folder, t->uri, &how, t->local, NULL,
                                           &job->work_err);
        /* A step need not have written what it promised (metrics live in the metadata). */
        if (job->work_rc < 0 && job->work_err.code == DH_NOT_FOUND && !t->digest)
            job->work_rc = 0;
    }
}

/* ---- outputs ---- */

static const char *below(const char *path, const char *folder)
{
    size_t n = strlen(folder), end = strlen(path);

    if (strncmp(path, folder, n) != 0 || path[n] != '/' || strstr(path + n, "/../") ||
        (end > 3 && !strcmp(path + end - 3, "/..")))
        return NULL;
    return path + n + 1;
}

/* An input that the step hands on: it is where it was. NULL: it is none. */
static const char *handed_on(const struct run *run, const struct job *job, const char *path)
{
    for (js_each(js_get(job->node->inputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            own_mem char *view = remote_input_path(run, js_at(it.value, i));

            if (!strcmp(view, path))
                return js_get_text(js_at(it.value, i), "uri");
        }
    return NULL;
}

/* Where the same bytes are in the same bucket: the server copies them. Small things are as quickly
 * sent. */
static bool same_bucket(const char *a, const char *b)
{
    size_t n_a = strcspn(strstr(a, "://") + 3, "/?"), n_b = strcspn(strstr(b, "://") + 3, "/?");
    own_mem char *plain_a = artifact_uri_plain(a);
    own_mem char *plain_b = artifact_uri_plain(b);
    size_t n = (size_t)(strstr(a, "://") + 3 - a) + n_a;

    return n_a == n_b && !strncmp(a, b, n) && !strcmp(a + strlen(plain_a), b + strlen(plain_b));
}

static int find_same(struct run *run, struct transfer *t, struct dh_err *err)
{
    own(arena_free) struct arena *arena = NULL;
    const struct store_artifact_filter filter = {.digest = t->digest, .limit = 20};
    struct store_artifact_rows rows;

    if (t->size < (int64_t)1 << 20)
        return 0;
    arena = arena_new();
    if (store_artifact_list(run->engine->store, &filter, arena, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.n && t->n_same < 3; i++)
        if (artifact_uri_is_remote(rows.items[i].artifact.uri) &&
            same_bucket(rows.items[i].artifact.uri, t->uri))
            t->same[t->n_same++] = dh_strdup(rows.items[i].artifact.uri);
    return 0;
}

static int plan_send(struct run *run, struct job *job, const char *key, size_t index,
                     struct js *artifact, struct dh_err *err)
{
    const char *uri = js_get_text(artifact, "uri"), *rest, *from;
    struct transfer *t;
    own_mem char *name = NULL;

    if (artifact_uri_is_remote(uri))
        return 0;
    from = handed_on(run, job, uri);
    if (from) {
        js_set(artifact, "uri", js_str(from));
        return 0;
    }
    rest = below(uri, job->task_root);
    if (!rest) {
        if (!js_get_text(artifact, "digest"))
            return 0; /* it names what is not here: its author's affair */
        name = index ? dh_printf("%s-%zu", key, index) : dh_strdup(key);
        rest = name;
    }
    t = add(job);
    t->artifact = artifact;
    t->local = dh_strdup(uri);
    t->uri = artifact_uri_below(job->remote_root, rest);
    t->digest = optional(js_get_text(artifact, "digest"));
    t->size = js_get_int(artifact, "size", -1);
    return t->digest ? find_same(run, t, err) : 0;
}

int remote_must_send(struct run *run, struct job *job, bool *ret, struct dh_err *err)
{
    *ret = false;
    clear(job);
    if (!run->remote_root)
        return 0;
    for (js_each(js_get(job->outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++)
            if (plan_send(run, job, it.key, i, js_at(it.value, i), err) < 0)
                return -1;
    for (size_t i = 0; i < job->n_transfers; i++)
        *ret |= job->transfers[i].digest != NULL;
    if (!*ret)
        remote_sent(run, job);
    return 0;
}

static int send_one(struct job *job, struct transfer *t)
{
    const struct artifact_how how = {.digest = t->digest,
                                     .ours = true,
                                     .look_first = job->run->how->mode != ENGINE_START,
                                     .stop = &job->stop};

    for (int i = 0; i < t->n_same; i++)
        if (artifact_copy_there(t->same[i], t->uri, &how, NULL) == 0)
            return 0;
    return artifact_send(t->local, t->uri, &how, &job->work_err);
}

void remote_send_work(struct job *job)
{
    job->work_rc = 0;
    for (size_t i = 0; i < job->n_transfers && job->work_rc == 0; i++) {
        struct transfer *t = &job->transfers[i];

        if (!t->digest)
            continue;
        job->work_rc = send_one(job, t);
        /* Steps that follow find it here. Where the cache cannot be written they fetch it. */
        if (job->work_rc == 0)
            (void)artifact_cache_take(job->run->cache_folder, t->local, t->digest, NULL);
    }
}

void remote_sent(struct run *run, struct job *job)
{
    (void)run;
    for (size_t i = 0; i < job->n_transfers; i++) {
        struct transfer *t = &job->transfers[i];

        js_set(t->artifact, "uri", js_str(t->uri));
    }
    clear(job);
}

/* ---- logs ---- */

struct log_work {
    uv_work_t work;
    struct run *run;
    char *path, *uri;
    int rc;
    struct dh_err err;
};

static void log_in_thread(uv_work_t *work)
{
    struct log_work *w = work->data;
    const struct artifact_how how = {.stop = &w->run->stop};

    w->rc = artifact_send(w->path, w->uri, &how, &w->err);
}

static void log_sent(uv_work_t *work, int status)
{
    struct log_work *w = work->data;
    (void)status;

    if (w->rc < 0) {
        own_mem char *note = dh_printf("a log was not sent: %s", w->err.msg);

        run_note(w->run, note);
    }
    free(w->path);
    free(w->uri);
    free(w);
}

void remote_send_log(struct run *run, struct job *job)
{
    own_mem char *name = NULL;
    struct log_work *w;
    struct stat st;

    if (!run->remote_root || !job->spec.log || stat(job->spec.log, &st) < 0 || !st.st_size)
        return;
    w = dh_zalloc(1, sizeof *w);
    name = dh_printf("executor-logs-%d", job->attempt - 1);
    w->work.data = w;
    w->run = run;
    w->path = dh_strdup(job->spec.log);
    w->uri = artifact_uri_below(job->remote_root, name);
    (void)uv_queue_work(&run->engine->loop, &w->work, log_in_thread, log_sent);
}

/* ---- importers ---- */

bool remote_must_import(struct run *run, struct job *job)
{
    (void)run;
    clear(job);
    for (js_each(js_get(job->outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            struct js *a = js_at(it.value, i);
            struct transfer *t;

            if (!is_far(a))
                continue;
            t = add(job);
            t->artifact = a;
            t->uri = dh_strdup(js_get_text(a, "uri"));
        }
    return job->n_transfers > 0;
}

/* What its writer has not said is known by fetching it; the steps that follow will want it. */
static int import_one(struct job *job, struct transfer *t)
{
    const struct artifact_how how = {.stop = &job->stop};
    struct artifact_stat st;
    char digest[DIGEST_TEXT];

    if (artifact_stat_uri(t->uri, false, &how, &st, &job->work_err) < 0 ||
        artifact_cache_give(job->run->cache_folder, t->uri, &how, NULL, digest, &job->work_err) < 0)
        return -1;
    t->digest = dh_strdup(digest);
    t->size = st.size_bytes;
    return 0;
}

void remote_import_work(struct job *job)
{
    job->work_rc = 0;
    for (size_t i = 0; i < job->n_transfers && job->work_rc == 0; i++)
        job->work_rc = import_one(job, &job->transfers[i]);
}

void remote_imported(struct run *run, struct job *job)
{
    for (size_t i = 0; i < job->n_transfers; i++) {
        struct transfer *t = &job->transfers[i];

        if (t->digest) {
            js_set(t->artifact, "digest", js_str(t->digest));
            js_set(t->artifact, "size", js_int(t->size));
        } else {
            own_mem char *note = dh_printf("importer '%s': %s; it is recorded without a digest",
                                           plan_name(job->node), job->work_err.msg);

            run_note(run, note);
        }
    }
    clear(job);
}

/* ---- what is on record ---- */

static char *known_key(const char *uri, const char *digest)
{
    return dh_printf("%s %s", digest, uri);
}

enum remote_state remote_known(const struct run *run, const char *uri, const char *digest)
{
    own_mem char *key = known_key(uri, digest);

    return (enum remote_state)(intptr_t)strmap_get(run->verified, key);
}

static void know(struct run *run, const struct transfer *t)
{
    own_mem char *key = known_key(t->uri, t->digest);

    if (!run->verified)
        run->verified = strmap_new();
    (void)strmap_put(run->verified, key, (void *)(intptr_t)t->found);
}

void remote_ask_none(struct job *job)
{
    clear(job);
}

void remote_ask(struct job *job, const char *uri, const char *digest, int64_t size_bytes)
{
    struct transfer *t = add(job);

    t->uri = dh_strdup(uri);
    t->digest = dh_strdup(digest);
    t->size = size_bytes;
}

void remote_ask_work(struct job *job)
{
    for (size_t i = 0; i < job->n_transfers; i++) {
        struct transfer *t = &job->transfers[i];

        const struct artifact_how how = {.stop = &job->stop};
        struct artifact_stat st;

        t->found =
            artifact_stat_uri(t->uri, true, &how, &st, NULL) == 0 && !strcmp(st.digest, t->digest)
                ? REMOTE_WHOLE
                : REMOTE_LOST;
    }
}

void remote_asked(struct run *run, struct job *job)
{
    for (size_t i = 0; i < job->n_transfers; i++)
        know(run, &job->transfers[i]);
    clear(job);
}

static int ask_one(void *user, size_t i, struct dh_err *err)
{
    struct transfer *t = &((struct transfer *)user)[i];

    t->found = artifact_verify(t->uri, t->digest, t->size, err) > 0 ? REMOTE_LOST : REMOTE_WHOLE;
    return 0;
}

void remote_ask_earlier(struct run *run, const struct store_linkeds *outputs)
{
    own_mem struct transfer *all = dh_zalloc(outputs->n + 1, sizeof *all);
    size_t n = 0;

    for (size_t i = 0; i < outputs->n; i++) {
        const struct store_artifact *a = &outputs->items[i].artifact;

        if (a->digest && artifact_uri_is_remote(a->uri))
            all[n++] = (struct transfer){
                .uri = (char *)a->uri, .digest = (char *)a->digest, .size = a->size_bytes};
    }
    (void)workers_run(n, ASK_THREADS, ask_one, all, NULL);
    for (size_t i = 0; i < n; i++)
        know(run, &all[i]);
}

/* ---- ends ---- */

void remote_stop(struct run *run, bool all)
{
    for (struct job *job = run->job_list; job; job = job->next)
        if (all || !job->node->shielded)
            atomic_store(&job->stop, true);
    if (all)
        atomic_store(&run->stop, true);
}

static void enough(uv_timer_t *timer)
{
    remote_stop(timer->data, true);
}

/* Logs that are being sent. Who has canceled the run does not wait for a bucket that is out of
 * reach. */
void remote_wait(struct run *run)
{
    uv_loop_t *loop = &run->engine->loop;
    uv_timer_t timer = {.data = NULL};

    if (run->cancels) {
        (void)uv_timer_init(loop, &timer);
        timer.data = run;
        (void)uv_timer_start(&timer, enough, SEND_AFTER_CANCEL_MS, 0);
        uv_unref((uv_handle_t *)&timer);
    }
    while (uv_loop_alive(loop))
        (void)uv_run(loop, UV_RUN_ONCE);
    if (run->cancels) {
        uv_close((uv_handle_t *)&timer, NULL);
        (void)uv_run(loop, UV_RUN_DEFAULT);
    }
}

static int64_t cache_bytes(void)
{
    const char *text = getenv("DHOW_CACHE_BYTES");
    long long n = text ? strtoll(text, NULL, 10) : 0;

    return n > 0 ? n : CACHE_BYTES;
}

void remote_sweep(struct run *run)
{
    own_mem char *inputs = dh_printf("%s/inputs", run->folder);
    own_mem char *stage = dh_printf("%s/stage", run->folder);
    bool used = fs_is_dir(inputs);

    (void)fs_remove_tree(inputs, NULL);
    if (run->remote_root)
        (void)fs_remove_tree(stage, NULL);
    if (run->remote_root || used)
        (void)artifact_cache_shrink(run->cache_folder, cache_bytes(), 0, false, NULL, NULL, NULL);
}

void remote_done(struct run *run)
{
    run->verified = strmap_free(run->verified);
}
