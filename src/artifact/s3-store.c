/* s3-store - the store of s3://, minio:// and gs://: files are objects; folders are objects below a
 * prefix, as KFP and everybody else has them (s3-folder.c). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifact/s3-store.h"
#include "base/fs.h"
#include "base/mem.h"

static int store_open(struct artifact_store *s, struct dh_err *err)
{
    own_where struct s3_where w = {0};
    struct s3_store *own = NULL;
    struct s3_client *client;
    size_t n;

    if (s3_where_parse(s->root, &w, err) < 0 || s3_client_get(&w, &client, err) < 0)
        return -1;
    own = dh_zalloc(1, sizeof *own);
    own->client = client;
    own->prefix = take(&w.key);
    n = strlen(own->prefix);
    while (n && own->prefix[n - 1] == '/')
        own->prefix[--n] = '\0';
    s->own = own;
    return 0;
}

static void store_close(struct artifact_store *s)
{
    struct s3_store *own = s->own;

    if (own)
        free(own->prefix);
    free(own);
}

char *s3_store_key(const struct artifact_store *s, const char *key)
{
    const struct s3_store *own = s->own;

    if (!*own->prefix)
        return dh_strdup(key);
    return *key ? dh_printf("%s/%s", own->prefix, key) : dh_strdup(own->prefix);
}

static struct s3_client *client_of(const struct artifact_store *s)
{
    return ((const struct s3_store *)s->own)->client;
}

/* ---- put ---- */

/* The object is there with that content. */
static bool is_there(struct s3_client *c, const char *key, const struct s3_source *from,
                     atomic_bool *stop)
{
    own_object struct s3_object o = {0};

    return from->sha256 && s3_head(c, key, stop, &o, NULL) == 0 && o.size == from->size &&
           o.sha256 && !strcmp(o.sha256, from->sha256);
}

static int store_put(struct artifact_store *s, const char *key, const char *local,
                     const struct artifact_how *how, struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);
    struct s3_source from = {.path = local, .sha256 = how->digest};
    enum artifact_kind kind;

    if (artifact_kind_of(local, &kind, &from.size, err) < 0)
        return -1;
    if (kind == ARTIFACT_DIR)
        return s3_folder_put(client_of(s), full, local, how->stop, err);
    if (how->look_first && is_there(client_of(s), full, &from, how->stop))
        return 0;
    return s3_put(client_of(s), full, &from, how->ours, how->stop, err);
}

/* ---- get ---- */

/* 1: there is no such object; it may be a folder. */
static int get_file(struct s3_client *c, const char *key, const char *local,
                    const struct artifact_how *how, struct dh_err *err)
{
    own_object struct s3_object o = {0};
    own_mem char *beside = NULL;

    if (s3_head(c, key, how->stop, &o, err) < 0)
        return err && err->code == DH_NOT_FOUND ? 1 : -1;
    if (artifact_beside(local, &beside, err) < 0)
        return -1;
    if (s3_get(c, key, &o, beside, how->digest, how->stop, err) == 0 &&
        artifact_put_in_place(beside, local, err) == 0)
        return 0;
    (void)fs_remove_tree(beside, NULL);
    return -1;
}

static int store_get(struct artifact_store *s, const char *key, const char *local,
                     const struct artifact_how *how, struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);
    struct dh_err why = {0};
    int rc = get_file(client_of(s), full, local, how, &why);

    if (rc == 1)
        rc = s3_folder_get(client_of(s), full, local, how, &why);
    if (rc < 0)
        return dh_fail(err, why.code, "%s", why.msg);
    return 0;
}

/* ---- stat ---- */

static int store_stat(struct artifact_store *s, const char *key, bool with_digest,
                      const struct artifact_how *how, struct artifact_stat *ret, struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);
    struct artifact_stat st = {.kind = ARTIFACT_FILE, .n_files = 1};
    own_object struct s3_object o = {0};
    struct dh_err why = {0};

    if (s3_head(client_of(s), full, how->stop, &o, &why) < 0) {
        if (why.code != DH_NOT_FOUND)
            return dh_fail(err, why.code, "%s", why.msg);
        return s3_folder_stat(client_of(s), full, with_digest, how, ret, err);
    }
    st.size_bytes = o.size;
    if (with_digest && o.sha256 && !how->read)
        memcpy(st.digest, o.sha256, DIGEST_TEXT);
    else if (with_digest && s3_read_digest(client_of(s), full, how->stop, st.digest, err) < 0)
        return -1;
    *ret = st;
    return 0;
}

/* ---- remove, list, copy ---- */

struct lister {
    const char *prefix; /* of the store: taken off what is given */
    int (*fn)(const char *key, int64_t size_bytes, void *user, struct dh_err *err);
    void *user;
};

static int give(void *user, const struct s3_entry *entry, struct dh_err *err)
{
    struct lister *l = user;
    size_t n = strlen(l->prefix);

    return l->fn(entry->key + (n ? n + 1 : 0), entry->size, l->user, err);
}

static int store_list(struct artifact_store *s, const char *prefix,
                      int (*fn)(const char *key, int64_t size_bytes, void *user,
                                struct dh_err *err),
                      void *user, struct dh_err *err)
{
    struct lister l = {((struct s3_store *)s->own)->prefix, fn, user};
    own_mem char *full = s3_store_key(s, prefix);
    own_mem char *below = NULL;
    own_object struct s3_object o = {0};
    int rc;

    if (*prefix && s3_head(client_of(s), full, NULL, &o, NULL) == 0) {
        rc = fn(prefix, o.size, user, err);
        if (rc)
            return rc;
    }
    below = *full ? dh_printf("%s/", full) : dh_strdup("");
    return s3_list(client_of(s), below, 0, NULL, give, &l, err);
}

static int store_remove(struct artifact_store *s, const char *key, const struct artifact_how *how,
                        struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);
    size_t n = strlen(full);

    if (s3_delete(client_of(s), full, how->stop, err) < 0)
        return -1;
    return n && full[n - 1] == '/' ? 0 : s3_folder_remove(client_of(s), full, how->stop, err);
}

static bool same(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

/* The server copies, where one server with the same keys has both. */
static int store_copy(struct artifact_store *s, const char *key, struct artifact_store *to,
                      const char *to_key, const struct artifact_how *how, struct dh_err *err)
{
    struct s3_client *a = client_of(s), *b = client_of(to);
    own_mem char *from = s3_store_key(s, key);
    own_mem char *target = s3_store_key(to, to_key);
    own_object struct s3_object o = {0};
    struct dh_err why = {0};
    int rc;

    if (!same(a->where.endpoint, b->where.endpoint) || !same(a->where.region, b->where.region) ||
        !same(a->where.profile, b->where.profile) || !same(a->where.secret, b->where.secret) ||
        a->where.anonymous || !same(a->where.scheme, b->where.scheme))
        return ARTIFACT_UNABLE;
    if (s3_head(a, from, how->stop, &o, &why) == 0) {
        if (how->digest && (!o.sha256 || strcmp(o.sha256, how->digest) != 0))
            return ARTIFACT_UNABLE; /* it cannot be told without its bytes */
        rc = s3_copy(a, from, &o, b, target, how->stop, err);
        return rc == S3_CHANGED ? -1 : rc;
    }
    if (why.code != DH_NOT_FOUND)
        return dh_fail(err, why.code, "%s", why.msg);
    return s3_folder_copy(a, from, b, target, how, err);
}

static int store_presign(struct artifact_store *s, const char *key, const char *method,
                         long seconds, char **ret, struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);

    return s3_presign_url(client_of(s), full, method, seconds, ret, err);
}

static int store_presign_put(struct artifact_store *s, const char *key, const char *sha256,
                             long seconds, char **ret, struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);

    return s3_presign_put(client_of(s), full, sha256, seconds, ret, err);
}

static int store_begin_parts(struct artifact_store *s, const char *key, int64_t size_bytes,
                             const char *sha256, long seconds, struct artifact_parts *ret,
                             struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);

    return s3_presign_parts(client_of(s), full, size_bytes, sha256, seconds, ret, err);
}

static int store_end_parts(struct artifact_store *s, const char *key, const char *upload,
                           const char *const *etags, size_t n, struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);

    return s3_end_parts(client_of(s), full, upload, etags, n, err);
}

static int store_abort(struct artifact_store *s, const char *key, int64_t before_us, size_t *ret_n,
                       struct dh_err *err)
{
    own_mem char *full = s3_store_key(s, key);
    own_mem char *below = *full ? dh_printf("%s/", full) : dh_strdup("");

    return s3_abort_uploads(client_of(s), below, NULL, before_us, ret_n, NULL, err);
}

#define S3_OPS(name)                                                                               \
    {                                                                                              \
        .scheme = name, .open = store_open, .close = store_close, .put = store_put,                \
        .get = store_get, .stat = store_stat, .remove = store_remove, .list = store_list,          \
        .copy = store_copy, .presign = store_presign, .presign_put = store_presign_put,            \
        .begin_parts = store_begin_parts, .end_parts = store_end_parts, .abort = store_abort,      \
    }

const struct artifact_ops artifact_s3_ops = S3_OPS("s3");
const struct artifact_ops artifact_minio_ops = S3_OPS("minio");
const struct artifact_ops artifact_gs_ops = S3_OPS("gs");
