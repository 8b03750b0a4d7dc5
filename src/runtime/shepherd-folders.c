/* The working folders of steps that do not care which one they have. A folder belongs to a step
 * that runs, not to one that waits, so that there are one or two for each that may run: to make one
 * and to remove it takes 0.15 ms, a good part of what a tiny step costs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "runtime/shepherd-priv.h"

void shepherd_folder_name(char *cwd, int number)
{
    size_t n = strlen(cwd);
    char name[32];

    (void)snprintf(name, sizeof name, SHEPHERD_FOLDER, number);
    if (n >= strlen(name))
        memcpy(cwd + n - strlen(name), name, strlen(name));
}

#define LAST 99999 /* SHEPHERD_FOLDER has room for it; those before have long been removed */

static int make(struct shepherd_folders *f, const char *cwd, struct shepherd_folder *ret)
{
    own_mem char *path = dh_strdup(cwd);
    struct stat st;
    int rc = -1;

    do {
        f->n = f->n < LAST ? f->n + 1 : 1;
        shepherd_folder_name(path, f->n);
        if (!fs_fault("mkdir"))
            rc = mkdir(path, 0755);
    } while (rc < 0 && errno == EEXIST); /* of a shepherd before */
    *ret = (struct shepherd_folder){.number = f->n, .fd = -1};
    if (rc == 0)
        ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (ret->fd < 0 || fstat(ret->fd, &st) < 0) {
        int error = errno;

        if (ret->fd >= 0)
            (void)close(ret->fd);
        if (rc == 0)
            (void)rmdir(path);
        return -error;
    }
    ret->mode = st.st_mode;
    ret->changed = st.st_ctim;
    ret->since_us = clock_mono_us();
    ret->path = take(&path);
    return 0;
}

/* Two changes within one tick of the file system's clock (10 ms at most) have one time: only a time
 * that was seen this long before the folder was found empty tells about all that came after. */
#define TICK_US 20000

/* Empty, and as far as stat tells as it was made. */
static bool is_clean(struct shepherd_folder *folder)
{
    struct stat st, there;
    int64_t now = clock_mono_us();

    if (fstat(folder->fd, &st) < 0 || !st.st_nlink)
        return false;
    if (st.st_ctim.tv_sec != folder->changed.tv_sec ||
        st.st_ctim.tv_nsec != folder->changed.tv_nsec) {
        folder->changed = st.st_ctim;
        folder->since_us = now;
    } else if (folder->settled) {
        return true;
    }
    folder->settled = now - folder->since_us > TICK_US;
    return st.st_mode == folder->mode && st.st_uid == geteuid() && fs_is_empty(folder->fd) &&
           lstat(folder->path, &there) == 0 && there.st_ino == st.st_ino; /* not moved away */
}

static void done(struct shepherd_folder *folder)
{
    (void)close(folder->fd);
    free(folder->path);
}

int shepherd_folder_take(struct shepherd_folders *f, const struct child_request *r,
                         struct shepherd_folder *ret)
{
    size_t n = strlen(r->cwd);
    int rc = 1;

    /* Looked at once more: what a step has left running may have come back to it. */
    while (rc && f->n_free) {
        *ret = f->free[--f->n_free];
        rc = !is_clean(ret);
        if (rc)
            done(ret);
    }
    if (rc)
        rc = make(f, r->cwd, ret);
    if (rc < 0) {
        *ret = (struct shepherd_folder){0};
        return rc;
    }
    for (char **e = r->env; *e; e++)
        for (char *at = *e; (at = strstr(at, r->cwd)); at += n)
            memcpy(at, ret->path, n);
    memcpy((char *)(uintptr_t)r->cwd, ret->path, n);
    return 0;
}

#define KEPT 64 /* a descriptor each */

bool shepherd_folder_give(struct shepherd_folders *f, struct shepherd_folder *folder)
{
    if (!folder->number)
        return true;
    if (!is_clean(folder)) {
        done(folder);
        return false;
    }
    if (f->n_free == KEPT) {
        done(folder);
        return true;
    }
    DH_GROW(f->free, f->n_free, f->cap_free);
    f->free[f->n_free++] = *folder;
    return true;
}

void shepherd_folders_done(struct shepherd_folders *f)
{
    while (f->n_free)
        done(&f->free[--f->n_free]);
    free(f->free);
}
