/* bench-store [--db URL] [--durable] [--plain] [STEPS [BATCH [RUNS]]] - what the record of a step
 * costs, and what looking costs among many runs. Prints a line a figure; makes its database in a
 * new folder of $TMPDIR and removes it, or uses the one that the URL names. --durable: each commit
 * is on the disk before it is answered, as with a server and with ML Metadata's client. RUNS 0:
 * steps alone.
 * --plain: without what is asked by metric. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/store-priv.h"

static struct dh_err err;

static int64_t cpu_us(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static void must(int rc)
{
    if (rc >= 0)
        return;
    (void)fprintf(stderr, "bench-store: %s\n", err.msg);
    exit(1);
}

static int64_t new_run(struct store *s, int64_t experiment, int64_t pipeline, int64_t version,
                       const char *name)
{
    char uuid[ID_TEXT];
    struct store_run run = {.uuid = id_new(uuid),
                            .display_name = name,
                            .experiment_id = experiment,
                            .pipeline_id = pipeline,
                            .pipeline_version_id = version,
                            .parameters = "{\"threshold\":0.9}",
                            .pipeline_root = "/home/somebody/.dhow/artifacts",
                            .options = "{\"jobs\":4}",
                            .created_us = clock_now_us()};
    int64_t id;

    must(store_run_insert(s, &run, &id, &err));
    return id;
}

/* A step as the engine records it: when it starts, and when it has finished, with one artifact in
 * and one out.
 */
static void step(struct store *s, int64_t run, int i, int64_t *before_artifact,
                 int64_t *before_task)
{
    char uuid[ID_TEXT], name[40], scope[60], fingerprint[70], uri[160], uuid2[ID_TEXT];
    int64_t now = clock_now_us(), id, artifact;

    (void)snprintf(name, sizeof name, "step-%d", i);
    (void)snprintf(scope, sizeof scope, "root.%s", name);
    (void)snprintf(fingerprint, sizeof fingerprint, "%016llx%048d",
                   (unsigned long long)(i + 1) * 0x9e3779b97f4a7c15ULL, 0);
    (void)snprintf(uri, sizeof uri, "file:///home/somebody/.dhow/artifacts/p/%lld/%s/%s/out",
                   (long long)run, name, id_new(uuid2));
    struct store_task task = {.uuid = id_new(uuid),
                              .run_id = run,
                              .name = name,
                              .display_name = name,
                              .scope_path = scope,
                              .type = STORE_RUNTIME,
                              .iteration_index = -1,
                              .iteration_count = -1,
                              .exit_code = -1,
                              .state = STORE_RUNNING,
                              .attempts = 1,
                              .inputs = "{\"seed\":42,\"name\":\"x\"}",
                              .cache_fingerprint = fingerprint,
                              .folder = uri,
                              .log_path = uri,
                              .created_us = now,
                              .started_us = now};
    struct store_task_finish finish = {.state = STORE_SUCCEEDED,
                                       .outputs = "{\"accuracy\":0.95}",
                                       .exit_code = 0,
                                       .now_us = now + 1000};
    struct store_artifact out = {.uuid = uuid2,
                                 .type = "system.Dataset",
                                 .name = "out",
                                 .uri = uri,
                                 .digest = fingerprint,
                                 .size_bytes = 1234,
                                 .metadata = "{}",
                                 .created_us = now};

    must(store_task_insert(s, &task, &id, &err));
    if (*before_artifact) {
        struct store_link in = {.artifact_id = *before_artifact,
                                .task_id = id,
                                .type = STORE_INPUT,
                                .key = "data",
                                .producer_task_id = *before_task,
                                .producer_key = "out"};

        must(store_artifact_link(s, &in, &err));
    }
    must(store_artifact_insert(s, &out, &artifact, &err));
    struct store_link link = {
        .artifact_id = artifact, .task_id = id, .type = STORE_OUTPUT, .key = "out"};

    must(store_artifact_link(s, &link, &err));
    must(store_task_finish(s, id, &finish, &err));
    *before_artifact = artifact;
    *before_task = id;
}

static void steps(struct store *s, int n, int batch)
{
    int64_t run = new_run(s, 0, 0, 0, "bench"), artifact = 0, task = 0;
    int64_t wall = clock_mono_us(), cpu = cpu_us();

    for (int i = 0; i < n; i++) {
        if (i % batch == 0)
            must(store_begin(s, &err));
        step(s, run, i, &artifact, &task);
        if (i % batch == batch - 1 || i == n - 1)
            must(store_commit(s, &err));
    }
    wall = clock_mono_us() - wall;
    cpu = cpu_us() - cpu;
    (void)printf("step, %d of a commit: %.1f us cpu, %.1f us wall, %.0f a second (%d steps)\n",
                 batch, (double)cpu / n, (double)wall / n, n * 1e6 / (double)wall, n);
}

#define TIMED(what, times, call)                                                                   \
    do {                                                                                           \
        int64_t t_ = clock_mono_us();                                                              \
        for (int i_ = 0; i_ < (times); i_++)                                                       \
            must(call);                                                                            \
        (void)printf("%s: %.1f us\n", what, (double)(clock_mono_us() - t_) / (times));             \
    } while (0)

static int timed_page(struct store *s, struct store_run_filter filter)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_runs page;

    filter.limit = 50;
    return store_run_list(s, &filter, a, &page, &err);
}

/* A metric a run: what conditions and orders are measured with. */
static void metrics_of_runs(struct store *s, int64_t first, int n)
{
    must(store_begin(s, &err));
    for (int i = 0; i < n; i++) {
        struct store_metric m = {.run_id = first + i, .name = "accuracy", .step = -1};

        m.number = (double)((uint32_t)i * 2654435761U) / 4294967296.0;
        m.time_us = clock_now_us();
        must(store_metric_insert(s, &m, &err));
        if (i % 1000 == 0)
            must(store_tag_set(s, STORE_TAG_RUN, m.run_id, "team", "x", &err));
    }
    must(store_commit(s, &err));
    must(timed_page(s, (struct store_run_filter){.state = -1, .where = "metric.accuracy > 0.5"}));
    TIMED(
        "  metric > 0.9999", 20,
        timed_page(s, (struct store_run_filter){.state = -1, .where = "metric.accuracy > 0.9999"}));
    TIMED("  metric > 0.5", 20,
          timed_page(s, (struct store_run_filter){.state = -1, .where = "metric.accuracy > 0.5"}));
    TIMED("  metric > 0.5, parameter, state and tag", 20,
          timed_page(s, (struct store_run_filter){
                            .state = -1,
                            .where = "metric.accuracy > 0.5 and param.threshold = 0.9 and state = "
                                     "SUCCEEDED and tag.team = x"}));
    TIMED("  sorted by metric, greatest first", 20,
          timed_page(s, (struct store_run_filter){.state = -1, .sort = "metric.accuracy desc"}));
    TIMED("  a condition, sorted by metric", 20,
          timed_page(s, (struct store_run_filter){.state = -1,
                                                  .where = "state = FAILED and param.threshold > 0",
                                                  .sort = "metric.accuracy desc"}));
}

static int timed_cache(struct store *s)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_linkeds outputs;
    struct store_task task;
    char fingerprint[70];

    (void)snprintf(fingerprint, sizeof fingerprint, "%016llx%048d", 7 * 0x9e3779b97f4a7c15ULL, 0);
    return store_cache_find(s, fingerprint, 0, 0, a, &task, &outputs, &err);
}

static int timed_find(struct store *s, const char *name)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;

    return store_run_find(s, name, a, &run, &err);
}

static int timed_experiments(struct store *s)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_experiments list;

    return store_experiment_list(s, a, &list, &err);
}

static int timed_artifacts(struct store *s, const char *type)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_artifact_filter filter = {.type = type, .limit = 50};
    struct store_artifact_rows rows;

    return store_artifact_list(s, &filter, a, &rows, &err);
}

static void many_runs(struct store *s, int n, bool plain)
{
    static const enum store_state ends[] = {STORE_SUCCEEDED, STORE_SUCCEEDED, STORE_FAILED,
                                            STORE_CANCELED};
    int64_t experiments[20], pipeline, version, middle = 0;
    char name[60];

    must(store_spec_put(s, "0123", "{}", &err));
    must(store_pipeline_put(s, "bench", NULL, "0123", &pipeline, &version, &err));
    must(store_begin(s, &err));
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "experiment %d", i);
        must(store_experiment_put(s, name, &experiments[i], &err));
    }
    for (int i = 0; i < n; i++) {
        (void)snprintf(name, sizeof name, "run %d", i);
        int64_t id = new_run(s, experiments[i % 20], pipeline, version, name);

        if (i == n / 2)
            middle = id;
        must(store_run_finish(s, id, ends[i % 4], NULL, NULL, clock_now_us(), &err));
    }
    must(store_commit(s, &err));
    (void)printf("among %d runs:\n", n);
    if (!plain)
        metrics_of_runs(s, middle - n / 2, n);
    TIMED("  page of runs", 100, timed_page(s, (struct store_run_filter){.state = -1}));
    TIMED("  page from the middle", 100,
          timed_page(s, (struct store_run_filter){
                            .state = -1, .after_created_us = clock_now_us(), .after_id = middle}));
    TIMED("  page of an experiment", 100,
          timed_page(s, (struct store_run_filter){.state = -1, .experiment = "experiment 3"}));
    TIMED("  page of a state", 100,
          timed_page(s, (struct store_run_filter){.state = STORE_FAILED}));
    TIMED("  page of a state that none has", 100,
          timed_page(s, (struct store_run_filter){.state = STORE_RUNNING}));
    TIMED("  page of experiment and state", 100,
          timed_page(
              s, (struct store_run_filter){.state = STORE_FAILED, .experiment = "experiment 2"}));
    TIMED("  run by display name", 1000, timed_find(s, "run 7"));
    TIMED("  last run", 1000, timed_find(s, "last"));
    TIMED("  all experiments with counts", 10, timed_experiments(s));
    TIMED("  cache look-up, hit", 1000, timed_cache(s));
    TIMED("  page of artifacts", 100, timed_artifacts(s, NULL));
    TIMED("  page of artifacts of a type", 100, timed_artifacts(s, "system.Dataset"));
}

static void all_steps(struct store *s, int n, int batch)
{
    if (batch > 0) {
        steps(s, n, batch);
        return;
    }
    steps(s, n, 1);
    steps(s, n, 10);
    steps(s, n, 100);
}

int main(int argc, char **argv)
{
    const char *db = NULL, *tmp = getenv("TMPDIR");
    bool durable = false, plain = false;
    int numbers[3] = {10000, 0, 20000}, n_numbers = 0;
    own_mem char *folder = dh_printf("%s/dhow-bench-XXXXXX", tmp ? tmp : "/tmp");
    own(store_close) struct store *s = NULL;
    own_mem char *path = NULL;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--db") && i + 1 < argc)
            db = argv[++i];
        else if (!strcmp(argv[i], "--durable"))
            durable = true;
        else if (!strcmp(argv[i], "--plain"))
            plain = true;
        else if (n_numbers < 3)
            numbers[n_numbers++] = (int)strtol(argv[i], NULL, 10);
    }
    if (!mkdtemp(folder))
        return 1;
    path = db ? dh_strdup(db) : fs_join(folder, "dhow.db");
    TIMED("make the database", 1, store_open(path, STORE_CREATE, &s, &err));
    TIMED("close it", 1, (s = store_close(s), 0));
    TIMED("open it", 1, store_open(path, STORE_CREATE, &s, &err));
    if (durable && !db)
        must(db_script(s->db, "PRAGMA synchronous = FULL", &err));
    all_steps(s, numbers[0], numbers[1]);
    if (numbers[2] > 0)
        many_runs(s, numbers[2], plain);
    TIMED("close it", 1, (s = store_close(s), 0));
    must(fs_remove_tree(folder, &err));
    return 0;
}
