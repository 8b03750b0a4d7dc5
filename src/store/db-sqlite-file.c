/* db on SQLite: the file. A write-ahead log, foreign keys on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/db-sqlite-priv.h"

/* ---- the file ---- */

int db_sqlite_version(struct db *db, int *ret, struct dh_err *err)
{
    int64_t version, application, tables = 0;

    if (db_query_number(db, err, &version, "PRAGMA user_version") < 0 ||
        db_query_number(db, err, &application, "PRAGMA application_id") < 0 ||
        (application != APPLICATION_ID &&
         db_query_number(db, err, &tables, "SELECT count(*) FROM sqlite_master") < 0))
        return -1;
    if (application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0))
        return dh_fail(err, DH_INVALID, "%s is a database of another program", db->path);
    *ret = (int)version;
    return 0;
}

int db_sqlite_set_version(struct db *db, int version, struct dh_err *err)
{
    char sql[100];

    (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, version);
    return db_script(db, sql, err);
}

int db_sqlite_migrate(struct db *db, const char *sql, int version, struct dh_err *err)
{
    int now, rc;

    if (db_begin(db, err) < 0)
        return -1;
    /* Another process may have done it while this one waited for the lock. */
    rc = db_version(db, &now, err);
    if (rc == 0 && now == version) {
        rc = db_script(db, sql, err);
        if (rc == 0)
            rc = db_set_version(db, version + 1, err);
    }
    if (rc == 0)
        return db_commit(db, err);
    db_rollback(db);
    return -1;
}

/* Another number after each commit of another connection; 0: cannot tell. */
static int64_t data_version(struct db *db)
{
    int64_t now = 0;

    if (!of(db)->data_version &&
        sqlite3_prepare_v3(of(db)->sqlite, "PRAGMA data_version", -1, SQLITE_PREPARE_PERSISTENT,
                           &of(db)->data_version, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(of(db)->data_version) == SQLITE_ROW)
        now = sqlite3_column_int64(of(db)->data_version, 0);
    (void)sqlite3_reset(of(db)->data_version);
    return now;
}

int64_t db_sqlite_stamp(struct db *db)
{
    int64_t theirs = data_version(db), ours = sqlite3_total_changes64(of(db)->sqlite);

    return theirs ? (int64_t)((uint64_t)theirs << 40) ^ ours : 0;
}

bool db_sqlite_changed(struct db *db)
{
    int64_t now = data_version(db);

    if (now && now == of(db)->seen_version)
        return false;
    of(db)->seen_version = now;
    return true;
}

int db_sqlite_check(struct db *db, struct dh_err *err)
{
    static const char *const checks[] = {"PRAGMA integrity_check(5)", "PRAGMA foreign_key_check"};
    own_buf struct buf found = {.max = 600};

    for (size_t i = 0; i < 2; i++) {
        own(db_end) struct db_rows *rows = NULL;
        int rc;

        if (db_query_built(db, err, &rows, checks[i], NULL, 0) < 0)
            return -1;
        while ((rc = db_next(rows, err)) == 1) {
            const char *text = db_text(rows, 0);

            if (i == 0 && text && !strcmp(text, "ok"))
                continue;
            if (i == 0)
                buf_addf(&found, "; %s", text ? text : "");
            else
                buf_addf(&found, "; a row %lld of %s refers to no row of %s",
                         (long long)db_int(rows, 1), text ? text : "", db_text(rows, 2));
        }
        if (rc < 0)
            return -1;
    }
    if (found.n == 0)
        return 0;
    return dh_fail(err, DH_IO, "database %s is damaged: %s", db->path, found.p + 2);
}

/* Under another name until it is whole. */
int db_sqlite_save(struct db *db, const char *path, struct dh_err *err)
{
    own_mem char *part = dh_printf("%s.part-%d", path, (int)getpid());
    own_fd int fd = -1;
    struct stat st;
    int rc;

    if (fs_exists(path))
        return dh_fail(err, DH_EXISTS, "%s is there already", path);
    (void)unlink(part);
    rc = db_run_built(db, err, "VACUUM INTO ?", DB_VALS(DB_T(part)));
    if (rc == 0) {
        fd = open(part, O_RDONLY | O_CLOEXEC);
        if (stat(db->path, &st) == 0)
            (void)fchmod(fd, st.st_mode & 0777);
        if (fd < 0 || fs_fault("fsync") || fsync(fd) < 0)
            rc = dh_fail_errno(err, "cannot write %s", part);
    }
    if (rc == 0)
        rc = fs_rename_new(part, path, err);
    if (rc < 0)
        (void)unlink(part);
    return rc;
}

int db_sqlite_keep(struct db *db, int version, struct dh_err *err)
{
    own_mem char *path = dh_printf("%s.v%d", db->path, version);

    if (fs_exists(path) || db_sqlite_save(db, path, err) == 0)
        return 0;
    if (err->code == DH_EXISTS) /* another process was quicker */
        return 0;
    return dh_while(err, "a copy before the schema is changed");
}

/* ---- opening ---- */

/* No counting of every allocation, under a lock; has an effect before the first use alone. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static struct db *new_handle(const char *path, int busy_ms)
{
    struct sqlite *s = dh_zalloc(1, sizeof *s);

    s->base.ops = &db_sqlite_ops;
    s->base.path = dh_strdup(path);
    s->base.busy_ms = busy_ms;
    s->log = -1;
    return &s->base;
}

struct db *db_sqlite_close(struct db *db)
{
    for (size_t i = 0; i < N_SLOTS; i++) {
        if (of(db)->slots[i])
            (void)sqlite3_finalize(of(db)->slots[i]->stmt);
        dh_mem_own(&of(db)->slots[i]);
    }
    (void)sqlite3_finalize(of(db)->data_version);
    if (of(db)->log >= 0)
        (void)close(of(db)->log);
    /* The last to close writes the log back, which waits for the disk several times: longer than a
     * whole small run. A short log may as well stay, the next one to open reads it in no time. */
    if (of(db)->sqlite && of(db)->log_frames < KEEP_FRAMES)
        (void)sqlite3_db_config(of(db)->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_close_v2(of(db)->sqlite); /* rolls back what is open */
    dh_mem_own(&db->path);
    dh_mem_own(&db);
    return NULL;
}

enum { NO_LOG = -2 }; /* it cannot be opened: not tried again */

/* The disk begins with what has been written, and nobody waits: else whoever writes the log back
 * waits for all of it at once. No lock of SQLite's is on this file, so that it may be closed. */
static void tell_disk(struct sqlite *s)
{
    int64_t from = (int64_t)s->told_frames * LOG_FRAME, to = (int64_t)s->log_frames * LOG_FRAME;

    if (s->log == -1) {
        own_mem char *path = dh_printf("%s-wal", s->base.path);

        s->log = open(path, O_RDONLY | O_CLOEXEC);
        if (s->log < 0)
            s->log = NO_LOG;
    }
    if (s->log >= 0)
        (void)sync_file_range(s->log, from, to - from, SYNC_FILE_RANGE_WRITE);
    s->told_frames = s->log_frames;
}

static int after_commit(void *user, sqlite3 *sqlite, const char *name, int frames)
{
    struct sqlite *s = user;

    (void)name;
    if (frames < s->log_frames)
        s->tried_frames = s->told_frames = 0; /* the log has started anew */
    s->log_frames = frames;
    if (frames - s->told_frames >= WRITE_FRAMES)
        tell_disk(s);
    /* A reader in another process can hold it up; then not again at each commit. */
    if (frames >= CHECKPOINT_FRAMES && frames - s->tried_frames >= KEEP_FRAMES) {
        s->tried_frames = frames;
        (void)sqlite3_wal_checkpoint_v2(sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    return SQLITE_OK;
}

/* All of the log is in the database then, and the next commit begins it anew. Else it would be for
 * the close, which removes the file as well: that takes as long again, and the next run makes it.
 */
void db_sqlite_settle(struct db *db)
{
    if (of(db)->log_frames >= KEEP_FRAMES)
        (void)sqlite3_wal_checkpoint_v2(of(db)->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                        NULL);
}

static int open_file(struct db *db, unsigned flags, bool immutable, struct dh_err *err)
{
    int how = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    own_buf struct buf uri = {0};
    int rc;

    how |= flags & DB_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (flags & DB_CREATE && !(flags & DB_READONLY))
        how |= SQLITE_OPEN_CREATE;
    if (immutable) {
        how |= SQLITE_OPEN_URI;
        buf_adds(&uri, "file:");
        for (const char *p = db->path; *p; p++)
            buf_addf(&uri, strchr("?#%", *p) ? "%%%02X" : "%c", (unsigned)(unsigned char)*p);
        buf_adds(&uri, "?immutable=1");
    }
    rc = sqlite3_open_v2(immutable ? buf_str(&uri) : db->path, &of(db)->sqlite, how, NULL);
    if (rc != SQLITE_OK)
        return db_sqlite_failed(db, rc, err);
    (void)sqlite3_busy_timeout(of(db)->sqlite, db->busy_ms);
    (void)sqlite3_db_config(of(db)->sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(of(db)->sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(of(db)->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return 0;
}

static int first_read(struct db *db, struct dh_err *err)
{
    int64_t ignored;

    return db_query_number(db, err, &ignored, "SELECT count(*) FROM sqlite_master");
}

/* In a folder that we cannot write, SQLite cannot make the log's index beside the file. Where no
 * log is left over, the file alone is the whole truth; else we read a copy of both. */
static int open_elsewhere(struct db *db, struct dh_err *err)
{
    const char *tmp = getenv("TMPDIR");
    own_mem char *folder = dh_printf("%s/dhow-read-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    own_mem char *wal = dh_printf("%s-wal", db->path);
    own_mem char *copy = NULL;
    own_mem char *copy_wal = NULL;
    char *path = db->path;
    struct stat st;
    int rc;

    if (stat(wal, &st) < 0 || st.st_size == 0)
        return open_file(db, DB_READONLY, true, err) < 0 ? -1 : first_read(db, err);
    if (!mkdtemp(folder))
        return dh_fail_errno(err, "cannot make folder %s", folder);
    copy = fs_join(folder, "db");
    copy_wal = fs_join(folder, "db-wal");
    rc = fs_copy(path, copy, err) < 0 || fs_copy(wal, copy_wal, err) < 0 ? -1 : 0;
    if (rc == 0) {
        db->path = copy;
        rc = open_file(db, 0, false, err) < 0 ? -1 : first_read(db, err);
        db->path = path;
    }
    if (rc == 0)
        rc = db_script(db, "PRAGMA query_only = ON", err);
    (void)fs_remove_tree(folder, NULL); /* what is open stays readable */
    return rc;
}

static int open_readonly(struct db *db, struct dh_err *err)
{
    int code;

    if (open_file(db, DB_READONLY, false, err) == 0 && first_read(db, err) == 0)
        return 0;
    code = of(db)->sqlite ? sqlite3_errcode(of(db)->sqlite) & 0xff : SQLITE_NOTADB;
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT || access(db->path, R_OK) < 0)
        return -1;
    (void)sqlite3_close_v2(of(db)->sqlite);
    of(db)->sqlite = NULL;
    return open_elsewhere(db, err);
}

/* Two processes that both turn a new file to WAL can meet in a state where SQLite answers "busy"
 * without waiting; so the wait is ours. */
static int set_wal(struct db *db, struct dh_err *err)
{
    int rc = SQLITE_BUSY;

    for (int waited = 0; rc == SQLITE_BUSY && waited <= db->busy_ms; waited += 10) {
        rc = sqlite3_exec(of(db)->sqlite, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) & 0xff;
        if (rc == SQLITE_BUSY)
            (void)sqlite3_sleep(10);
    }
    return rc == SQLITE_OK ? 0
                           : db_sqlite_failed(db, sqlite3_extended_errcode(of(db)->sqlite), err);
}

int db_sqlite_open(const char *path, unsigned flags, int busy_ms, struct db **ret,
                   struct dh_err *err)
{
    own(db_close) struct db *db = new_handle(path, busy_ms);
    struct stat st;

    configure();
    if (stat(path, &st) < 0) {
        if (errno == ENOENT && !(flags & DB_CREATE && !(flags & DB_READONLY)))
            return dh_fail(err, DH_NOT_FOUND, "there is no database %s", path);
        if (errno != ENOENT)
            return dh_fail_errno(err, "database %s", path);
    } else if (!S_ISREG(st.st_mode)) {
        return dh_fail(err, DH_INVALID, "%s is not a file", path);
    }
    if (flags & DB_READONLY) {
        if (open_readonly(db, err) < 0)
            return -1;
    } else if (open_file(db, flags, false, err) < 0 || set_wal(db, err) < 0) {
        return -1;
    }
    /* NORMAL: a killed process loses nothing; a power cut may lose the last commits, never more. */
    if (db_script(db,
                  "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                  "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
                  "PRAGMA journal_size_limit = 33554432",
                  err) < 0)
        return -1;
    (void)sqlite3_wal_hook(of(db)->sqlite, after_commit, db);
    *ret = take(&db);
    return 0;
}

/* ---- making a new one ---- */

/* The bytes of a database that `fill` has filled, made in memory. */
static int image(const char *path, int (*fill)(struct db *db, struct dh_err *err),
                 unsigned char **ret, size_t *ret_n, struct dh_err *err)
{
    own(db_close) struct db *db = new_handle(path, 0);
    sqlite3_int64 n = 0;
    int rc;

    configure();
    rc = sqlite3_open_v2(":memory:", &of(db)->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                         NULL);
    if (rc != SQLITE_OK)
        return db_sqlite_failed(db, rc, err);
    if (fill(db, err) < 0)
        return -1;
    *ret = sqlite3_serialize(of(db)->sqlite, "main", &n, 0);
    if (!*ret || n < 100)
        return dh_fail(err, DH_BUG, "database %s: cannot be made", path);
    *ret_n = (size_t)n;
    /* "Read and write me with a write-ahead log": bytes 18 and 19 of the file format. */
    (*ret)[18] = (*ret)[19] = 2;
    return 0;
}

static void free_image(unsigned char **bytes)
{
    sqlite3_free(*bytes);
}

int db_sqlite_create(const char *path, int (*fill)(struct db *db, struct dh_err *err),
                     struct dh_err *err)
{
    __attribute__((cleanup(free_image))) unsigned char *bytes = NULL;
    const char *slash = strrchr(path, '/');
    own_mem char *folder =
        slash ? dh_strndup(path, slash > path ? (size_t)(slash - path) : 1) : dh_strdup(".");
    own_mem char *nameless = NULL;
    own_fd int fd = -1;
    size_t n = 0;

    if (fs_exists(path))
        return 0;
    /* A file without a name gets one when all is in it: a kill or power cut leaves all or nothing,
     * and it waits for the disk once. Where the disk cannot do that, db_open makes it. */
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EOPNOTSUPP || errno == EISDIR
                   ? 0
                   : dh_fail_errno(err, "cannot make database %s", path);
    if (image(path, fill, &bytes, &n, err) < 0 || fs_write_fd(fd, bytes, n, path, err) < 0)
        return -1;
    if (fs_fault("fsync") || fdatasync(fd) < 0)
        return dh_fail_errno(err, "cannot write %s", path);
    nameless = dh_printf("/proc/self/fd/%d", fd);
    if (fs_fault("link") || (linkat(AT_FDCWD, nameless, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 &&
                             errno != EEXIST && errno != ENOENT))
        return dh_fail_errno(err, "cannot make database %s", path);
    return 0;
}
