/* bench-lineage FILE [ARTIFACTS] - what asking for the lineage of an artifact costs among a
 * million. Makes FILE where it is not there: runs of 100 tasks, each of which uses the artifacts of
 * two that ran before it (every run's first one that of the run before) and makes one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/lineage.h"
#include "store/store-priv.h"

static struct dh_err err;

static void must(int rc)
{
    if (rc >= 0)
        return;
    (void)fprintf(stderr, "bench-lineage: %s\n", err.msg);
    exit(1);
}

static void make(const char *path, long long n)
{
    own(store_close) struct store *s = NULL;
    own_mem char *sql = dh_printf(
        "INSERT INTO run(uuid, display_name, state, created_us, cache_mode)"
        " WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < %lld)"
        " SELECT 'run-' || x, 'run', 'SUCCEEDED', x, 'on' FROM c;"
        "INSERT INTO task(uuid, run_id, name, scope_path, type, state, created_us)"
        " WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < %lld)"
        " SELECT 'task-' || x, (x - 1) / 100 + 1, 't' || (x %% 100), 'root.t' || (x %% 100),"
        " 'RUNTIME', 'SUCCEEDED', x FROM c;"
        "INSERT INTO artifacts(uuid, type, name, uri, state, created_us)"
        " SELECT 'artifact-' || id, 'system.Dataset', 'out', '/store/' || id, 'LIVE', id FROM task;"
        "INSERT INTO artifact_task(artifact_id, task_id, type, key)"
        " SELECT id, id, 'OUTPUT', 'out' FROM task;"
        "INSERT INTO artifact_task(artifact_id, task_id, type, key)"
        " SELECT id - 1, id, 'INPUT', 'a' FROM task WHERE id %% 1000 > 1;"
        "INSERT INTO artifact_task(artifact_id, task_id, type, key)"
        " SELECT id - (id %% 7) - 2, id, 'INPUT', 'b' FROM task WHERE id %% 1000 > 10;",
        n / 100, n);

    must(store_open(path, STORE_CREATE, &s, &err));
    must(store_begin(s, &err));
    must(db_script(s->db, sql, &err));
    must(store_commit(s, &err));
}

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(struct store *s, long long n, unsigned ways, int depth, const char *what)
{
    double us[501];
    size_t found = 0;

    for (int i = 0; i < 501; i++) {
        own(arena_free) struct arena *a = arena_new();
        struct lineage_query q = {
            .artifact = 1 + (int64_t)(i * 1999993LL + 99) % n, .ways = ways, .depth = depth};
        struct lineage l;
        int64_t from = clock_mono_us();

        must(store_lineage(s, &q, a, &l, &err));
        us[i] = (double)(clock_mono_us() - from);
        found += l.n_artifacts;
    }
    qsort(us, 501, sizeof *us, by_number);
    printf("%s: %.1f artifacts, median %.0f us, 99th of 100 %.0f us\n", what, (double)found / 501,
           us[250], us[495]);
}

int main(int argc, char **argv)
{
    own(store_close) struct store *s = NULL;
    long long n = argc > 2 ? strtoll(argv[2], NULL, 10) : 1000000;

    if (argc < 2)
        return 2;
    if (!fs_exists(argv[1]))
        make(argv[1], n);
    must(store_open(argv[1], 0, &s, &err));
    measure(s, n, LINEAGE_UP, 3, "up, 3 steps");
    measure(s, n, LINEAGE_UP | LINEAGE_DOWN, 3, "both ways, 3 steps");
    measure(s, n, LINEAGE_UP | LINEAGE_DOWN, 10, "both ways, 10 steps, as many as a run has");
    measure(s, n, LINEAGE_UP, -1, "up, all");
    measure(s, n, LINEAGE_UP | LINEAGE_DOWN, -1, "both ways, all");
    return 0;
}
