/* store on a server: what is not SQLite's. Does nothing without DHOW_TEST_DB. */
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/db-server-priv.h"
#include "store/store-priv.h"
#include "store/test-store.h"

static int64_t number(struct db *db, const char *sql)
{
    own(db_end) struct db_rows *rows = NULL;
    struct dh_err err;

    OK(db_query_built(db, &err, &rows, sql, NULL, 0));
    assert_int_equal(db_next(rows, &err), 1);
    return db_int(rows, 0);
}

static void another_connection_sees_what_changed(void **state)
{
    struct home *h = *state;
    own(store_close) struct store *s2 = NULL;
    struct dh_err err;
    bool cancel;
    int64_t run;

    OK(store_open(h->path, 0, &s2, &err));
    (void)store_changed(h->s);
    run = add_run(h->s, NULL, "r", 1);
    assert_false(store_changed(h->s)); /* our own */
    assert_true(store_changed(s2));
    assert_false(store_changed(s2));
    OK(store_run_request_cancel(s2, run, 5, &err));
    assert_true(store_changed(h->s));
    assert_false(store_changed(h->s));
    OK(store_run_cancel_requested(h->s, run, &cancel, &err));
    assert_true(cancel);
}

static void one_writer_at_a_time(void **state)
{
    struct home *h = *state;
    own(db_close) struct db *db = NULL;
    struct store_runs runs;
    struct store_run_filter all = {.state = -1};
    struct dh_err err;

    OK(db_open(h->path, 0, 1000, &db, &err));
    OK(store_begin(h->s, &err));
    add_run(h->s, NULL, "mine", 1);
    REFUSED(db_begin(db, &err), DH_IO, "is locked");
    assert_false(db_in_transaction(db));
    assert_int_equal(number(db, "SELECT count(*) FROM run"), 0); /* a reader is not held up */
    OK(store_commit(h->s, &err));
    OK(db_begin(db, &err));
    OK(db_commit(db, &err));
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 1);
}

/* What a later call tells, and that nothing of the transaction stays. */
static void errors_come_late(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), task = add_task(h->s, run, 0, "t");
    struct store_task_finish finish = {.state = STORE_SUCCEEDED, .exit_code = 0, .now_us = 1};
    struct store_link link = {.artifact_id = 99, .task_id = task, .type = STORE_OUTPUT, .key = "o"};
    struct store_task t;
    struct dh_err err;

    OK(store_begin(h->s, &err));
    OK(store_task_finish(h->s, task, &finish, &err));
    finish.now_us = 2;
    (void)store_task_finish(h->s, 99, &finish, &err);
    REFUSED(store_commit(h->s, &err), DH_NOT_FOUND, "task 99");
    assert_false(store_in_transaction(h->s));
    OK(store_begin(h->s, &err));
    OK(store_task_finish(h->s, task, &finish, &err));
    (void)store_artifact_link(h->s, &link, &err);
    REFUSED(store_task_get(h->s, task, h->a, &t, &err), DH_NOT_FOUND, "no such row");
    REFUSED(store_commit(h->s, &err), DH_IO, "undone by an error before");
    OK(store_task_get(h->s, task, h->a, &t, &err));
    assert_int_equal(t.state, STORE_PENDING);
}

static void odd_values(void **state)
{
    static const char *const texts[] = {
        "it's \"\\ ? $1 ; -- /*", "é 日本 \U0001f600", "", " a ", "a\nb\tc\\n%_", "NULL"};
    static const double numbers[] = {0.1 + 0.2,         1e300, -5e-324, (double)INFINITY,
                                     -(double)INFINITY, 0};
    struct home *h = *state;
    struct store_metrics list;
    struct store_run r;
    struct dh_err err;
    int64_t run = 0;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        run = add_run(h->s, NULL, texts[i], (int64_t)i);
        OK(store_run_get(h->s, run, h->a, &r, &err));
        assert_string_equal(r.display_name, texts[i]);
    }
    assert_true(add_run(h->s, NULL, "A", 1) > 0);
    OK(store_run_find(h->s, "A", h->a, &r, &err));
    REFUSED(store_run_find(h->s, " a", h->a, &r, &err), DH_NOT_FOUND, "no run"); /* spaces count */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct store_metric m = {.run_id = run, .name = "x", .number = numbers[i], .step = -1};

        OK(store_metric_insert(h->s, &m, &err));
    }
    OK(store_metric_list(h->s, run, h->a, &list, &err));
    for (size_t i = 0; i < list.n; i++)
        assert_true(list.items[i].number == numbers[i]);
    {
        char uuid[ID_TEXT];
        struct store_run bad = {.uuid = id_new(uuid), .display_name = "\xff\xfe", .created_us = 1};

        REFUSED(store_run_insert(h->s, &bad, &run, &err), DH_INVALID, "");
    }
}

/* Ends the connection under `s`, as a server that is restarted does. */
static void cut(struct home *h)
{
    own(db_close) struct db *admin = NULL;
    struct server *s = server_of(h->s->db);
    bool postgres = s->dialect.server == DB_POSTGRES;
    struct dh_err err;
    own_mem char *sql = NULL;
    own_mem char *lives = NULL;
    int64_t id = number(h->s->db, postgres ? "SELECT pg_backend_pid()" : "SELECT CONNECTION_ID()");

    OK(db_open(h->path, 0, 1000, &admin, &err));
    sql = dh_printf("/* postgres */ SELECT pg_terminate_backend(%lld); /* mysql */ KILL %lld",
                    (long long)id, (long long)id);
    OK(db_script(admin, sql, &err));
    lives =
        dh_printf(postgres ? "SELECT count(*) FROM pg_stat_activity WHERE pid = %lld"
                           : "SELECT count(*) FROM information_schema.processlist WHERE id = %lld",
                  (long long)id);
    for (int i = 0; i < 6000 && number(admin, lives) != 0; i++)
        (void)usleep(10000);
    assert_int_equal(number(admin, lives), 0);
}

static void a_lost_connection(void **state)
{
    struct home *h = *state;
    struct store_run_filter all = {.state = -1};
    struct store_runs runs;
    struct dh_err err;
    int64_t first;

    cut(h); /* between transactions: nobody notices */
    first = add_run(h->s, NULL, "one", 1);
    cut(h);
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 1);
    /* Within one: the same is sent again, with the same ids. */
    OK(store_begin(h->s, &err));
    assert_int_equal(add_run(h->s, NULL, "two", 2), first + 1);
    cut(h);
    assert_int_equal(add_run(h->s, NULL, "three", 3), first + 2);
    add_task(h->s, first + 1, 0, "t");
    OK(store_commit(h->s, &err));
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 3);
    assert_string_equal(runs.items[0].display_name, "three");
    assert_int_equal(runs.items[1].id, first + 1);
}

static void a_connection_lost_while_others_write(void **state)
{
    struct home *h = *state;
    own(store_close) struct store *s2 = NULL;
    struct store_run_filter all = {.state = -1};
    struct store_runs runs;
    struct dh_err err;
    int64_t id;
    char uuid[ID_TEXT];
    struct store_run run = {.uuid = id_new(uuid), .display_name = "lost", .created_us = 2};

    OK(store_open(h->path, 0, &s2, &err));
    OK(store_begin(h->s, &err));
    add_run(h->s, NULL, "mine", 1);
    cut(h);
    add_run(s2, NULL, "theirs", 1); /* takes the same number */
    if (store_run_insert(h->s, &run, &id, &err) == 0)
        REFUSED(store_commit(h->s, &err), DH_IO, "others");
    store_rollback(h->s);
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 1);
    assert_string_equal(runs.items[0].display_name, "theirs");
    assert_int_equal(add_run(h->s, NULL, "mine", 1), 2);
}

/* A transaction of read, then write: eight processes count to 40 each. */
static void many_processes(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "counted", 1);
    pid_t pids[4];
    struct dh_err err;

    OK(db_run(h->s->db, &err, "UPDATE run SET generation = 0 WHERE id = ?", DB_I(run)));
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct store *s = NULL;
            struct store_run r;
            int rc = store_open(h->path, 0, &s, &err);

            for (int k = 0; rc >= 0 && k < 25; k++) {
                rc = store_begin(s, &err);
                if (rc == 0)
                    rc = store_run_get(s, run, h->a, &r, &err);
                if (rc == 0)
                    rc = db_run(s->db, &err, "UPDATE run SET generation = ? WHERE id = ?",
                                DB_I(r.generation + 1), DB_I(run));
                if (rc == 0)
                    add_task(s, run, 0, "t");
                if (rc == 0)
                    rc = store_commit(s, &err);
            }
            if (rc < 0)
                (void)fprintf(stderr, "# %s\n", err.msg);
            store_close(s);
            _exit(rc < 0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status = -1;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(number(h->s->db, "SELECT generation FROM run"), 100);
    assert_int_equal(number(h->s->db, "SELECT count(DISTINCT id) FROM task"), 100);
    assert_int_equal(number(h->s->db, "SELECT count(*) FROM dhow_writer"), 1); /* they went home */
}

static void readonly(void **state)
{
    struct home *h = *state;
    own(store_close) struct store *s2 = NULL;
    struct dh_err err;
    int64_t id;

    OK(store_open(h->path, STORE_READONLY, &s2, &err));
    assert_int_equal(number(s2->db, "SELECT count(*) FROM run"), 0);
    REFUSED(store_experiment_put(s2, "x", &id, &err), DH_IO, "read-only");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, home_open, home_close)
    static const struct CMUnitTest tests[] = {
        T(another_connection_sees_what_changed),
        T(one_writer_at_a_time),
        T(errors_come_late),
        T(odd_values),
        T(a_lost_connection),
        T(a_connection_lost_while_others_write),
        T(many_processes),
        T(readonly),
    };

    if (!getenv("DHOW_TEST_DB")) {
        (void)printf("1..0 # SKIP no DHOW_TEST_DB\n");
        return 0;
    }
    return cmocka_run_group_tests_name("store: on a server", tests, NULL, NULL);
}
