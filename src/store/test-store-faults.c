/* store: the file when things go wrong. A full disk, damage, kills, disk calls that fail. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store-priv.h"
#include "store/test-store.h"

static const char *self; /* this program, to be started as a child */

/* ---- a full disk ---- */

static void full_disk(void **state)
{
    struct home *h = *state;
    struct store_runs runs;
    struct store_run_filter all = {.state = -1};
    struct dh_err err = {0};
    int64_t run = add_run(h->s, NULL, "before", 1), id;
    char uuid[ID_TEXT], *big = dh_alloc(200001);
    int rc = 0;

    memset(big, 'x', 200000);
    big[200000] = '\0';
    OK(db_script(h->s->db, "PRAGMA max_page_count = 200", &err));
    OK(store_begin(h->s, &err));
    for (int i = 0; i < 100 && rc == 0; i++) {
        struct store_run r = {
            .uuid = id_new(uuid), .display_name = "big", .parameters = big, .created_us = 2};

        rc = store_run_insert(h->s, &r, &id, &err);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, DH_IO);
    assert_non_null(strstr(err.msg, "no space left"));
    assert_non_null(strstr(err.msg, h->path));
    store_rollback(h->s);
    OK(store_run_list(h->s, &all, h->a, &runs, &err));
    assert_int_equal(runs.n, 1);
    assert_int_equal(runs.items[0].id, run);
    OK(store_check(h->s, &err));
    OK(db_script(h->s->db, "PRAGMA max_page_count = 1000000", &err));
    add_run(h->s, NULL, "after", 3); /* goes on when there is room */
    dh_mem_own(&big);
}

/* The same from below: the file must not grow past a size. */
static int fill_up(const char *path)
{
    struct rlimit limit = {.rlim_cur = 400000, .rlim_max = 400000};
    struct store *s = NULL;
    struct dh_err err = {0};
    int64_t run, id;
    int rc = 0;

    if (store_open(path, 0, &s, &err) < 0)
        return 1;
    run = add_run(s, NULL, "r", 5);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 2;
    for (int i = 0; i < 10000 && rc == 0; i++) {
        char uuid[ID_TEXT];
        struct store_task task = {.uuid = id_new(uuid),
                                  .run_id = run,
                                  .name = "t",
                                  .scope_path = "root.t",
                                  .created_us = 1};

        rc = store_begin(s, &err);
        if (rc == 0)
            rc = store_task_insert(s, &task, &id, &err);
        if (rc == 0)
            rc = store_commit(s, &err);
        else
            store_rollback(s);
    }
    if (rc != -1 || err.code != DH_IO || !strstr(err.msg, path))
        return 3;
    if (store_in_transaction(s))
        return 4;
    store_close(s);
    return 0;
}

static void file_cannot_grow(void **state)
{
    struct home *h = *state;
    struct dh_err err;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fill_up(h->path));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    OK(store_check(h->s, &err));
    add_run(h->s, NULL, "after", 3);
}

/* ---- damage ---- */

static void damage_is_found(void **state)
{
    struct home *h = *state;
    struct dh_err err;
    own(db_end) struct db_rows *rows = NULL;
    own_fd int fd = -1;
    off_t page;

    for (int i = 0; i < 300; i++)
        add_run(h->s, NULL, "r", i);
    OK(db_script(h->s->db, "PRAGMA wal_checkpoint(TRUNCATE)", &err));
    OK(store_check(h->s, &err));
    OK(db_query(h->s->db, &err, &rows,
                "SELECT rootpage FROM sqlite_master WHERE name = 'run_created'"));
    assert_int_equal(db_next(rows, &err), 1);
    page = db_int(rows, 0) - 1;
    rows = db_end(rows);
    h->s = store_close(h->s);
    fd = open(h->path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "damage", 6, page * 4096), 6);
    OK(store_open(h->path, 0, &h->s, &err));
    REFUSED(store_check(h->s, &err), DH_IO, "is damaged");
    assert_non_null(strstr(err.msg, h->path));
    h->s = store_close(h->s);
}

static void a_lost_row_is_found(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1);
    struct dh_err err;

    add_task(h->s, run, 0, "t");
    OK(db_script(h->s->db, "PRAGMA foreign_keys = OFF; DELETE FROM run", &err));
    REFUSED(store_check(h->s, &err), DH_IO, "a row 1 of task refers to no row of run");
    OK(db_script(h->s->db, "DELETE FROM task; DELETE FROM mlmd_context", &err));
}

/* ---- kills and faults: a child works until it is stopped ---- */

/* One run after another; each transaction is whole or not there: a task is SUCCEEDED exactly when
 * it has its artifact and its metric. Prints a line for each commit that was told to be done. */
static int work(const char *path, int times)
{
    struct store *s = NULL;
    struct dh_err err = {0};
    int64_t run, id;
    int rc;

    rc = store_open(path, STORE_CREATE, &s, &err);
    for (int i = 0; rc >= 0 && i < times; i++) {
        rc = store_begin(s, &err);
        if (rc < 0)
            break;
        run = add_run(s, NULL, "work", 1);
        id = add_task(s, run, 0, "t");
        finish_task(s, id, "f", 1);
        add_link(s, add_artifact(s, "system.Model", "u", "d"), id, STORE_OUTPUT, "o", 0);
        struct store_metric metric = {.run_id = run, .task_id = id, .name = "x", .number = 1};

        rc = store_metric_insert(s, &metric, &err);
        rc = rc < 0 ? rc : store_commit(s, &err);
        if (rc >= 0)
            (void)!write(STDOUT_FILENO, "done\n", 5);
    }
    store_close(s);
    if (rc < 0 && (err.code != DH_IO || !*err.msg))
        return 9;
    return rc < 0 ? 8 : 0;
}

/* Starts this program as a worker; *ret_out is its standard output. */
static pid_t start_worker(const char *path, const char *times, int fault, int *ret_out)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        char n[20];

        (void)snprintf(n, sizeof n, "%d", fault);
        if (fault)
            (void)setenv("DHOW_FAULT_IO", n, 1);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(self, self, "work", path, times, (char *)NULL);
        _exit(99);
    }
    (void)close(ends[1]);
    *ret_out = ends[0];
    return pid;
}

static int64_t lines_of(int fd)
{
    char block[4096];
    int64_t lines = 0;
    ssize_t n;

    while ((n = read(fd, block, sizeof block)) > 0)
        for (ssize_t i = 0; i < n; i++)
            lines += block[i] == '\n';
    (void)close(fd);
    return lines;
}

/* How many transactions are in it; fails where one is not whole. */
static int64_t whole(const char *path)
{
    own(store_close) struct store *s = NULL;
    own(db_end) struct db_rows *rows = NULL;
    struct dh_err err;

    OK(store_open(path, STORE_CREATE, &s, &err));
    OK(store_check(s, &err));
    OK(db_query(s->db, &err, &rows,
                "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM task"
                " WHERE state = 'SUCCEEDED'), (SELECT count(*) FROM artifact_task),"
                " (SELECT count(*) FROM metric), (SELECT count(*) FROM task)"));
    assert_int_equal(db_next(rows, &err), 1);
    for (int i = 1; i < 5; i++)
        assert_int_equal(db_int(rows, 0), db_int(rows, i));
    return db_int(rows, 0);
}

static void killed_at_any_moment(void **state)
{
    struct home *h = *state;
    own_mem char *path = fs_join(h->folder, "killed.db");
    int64_t told = 0, found = 0;

    srand(7);
    for (int i = 0; i < 60; i++) {
        struct timespec nap = {.tv_nsec = rand() % 25000000};
        int out, status;
        pid_t pid = start_worker(path, "1000000", 0, &out);
        char line[5];

        if (i % 2) /* in the middle of its work, however slow the machine; else while it opens */
            told += read(out, line, sizeof line) == sizeof line;
        (void)nanosleep(&nap, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        told += lines_of(out);
        found = whole(path);
        /* What was told to be done is there; at most one more, committed but not told any more. */
        assert_true(found >= told && found <= told + 1);
        told = found;
    }
    assert_true(found >= 30);
}

/* Lets the n-th disk call fail, for n = 1, 2, … until none is left to fail. Without the fault build
 * the first round has no fault: it only checks that the work is done. */
static void every_disk_call_fails_once(void **state)
{
    struct home *h = *state;
    int status = -1, rounds = 0;

    while (status != 0) {
        own_mem char *path = dh_printf("%s/fault-%d.db", h->folder, rounds);
        int64_t told;
        int out;
        pid_t pid = start_worker(path, "5", ++rounds, &out);

        told = lines_of(out);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 8))
            fail_msg("fault %d: status %x", rounds, (unsigned)status);
        assert_int_equal(whole(path), told);
        assert_true(status != 0 || told == 5);
        assert_true(rounds < 1000);
    }
#ifdef DHOW_FAULT
    assert_true(rounds > 10);
#endif
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, home_open, home_close)
    static const struct CMUnitTest tests[] = {
        T(full_disk),           T(file_cannot_grow),     T(damage_is_found),
        T(a_lost_row_is_found), T(killed_at_any_moment), T(every_disk_call_fails_once),
    };
    static char path[PATH_MAX];

    if (argc == 4 && !strcmp(argv[1], "work"))
        return work(argv[2], (int)strtol(argv[3], NULL, 10));
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
        return 1;
    self = path;
    return cmocka_run_group_tests_name("store: faults of the file", tests, NULL, NULL);
}
