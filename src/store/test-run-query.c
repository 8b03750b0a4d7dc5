/* Runs found by what they were given, what came out and how they are tagged. */
#include "store/test-store.h"

#include "base/buf.h"

static void add(struct store *s, const char *name, const char *parameters, double accuracy,
                enum store_state state, const char *team)
{
    struct dh_err err;
    char uuid[ID_TEXT];
    static int64_t now = 1000000;
    struct store_run run = {.uuid = id_new(uuid),
                            .display_name = name,
                            .parameters = parameters,
                            .created_us = now += 1000000};
    struct store_owner owner = {0};
    int64_t id = 0, task;

    OK(store_experiment_put(s, "tuning", &run.experiment_id, &err));
    OK(store_run_insert(s, &run, &id, &err));
    OK(store_run_claim(s, id, 0, &owner, now, &err));
    task = add_task(s, id, 0, "train");
    if (accuracy >= 0) {
        struct store_metric m = {.run_id = id, .task_id = task, .name = "accuracy", .step = -1};

        m.number = 0.1; /* an earlier value counts no more */
        m.time_us = now;
        OK(store_metric_insert(s, &m, &err));
        m.number = accuracy;
        m.time_us = now + 1;
        OK(store_metric_insert(s, &m, &err));
        m.name = "log loss";
        m.number = 1 - accuracy;
        OK(store_metric_insert(s, &m, &err));
    }
    if (!strcmp(name, "b")) { /* two tasks have it: any fits, in an order the best counts */
        struct store_metric m = {.run_id = id, .name = "accuracy", .step = -1, .number = 0.99};

        m.task_id = add_task(s, id, 0, "best");
        OK(store_metric_insert(s, &m, &err));
    }
    if (team)
        OK(store_tag_set(s, STORE_TAG_RUN, id, "team", team, &err));
    if (store_state_ended(state))
        OK(store_run_finish(s, id, state, NULL, NULL, now + 5000000, &err));
}

static int open_with_runs(void **state)
{
    struct home *h;

    if (home_open(state) < 0)
        return -1;
    h = *state;
    add(h->s, "a", "{\"c\":1,\"kind\":\"l1\",\"deep\":true}", 0.95, STORE_SUCCEEDED, "x");
    add(h->s, "b", "{\"c\":0.5,\"kind\":\"l2\"}", 0.85, STORE_SUCCEEDED, "y");
    add(h->s, "c", "{\"c\":\"1\",\"kind\":\"l1\"}", 0.91, STORE_FAILED, NULL);
    add(h->s, "d", "{\"kind\":\"it's\"}", -1, STORE_RUNNING, "x");
    return 0;
}

/* The names of the runs that fit, in order. */
static const char *ordered(struct home *h, const char *where, const char *sort, bool all)
{
    struct store_run_filter filter = {.state = -1, .where = where, .sort = sort, .sort_all = all};
    struct buf b = {0};
    struct store_runs runs;
    struct dh_err err;
    const char *names;

    OK(store_run_list(h->s, &filter, h->a, &runs, &err));
    for (size_t i = 0; i < runs.n; i++)
        buf_adds(&b, runs.items[i].display_name);
    names = arena_strdup(h->a, buf_str(&b));
    buf_done(&b);
    return names;
}

static const char *found(struct home *h, const char *where, const char *sort)
{
    return ordered(h, where, sort, false);
}

static void conditions(void **state)
{
    static const struct {
        const char *where, *names;
    } cases[] = {
        {"metric.accuracy > 0.9 and param.c = 1 and state = SUCCEEDED and tag.team = x", "a"},
        {"metric.accuracy > 0.9", "cba"},
        {"metric.accuracy@train > 0.9", "ca"},
        {"metrics.accuracy < 0.2", ""}, /* the first value does not count */
        {"metric.accuracy@train >= 0.85", "cba"},
        {"metric.accuracy@other >= 0.85", ""},
        {"metric.accuracy@best = 0.99", "b"},
        {"metric.\"log loss\" < 0.1", "ca"},
        {"metric.accuracy", "cba"},
        {"not metric.accuracy", "d"},
        {"param.c = '1'", "ca"},
        {"param.c = 1.0", "a"},
        {"param.c != 1", "b"},
        {"not param.c = 1", "dcb"},
        {"param.c < 1", "b"},
        {"param.kind = l1", "ca"},
        {"param.kind in (l2, 'it''s')", "db"},
        {"param.c in (1, 2)", "a"},
        {"param.deep = true", "a"},
        {"param.kind like 'l%'", "cba"},
        {"params.kind ilike 'L_'", "cba"},
        {"tag.team", "dba"},
        {"tag.team = x or tag.team = y", "dba"},
        {"(tag.team = x or tag.team = y) and not state = RUNNING", "ba"},
        {"state in (failed, Running)", "dc"},
        {"attributes.status = 'FINISHED'", "ba"},
        {"state != SUCCEEDED", "dc"},
        {"experiment = tuning and pipeline = x", ""},
        {"name = 'b'", "b"},
        {"number <= 2", "ba"},
        {"duration > 4 and duration < 1m", "cba"},
        {"created < 7d", "dcba"},
        {"created > 1d", ""},
        {"started >= 1970-01-01T00:00:03Z", "dcb"},
        {"start_time >= 3000", "dcb"},
        {"archived", ""},
        {"archived = false", "dcba"},
        {"", "dcba"},
    };
    struct home *h = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(found(h, cases[i].where, NULL), cases[i].names) != 0)
            fail_msg("%s: %s, not %s", cases[i].where, found(h, cases[i].where, NULL),
                     cases[i].names);
}

static void orders(void **state)
{
    struct home *h = *state;

    assert_string_equal(found(h, NULL, "metric.accuracy@train"), "bca");
    assert_string_equal(found(h, NULL, "metric.accuracy"), "bca");
    assert_string_equal(found(h, NULL, "metric.accuracy desc"), "bac");
    assert_string_equal(found(h, "state = SUCCEEDED", "metric.accuracy@train desc"), "ab");
    assert_string_equal(found(h, NULL, "param.kind"), "dacb"); /* it's, l1, l1, l2 */
    assert_string_equal(found(h, "param.c < 2", "param.c"), "ba");
    assert_string_equal(found(h, NULL, "tag.team desc"), "bda");
    assert_string_equal(found(h, NULL, "name"), "abcd");
    assert_string_equal(found(h, NULL, "created asc"), "abcd");
    assert_string_equal(found(h, NULL, "param.kind, name desc"), "dcab");
    assert_string_equal(found(h, NULL, "param.kind desc, metric.accuracy"), "bcad");
    assert_string_equal(found(h, NULL, "param.kind desc, metric.accuracy@train desc"), "bacd");
    assert_string_equal(found(h, NULL, "state, param.c desc, tag.team"), "cdab");
    assert_string_equal(found(h, NULL, "tag.team asc, created desc"), "dab");
    assert_string_equal(found(h, "tag.team in (x, y)", "state desc, name"), "abd");
    assert_string_equal(found(h, "tag.team in (x, y)", "metric.accuracy desc, name"), "ba");
}

/* Those without it come last, whichever way. */
static void orders_of_all(void **state)
{
    struct home *h = *state;

    assert_string_equal(ordered(h, NULL, "metric.accuracy desc", true), "bacd");
    assert_string_equal(ordered(h, NULL, "metric.accuracy", true), "bcad");
    assert_string_equal(ordered(h, NULL, "metric.accuracy@train desc, name", true), "acbd");
    assert_string_equal(ordered(h, NULL, "tag.team, name", true), "adbc");
    assert_string_equal(ordered(h, NULL, "param.c desc, name desc", true), "abcd");
    assert_string_equal(ordered(h, "tag.team = x", "metric.accuracy", true), "ad");
}

static void pages(void **state)
{
    struct home *h = *state;
    struct store_run_filter filter = {
        .state = -1, .sort = "metric.accuracy desc", .limit = 1, .offset = 1};
    struct store_runs runs;
    struct dh_err err;

    OK(store_run_list(h->s, &filter, h->a, &runs, &err));
    assert_int_equal(runs.n, 1);
    assert_true(runs.more);
    assert_string_equal(runs.items[0].display_name, "a");
}

static void refusals(void **state)
{
    static const struct {
        const char *where, *says;
    } cases[] = {
        {"metric.accuracy >", "column 18: expected a value"},
        {"metric.accuracy > high", "column 19: expected a number"},
        {"metric. > 1", "a key without its name"},
        {"metric.a@ > 1", "a key without its name"},
        {"colour = red", "an unknown key"},
        {"state = DONE", "no such state"},
        {"state < FAILED", "knows = and != alone"},
        {"created > yesterday", "expected a time"},
        {"(tag.a", "expected ')'"},
        {"tag.a tag.b", "expected 'and', 'or' or the end"},
        {"tag.a = 'x", "has no end"},
        {"metric.a like '1%'", "like is for texts"},
        {"param.c in (1, x)", "numbers and texts"},
        {"tag.a ! b", "means nothing"},
        {"= 1", "expected a key"},
        {"archived = maybe", "true or false"},
    };
    struct home *h = *state;
    struct store_runs runs;
    struct dh_err err;
    own_buf struct buf deep = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store_run_filter filter = {.state = -1, .where = cases[i].where};

        REFUSED(store_run_list(h->s, &filter, h->a, &runs, &err), DH_INVALID, cases[i].says);
    }
    for (int i = 0; i < 100; i++)
        buf_adds(&deep, "(");
    REFUSED(store_run_list(h->s, &(struct store_run_filter){.state = -1, .where = deep.p}, h->a,
                           &runs, &err),
            DH_INVALID, "too deep");
    REFUSED(store_run_list(h->s, &(struct store_run_filter){.state = -1, .sort = "name up"}, h->a,
                           &runs, &err),
            DH_INVALID, "asc or desc");
}

/* More rows fit than are looked up first: the answer is the same. */
static void common(void **state)
{
    struct home *h = *state;
    struct dh_err err;
    struct store_runs runs;
    struct store_run_filter filter = {
        .state = -1, .where = "metric.accuracy > 0.3 and tag.team = z", .limit = 10000};

    OK(store_begin(h->s, &err));
    for (int i = 0; i < 1500; i++)
        add(h->s, "many", "{\"c\":3}", 0.5, STORE_SUCCEEDED, "z");
    OK(store_commit(h->s, &err));
    OK(store_run_list(h->s, &filter, h->a, &runs, &err));
    assert_int_equal(runs.n, 1500);
}

static void tags_and_notes(void **state)
{
    struct home *h = *state;
    struct store_run run, other;
    struct store_experiment e;
    struct dh_err err;
    const char *json;

    OK(store_run_find(h->s, "a", h->a, &run, &err));
    OK(store_tag_set(h->s, STORE_TAG_RUN, run.id, "team", "z", &err));
    OK(store_tag_set(h->s, STORE_TAG_RUN, run.id, "for", "paper", &err));
    OK(store_tag_set(h->s, STORE_TAG_RUN, run.id, "gone", NULL, &err));
    OK(store_tags(h->s, STORE_TAG_RUN, run.id, h->a, &json, &err));
    assert_string_equal(json, "{\"for\":\"paper\",\"team\":\"z\"}");
    OK(store_tag_set(h->s, STORE_TAG_RUN, run.id, "for", NULL, &err));
    OK(store_tags(h->s, STORE_TAG_RUN, run.id, h->a, &json, &err));
    assert_string_equal(json, "{\"team\":\"z\"}");
    REFUSED(store_tag_set(h->s, STORE_TAG_RUN, run.id, "a=b", "1", &err), DH_INVALID, "'='");
    REFUSED(store_tag_set(h->s, STORE_TAG_RUN, run.id, "", "1", &err), DH_INVALID, "1 to 250");
    OK(store_run_set_notes(h->s, run.id, "the best so far", &err));
    OK(store_run_get(h->s, run.id, h->a, &run, &err));
    assert_string_equal(run.notes, "the best so far");
    OK(store_metric_last(h->s, run.id, h->a, &json, &err));
    assert_string_equal(json, "{\"accuracy\":0.95,\"log loss\":0.050000000000000044}");
    OK(store_run_find(h->s, "b", h->a, &other, &err));
    OK(store_metric_last(h->s, other.id, h->a, &json, &err));
    assert_non_null(strstr(json, "\"accuracy@train\":0.85"));
    assert_non_null(strstr(json, "\"accuracy@best\":0.99"));

    OK(store_experiment_find(h->s, "tuning", h->a, &e, &err));
    OK(store_experiment_set_archived(h->s, e.id, true, &err));
    OK(store_experiment_set_notes(h->s, e.id, "grid", &err));
    OK(store_tag_set(h->s, STORE_TAG_EXPERIMENT, e.id, "owner", "me", &err));
    OK(store_experiment_find(h->s, "tuning", h->a, &e, &err));
    assert_true(e.archived);
    assert_string_equal(e.notes, "grid");
    OK(store_tags(h->s, STORE_TAG_EXPERIMENT, e.id, h->a, &json, &err));
    assert_string_equal(json, "{\"owner\":\"me\"}");
    OK(store_run_delete(h->s, run.id, &err)); /* with its tags and parameters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conditions, open_with_runs, home_close),
        cmocka_unit_test_setup_teardown(orders, open_with_runs, home_close),
        cmocka_unit_test_setup_teardown(orders_of_all, open_with_runs, home_close),
        cmocka_unit_test_setup_teardown(pages, open_with_runs, home_close),
        cmocka_unit_test_setup_teardown(refusals, open_with_runs, home_close),
        cmocka_unit_test_setup_teardown(common, open_with_runs, home_close),
        cmocka_unit_test_setup_teardown(tags_and_notes, open_with_runs, home_close),
    };

    return cmocka_run_group_tests_name("run-query", tests, NULL, NULL);
}
