/* Stores: checks what comes in and hands it to the kind of store that the root names. */
#include <stdlib.h>
#include <string.h>

#include "artifact/artifact-priv.h"
#include "artifact/s3.h"
#include "base/fs.h"
#include "base/mem.h"

static const struct artifact_how plain; /* nothing special */

int artifact_store_open(const char *root_uri, struct artifact_store **ret, struct dh_err *err)
{
    own(artifact_store_close) struct artifact_store *s = dh_zalloc(1, sizeof *s);
    struct artifact_uri uri = artifact_uri_split(root_uri);

    if (artifact_uri_normal(root_uri, &s->root, err) < 0)
        return -1;
    s->ops = artifact_ops_of(&uri);
    if (s->ops->open(s, err) < 0)
        return -1;
    *ret = take(&s);
    return 0;
}

struct artifact_store *artifact_store_close(struct artifact_store *s)
{
    if (!s)
        return NULL;
    if (s->ops)
        s->ops->close(s);
    dh_mem_own(&s->root);
    dh_mem_own(&s);
    return NULL;
}

const char *artifact_store_root(const struct artifact_store *s)
{
    return s->root;
}

/* No key may name anything but something below the root. */
static int check_key(const char *key, bool root_too, struct dh_err *err)
{
    if (!*key && root_too)
        return 0;
    for (const char *p = key;; p++) {
        size_t n = strcspn(p, "/");

        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return dh_fail(err, DH_INVALID,
                           "'%s' is no key of an artifact: a key is a relative path without "
                           "empty parts, '.' and '..'",
                           key);
        p += n;
        if (!*p)
            return 0;
    }
}

int artifact_store_put(struct artifact_store *s, const char *key, const char *local,
                       struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1 : s->ops->put(s, key, local, &plain, err);
}

int artifact_store_get(struct artifact_store *s, const char *key, const char *local,
                       struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1 : s->ops->get(s, key, local, &plain, err);
}

int artifact_store_stat(struct artifact_store *s, const char *key, bool with_digest,
                        struct artifact_stat *ret, struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1
                                          : s->ops->stat(s, key, with_digest, &plain, ret, err);
}

bool artifact_store_exists(struct artifact_store *s, const char *key)
{
    struct artifact_stat ignored;

    return artifact_store_stat(s, key, false, &ignored, NULL) == 0;
}

int artifact_store_delete(struct artifact_store *s, const char *key, struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1 : s->ops->remove(s, key, &plain, err);
}

int artifact_store_list(struct artifact_store *s, const char *prefix,
                        int (*fn)(const char *key, int64_t size_bytes, void *user,
                                  struct dh_err *err),
                        void *user, struct dh_err *err)
{
    return check_key(prefix, true, err) < 0 ? -1 : s->ops->list(s, prefix, fn, user, err);
}

/* ---- by URI ---- */

bool artifact_uri_is_remote(const char *uri)
{
    struct artifact_uri parts = artifact_uri_split(uri);
    const struct artifact_ops *ops = artifact_ops_of(&parts);

    return ops && ops != &artifact_file_ops;
}

struct place { /* a store and a key in it */
    struct artifact_store *store;
    char *key;
};

static void place_done(struct place *p)
{
    artifact_store_close(p->store);
    dh_mem_own(&p->key);
}
#define own_place __attribute__((cleanup(place_done)))

/* Of a bucket any key: it is another's name as often as ours. */
static int open_remote(const char *uri, struct place *p, struct dh_err *err)
{
    own_where struct s3_where w = {0};
    own_mem char *root = NULL;

    if (s3_where_parse(uri, &w, err) < 0)
        return -1;
    if (!*w.key)
        return dh_fail(err, DH_INVALID, "'%s' names a bucket and nothing in it", uri);
    root = s3_where_uri(&w, "");
    if (artifact_store_open(root, &p->store, err) < 0)
        return -1;
    p->key = take(&w.key);
    return 0;
}

static int open_place(const char *uri, struct place *p, struct dh_err *err)
{
    own_mem char *path = NULL;
    char *slash;
    int rc = artifact_uri_local(uri, &path, err);

    if (rc)
        return rc < 0 ? -1 : open_remote(uri, p, err);
    slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return dh_fail(err, DH_INVALID, "'%s' names no artifact", uri);
    *slash = '\0';
    if (artifact_store_open(*path ? path : "/", &p->store, err) < 0)
        return -1;
    p->key = dh_strdup(slash + 1);
    return 0;
}

int artifact_send(const char *local, const char *uri, const struct artifact_how *how,
                  struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0)
        return -1;
    return p.store->ops->put(p.store, p.key, local, how ? how : &plain, err);
}

int artifact_fetch(const char *uri, const char *local, const struct artifact_how *how,
                   struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0)
        return -1;
    return p.store->ops->get(p.store, p.key, local, how ? how : &plain, err);
}

int artifact_stat_uri(const char *uri, bool with_digest, const struct artifact_how *how,
                      struct artifact_stat *ret, struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0)
        return -1;
    return p.store->ops->stat(p.store, p.key, with_digest, how ? how : &plain, ret, err);
}

int artifact_remove(const char *uri, const struct artifact_how *how, struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0)
        return -1;
    return p.store->ops->remove(p.store, p.key, how ? how : &plain, err);
}

int artifact_list(const char *uri,
                  int (*fn)(const char *key, int64_t size_bytes, void *user, struct dh_err *err),
                  void *user, struct dh_err *err)
{
    own(artifact_store_close) struct artifact_store *s = NULL;

    if (artifact_store_open(uri, &s, err) < 0)
        return -1;
    return s->ops->list(s, "", fn, user, err);
}

int artifact_copy_there(const char *from, const char *to, const struct artifact_how *how,
                        struct dh_err *err)
{
    own_place struct place a = {0};
    own_place struct place b = {0};
    int rc;

    if (open_place(from, &a, err) < 0 || open_place(to, &b, err) < 0)
        return -1;
    if (a.store->ops != b.store->ops || !a.store->ops->copy)
        return ARTIFACT_NOT_COPIED;
    rc = a.store->ops->copy(a.store, a.key, b.store, b.key, how ? how : &plain, err);
    return rc == ARTIFACT_UNABLE ? ARTIFACT_NOT_COPIED : rc;
}

/* Through this machine's disk: what comes is checked before it goes on. */
static int copy_through(const char *from, const char *to, const struct artifact_how *how,
                        struct dh_err *err)
{
    const char *folder = getenv("TMPDIR");
    own_mem char *top = dh_printf("%s/dhow-copy-XXXXXX", folder && *folder ? folder : "/tmp");
    own_mem char *file = NULL;
    int rc;

    if (!mkdtemp(top))
        return dh_fail_errno(err, "cannot make a folder %s", top);
    file = fs_join(top, "copy");
    rc = artifact_fetch(from, file, how, err);
    if (rc == 0)
        rc = artifact_send(file, to, how, err);
    (void)fs_remove_tree(top, NULL);
    return rc;
}

int artifact_copy_uri(const char *from, const char *to, const struct artifact_how *how,
                      struct dh_err *err)
{
    own_mem char *local = NULL;
    int rc = artifact_uri_local(from, &local, err);

    if (rc <= 0)
        return rc < 0 ? -1 : artifact_send(local, to, how, err);
    rc = artifact_uri_local(to, &local, err);
    if (rc <= 0)
        return rc < 0 ? -1 : artifact_fetch(from, local, how, err);
    rc = artifact_copy_there(from, to, how, err);
    return rc == ARTIFACT_NOT_COPIED ? copy_through(from, to, how, err) : rc;
}

static int must_sign(const struct place *p, const char *uri, struct dh_err *err)
{
    return p->store->ops->presign
               ? 0
               : dh_fail(err, DH_INVALID, "'%s' is a file of this machine: there is no URL to sign",
                         uri);
}

int artifact_presign(const char *uri, const char *method, long seconds, char **ret,
                     struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0 || must_sign(&p, uri, err) < 0)
        return -1;
    return p.store->ops->presign(p.store, p.key, method, seconds, ret, err);
}

int artifact_presign_put(const char *uri, const char *sha256, long seconds, char **ret,
                         struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0 || must_sign(&p, uri, err) < 0)
        return -1;
    return p.store->ops->presign_put(p.store, p.key, sha256, seconds, ret, err);
}

int artifact_begin_parts(const char *uri, int64_t size_bytes, const char *sha256, long seconds,
                         struct artifact_parts *ret, struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0 || must_sign(&p, uri, err) < 0)
        return -1;
    return p.store->ops->begin_parts(p.store, p.key, size_bytes, sha256, seconds, ret, err);
}

void artifact_parts_done(struct artifact_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        free(parts->urls[i]);
    free(parts->urls);
    free(parts->upload);
    *parts = (struct artifact_parts){0};
}

int artifact_end_parts(const char *uri, const char *upload, const char *const *etags, size_t n,
                       struct dh_err *err)
{
    own_place struct place p = {0};

    if (open_place(uri, &p, err) < 0 || must_sign(&p, uri, err) < 0)
        return -1;
    return p.store->ops->end_parts(p.store, p.key, upload, etags, n, err);
}

int artifact_abort_uploads(const char *uri, int64_t before_us, size_t *ret_n, struct dh_err *err)
{
    own(artifact_store_close) struct artifact_store *s = NULL;

    *ret_n = 0;
    if (artifact_store_open(uri, &s, err) < 0)
        return -1;
    return s->ops->abort ? s->ops->abort(s, "", before_us, ret_n, err) : 0;
}

int artifact_has_keys(const char *uri, struct dh_err *err)
{
    own_where struct s3_where w = {0};
    own_keys struct s3_keys keys = {0};

    if (s3_where_parse(uri, &w, err) < 0)
        return -1;
    return s3_keys_find(&w, false, &keys, err);
}

/* ---- is it still there? ---- */

/* The artifact at a key. Reading is spared where the size tells already. */
static int compare(const struct place *p, const char *digest, int64_t size_bytes,
                   struct dh_err *err)
{
    const struct artifact_ops *ops = p->store->ops;
    struct artifact_stat st;

    if (ops != &artifact_file_ops && digest) { /* one question answers all */
        if (ops->stat(p->store, p->key, true, &plain, &st, err) < 0)
            return -1;
        return strcmp(digest, st.digest) != 0 ? ARTIFACT_CHANGED : 0;
    }
    if (ops->stat(p->store, p->key, false, &plain, &st, err) < 0)
        return -1;
    if (!digest)
        return 0;
    if (size_bytes >= 0 && st.size_bytes != size_bytes)
        return ARTIFACT_CHANGED;
    if (ops->stat(p->store, p->key, true, &plain, &st, err) < 0)
        return -1;
    return strcmp(digest, st.digest) != 0 ? ARTIFACT_CHANGED : 0;
}

int artifact_verify(const char *uri, const char *digest, int64_t size_bytes, struct dh_err *err)
{
    own_place struct place p = {0};
    struct dh_err why = {0};
    int rc;

    if (open_place(uri, &p, err) < 0)
        return -1;
    rc = compare(&p, digest, size_bytes, &why);
    if (rc >= 0)
        return rc;
    if (why.code == DH_NOT_FOUND)
        return ARTIFACT_GONE;
    return dh_fail(err, why.code, "%s", why.msg);
}
