/* store: the file. Opening, migrations, several connections, what may be written, owners. */
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

static void opening(void **state)
{
    struct home *h = *state;
    own_mem char *missing = fs_join(h->folder, "missing.db");
    own_mem char *nowhere = fs_join(h->folder, "no/folder.db");
    own_mem char *garbage = fs_join(h->folder, "garbage.db");
    own_mem char *empty = fs_join(h->folder, "empty.db");
    own_mem char *other = fs_join(h->folder, "other.db");
    own(db_close) struct db *db = NULL;
    struct store *s = NULL;
    struct dh_err err;
    char noise[8192];

    assert_string_equal(store_path(h->s), h->path);
    assert_int_equal(store_schema(h->s), store_n_migrations);
    REFUSED(store_open(missing, 0, &s, &err), DH_NOT_FOUND, "missing.db");
    REFUSED(store_open(missing, STORE_READONLY | STORE_CREATE, &s, &err), DH_NOT_FOUND, "missing");
    assert_false(fs_exists(missing));
    REFUSED(store_open(nowhere, STORE_CREATE, &s, &err), DH_IO, "no/folder.db");
    REFUSED(store_open(h->folder, STORE_CREATE, &s, &err), DH_INVALID, "not a file");
    memset(noise, 'x', sizeof noise);
    OK(fs_write(garbage, noise, sizeof noise, 0600, &err));
    REFUSED(store_open(garbage, STORE_CREATE, &s, &err), DH_IO, "garbage.db is not a database");
    REFUSED(store_open(garbage, STORE_READONLY, &s, &err), DH_IO, "garbage.db is not a database");
    OK(fs_write(empty, "", 0, 0600, &err));
    REFUSED(store_open(empty, STORE_READONLY, &s, &err), DH_NOT_FOUND, "nothing in it");
    OK(store_open(empty, 0, &s, &err)); /* an empty file is a database with nothing in it */
    s = store_close(s);
    OK(db_open(other, DB_CREATE, 100, &db, &err));
    OK(db_script(db, "CREATE TABLE theirs(x)", &err));
    db = db_close(db);
    REFUSED(store_open(other, 0, &s, &err), DH_INVALID, "another program");
    REFUSED(store_open(other, STORE_READONLY, &s, &err), DH_INVALID, "another program");
    assert_null(s);
}

/* ---- migrations ---- */

static void migrations(void **state)
{
    static const char *const steps[] = {
        "CREATE TABLE a(x INTEGER)",
        "ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO a VALUES (1, 2)",
        "CREATE TABLE b(x INTEGER); INSERT INTO nowhere VALUES (1)", /* fails half-way */
    };
    struct home *h = *state;
    own_mem char *path = fs_join(h->folder, "steps.db");
    own(db_close) struct db *db = NULL;
    own(db_close) struct db *second = NULL;
    own(db_end) struct db_rows *rows = NULL;
    struct store *s = NULL;
    struct dh_err err;
    int version;

    OK(db_open(path, DB_CREATE, 100, &db, &err));
    OK(db_open(path, DB_CREATE, 100, &second, &err));
    OK(store_migrate(db, steps, 1, &err));
    OK(db_version(db, &version, &err));
    assert_int_equal(version, 1);
    OK(store_migrate(db, steps, 2, &err));
    OK(store_migrate(db, steps, 2, &err));     /* nothing to do */
    OK(store_migrate(second, steps, 2, &err)); /* sees what the first has done */
    REFUSED(store_migrate(db, steps, 3, &err), DH_BUG, "schema version 3");
    OK(db_version(db, &version, &err));
    assert_int_equal(version, 2);
    OK(db_query(db, &err, &rows, "SELECT count(*), sum(y) FROM a"));
    assert_int_equal(db_next(rows, &err), 1);
    assert_int_equal(db_int(rows, 0), 1);
    assert_int_equal(db_int(rows, 1), 2);
    REFUSED(db_run(db, &err, "INSERT INTO b VALUES (1)"), DH_BUG, "b"); /* undone */
    REFUSED(store_migrate(db, steps, 1, &err), DH_INVALID, "newer dhow");
    rows = db_end(rows);

    OK(db_set_version(db, store_n_migrations + 1, &err));
    db = db_close(db);
    REFUSED(store_open(path, 0, &s, &err), DH_INVALID, "newer dhow");
    REFUSED(store_open(path, STORE_READONLY, &s, &err), DH_INVALID, "newer dhow");
}

static const char shape_sql[] =
    "SELECT group_concat(x, char(10)) FROM (SELECT m.type || ' ' || m.name || ' ' || m.tbl_name ||"
    " ' ' || coalesce(p.cid || ' ' || p.name || ' ' || p.type || ' ' || p.\"notnull\" || ' ' ||"
    " coalesce(p.dflt_value, '-') || ' ' || p.pk, '') AS x FROM sqlite_master m"
    " LEFT JOIN pragma_table_info(m.name) p ORDER BY m.type, m.name, p.cid)";

/* A file that is made at once has what one has that came all the way. */
static void the_new_and_the_old(void **state)
{
    struct home *h = *state;
    own_mem char *path = fs_join(h->folder, "step-by-step.db");
    own(db_close) struct db *db = NULL;
    own(db_end) struct db_rows *made = NULL, *grown = NULL;
    struct dh_err err;

    OK(db_open(path, DB_CREATE, 100, &db, &err));
    OK(store_migrate(db, store_migrations, store_n_migrations, &err));
    OK(db_query(db, &err, &grown, shape_sql));
    OK(db_query(h->s->db, &err, &made, shape_sql));
    assert_int_equal(db_next(grown, &err), 1);
    assert_int_equal(db_next(made, &err), 1);
    assert_non_null(strstr(db_text(made, 0), " lease_us BIGINT ")); /* a column that came last */
    assert_string_equal(db_text(made, 0), db_text(grown, 0));
}

/* Eight processes make the same home at the same moment. */
static void all_make_it(void **state)
{
    struct home *h = *state;
    own_mem char *path = fs_join(h->folder, "race.db");
    struct store *s = NULL;
    struct dh_err err;
    pid_t pids[8];

    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            int64_t id;

            _exit(store_open(path, STORE_CREATE, &s, &err) < 0 ||
                  store_experiment_put(s, "same", &id, &err) < 0 || id != 1);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status = -1;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    OK(store_open(path, 0, &s, &err));
    OK(store_check(s, &err));
    store_close(s);
}

/* ---- two connections ---- */

static void two_connections(void **state)
{
    struct home *h = *state;
    own(store_close) struct store *s2 = NULL;
    struct store_owner owner = {.pid = 1, .host = "h", .token = "t"};
    struct store_run r;
    struct dh_err err;
    bool cancel;
    int64_t run, stamp;

    OK(store_open(h->path, 0, &s2, &err));
    (void)store_changed(h->s);
    run = add_run(h->s, NULL, "r", 1);
    assert_false(store_changed(h->s)); /* our own */
    (void)store_changed(s2);
    assert_false(store_changed(s2));
    stamp = store_stamp(h->s);
    assert_int_equal(store_stamp(h->s), stamp);
    OK(store_run_request_cancel(s2, run, 5, &err));
    assert_int_not_equal(store_stamp(h->s), stamp); /* another's */
    stamp = store_stamp(h->s);
    assert_true(store_changed(h->s));
    assert_false(store_changed(h->s));
    OK(store_run_cancel_requested(h->s, run, &cancel, &err));
    assert_true(cancel);

    /* A reader sees the state before, until the commit; and is not held up. */
    OK(store_begin(h->s, &err));
    assert_int_equal(store_run_claim(h->s, run, 0, &owner, 9, &err), 0);
    OK(store_run_get(s2, run, h->a, &r, &err));
    assert_int_equal(r.state, STORE_PENDING);
    OK(store_commit(h->s, &err));
    assert_int_not_equal(store_stamp(h->s), stamp); /* our own */
    assert_int_equal(store_run_claim(s2, run, 0, &owner, 9, &err), STORE_RUN_TAKEN);
    OK(store_run_get(s2, run, h->a, &r, &err));
    assert_int_equal(r.state, STORE_RUNNING);
}

static void a_locked_database_says_so(void **state)
{
    struct home *h = *state;
    own(db_close) struct db *db = NULL;
    struct dh_err err;

    OK(db_open(h->path, 0, 50, &db, &err));
    OK(store_begin(h->s, &err));
    REFUSED(db_begin(db, &err), DH_IO, "is locked");
    assert_non_null(strstr(err.msg, h->path));
    assert_false(db_in_transaction(db));
    REFUSED(db_run(db, &err, "DELETE FROM run"), DH_IO, "is locked");
    store_rollback(h->s);
    OK(db_begin(db, &err));
    OK(db_commit(db, &err));
}

/* ---- a home that cannot be written ---- */

/* Runs as somebody who owns nothing here; the exit status is the number of the first wrong thing.
 */
static int look_readonly(const char *path)
{
    struct store_run run;
    struct store *s = NULL;
    struct arena *a = arena_new();
    struct dh_err err = {0};
    int64_t id;

    if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        return 1;
    if (store_open(path, STORE_READONLY, &s, &err) < 0) {
        (void)fprintf(stderr, "# %s\n", err.msg);
        return 2;
    }
    if (store_run_find(s, "last", a, &run, &err) < 0 || strcmp(run.display_name, "here") != 0)
        return 3;
    if (store_experiment_put(s, "x", &id, &err) == 0 || err.code != DH_IO)
        return 4;
    s = store_close(s);
    if (store_open(path, STORE_CREATE, &s, &err) == 0) {
        if (store_experiment_put(s, "x", &id, &err) == 0)
            return 5;
        store_close(s);
    }
    arena_free(a);
    return err.code == DH_IO && strstr(err.msg, path) ? 0 : 6;
}

static void set_modes(struct home *h, const char *wal, mode_t file, mode_t folder)
{
    assert_int_equal(chmod(h->path, file), 0);
    assert_true(chmod(wal, file) == 0 || errno == ENOENT);
    assert_int_equal(chmod(h->folder, folder), 0);
}

static void readonly_home(void **state)
{
    struct home *h = *state;
    own_mem char *wal = dh_printf("%s-wal", h->path);
    own_mem char *shm = dh_printf("%s-shm", h->path);
    struct dh_err err;
    struct stat st;

    add_run(h->s, NULL, "here", 1);
    /* As a short run leaves it, with a log; then with the log written back; then without one. */
    for (int i = 0; i < 3; i++) {
        pid_t pid;
        int status = -1;

        if (i == 1)
            OK(db_script(h->s->db, "PRAGMA wal_checkpoint(TRUNCATE)", &err));
        h->s = store_close(h->s);
        if (i == 2)
            OK(fs_unlink(wal, &err));
        assert_int_equal(stat(wal, &st) == 0 && st.st_size > 0, i == 0);
        OK(fs_unlink(shm, &err));
        set_modes(h, wal, 0444, 0555);
        pid = fork();
        if (pid == 0)
            _exit(look_readonly(h->path));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        set_modes(h, wal, 0644, 0755);
        assert_int_equal(status, 0);
        OK(store_open(h->path, 0, &h->s, &err));
    }
}

/* ---- much written ---- */

static void write_much(struct home *h)
{
    own_mem char *big = dh_zalloc(200001, 1);
    struct dh_err err;

    memset(big, 'x', 200000);
    for (int i = 0; i < 20; i++) {
        char uuid[ID_TEXT];
        int64_t id;
        struct store_run r = {
            .uuid = id_new(uuid), .display_name = "big", .parameters = big, .created_us = 2};

        OK(store_run_insert(h->s, &r, &id, &err));
    }
}

/* A close writes a long log back, and removes it; one that was settled is short, and stays. */
static void a_long_log_is_settled(void **state)
{
    struct home *h = *state;
    own_mem char *wal = dh_printf("%s-wal", h->path);
    struct store_run_filter all = {.state = -1, .limit = 100};
    struct store_runs runs;
    struct dh_err err;

    for (int settled = 0; settled < 2; settled++) {
        write_much(h);
        if (settled)
            store_settle(h->s);
        add_run(h->s, NULL, "last", 1);
        h->s = store_close(h->s);
        assert_int_equal(fs_exists(wal), settled);
        OK(store_open(h->path, 0, &h->s, &err));
        OK(store_check(h->s, &err));
        OK(store_run_list(h->s, &all, h->a, &runs, &err));
        assert_int_equal(runs.n, 21 * (settled + 1));
    }
}

/* ---- owners ---- */

static void owners(void **state)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_owner me, o;
    struct dh_err err;
    const char *colon;
    int ends[2], status;
    siginfo_t info;
    char c;
    pid_t pid;
    (void)state;

    OK(store_owner_of(getpid(), a, &me, &err));
    assert_int_equal(store_owner_state(&me), STORE_OWNER_ALIVE);
    o = me;
    o.pid = 0;
    assert_int_equal(store_owner_state(&o), STORE_OWNER_NONE);
    o = me;
    o.host = "another-host";
    assert_int_equal(store_owner_state(&o), STORE_OWNER_ELSEWHERE);
    o = me;
    colon = strchr(me.token, ':');
    o.token = arena_printf(a, "00000000-dead%s", colon);
    assert_int_equal(store_owner_state(&o), STORE_OWNER_DEAD); /* before the last boot */
    o.token = arena_printf(a, "%.*s:1:2", (int)(colon - me.token), me.token);
    assert_int_equal(store_owner_state(&o), STORE_OWNER_ELSEWHERE); /* another pid namespace */
    o.token = arena_printf(a, "%s1", me.token);
    assert_int_equal(store_owner_state(&o), STORE_OWNER_DEAD); /* the number was given again */
    o.token = "nonsense";
    assert_int_equal(store_owner_state(&o), STORE_OWNER_ELSEWHERE);

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        (void)close(ends[1]);
        _exit(read(ends[0], &c, 1) == 1);
    }
    (void)close(ends[0]);
    OK(store_owner_of(pid, a, &o, &err));
    assert_int_equal(store_owner_state(&o), STORE_OWNER_ALIVE);
    (void)close(ends[1]);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(store_owner_state(&o), STORE_OWNER_DEAD); /* a zombie */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(store_owner_state(&o), STORE_OWNER_DEAD);
    REFUSED(store_owner_of(pid, a, &o, &err), DH_NOT_FOUND, "no process");
    REFUSED(store_owner_of(0, a, &o, &err), DH_NOT_FOUND, "no process");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, home_open, home_close)
    static const struct CMUnitTest tests[] = {
        T(opening),
        T(migrations),
        T(the_new_and_the_old),
        T(all_make_it),
        T(two_connections),
        T(a_locked_database_says_so),
        T(readonly_home),
        T(a_long_log_is_settled),
        cmocka_unit_test(owners),
    };

    return cmocka_run_group_tests_name("store: the file", tests, NULL, NULL);
}
