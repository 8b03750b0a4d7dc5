#include "engine/engine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster.h"
#include "engine/engine-priv.h"
#include "engine/secret-priv.h"
#include "engine/stub.h"
#include "spec/params.h"

/* Steps, and scripts in them, call `dhow`. Where this program has another name (it is libdhow.so,
 * or a program with libdhow.a in it), a link in the home has that one; a link to each program, so
 * that none of them changes under a run. */
static int own_program(const char *home, char **ret, struct dh_err *err)
{
    char path[PATH_MAX] = "/usr/bin/dhow", digest[DIGEST_TEXT];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    own_mem char *folder = NULL, *link = NULL;

    if (n > 0)
        path[n] = '\0';
    if (n > 10 && !strcmp(path + n - 10, " (deleted)")) /* replaced by a newer one */
        path[n - 10] = '\0';
    if (!strcmp(strrchr(path, '/'), "/dhow")) {
        *ret = dh_strdup(path);
        return 0;
    }
    folder = dh_printf("%s/programs/%.16s", home, digest_bytes(path, strlen(path), digest));
    link = fs_join(folder, "dhow");
    if (!fs_exists(link)) {
        if (fs_mkdirs(folder, 0755, err) < 0)
            return -1;
        if (symlink(path, link) < 0 && errno != EEXIST)
            return dh_fail_errno(err, "cannot make %s", link);
    }
    *ret = take(&link);
    return 0;
}

int engine_open(const struct engine_options *options, struct engine **ret, struct dh_err *err)
{
    own(shepherd_stop) struct shepherd *shepherd = NULL;
    own(engine_close) struct engine *e = NULL;
    own_mem char *db = NULL;

    /* First of all: the fork is cheapest while we are small, and it gets ready while we do. */
    if (options->runs && shepherd_start(&shepherd, err) < 0)
        return -1;
    e = dh_zalloc(1, sizeof *e);
    (void)uv_loop_init(&e->loop);
    e->shepherd = take(&shepherd);
    e->runs = options->runs;
    e->home = fs_absolute(options->home);
    secret_serve_artifacts(e->home);
    if (fs_mkdirs(e->home, 0755, err) < 0 || own_program(e->home, &e->self, err) < 0)
        return -1;
    db = store_place(e->home, options->db);
    if (store_open(db, STORE_CREATE, &e->store, err) < 0)
        return -1;
    *ret = take(&e);
    return 0;
}

struct engine *engine_close(struct engine *e)
{
    if (e) {
        shepherd_stop(e->shepherd);
        store_close(e->store);
        (void)uv_loop_close(&e->loop);
        free(e->home);
        free(e->self);
        free(e);
    }
    return NULL;
}

struct store *engine_store(struct engine *e)
{
    return e->store;
}

/* ---- submitting ---- */

static int check_mode(const struct engine_request *r, struct dh_err *err)
{
    static const char *const modes[] = {"on", "off", "read", "refresh"};
    const char *runtime;
    size_t i;

    for (i = 0; r->cache && i < 4; i++)
        if (!strcmp(modes[i], r->cache))
            break;
    if (i == 4)
        return dh_fail(err, DH_INVALID, "cache mode '%s': expected on, off, read or refresh",
                       r->cache);
    for (i = 0; r->runtime && (runtime = runtime_at(i)); i++)
        if (!strcmp(runtime, r->runtime))
            break;
    if (r->runtime && !runtime_at(i))
        return dh_fail(err, DH_INVALID, "unknown runtime '%s'", r->runtime);
    return r->jobs < 0
               ? dh_fail(err, DH_INVALID, "jobs: expected a number above 0, got %d", r->jobs)
               : 0;
}

/* 0: it is a folder of this machine, or a bucket that there are keys for. */
static int use_root(const char *root, char **ret, struct dh_err *err)
{
    int rc = artifact_uri_local(root, ret, err);

    if (rc == ARTIFACT_REMOTE && (rc = artifact_has_keys(root, err)) == 0)
        *ret = dh_strdup(root);
    return rc;
}

/* As in KFP: the one that is asked for, the author's default, that of the home's kfp-launcher; the
 * last two where they can be used. */
static int choose_root(const struct engine *e, const struct engine_request *r, char **ret,
                       struct dh_err *err)
{
    const char *root = r->spec->pipeline.default_pipeline_root;
    own_mem char *of_home = NULL;

    if (r->pipeline_root && *r->pipeline_root)
        return use_root(r->pipeline_root, ret, err) == 0 ? 0 : -1;
    if (!*root && r->spec->job)
        root = r->spec->job->runtime_config.gcs_output_directory;
    if (*root && use_root(root, ret, err) == 0)
        return 0;
    if (providers_root(e->home, &of_home, err) < 0)
        return -1;
    if (of_home && *of_home && use_root(of_home, ret, err) == 0)
        return 0;
    *ret = fs_join(e->home, "artifacts");
    return 0;
}

static struct js *options_of(const struct engine_request *r)
{
    struct js *o = js_object();
    char cwd[PATH_MAX];

    if (r->source) {
        own_mem char *source = fs_absolute(r->source);
        char *slash = strrchr(source, '/');

        js_set(o, "source", js_str(source));
        js_set(o, "source_dir",
               slash == source ? js_str("/") : js_strn(source, (size_t)(slash - source)));
    }
    if (getcwd(cwd, sizeof cwd))
        js_set(o, "invocation_dir", js_str(cwd));
    js_set(o, "runtime", js_str(r->runtime ? r->runtime : "process"));
    if (r->jobs)
        js_set(o, "jobs", js_int(r->jobs));
    if (r->no_warm)
        js_set(o, "no_warm", js_bool(true));
    if (r->network)
        js_set(o, "network", js_str(r->network));
    if (js_n(r->secrets))
        js_set(o, "secrets", js_ref(r->secrets));
    if (js_n(r->notify)) {
        js_set(o, "notify", js_ref(r->notify));
        js_set(o, "notify_on", js_str(r->notify_on ? r->notify_on : "end"));
    }
    if (r->cluster)
        js_set(o, "cluster", js_ref(r->cluster));
    if (js_n(r->stubs))
        js_set(o, "stubs", js_ref(r->stubs));
    if (r->deadline_us)
        js_set(o, "deadline_us", js_int(r->deadline_us));
    return o;
}

static void add_served(const struct engine_served *served, struct store_run *row)
{
    row->description = served->description;
    row->namespace = served->namespace;
    row->service_account = served->service_account;
    row->scheduled_us = served->scheduled_us;
    row->schedule_id = served->schedule_id;
    row->request = served->request ? served->request : "{}";
    row->queue = "run";
    row->experiment_id = served->experiment_id;
    row->pipeline_id = served->pipeline_id;
    row->pipeline_version_id = served->pipeline_version_id;
}

/* A run that is not on record yet, and the texts of its row. */
struct draft {
    struct store_run row;
    char uuid[ID_TEXT], digest[DIGEST_TEXT];
    char *name, *root, *spec, *options, *parameters;
};

static void draft_done(struct draft *d)
{
    free(d->name);
    free(d->root);
    free(d->spec);
    free(d->options);
    free(d->parameters);
}

#define own_draft __attribute__((cleanup(draft_done)))

int engine_try_plan(const struct spec *spec, const struct js *parameters, struct dh_err *err)
{
    const struct plan_run facts = {.run_id = "",
                                   .job_name = "",
                                   .resource_name = "",
                                   .pipeline_root = "",
                                   .created_at = "",
                                   .scheduled_at = "",
                                   .parameters = parameters};
    own(plan_free) struct plan *plan = NULL;

    return plan_new(spec, &facts, &plan, err);
}

static char *dump(struct js *v)
{
    own(js_free) struct js *taken = v;

    return js_dump(taken, JS_COMPACT);
}

/* Nothing is written. */
static int draft_make(struct engine *e, const struct engine_request *r, struct draft *d,
                      struct dh_err *err)
{
    const char *pipeline = r->spec->pipeline.pipeline_info.name;
    own(js_free) struct js *parameters = NULL;
    char now[CLOCK_TEXT];
    struct store_run *row = &d->row;

    if (check_mode(r, err) < 0 || stub_check(r->spec, r->stubs, err) < 0 ||
        spec_bind_params(r->spec, r->parameters, &parameters, err) < 0 ||
        engine_try_plan(r->spec, parameters, err) < 0 || choose_root(e, r, &d->root, err) < 0 ||
        (r->cluster && cluster_check(r, parameters, d->root, err) < 0))
        return -1;
    *row = (struct store_run){.uuid = id_new(d->uuid),
                              .display_name = r->display_name,
                              .cache_mode = r->cache ? r->cache : "on",
                              .pipeline_root = d->root,
                              .created_us = clock_now_us()};
    row->parameters = d->parameters = js_dump(parameters, JS_COMPACT);
    row->options = d->options = dump(options_of(r));
    d->spec = dump(spec_to_json(r->spec));
    row->spec_digest = digest_bytes(d->spec, strlen(d->spec), d->digest);
    if (!row->display_name || !*row->display_name) {
        (void)clock_text(row->created_us / 1000000 * 1000000, now);
        now[10] = ' ';
        row->display_name = d->name = dh_printf("%s %.19s", pipeline, now);
    }
    if (r->served)
        add_served(r->served, row);
    if (r->served && r->served->run_id)
        (void)snprintf(d->uuid, sizeof d->uuid, "%s", r->served->run_id);
    return 0;
}

static int insert(struct engine *e, const struct engine_request *r, struct draft *d,
                  struct dh_err *err)
{
    const char *pipeline = r->spec->pipeline.pipeline_info.name;
    struct store_run *row = &d->row;

    if (store_spec_put(e->store, d->digest, d->spec, err) < 0 ||
        (!row->pipeline_id &&
         store_pipeline_put(e->store, pipeline, NULL, d->digest, &row->pipeline_id,
                            &row->pipeline_version_id, err) < 0) ||
        (!row->experiment_id &&
         store_experiment_put(e->store, r->experiment ? r->experiment : "Default",
                              &row->experiment_id, err) < 0))
        return -1;
    if (store_run_insert(e->store, row, &row->id, err) < 0)
        return -1;
    for (js_each(r->tags, it))
        if (store_tag_set(e->store, STORE_TAG_RUN, row->id, it.key, js_text(it.value), err) < 0)
            return -1;
    return 0;
}

static int draft_record(struct engine *e, const struct engine_request *r, struct draft *d,
                        struct dh_err *err)
{
    if (store_begin(e->store, err) < 0)
        return -1;
    if (insert(e, r, d, err) == 0)
        return store_commit(e->store, err);
    store_rollback(e->store);
    return -1;
}

int engine_submit(struct engine *e, const struct engine_request *r, char ret_run_id[ID_TEXT],
                  struct dh_err *err)
{
    own_draft struct draft draft = {0};

    if (draft_make(e, r, &draft, err) < 0 || draft_record(e, r, &draft, err) < 0)
        return -1;
    (void)memcpy(ret_run_id, draft.uuid, ID_TEXT);
    return 0;
}

/* ---- running ---- */

static int nobody_runs(const struct store_run *row, struct dh_err *err)
{
    if (row->state != STORE_RUNNING || store_run_abandoned(row, clock_now_us()))
        return 0;
    if (store_owner_state(&row->owner) == STORE_OWNER_ALIVE)
        return dh_fail(err, DH_INVALID, "run %lld is being run by process %lld", (long long)row->id,
                       (long long)row->owner.pid);
    return dh_fail(err, DH_INVALID, "run %lld is being run on host %s", (long long)row->id,
                   row->owner.host);
}

static int may_start(const struct store_run *row, const struct engine_how *how, struct dh_err *err)
{
    bool over = store_state_ended(row->state), anew = how->spec || (how->from && how->from[0]);

    if (nobody_runs(row, err) < 0)
        return -1;
    if (how->mode == ENGINE_START && row->state != STORE_PENDING)
        return dh_fail(err, DH_INVALID, "run %lld has been started already", (long long)row->id);
    if (how->mode == ENGINE_RESUME && over)
        return dh_fail(err, DH_INVALID,
                       "run %lld is over (%s); 'dhow retry' runs what failed again",
                       (long long)row->id, store_state_name(row->state));
    if (how->mode == ENGINE_RETRY && !over)
        return dh_fail(err, DH_INVALID,
                       "run %lld is not over (%s); 'dhow resume' takes it up again",
                       (long long)row->id, store_state_name(row->state));
    if (how->mode == ENGINE_RETRY && row->state == STORE_SUCCEEDED && !anew)
        return dh_fail(
            err, DH_INVALID,
            "run %lld succeeded: there is nothing to retry; --from TASK runs a task and what "
            "depends on it anew",
            (long long)row->id);
    return 0;
}

/* Takes the run, and in the same transaction says what the retry is. */
static int claim(struct engine *e, const struct store_run *row, const struct engine_how *how,
                 struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    own(js_free) struct js *parameters = NULL;
    struct store_owner owner;
    int rc;

    if ((how->mode == ENGINE_RETRY && retry_check(e, row, how, &parameters, err) < 0) ||
        store_owner_of(getpid(), arena, &owner, err) < 0 || store_begin(e->store, err) < 0)
        return -1;
    rc = store_run_claim(e->store, row->id, row->generation, &owner, clock_now_us(), err);
    if (rc == STORE_RUN_TAKEN)
        rc =
            dh_fail(err, DH_INVALID, "run %s has just been taken up by another process", row->uuid);
    if (rc == 0 && how->mode == ENGINE_RETRY)
        rc = retry_record(e, row, how, parameters, err);
    if (rc == 0)
        return store_commit(e->store, err);
    store_rollback(e->store);
    return -1;
}

int engine_execute(struct engine *e, const char *run_id, const struct engine_how *how,
                   struct engine_result *ret, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    struct store_run row;

    *ret = (struct engine_result){.state = PLAN_FAILED};
    if (store_run_find(e->store, run_id, arena, &row, err) < 0)
        return -1;
    (void)memcpy(ret->run_id, row.uuid, ID_TEXT);
    if (may_start(&row, how, err) < 0 || claim(e, &row, how, err) < 0 ||
        store_run_get(e->store, row.id, arena, &row, err) < 0)
        return -1;
    return run_execute(e, &row, NULL, how, ret, err);
}

int engine_start(struct engine *e, const struct engine_request *r, const struct engine_watch *watch,
                 struct engine_result *ret, struct dh_err *err)
{
    const struct engine_how how = {.mode = ENGINE_START, .spec = r->spec, .watch = watch};
    own(arena_free) struct arena *arena = arena_new();
    own_draft struct draft draft = {0};

    *ret = (struct engine_result){.state = PLAN_FAILED};
    if (draft_make(e, r, &draft, err) < 0 ||
        store_owner_of(getpid(), arena, &draft.row.owner, err) < 0)
        return -1;
    draft.row.generation = 1;
    draft.row.started_us = clock_now_us();
    if (draft_record(e, r, &draft, err) < 0)
        return -1;
    (void)memcpy(ret->run_id, draft.uuid, ID_TEXT);
    return run_execute(e, &draft.row, draft.spec, &how, ret, err);
}

void engine_result_done(struct engine_result *result)
{
    free(result->outputs);
    free(result->error);
    result->outputs = result->error = NULL;
}
