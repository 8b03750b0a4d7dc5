/* Local copies of what is far away, by content: {folder}/ab/{digest}/content. The time of the
 * entry's folder says when it was last used. Whoever needs one gets links of his own, so that an
 * entry may go at any time. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifact/artifact-cache.h"
#include "artifact/artifact-priv.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"

static char *entry_of(const char *folder, const char *digest)
{
    return dh_printf("%s/%.2s/%s", folder, digest, digest);
}

static char *content_of(const char *folder, const char *digest)
{
    return dh_printf("%s/%.2s/%s/content", folder, digest, digest);
}

static void touch(const char *folder, const char *digest)
{
    own_mem char *entry = entry_of(folder, digest);

    (void)utimensat(AT_FDCWD, entry, NULL, 0);
}

/* ---- one fetch of a thing at a time ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct busy {
    struct busy *next;
    const char *name;
} * all_busy;

static bool is_busy(const char *name)
{
    for (struct busy *b = all_busy; b; b = b->next)
        if (!strcmp(b->name, name))
            return true;
    return false;
}

static void enter(struct busy *b)
{
    (void)pthread_mutex_lock(&lock);
    while (is_busy(b->name))
        (void)pthread_cond_wait(&changed, &lock);
    b->next = all_busy;
    all_busy = b;
    (void)pthread_mutex_unlock(&lock);
}

static void leave(struct busy *b)
{
    struct busy **at = &all_busy;

    (void)pthread_mutex_lock(&lock);
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

/* ---- in ---- */

static int make_file_read_only(const char *path, struct dh_err *err)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return dh_fail_errno(err, "%s", path);
    if (S_ISREG(st.st_mode) && chmod(path, (st.st_mode & 0555) | 0400) < 0)
        return dh_fail_errno(err, "cannot make %s read-only", path);
    return 0;
}

static int make_read_only(const char *path, struct dh_err *err)
{
    own_tree struct artifact_tree tree = {0};

    if (!fs_is_dir(path))
        return make_file_read_only(path, err);
    if (artifact_tree_read(path, &tree, err) < 0)
        return -1;
    for (size_t i = 0; i < tree.n; i++) {
        own_mem char *file = fs_join(path, tree.items[i].name);

        if (tree.items[i].kind == ARTIFACT_ENTRY_FILE && make_file_read_only(file, err) < 0)
            return -1;
    }
    return 0;
}

int artifact_cache_take(const char *folder, const char *path, const char *digest,
                        struct dh_err *err)
{
    own_mem char *entry = entry_of(folder, digest);
    own_mem char *content = content_of(folder, digest);
    int rc;

    if (fs_exists(content)) {
        touch(folder, digest);
        return 0;
    }
    if (fs_mkdirs(entry, 0755, err) < 0 || make_read_only(path, err) < 0)
        return -1;
    rc = artifact_link_or_copy(path, content, err);
    return rc < 0 && fs_exists(content) ? 0 : rc; /* somebody was faster */
}

/* ---- out ---- */

static int give(const char *folder, const char *digest, const char *to, struct dh_err *err)
{
    own_mem char *content = content_of(folder, digest);
    int rc;

    touch(folder, digest);
    rc = artifact_link_or_copy(content, to, err);
    return rc < 0 && err && err->code == DH_EXISTS ? 0 : rc; /* somebody was faster */
}

static int fetch(const char *folder, const char *uri, const struct artifact_how *how,
                 char digest[DIGEST_TEXT], struct dh_err *err)
{
    own_mem char *beside = NULL;
    struct artifact_stat st;
    char id[ID_TEXT];
    int rc;

    beside = dh_printf("%s/" ARTIFACT_TEMPORARY "%s", folder, id_new(id));
    rc = artifact_fetch(uri, beside, how, err);
    if (rc == 0 && how->digest)
        (void)memcpy(digest, how->digest, DIGEST_TEXT);
    if (rc == 0 && !how->digest) {
        rc = artifact_digest(beside, &st, err);
        (void)memcpy(digest, st.digest, DIGEST_TEXT);
    }
    if (rc == 0)
        rc = artifact_cache_take(folder, beside, digest, err);
    (void)fs_remove_tree(beside, NULL);
    return rc;
}

int artifact_cache_give(const char *folder, const char *uri, const struct artifact_how *how,
                        const char *to, char ret_digest[DIGEST_TEXT], struct dh_err *err)
{
    struct busy b = {.name = how->digest ? how->digest : uri};
    own_mem char *content = how->digest ? content_of(folder, how->digest) : NULL;
    char digest[DIGEST_TEXT];
    int rc = 0;

    enter(&b);
    if (content && fs_exists(content))
        (void)memcpy(digest, how->digest, DIGEST_TEXT);
    else
        rc = fetch(folder, uri, how, digest, err);
    if (rc == 0 && to && !fs_exists(to))
        rc = give(folder, digest, to, err);
    leave(&b);
    if (rc == 0 && ret_digest)
        (void)memcpy(ret_digest, digest, DIGEST_TEXT);
    return rc;
}

/* ---- how much there is ---- */

struct entry {
    char *path;
    int64_t bytes, used_ns;
};
struct entries {
    struct entry *items;
    size_t n, cap;
    int64_t bytes;
};

static void add_entry(struct entries *all, const char *path)
{
    struct stat st;
    struct entry e = {.bytes = fs_tree_bytes(path)};

    if (stat(path, &st) < 0)
        return;
    e.path = dh_strdup(path);
    e.used_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    DH_GROW(all->items, all->n, all->cap);
    all->items[all->n++] = e;
    all->bytes += e.bytes;
}

/* {folder}/ab/{digest}, and what a fetch that was killed has left in {folder}. */
static void read_entries(struct entries *all, const char *folder, int depth)
{
    DIR *dir = opendir(folder);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        own_mem char *path = fs_join(folder, e->d_name);
        bool left = !strncmp(e->d_name, ARTIFACT_TEMPORARY, strlen(ARTIFACT_TEMPORARY));

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (depth == 0 && !left)
            read_entries(all, path, 1);
        else
            add_entry(all, path);
    }
    if (dir)
        (void)closedir(dir);
}

static int oldest_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

int artifact_cache_shrink(const char *folder, int64_t most_bytes, int64_t before_us, bool dry_run,
                          void (*tell)(void *user, const char *path, int64_t bytes), void *user,
                          struct dh_err *err)
{
    struct entries all = {0};
    int rc = 0;

    read_entries(&all, folder, 0);
    if (all.n)
        qsort(all.items, all.n, sizeof *all.items, oldest_first);
    for (size_t i = 0; i < all.n; i++) {
        struct entry *e = &all.items[i];

        if (rc == 0 && (all.bytes > most_bytes || e->used_ns / 1000 < before_us)) {
            if (tell)
                tell(user, e->path, e->bytes);
            if (!dry_run)
                rc = fs_remove_tree(e->path, err);
            all.bytes -= e->bytes;
        }
        free(e->path);
    }
    free(all.items);
    return rc;
}
