#pragma once
/* test-store - what the tests of store/ share: a home to work in, and rows with the usual fields.
 *
 * With DHOW_TEST_DB=postgresql://…NAME… or mysql://…NAME… the record is on that server: each test
 * has a schema (PostgreSQL) or database (MySQL) of its own in the place of NAME. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/db-url.h"
#include "store/db.h"
#include "store/store.h"

struct home {
    char folder[40];
    char part[32]; /* of the server; "": none */
    char *path;    /* of the database */
    struct store *s;
    struct arena *a;
};

/* Fails the test with the message where the call failed. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct dh_err *e_ = &err;                                                                  \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, e_->msg);                                                    \
    } while (0)
/* The call must fail with this code and a message that holds the text. */
#define REFUSED(call, wanted, text)                                                                \
    do {                                                                                           \
        err = (struct dh_err){0};                                                                  \
        assert_int_equal((call), -1);                                                              \
        if (err.code != (wanted) || !strstr(err.msg, (text)))                                      \
            fail_msg("%s: code %d, '%s'", #call, (int)err.code, err.msg);                          \
    } while (0)

/* The server's URL with `name` in the place of NAME; the caller's. NULL: the tests are of SQLite.
 */
static inline char *server_url(const char *name)
{
    const char *pattern = getenv("DHOW_TEST_DB"), *at = pattern ? strstr(pattern, "NAME") : NULL;

    return at ? dh_printf("%.*s%s%s", (int)(at - pattern), pattern, name, at + 4) : NULL;
}

/* Makes, or drops, the part of the server that a test works in. */
static inline int server_part(const char *verb, const char *name)
{
    bool postgres = db_url_server(getenv("DHOW_TEST_DB")) == DB_POSTGRES;
    own_mem char *admin = server_url(postgres ? "public" : "mysql");
    own_mem char *sql = dh_printf("/* postgres */ %s SCHEMA %s%s; /* mysql */ %s DATABASE %s", verb,
                                  name, !strcmp(verb, "DROP") ? " CASCADE" : "", verb, name);
    own(db_close) struct db *db = NULL;
    struct dh_err err;

    if (db_open(admin, 0, 1000, &db, &err) < 0 || db_script(db, sql, &err) < 0) {
        (void)fprintf(stderr, "# %s\n", err.msg);
        return -1;
    }
    return 0;
}

static inline int home_open(void **state)
{
    struct home *h = dh_zalloc(1, sizeof *h);
    struct dh_err err;
    int rc;

    (void)snprintf(h->folder, sizeof h->folder, "/tmp/dhow-test-store-XXXXXX");
    if (!mkdtemp(h->folder))
        return -1;
    h->path = server_url("NAME");
    if (h->path) {
        static int number;

        free(h->path);
        (void)snprintf(h->part, sizeof h->part, "t%d_%d", (int)getpid(), ++number);
        h->path = server_url(h->part);
        if (server_part("CREATE", h->part) < 0)
            return -1;
    } else {
        h->path = fs_join(h->folder, "dhow.db");
    }
    h->a = arena_new();
    *state = h;
    rc = store_open(h->path, STORE_CREATE, &h->s, &err);
    if (rc < 0)
        (void)fprintf(stderr, "# %s\n", err.msg);
    return rc;
}

static inline int home_close(void **state)
{
    struct home *h = *state;
    struct dh_err err;
    int rc = h->s ? store_check(h->s, &err) : 0; /* whatever a test did, the file is sound */

    store_close(h->s);
    if (*h->part)
        (void)server_part("DROP", h->part);
    (void)fs_remove_tree(h->folder, NULL);
    arena_free(h->a);
    dh_mem_own(&h->path);
    dh_mem_own(&h);
    return rc;
}

static inline int64_t add_run(struct store *s, const char *uuid, const char *name, int64_t created)
{
    struct dh_err err;
    char own[ID_TEXT];
    struct store_run run = {
        .uuid = uuid ? uuid : id_new(own), .display_name = name, .created_us = created};
    int64_t id = 0;

    OK(store_run_insert(s, &run, &id, &err));
    return id;
}

static inline int64_t add_task(struct store *s, int64_t run, int64_t parent, const char *name)
{
    struct dh_err err;
    char uuid[ID_TEXT];
    own_mem char *scope = dh_printf("root.%s", name);
    struct store_task task = {.uuid = id_new(uuid),
                              .run_id = run,
                              .parent_task_id = parent,
                              .name = name,
                              .scope_path = scope,
                              .type = STORE_RUNTIME,
                              .iteration_index = -1,
                              .iteration_count = -1,
                              .exit_code = -1,
                              .created_us = 1000};
    int64_t id = 0;

    OK(store_task_insert(s, &task, &id, &err));
    return id;
}

static inline void finish_task(struct store *s, int64_t task, const char *fingerprint, int64_t now)
{
    struct dh_err err;
    struct store_task_start start = {
        .attempts = 1, .cache_fingerprint = fingerprint, .iteration_count = -1, .now_us = now};
    struct store_task_finish finish = {.state = STORE_SUCCEEDED, .exit_code = 0, .now_us = now + 5};

    OK(store_task_start(s, task, &start, &err));
    OK(store_task_finish(s, task, &finish, &err));
}

static inline int64_t add_artifact(struct store *s, const char *type, const char *uri,
                                   const char *digest)
{
    struct dh_err err;
    char uuid[ID_TEXT];
    struct store_artifact artifact = {.uuid = id_new(uuid),
                                      .type = type,
                                      .name = "out",
                                      .uri = uri,
                                      .digest = digest,
                                      .size_bytes = 3,
                                      .metadata = "{\"a\":1}",
                                      .created_us = 2000};
    int64_t id = 0;

    OK(store_artifact_insert(s, &artifact, &id, &err));
    return id;
}

static inline void add_link(struct store *s, int64_t artifact, int64_t task,
                            enum store_link_type type, const char *key, int64_t index)
{
    struct dh_err err;
    struct store_link link = {
        .artifact_id = artifact, .task_id = task, .type = type, .key = key, .index = index};

    OK(store_artifact_link(s, &link, &err));
}
