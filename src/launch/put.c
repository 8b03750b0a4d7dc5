#include "launch/put.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/workers.h"
#include "launch/get.h"
#include "launch/web.h"
#include "launch/wire.h"

enum { PATIENCE_S = 600, IDLE_MS = 60000, BATCH = 200, SIGN_MAX = 4, DEPTH_MAX = 200 };
#define FILES_MAX 1000000
#define PARTS_MAX 10000

struct file {
    char *path, *name; /* name: below the artifact, "" where it is the file itself */
    int64_t size;
    char sha256[DIGEST_TEXT];
    bool sent;
    char *upload;
};
struct files {
    struct file *items;
    size_t n, cap;
};

/* One PUT. */
struct part {
    struct file *file;
    size_t index;
    const char *url;          /* this and the next: borrowed from the signed answer */
    const struct js *headers; /* NULL: none */
    int64_t at, n;
    char *etag;
    bool sent;
};
struct batch {
    struct part *parts;
    size_t n, cap;
    atomic_bool expired;
};

static void files_done(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].path);
        free(f->items[i].name);
        free(f->items[i].upload);
    }
    free(f->items);
}

static void batch_done(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->parts[i].etag);
    free(b->parts);
}

/* ---- what there is ---- */

static int add_file(struct files *f, const char *path, const char *name, int64_t size,
                    struct dh_err *err)
{
    if (f->n >= FILES_MAX)
        return dh_fail(err, DH_FAILED, "more than %d files", FILES_MAX);
    DH_GROW(f->items, f->n, f->cap);
    f->items[f->n++] =
        (struct file){.path = dh_strdup(path), .name = dh_strdup(name), .size = size};
    return 0;
}

static int add_folder(struct files *f, const char *path, const char *name, int depth,
                      struct dh_err *err);

static int add_entry(struct files *f, const char *path, const char *name, int depth,
                     struct dh_err *err)
{
    struct stat st;
    bool link;

    if (lstat(path, &st) < 0)
        return dh_fail_errno(err, "%s", path);
    if (S_ISDIR(st.st_mode))
        return add_folder(f, path, name, depth + 1, err);
    link = S_ISLNK(st.st_mode);
    if (link && stat(path, &st) < 0)
        return dh_fail_errno(err, "%s, a link", path);
    if (!S_ISREG(st.st_mode))
        return dh_fail(err, DH_FAILED, "%s is %s, which an artifact cannot hold", path,
                       S_ISDIR(st.st_mode) ? "a link to a folder" : "neither file nor folder");
    return add_file(f, path, name, st.st_size, err);
}

static int add_folder(struct files *f, const char *path, const char *name, int depth,
                      struct dh_err *err)
{
    DIR *folder = depth > DEPTH_MAX ? NULL : opendir(path);
    bool empty = true;
    int rc = 0;

    if (depth > DEPTH_MAX)
        return dh_fail(err, DH_FAILED, "%s: folders within folders, more than %d", path, DEPTH_MAX);
    if (!folder)
        return dh_fail_errno(err, "%s", path);
    for (struct dirent *e; rc == 0 && (e = readdir(folder));) {
        own_mem char *below = NULL, *longer = NULL;

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        empty = false;
        below = fs_join(path, e->d_name);
        longer = *name ? fs_join(name, e->d_name) : dh_strdup(e->d_name);
        rc = add_entry(f, below, longer, depth, err);
    }
    (void)closedir(folder);
    if (rc == 0 && empty && depth > 0) {
        own_mem char *mark = dh_printf("%s/", name);

        return add_file(f, path, mark, 0, err);
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* An empty folder is an object of its own, "name/", without bytes. */
static bool is_mark(const struct file *file)
{
    size_t n = strlen(file->name);

    return n && file->name[n - 1] == '/';
}

static int hash_one(void *user, size_t i, struct dh_err *err)
{
    struct file *file = &((struct files *)user)->items[i];

    if (launch_stopped())
        return dh_fail(err, DH_CANCELED, "stopped by a signal");
    if (!is_mark(file))
        return digest_file(file->path, file->sha256, &file->size, err);
    (void)digest_bytes("", 0, file->sha256);
    return 0;
}

/* ---- one PUT ---- */

static int put_once(const struct part *p, char **ret_etag, bool *ret_expired, struct dh_err *err)
{
    own(web_return) struct web *w = web_borrow();
    own_web_answer struct web_answer a = {0};
    own_fd int fd = open(p->file->path, O_RDONLY | O_CLOEXEC);
    struct web_request r = {.method = "PUT",
                            .url = p->url,
                            .headers = p->headers,
                            .fd = fd,
                            .at = p->at,
                            .n = p->n,
                            .has_body = true,
                            .max_text = 65536,
                            .idle_ms = IDLE_MS};
    char words[400];

    if (fd < 0) {
        (void)dh_fail_errno(err, "%s", p->file->path);
        err->code = DH_FAILED;
        return -1;
    }
    if (web_send(w, &r, &a, err) < 0)
        return -1;
    if (a.status / 100 == 2) {
        *ret_etag = dh_strdup(a.etag);
        return 0;
    }
    *ret_expired = a.status == 403;
    return dh_fail(err, web_may_pass(a.status) ? DH_IO : DH_FAILED, "%s: the store answers %d: %s",
                   p->file->path, a.status, web_words(&a, words));
}

static int put_part(void *user, size_t i, struct dh_err *err)
{
    struct batch *b = user;
    struct part *p = &b->parts[i];
    struct again again = {0};

    for (;;) {
        bool expired = false;

        if (put_once(p, &p->etag, &expired, err) == 0) {
            p->sent = true;
            return 0;
        }
        if (expired)
            atomic_store(&b->expired, true);
        if (err->code != DH_IO)
            return -1;
        if (again.n == 1)
            launch_say("%s; trying again for up to %d s", err->msg, PATIENCE_S);
        if (again_wait(&again, PATIENCE_S, 0, err) < 0)
            return -1;
    }
}

/* ---- a batch of files ---- */

static void add_part(struct batch *b, struct file *file, size_t index, const char *url, int64_t at,
                     int64_t n)
{
    DH_GROW(b->parts, b->n, b->cap);
    b->parts[b->n++] = (struct part){.file = file, .index = index, .url = url, .at = at, .n = n};
}

/* What the server signed for one file: one URL, or one for each part. */
static int add_signed(struct batch *b, struct file *file, const struct js *answer,
                      struct dh_err *err)
{
    const char *url = js_get_text(answer, "url"), *upload = js_get_text(answer, "upload");
    const struct js *urls = js_get(answer, "urls");
    const int64_t size = js_get_int(answer, "part_size", 0);

    if (url) {
        add_part(b, file, 0, url, 0, file->size);
        b->parts[b->n - 1].headers = js_get(answer, "headers");
        return 0;
    }
    if (!upload || size <= 0 || js_n(urls) == 0 || js_n(urls) > PARTS_MAX ||
        (int64_t)js_n(urls) != (file->size + size - 1) / size)
        return dh_fail(err, DH_INVALID, "%s: the server's parts do not make up the file",
                       file->path);
    free(file->upload);
    file->upload = dh_strdup(upload);
    for (size_t i = 0; i < js_n(urls); i++) {
        const int64_t at = (int64_t)i * size;

        if (!js_text(js_at(urls, i)))
            return dh_fail(err, DH_INVALID, "%s: the server's part %zu has no URL", file->path, i);
        add_part(b, file, i, js_text(js_at(urls, i)), at,
                 file->size - at < size ? file->size - at : size);
    }
    return 0;
}

static int tell(struct server *s, const char *what, struct js *body, struct js **ret,
                struct dh_err *err)
{
    own(web_return) struct web *w = web_borrow();
    int rc = server_tell(s, w, what, body, s->patience_s, ret, err);

    return rc == SERVER_REFUSED ? PUT_REFUSED : rc;
}

/* URLs for those of the files that are not sent. */
static int sign(struct server *s, const char *name, struct file *files, size_t n, bool folder,
                struct batch *b, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *body = js_object();
    struct js *list = js_array();
    size_t at = 0;
    int rc;

    js_set(body, "artifact", js_str(name));
    js_set(body, "folder", js_bool(folder));
    js_set(body, "files", list);
    for (size_t i = 0; i < n; i++) {
        struct js *one;

        if (files[i].sent)
            continue;
        one = js_object();
        js_set(one, "name", js_str(files[i].name));
        js_set(one, "size", js_int(files[i].size));
        js_set(one, "sha256", js_str(files[i].sha256));
        js_push(list, one);
    }
    rc = tell(s, "sign", body, ret, err);
    if (rc)
        return rc;
    if (js_n(js_get(*ret, "files")) != js_n(list))
        return dh_fail(err, DH_INVALID, "the server signs %zu of %zu files",
                       js_n(js_get(*ret, "files")), js_n(list));
    for (size_t i = 0; i < n; i++)
        if (!files[i].sent && add_signed(b, &files[i], js_at(js_get(*ret, "files"), at++), err) < 0)
            return -1;
    return 0;
}

/* All parts of a file are there: the store puts them together. */
static int complete(struct server *s, const char *name, struct file *file, struct batch *b,
                    struct dh_err *err)
{
    own(js_free) struct js *body = js_object(), *answer = NULL;
    struct js *etags = js_array();

    js_set(body, "artifact", js_str(name));
    js_set(body, "name", js_str(file->name));
    js_set(body, "upload", js_str(file->upload));
    js_set(body, "etags", etags);
    for (size_t i = 0; i < b->n; i++)
        if (b->parts[i].file == file)
            js_push(etags, js_str(b->parts[i].etag));
    return tell(s, "complete", body, &answer, err);
}

/* Files of which every part went out are done. */
static int settle(struct server *s, const char *name, struct file *files, size_t n, struct batch *b,
                  struct dh_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        bool all = !files[i].sent;

        for (size_t k = 0; k < b->n; k++)
            if (b->parts[k].file == &files[i] && !b->parts[k].sent)
                all = false;
        if (!all)
            continue;
        if (files[i].upload)
            rc = complete(s, name, &files[i], b, err);
        files[i].sent = rc == 0;
    }
    return rc;
}

static int put_batch(struct server *s, const char *name, struct file *files, size_t n, bool folder,
                     unsigned parallel, struct dh_err *err)
{
    for (int i = 0;; i++) {
        own(js_free) struct js *answer = NULL;
        struct batch b = {0};
        struct dh_err late = {0};
        bool expired;
        int rc = sign(s, name, files, n, folder, &b, &answer, err), done = 0;

        if (rc == 0) {
            rc = workers_run(b.n, parallel, put_part, &b, err);
            done = settle(s, name, files, n, &b, rc < 0 ? &late : err);
            if (rc == 0)
                rc = done;
        }
        expired = atomic_load(&b.expired);
        batch_done(&b);
        if (rc >= 0 || !expired || i + 1 >= SIGN_MAX || launch_stopped())
            return rc;
    }
}

static struct js *describe(const struct files *f, const char *name, bool folder)
{
    struct js *v = js_object(), *list = js_array();

    js_set(v, "name", js_str(name));
    js_set(v, "folder", js_bool(folder));
    js_set(v, "files", list);
    for (size_t i = 0; i < f->n; i++) {
        struct js *one = js_object();

        js_set(one, "name", js_str(f->items[i].name));
        js_set(one, "size", js_int(f->items[i].size));
        js_set(one, "sha256", js_str(f->items[i].sha256));
        js_push(list, one);
    }
    return v;
}

int put_artifact(struct server *s, const char *name, const char *path, unsigned parallel,
                 struct js **ret, struct dh_err *err)
{
    struct files f = {0};
    struct stat st;
    bool folder;
    int rc;

    if (stat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? PUT_NONE : dh_fail_errno(err, "%s", path);
    folder = S_ISDIR(st.st_mode);
    rc = folder ? add_folder(&f, path, "", 0, err) : add_entry(&f, path, "", 0, err);
    if (rc == 0) {
        if (f.n)
            qsort(f.items, f.n, sizeof *f.items, by_name);
        rc = workers_run(f.n, parallel, hash_one, &f, err);
    }
    for (size_t at = 0; at < f.n && rc == 0; at += BATCH)
        rc = put_batch(s, name, f.items + at, f.n - at < BATCH ? f.n - at : BATCH, folder, parallel,
                       err);
    if (rc == 0)
        *ret = describe(&f, name, folder);
    files_done(&f);
    if (rc < 0)
        return dh_while(err, "artifact '%s'", name);
    return rc;
}
