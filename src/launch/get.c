#include "launch/get.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/workers.h"
#include "launch/server.h"
#include "launch/web.h"
#include "launch/wire.h"

enum { PATIENCE_S = 600, IDLE_MS = 30000, WRONG_BYTES_MAX = 2 };

struct item {
    char *path;
    const char *url, *sha256; /* borrowed; sha256 NULL: not known */
    int64_t size;             /* -1: not known */
};
struct list {
    struct item *items;
    size_t n, cap;
    atomic_bool expired;
};

/* One file that is on its way. */
struct coming {
    const struct item *item;
    int fd;
    struct digest *digest;
    int64_t at;
    bool begun; /* this answer's first bytes have been judged */
    char etag[256];
};

static void list_done(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].path);
    free(l->items);
}

bool launch_name_is_safe(const char *name)
{
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, "/");

        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && !memcmp(part, "..", 2)))
            return false;
        part += n;
        if (!*part)
            return true;
    }
}

/* "name/": an empty folder, which has no bytes to fetch. 1: that is what it was. */
static int make_folder(const char *folder, const char *name, struct dh_err *err)
{
    size_t n = name ? strlen(name) : 0;
    own_mem char *inner = NULL, *path = NULL;

    if (n < 2 || name[n - 1] != '/')
        return 0;
    inner = dh_strndup(name, n - 1);
    if (!launch_name_is_safe(inner))
        return 0;
    path = fs_join(folder, inner);
    return fs_mkdirs(path, 0777, err) < 0 ? -1 : 1;
}

static int add_item(struct list *l, const char *folder, const char *name, const struct js *file,
                    struct dh_err *err)
{
    struct item *item;
    int made = make_folder(folder, name, err);

    if (made)
        return made < 0 ? -1 : 0;
    if (!js_get_text(file, "url") || (name && !launch_name_is_safe(name)))
        return dh_fail(err, DH_INVALID, "%s: the server names a file '%s' that cannot be", folder,
                       name ? name : "");
    DH_GROW(l->items, l->n, l->cap);
    item = &l->items[l->n++];
    *item = (struct item){.path = name ? fs_join(folder, name) : dh_strdup(folder),
                          .url = js_get_text(file, "url"),
                          .sha256 = js_get_text(file, "sha256"),
                          .size = js_get_int(file, "size", -1)};
    return 0;
}

static int add_input(struct list *l, const struct js *input, struct dh_err *err)
{
    const char *path = js_get_text(input, "path");
    const struct js *files = js_get(input, "files");
    bool folder = js_get_bool(input, "folder");

    if (!path || *path != '/')
        return dh_fail(err, DH_INVALID, "an input of the server's has no absolute path");
    if (!folder && js_n(files) != 1)
        return dh_fail(err, DH_INVALID, "%s: a file is to come, and %zu are named", path,
                       js_n(files));
    if (folder && fs_mkdirs(path, 0777, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(files); i++) {
        const struct js *file = js_at(files, i);
        const char *name = js_get_text(file, "name");

        if (add_item(l, path, folder ? name ? name : "" : NULL, file, err) < 0)
            return -1;
    }
    return 0;
}

static int start_anew(struct coming *c, struct dh_err *err)
{
    c->digest = digest_free(c->digest);
    c->digest = digest_new();
    c->at = 0;
    c->etag[0] = '\0';
    if (ftruncate(c->fd, 0) < 0 || lseek(c->fd, 0, SEEK_SET) < 0) {
        (void)dh_fail_errno(err, "cannot write %s", c->item->path);
        err->code = DH_FAILED;
        return -1;
    }
    return 0;
}

static int on_bytes(void *user, const struct answer *a, const char *bytes, size_t n,
                    struct dh_err *err)
{
    struct coming *c = user;

    if (!c->begun) {
        c->begun = true;
        if (a->status == 206 && a->range_at != c->at)
            return dh_fail(err, DH_IO, "the store answers with other bytes than asked for");
        if (a->status != 206 && c->at > 0 && start_anew(c, err) < 0)
            return -1;
        memcpy(c->etag, a->etag, sizeof c->etag);
    }
    if (c->item->size >= 0 && c->at + (int64_t)n > c->item->size)
        return dh_fail(err, DH_FAILED, "%s is longer than the record says (%lld bytes)",
                       c->item->path, (long long)c->item->size);
    if (fs_write_fd(c->fd, bytes, n, c->item->path, err) < 0) {
        err->code = DH_FAILED;
        return -1;
    }
    digest_add(c->digest, bytes, n);
    c->at += (int64_t)n;
    return 0;
}

/* One request for what is missing. 0: an answer's end; GET_EXPIRED; <0. */
static int ask(struct coming *c, struct dh_err *err)
{
    own(web_return) struct web *w = web_borrow();
    own_web_answer struct web_answer a = {0};
    char words[400];
    /* A weak ETag does not promise the same bytes. */
    const bool strong = c->etag[0] == '"';
    const struct web_request r = {.method = "GET",
                                  .url = c->item->url,
                                  .from = strong ? c->at : 0,
                                  .if_range = strong ? c->etag : NULL,
                                  .sink = on_bytes,
                                  .user = c,
                                  .idle_ms = IDLE_MS};

    c->begun = false;
    if (c->at > 0 && !strong && start_anew(c, err) < 0)
        return -1;
    if (web_send(w, &r, &a, err) < 0)
        return -1;
    if (a.status == 200 || a.status == 206)
        return 0;
    (void)dh_fail(err, web_may_pass(a.status) ? DH_IO : DH_FAILED, "%s: the store answers %d: %s",
                  c->item->path, a.status, web_words(&a, words));
    return a.status == 403 ? GET_EXPIRED : -1;
}

/* All bytes are there: are they those of the record? */
static bool is_right(struct coming *c, struct dh_err *err)
{
    char sum[DIGEST_TEXT];

    (void)digest_end(c->digest, sum);
    if (!c->item->sha256 || !strcmp(sum, c->item->sha256))
        return true;
    (void)dh_fail(err, DH_FAILED,
                  "%s: the store has other bytes (sha256 %.12s…) than the record (%.12s…)",
                  c->item->path, sum, c->item->sha256);
    return false;
}

/* One request, judged: 0 the file is whole and right; GET_EXPIRED; GET_WRONG: whole, and other
 * bytes; <0. */
enum { GET_WRONG = GET_EXPIRED + 1 };
static int ask_and_judge(struct coming *c, struct dh_err *err)
{
    int rc = ask(c, err);

    if (rc)
        return rc;
    if (c->item->size >= 0 && c->at < c->item->size)
        return dh_fail(err, DH_IO, "%s: %lld of %lld bytes came", c->item->path, (long long)c->at,
                       (long long)c->item->size);
    return is_right(c, err) ? 0 : GET_WRONG;
}

/* Request after request until the file is whole. */
static int fetch(struct coming *c, struct dh_err *err)
{
    struct again again = {0};

    for (int wrong = 0;;) {
        const int64_t before = c->at;
        int rc = ask_and_judge(c, err);

        if (rc == 0 || rc == GET_EXPIRED || (rc < 0 && err->code != DH_IO))
            return rc;
        if (rc == GET_WRONG && (++wrong > WRONG_BYTES_MAX || start_anew(c, err) < 0))
            return -1;
        if (c->at > before)
            again = (struct again){0};
        if (again.n == 1)
            launch_say("%s; trying again for up to %d s", err->msg, PATIENCE_S);
        if (again_wait(&again, PATIENCE_S, 0, err) < 0)
            return -1;
    }
}

/* From an earlier start of this container, whole and right? */
static bool is_there(const struct item *item)
{
    char sum[DIGEST_TEXT];
    int64_t size = 0;

    return item->sha256 && digest_file(item->path, sum, &size, NULL) == 0 &&
           !strcmp(sum, item->sha256);
}

static int get_one(void *user, size_t i, struct dh_err *err)
{
    struct list *l = user;
    const struct item *item = &l->items[i];
    own_mem char *part = dh_printf("%s.dhow-part", item->path), *folder = dh_strdup(item->path);
    struct coming c = {.item = item};
    own_fd int fd = -1;
    int rc;

    if (is_there(item))
        return 0;
    *strrchr(folder, '/') = '\0';
    if (*folder && fs_mkdirs(folder, 0777, err) < 0)
        return -1;
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return dh_fail_errno(err, "cannot write %s", item->path);
    c.fd = fd;
    c.digest = digest_new();
    rc = fetch(&c, err);
    c.digest = digest_free(c.digest);
    if (rc == 0)
        return fs_rename(part, item->path, err);
    (void)fs_unlink(part, NULL);
    if (rc == GET_EXPIRED)
        atomic_store(&l->expired, true);
    return -1;
}

int get_all(const struct js *inputs, unsigned parallel, struct dh_err *err)
{
    struct list l = {0};
    int rc = 0;

    for (size_t i = 0; i < js_n(inputs) && rc == 0; i++)
        rc = add_input(&l, js_at(inputs, i), err);
    if (rc == 0)
        rc = workers_run(l.n, parallel, get_one, &l, err);
    if (rc < 0 && atomic_load(&l.expired) && err->code != DH_CANCELED)
        rc = GET_EXPIRED;
    list_done(&l);
    return rc;
}
