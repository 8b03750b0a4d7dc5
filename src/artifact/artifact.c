/* Stores: checks what comes in and hands it to the kind of store that the root names. */
#include <string.h>

#include "artifact/artifact-priv.h"
#include "base/mem.h"

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
    return check_key(key, false, err) < 0 ? -1 : s->ops->put(s, key, local, err);
}

int artifact_store_get(struct artifact_store *s, const char *key, const char *local,
                       struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1 : s->ops->get(s, key, local, err);
}

int artifact_store_stat(struct artifact_store *s, const char *key, bool with_digest,
                        struct artifact_stat *ret, struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1 : s->ops->stat(s, key, with_digest, ret, err);
}

bool artifact_store_exists(struct artifact_store *s, const char *key)
{
    struct artifact_stat ignored;

    return artifact_store_stat(s, key, false, &ignored, NULL) == 0;
}

int artifact_store_delete(struct artifact_store *s, const char *key, struct dh_err *err)
{
    return check_key(key, false, err) < 0 ? -1 : s->ops->remove(s, key, err);
}

int artifact_store_list(struct artifact_store *s, const char *prefix,
                        int (*fn)(const char *key, int64_t size_bytes, void *user,
                                  struct dh_err *err),
                        void *user, struct dh_err *err)
{
    return check_key(prefix, true, err) < 0 ? -1 : s->ops->list(s, prefix, fn, user, err);
}

/* ---- is it still there? ---- */

/* The artifact at a key. Reading is spared where the size tells already. */
static int compare(struct artifact_store *s, const char *key, const char *digest,
                   int64_t size_bytes, struct dh_err *err)
{
    struct artifact_stat st;

    if (artifact_store_stat(s, key, false, &st, err) < 0)
        return -1;
    if (!digest)
        return 0;
    if (size_bytes >= 0 && st.size_bytes != size_bytes)
        return ARTIFACT_CHANGED;
    if (artifact_store_stat(s, key, true, &st, err) < 0)
        return -1;
    return strcmp(digest, st.digest) != 0 ? ARTIFACT_CHANGED : 0;
}

int artifact_verify(const char *uri, const char *digest, int64_t size_bytes, struct dh_err *err)
{
    own(artifact_store_close) struct artifact_store *s = NULL;
    own_mem char *path = NULL;
    struct dh_err why = {0};
    char *slash;
    int rc = artifact_uri_local(uri, &path, err);

    if (rc < 0)
        return -1;
    if (rc == ARTIFACT_REMOTE)
        path = dh_strdup(uri);
    slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return dh_fail(err, DH_INVALID, "'%s' names no artifact", uri);
    *slash = '\0';
    if (artifact_store_open(*path ? path : "/", &s, err) < 0)
        return -1;
    rc = compare(s, slash + 1, digest, size_bytes, &why);
    if (rc >= 0)
        return rc;
    if (why.code == DH_NOT_FOUND)
        return ARTIFACT_GONE;
    return dh_fail(err, why.code, "%s", why.msg);
}
