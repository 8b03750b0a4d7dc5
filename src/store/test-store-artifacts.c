/* store: artifacts and their links, the cache's look-up, metrics, models, transactions. */
#include <math.h>

#include "store/store-priv.h"
#include "store/test-store.h"

static void links(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), maker = add_task(h->s, run, 0, "maker");
    int64_t user = add_task(h->s, run, 0, "user");
    int64_t a = add_artifact(h->s, "system.Dataset", "file:///a", "d1");
    int64_t b = add_artifact(h->s, "system.Dataset", "file:///b", NULL);
    struct store_link in = {.artifact_id = a,
                            .task_id = user,
                            .type = STORE_INPUT,
                            .key = "data",
                            .producer_task_id = maker,
                            .producer_key = "out"};
    struct store_linkeds list;
    struct dh_err err;

    add_link(h->s, b, maker, STORE_OUTPUT, "out", 1);
    add_link(h->s, a, maker, STORE_OUTPUT, "out", 0);
    add_link(h->s, a, maker, STORE_OUTPUT, "best", 0);
    OK(store_artifact_link(h->s, &in, &err));
    REFUSED(store_artifact_link(h->s, &in, &err), DH_EXISTS, "input artifact 'data'");
    in.artifact_id = 99;
    in.key = "other";
    REFUSED(store_artifact_link(h->s, &in, &err), DH_NOT_FOUND, "'other'");

    OK(store_artifacts_of_task(h->s, maker, STORE_OUTPUT, h->a, &list, &err));
    assert_int_equal(list.n, 3);
    assert_string_equal(list.items[0].link.key, "best");
    assert_int_equal(list.items[1].artifact.id, a);
    assert_int_equal(list.items[2].artifact.id, b);
    assert_int_equal(list.items[2].link.index, 1);
    assert_string_equal(list.items[1].artifact.type, "system.Dataset");
    assert_string_equal(list.items[1].artifact.uri, "file:///a");
    assert_string_equal(list.items[1].artifact.digest, "d1");
    assert_null(list.items[2].artifact.digest);
    assert_string_equal(list.items[1].artifact.metadata, "{\"a\":1}");
    assert_int_equal(list.items[1].artifact.size_bytes, 3);
    OK(store_artifacts_of_run(h->s, run, STORE_OUTPUT, h->a, &list, &err));
    assert_int_equal(list.n, 3);
    OK(store_artifacts_of_run(h->s, run, STORE_INPUT, h->a, &list, &err));
    assert_int_equal(list.n, 1);
    assert_int_equal(list.items[0].link.task_id, user);
    assert_int_equal(list.items[0].link.producer_task_id, maker);
    assert_string_equal(list.items[0].link.producer_key, "out");
    OK(store_artifact_links(h->s, a, STORE_OUTPUT, h->a, &list, &err));
    assert_int_equal(list.n, 2);
    OK(store_artifact_links(h->s, a, STORE_INPUT, h->a, &list, &err));
    assert_int_equal(list.n, 1);
}

static void artifacts_are_found_and_listed(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), again = add_run(h->s, NULL, "again", 2);
    int64_t maker = add_task(h->s, run, 0, "maker"), cached = add_task(h->s, again, 0, "maker");
    struct store_artifact_filter filter = {.limit = 4};
    struct store_artifact_rows rows;
    struct store_artifact artifact, same;
    struct dh_err err;
    size_t seen = 0;

    for (int i = 0; i < 10; i++) {
        char key[20];
        own_mem char *uri = dh_printf("file:///x/%d", i);
        int64_t id = add_artifact(h->s, i % 5 ? "system.Dataset" : "system.Model", uri,
                                  i % 2 ? "odd" : "even");

        (void)snprintf(key, sizeof key, "out%d", i);
        add_link(h->s, id, maker, STORE_OUTPUT, key, 0);
        if (i < 3)
            add_link(h->s, id, cached, STORE_OUTPUT, key, 0);
    }
    OK(store_artifact_find(h->s, "3", h->a, &artifact, &err));
    assert_string_equal(artifact.uri, "file:///x/2");
    OK(store_artifact_find(h->s, artifact.uuid, h->a, &same, &err));
    assert_int_equal(same.id, 3);
    OK(store_artifact_find(h->s, "file:///x/2", h->a, &same, &err));
    assert_int_equal(same.id, 3);
    REFUSED(store_artifact_find(h->s, "0", h->a, &same, &err), DH_NOT_FOUND, "'0'");
    REFUSED(store_artifact_find(h->s, "99", h->a, &same, &err), DH_NOT_FOUND, "artifact 99");
    REFUSED(store_artifact_find(h->s, "abcd1234", h->a, &same, &err), DH_NOT_FOUND, "abcd1234");
    {
        own_mem char *prefix = dh_strndup(artifact.uuid, 5);

        REFUSED(store_artifact_find(h->s, prefix, h->a, &same, &err), DH_INVALID, "fits several");
    }

    do {
        OK(store_artifact_list(h->s, &filter, h->a, &rows, &err));
        for (size_t i = 0; i < rows.n; i++, seen++) {
            assert_int_equal(rows.items[i].artifact.id, 10 - (int64_t)seen);
            assert_int_equal(rows.items[i].task_id, maker); /* not who took it from the cache */
            assert_string_equal(rows.items[i].run_name, "r");
            assert_string_equal(rows.items[i].task_name, "maker");
            filter.after_id = rows.items[i].artifact.id;
        }
    } while (rows.more);
    assert_int_equal(seen, 10);
    OK(store_artifact_set_state(h->s, 1, STORE_DELETED, &err));
    const struct {
        struct store_artifact_filter filter;
        size_t n;
    } cases[] = {
        {{.type = "system.Model"}, 1},
        {{.type = "system.Model", .deleted_too = true}, 2},
        {{.digest = "odd"}, 5},
        {{.uri = "file:///x/7"}, 1},
        {{.run_id = run}, 9},
        {{.run_id = again}, 2},
        {{.run_id = again, .type = "system.Dataset", .digest = "odd", .after_id = 10}, 1},
        {{.run_id = 99}, 0},
        {{.experiment_id = 99}, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OK(store_artifact_list(h->s, &cases[i].filter, h->a, &rows, &err));
        if (rows.n != cases[i].n)
            fail_msg("case %zu: %zu", i, rows.n);
    }
    add_artifact(h->s, "system.Artifact", "file:///orphan", NULL);
    OK(store_artifact_list(h->s, &(struct store_artifact_filter){.limit = 1}, h->a, &rows, &err));
    assert_null(rows.items[0].run_uuid);
    assert_int_equal(rows.items[0].task_id, 0);
    assert_true(rows.more);
}

static void the_cache_gives_the_newest_success(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), ids[4];
    struct store_task_finish failed = {.state = STORE_FAILED, .exit_code = 1, .now_us = 900};
    struct store_task_finish succeeded = {.state = STORE_SUCCEEDED, .now_us = 900};
    struct store_task_start start = {
        .attempts = 1, .cache_fingerprint = "f", .iteration_count = -1, .now_us = 900};
    struct store_linkeds outputs;
    struct store_task t;
    struct dh_err err;

    for (int i = 0; i < 4; i++)
        ids[i] = add_task(h->s, run, 0, "t");
    assert_int_equal(store_cache_find(h->s, "f", 0, 0, h->a, &t, &outputs, &err), STORE_CACHE_MISS);
    finish_task(h->s, ids[0], "f", 100);
    finish_task(h->s, ids[1], "f", 200);
    finish_task(h->s, ids[2], "g", 300);
    OK(store_task_start(h->s, ids[3], &start, &err)); /* running: no hit */
    assert_int_equal(store_cache_find(h->s, "f", 0, 0, h->a, &t, &outputs, &err), 0);
    assert_int_equal(t.id, ids[1]);
    assert_int_equal(outputs.n, 0);
    OK(store_task_finish(h->s, ids[3], &failed, &err)); /* failed: no hit */
    add_link(h->s, add_artifact(h->s, "system.Model", "u", "d"), ids[1], STORE_OUTPUT, "out", 0);
    assert_int_equal(store_cache_find(h->s, "f", 0, 0, h->a, &t, &outputs, &err), 0);
    assert_int_equal(t.id, ids[1]);
    assert_int_equal(outputs.n, 1);
    assert_int_equal(store_cache_find(h->s, "f", 0, t.id, h->a, &t, &outputs, &err), 0);
    assert_int_equal(t.id, ids[0]); /* the next older one */
    assert_int_equal(store_cache_find(h->s, "f", 0, t.id, h->a, &t, &outputs, &err),
                     STORE_CACHE_MISS);
    assert_int_equal(store_cache_find(h->s, "f", 205, 0, h->a, &t, &outputs, &err), 0);
    assert_int_equal(store_cache_find(h->s, "f", 206, 0, h->a, &t, &outputs, &err),
                     STORE_CACHE_MISS);
    OK(store_task_reset(h->s, ids[1], &err));
    assert_int_equal(store_cache_find(h->s, "f", 0, 0, h->a, &t, &outputs, &err), 0);
    assert_int_equal(t.id, ids[0]);
    start.only_here = true;
    OK(store_task_start(h->s, ids[0], &start, &err));
    OK(store_task_finish(h->s, ids[0], &succeeded, &err));
    assert_int_equal(store_cache_find(h->s, "f", 0, 0, h->a, &t, &outputs, &err), STORE_CACHE_MISS);
    OK(store_task_get(h->s, ids[0], h->a, &t, &err));
    assert_string_equal(t.cache_fingerprint, "f"); /* a retry compares it */
}

/* Which index SQLite takes says the plan of the question. */
static void digests_are_found_by_their_beginnings(void **state)
{
    static const char task[] = "EXPLAIN QUERY PLAN SELECT 1 FROM task t WHERE t.state = 'SUCCEEDED'"
                               " AND t.reusable = 1 AND t.id < ? AND " STORE_DIGEST_IS(
                                   "t.cache_fingerprint") " ORDER BY t.id DESC LIMIT 1";
    static const char artifact[] = "EXPLAIN QUERY PLAN SELECT 1 FROM artifacts a WHERE a.id < ?"
                                   " AND " STORE_DIGEST_IS("a.digest") " ORDER BY a.id DESC";
    static const char a[] = "0123456789abcdef0", b[] = "0123456789abcdef1";
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), id = add_task(h->s, run, 0, "t");
    struct store_artifact_filter filter = {.digest = b};
    struct store_artifact_rows rows;
    struct store_linkeds outputs;
    struct store_task t;
    struct dh_err err;

    finish_task(h->s, id, a, 100);
    assert_int_equal(store_cache_find(h->s, a, 0, 0, h->a, &t, &outputs, &err), 0);
    assert_int_equal(store_cache_find(h->s, b, 0, 0, h->a, &t, &outputs, &err), STORE_CACHE_MISS);
    add_artifact(h->s, "system.Model", "file:///a", a);
    OK(store_artifact_list(h->s, &filter, h->a, &rows, &err));
    assert_int_equal(rows.n, 0);
    for (int i = 0; i < 2 && !getenv("DHOW_TEST_DB"); i++) {
        own(db_end) struct db_rows *plan = NULL;

        OK(db_query(h->s->db, &err, &plan, i ? artifact : task, DB_I(9), STORE_DIGEST(a)));
        assert_int_equal(db_next(plan, &err), 1);
        assert_non_null(strstr(db_text(plan, 3), i ? "USING INDEX artifact_digest (<expr>=?"
                                                   : "USING INDEX task_cache (<expr>=?"));
    }
}

static void metrics(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), task = add_task(h->s, run, 0, "t");
    struct store_metric m[] = {
        {.run_id = run, .task_id = task, .name = "accuracy", .number = 0.1 + 0.2, .step = -1},
        {.run_id = run, .task_id = task, .name = "loss", .number = 1e300, .step = 0, .time_us = 9},
        {.run_id = run, .name = "nan", .number = (double)NAN, .step = 1},
    };
    struct store_metrics list;
    struct dh_err err;

    for (size_t i = 0; i < 3; i++)
        OK(store_metric_insert(h->s, &m[i], &err));
    OK(store_metric_list(h->s, run, h->a, &list, &err));
    assert_int_equal(list.n, 3);
    assert_string_equal(list.items[0].name, "accuracy");
    assert_true(list.items[0].number == 0.1 + 0.2);
    assert_int_equal(list.items[0].step, -1);
    assert_true(list.items[1].number == 1e300);
    assert_int_equal(list.items[1].step, 0);
    assert_int_equal(list.items[1].time_us, 9);
    assert_true(isnan(list.items[2].number));
    assert_int_equal(list.items[2].task_id, 0);
}

static void models(void **state)
{
    static const char *const champion[] = {"champion"};
    static const char *const both[] = {"champion", "candidate"};
    static const char *const latest[] = {"latest"};
    struct home *h = *state;
    int64_t a = add_artifact(h->s, "system.Model", "file:///a", "da");
    int64_t b = add_artifact(h->s, "system.Model", "file:///b", "db");
    struct store_model_version v = {.model = "cancer", .artifact_id = a, .metadata = "{\"m\":1}"};
    struct store_model_version r;
    struct store_model_versions versions;
    struct store_models list;
    struct dh_err err;

    OK(store_model_register(h->s, &v, champion, 1, h->a, &r, &err));
    assert_string_equal(r.version, "1");
    assert_string_equal(r.aliases, "[\"champion\"]");
    assert_string_equal(r.uri, "file:///a");
    assert_string_equal(r.digest, "da");
    v.version = "3";
    OK(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err));
    OK(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err)); /* again: the same row */
    assert_int_equal(r.id, 2);
    v.artifact_id =
        add_artifact(h->s, "system.Model", "file:///other/a", "da"); /* the same bytes */
    OK(store_model_register(h->s, &v, champion, 1, h->a, &r, &err));
    assert_int_equal(r.id, 2);
    assert_int_equal(r.artifact_id, a);
    v.artifact_id = b;
    REFUSED(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err), DH_EXISTS,
            "model 'cancer' version 3");
    v.version = NULL;
    OK(store_model_register(h->s, &v, both, 2, h->a, &r, &err));
    assert_string_equal(r.version, "4");
    assert_string_equal(r.aliases, "[\"candidate\",\"champion\"]");
    v.version = "final";
    OK(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err));
    OK(store_model_versions(h->s, "cancer", h->a, &versions, &err));
    assert_int_equal(versions.n, 4);
    assert_string_equal(versions.items[0].version, "final");
    assert_string_equal(versions.items[3].version, "1");
    assert_string_equal(versions.items[3].aliases, "[]"); /* the alias moved on */
    assert_string_equal(versions.items[3].metadata, "{\"m\":1}");
    OK(store_model_find(h->s, "cancer", "champion", h->a, &r, &err));
    assert_string_equal(r.version, "4");
    OK(store_model_find(h->s, "cancer", "latest", h->a, &r, &err));
    assert_string_equal(r.version, "final");
    OK(store_model_find(h->s, "cancer", "3", h->a, &r, &err));
    assert_int_equal(r.artifact_id, a);
    REFUSED(store_model_find(h->s, "cancer", "9", h->a, &r, &err), DH_NOT_FOUND, "version '9'");
    REFUSED(store_model_find(h->s, "other", NULL, h->a, &r, &err), DH_NOT_FOUND, "model 'other'");
    OK(store_model_set_alias(h->s, "cancer", "champion", "1", &err));
    OK(store_model_find(h->s, "cancer", "champion", h->a, &r, &err));
    assert_string_equal(r.version, "1");
    OK(store_model_set_alias(h->s, "cancer", "champion", NULL, &err));
    REFUSED(store_model_set_alias(h->s, "cancer", "champion", NULL, &err), DH_NOT_FOUND, "alias");
    REFUSED(store_model_set_alias(h->s, "cancer", "latest", "1", &err), DH_INVALID, "latest");
    v.version = NULL;
    REFUSED(store_model_register(h->s, &v, latest, 1, h->a, &r, &err), DH_INVALID, "latest");
    v.model = "a/b";
    REFUSED(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err), DH_INVALID, "slashes");
    v.model = "ghost";
    v.artifact_id = 99;
    REFUSED(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err), DH_NOT_FOUND, "'ghost'");
    OK(store_model_list(h->s, h->a, &list, &err));
    assert_int_equal(list.n, 1); /* refused calls left nothing behind */
    assert_int_equal(list.items[0].n_versions, 4);
    assert_string_equal(list.items[0].latest, "final");
}

static void transactions(void **state)
{
    struct home *h = *state;
    struct store_model_version v = {.model = "m", .artifact_id = 99}, r;
    struct store_models models_list;
    struct store_runs runs;
    struct store_run_filter all = {.state = -1};
    struct dh_err err;

    OK(store_begin(h->s, &err));
    assert_true(store_in_transaction(h->s));
    REFUSED(store_begin(h->s, &err), DH_BUG, "open already");
    add_run(h->s, NULL, "one", 1);
    store_rollback(h->s);
    store_rollback(h->s);
    assert_false(store_in_transaction(h->s));
    REFUSED(store_commit(h->s, &err), DH_BUG, "no transaction");
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 0);

    /* A call of several statements that fails within a transaction undoes itself and no more. */
    OK(store_begin(h->s, &err));
    add_run(h->s, NULL, "two", 1);
    REFUSED(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err), DH_NOT_FOUND, "'m'");
    assert_true(store_in_transaction(h->s));
    v.artifact_id = 0;
    OK(store_model_register(h->s, &v, NULL, 0, h->a, &r, &err));
    OK(store_commit(h->s, &err));
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 1);
    OK(store_model_list(h->s, h->a, &models_list, &err));
    assert_int_equal(models_list.n, 1);
    assert_int_equal(models_list.items[0].n_versions, 1);
}

/* A query within the walk of the same query. */
static int walk_again(const struct store_task *task, void *user, struct dh_err *err)
{
    struct home *h = user;
    struct store_tasks list;

    if (store_task_list(h->s, task->run_id, h->a, &list, err) < 0)
        return -1;
    assert_int_equal(list.n, 3);
    return 0;
}

static void queries_nest(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1);
    struct dh_err err;

    for (int i = 0; i < 3; i++)
        add_task(h->s, run, 0, "t");
    assert_int_equal(store_task_each(h->s, run, walk_again, h, &err), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, home_open, home_close)
    static const struct CMUnitTest tests[] = {
        T(links),
        T(artifacts_are_found_and_listed),
        T(the_cache_gives_the_newest_success),
        T(digests_are_found_by_their_beginnings),
        T(metrics),
        T(models),
        T(transactions),
        T(queries_nest),
    };

    return cmocka_run_group_tests_name("store: artifacts", tests, NULL, NULL);
}
