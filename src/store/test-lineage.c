/* store: lineage. */
#include "store/lineage.h"
#include "store/test-store.h"

/* An artifact that `task` made. */
static int64_t makes(struct store *s, int64_t task, const char *name)
{
    int64_t artifact = add_artifact(s, "system.Dataset", name, name);

    add_link(s, artifact, task, STORE_OUTPUT, name, 0);
    return artifact;
}

static struct lineage ask(struct home *h, struct arena *a, int64_t artifact, unsigned ways,
                          int depth, bool whole)
{
    struct lineage_query q = {.artifact = artifact, .ways = ways, .depth = depth, .whole = whole};
    struct lineage l;
    struct dh_err err;

    OK(store_lineage(h->s, &q, a, &l, &err));
    return l;
}

static size_t edges(const struct lineage *l, enum lineage_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_edges; i++)
        n += l->edges[i].kind == kind;
    return n;
}

/* source → split → (left, right) → join → model; another run uses the model. */
static void diamonds_are_walked_once(void **state)
{
    struct home *h = *state;
    own(arena_free) struct arena *a = arena_new();
    int64_t one = add_run(h->s, NULL, "one", 1), two = add_run(h->s, NULL, "two", 2);
    int64_t split = add_task(h->s, one, 0, "split"), left = add_task(h->s, one, 0, "left"),
            right = add_task(h->s, one, 0, "right"), join = add_task(h->s, one, 0, "join"),
            use = add_task(h->s, two, 0, "use");
    int64_t source = makes(h->s, split, "s"), l1 = makes(h->s, left, "l"),
            r1 = makes(h->s, right, "r"), model = makes(h->s, join, "m"),
            other = makes(h->s, split, "other"), used = makes(h->s, use, "u");
    struct lineage l;

    add_link(h->s, source, left, STORE_INPUT, "in", 0);
    add_link(h->s, source, right, STORE_INPUT, "in", 0);
    add_link(h->s, l1, join, STORE_INPUT, "a", 0);
    add_link(h->s, r1, join, STORE_INPUT, "b", 0);
    add_link(h->s, model, use, STORE_INPUT, "model", 0);

    l = ask(h, a, model, LINEAGE_UP, -1, false);
    assert_int_equal(l.n_artifacts, 4);
    assert_int_equal(l.n_tasks, 4);
    assert_int_equal(edges(&l, LINEAGE_MADE), 4);
    assert_int_equal(edges(&l, LINEAGE_USED), 4);
    assert_int_equal(lineage_artifact(&l, source)->up, 2);
    assert_int_equal(lineage_artifact(&l, source)->down, -1);
    assert_null(lineage_artifact(&l, used));
    assert_string_equal(lineage_task(&l, join)->name, "join");
    assert_int_equal(l.artifacts[0].row.id, model);
    assert_false(l.cut);

    l = ask(h, a, source, LINEAGE_DOWN, -1, false);
    assert_int_equal(l.n_artifacts, 5);
    assert_int_equal(lineage_artifact(&l, used)->down, 3); /* in another run */
    assert_string_equal(lineage_task(&l, use)->run_name, "two");

    l = ask(h, a, l1, LINEAGE_UP | LINEAGE_DOWN, -1, false);
    assert_int_equal(l.n_artifacts, 4);
    l = ask(h, a, l1, LINEAGE_UP | LINEAGE_DOWN, -1, true); /* and what else these tasks touched */
    assert_int_equal(l.n_artifacts, 6);
    assert_non_null(lineage_artifact(&l, other));

    l = ask(h, a, model, LINEAGE_UP, 1, false);
    assert_int_equal(l.n_artifacts, 3);
    assert_true(l.cut);
    l = ask(h, a, model, LINEAGE_UP, 0, false);
    assert_int_equal(l.n_artifacts, 1);
}

/* A record that was put together by hand may say anything. */
static void cycles_end(void **state)
{
    struct home *h = *state;
    own(arena_free) struct arena *a = arena_new();
    int64_t run = add_run(h->s, NULL, "r", 1), task[3], artifact[3];
    struct lineage l;

    for (int i = 0; i < 3; i++) {
        task[i] = add_task(h->s, run, 0, "t");
        artifact[i] = makes(h->s, task[i], "x");
    }
    for (int i = 0; i < 3; i++)
        add_link(h->s, artifact[i], task[(i + 1) % 3], STORE_INPUT, "in", 0);
    add_link(h->s, artifact[0], task[0], STORE_INPUT, "itself", 0);
    l = ask(h, a, artifact[0], LINEAGE_UP | LINEAGE_DOWN, -1, true);
    assert_int_equal(l.n_artifacts, 3);
    assert_int_equal(l.n_tasks, 3);
    assert_int_equal(edges(&l, LINEAGE_USED), 4);
}

static int64_t cached(struct home *h, int64_t run, int64_t origin)
{
    struct dh_err err;
    int64_t task = add_task(h->s, run, 0, "again");
    struct store_task_finish finish = {
        .state = STORE_CACHED, .exit_code = -1, .cached_from_id = origin, .now_us = 5};

    OK(store_task_finish(h->s, task, &finish, &err));
    return task;
}

static void the_maker_is_who_ran(void **state)
{
    struct home *h = *state;
    own(arena_free) struct arena *a = arena_new();
    int64_t one = add_run(h->s, NULL, "one", 1), two = add_run(h->s, NULL, "two", 2);
    int64_t make = add_task(h->s, one, 0, "make"), use = add_task(h->s, one, 0, "use"), again,
            again2, data, result;
    struct lineage l;
    struct dh_err err;

    finish_task(h->s, make, "f", 1);
    finish_task(h->s, use, "g", 1);
    data = makes(h->s, make, "d");
    result = makes(h->s, use, "r");
    add_link(h->s, data, use, STORE_INPUT, "in", 0);
    again = cached(h, two, make);
    again2 = cached(h, two, use);
    add_link(h->s, data, again, STORE_OUTPUT, "out", 0);
    add_link(h->s, data, again2, STORE_INPUT, "in", 0);
    add_link(h->s, result, again2, STORE_OUTPUT, "out", 0);
    l = ask(h, a, result, LINEAGE_UP | LINEAGE_DOWN, -1, false);
    assert_int_equal(l.n_tasks, 2);
    assert_non_null(lineage_task(&l, make));
    l = ask(h, a, data, LINEAGE_DOWN, -1, false);
    assert_int_equal(l.n_tasks, 1);
    OK(store_run_delete(h->s, one, &err)); /* then those that took it over are all there is */
    l = ask(h, a, result, LINEAGE_UP, -1, false);
    assert_int_equal(l.n_tasks, 2);
    assert_non_null(lineage_task(&l, again));
    l = ask(h, a, data, LINEAGE_DOWN, -1, false);
    assert_non_null(lineage_artifact(&l, result));
}

static int64_t add_importer(struct home *h, int64_t run)
{
    char uuid[ID_TEXT];
    struct dh_err err;
    struct store_task task = {.uuid = id_new(uuid),
                              .run_id = run,
                              .name = "importer",
                              .scope_path = "root.importer",
                              .type = STORE_IMPORTER,
                              .iteration_index = -1,
                              .iteration_count = -1,
                              .exit_code = -1,
                              .created_us = 1};
    int64_t id;

    OK(store_task_insert(h->s, &task, &id, &err));
    return id;
}

static void imports_go_through(void **state)
{
    struct home *h = *state;
    own(arena_free) struct arena *a = arena_new();
    int64_t one = add_run(h->s, NULL, "one", 1), two = add_run(h->s, NULL, "two", 2);
    int64_t make = add_task(h->s, one, 0, "make"), import = add_importer(h, two);
    int64_t first = makes(h->s, make, "s3://b/k"), imported = makes(h->s, import, "s3://b/k"),
            elsewhere = makes(h->s, add_task(h->s, two, 0, "x"), "s3://b/k");
    struct lineage l = ask(h, a, imported, LINEAGE_UP, -1, false);

    assert_int_equal(edges(&l, LINEAGE_SAME), 1);
    assert_non_null(lineage_task(&l, make));
    assert_non_null(lineage_artifact(&l, first));
    l = ask(h, a, first, LINEAGE_DOWN, -1, false);
    assert_int_equal(l.n_artifacts, 2);
    assert_null(lineage_artifact(&l, elsewhere)); /* made anew at the same place */
}

static void what_is_not_there_is_said(void **state)
{
    struct home *h = *state;
    own(arena_free) struct arena *a = arena_new();
    struct lineage_query q = {.artifact = 77, .ways = LINEAGE_UP, .depth = -1};
    struct lineage l;
    struct dh_err err;

    REFUSED(store_lineage(h->s, &q, a, &l, &err), DH_NOT_FOUND, "artifact 77");
}

#define T(f) cmocka_unit_test_setup_teardown(f, home_open, home_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(diamonds_are_walked_once),  T(cycles_end), T(the_maker_is_who_ran), T(imports_go_through),
        T(what_is_not_there_is_said),
    };

    return cmocka_run_group_tests_name("lineage", tests, NULL, NULL);
}
