/* work - the slots' working folders, empty when a step starts. Most steps leave nothing there, and
 * making, listing and removing a folder is a good part of what such a step costs: a folder that was
 * seen empty is known by its change time not to have been touched since. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/engine-priv.h"

/* Two changes within one tick of the file system's clock (10 ms at most) have one time: only a time
 * that was seen this long before the folder was found empty tells about all that came after. */
#define TICK_US 20000

static int64_t changed(const struct stat *st)
{
    return st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec;
}

bool work_untouched(const struct job *job)
{
    const struct slot *slot = job->slot ? &job->run->slots[job->slot] : NULL;
    struct stat st;

    return slot && slot->settled && fstat(slot->folder, &st) == 0 && st.st_nlink &&
           changed(&st) == slot->changed_ns;
}

static int empty(const char *folder, DIR *dir, struct dh_err *err)
{
    int rc = 0;

    for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
        own_mem char *path = NULL;

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        path = fs_join(folder, e->d_name);
        rc = fs_remove_tree(path, err);
    }
    return rc;
}

static void look(struct slot *slot, int fd, const struct stat *st)
{
    int64_t now = clock_mono_us();

    if (slot->folder < 0 || slot->inode != st->st_ino || slot->changed_ns != changed(st)) {
        if (slot->folder >= 0)
            (void)close(slot->folder);
        slot->folder = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        slot->inode = st->st_ino;
        slot->changed_ns = changed(st);
        slot->since_us = now;
    }
    slot->settled = slot->folder >= 0 && now - slot->since_us > TICK_US;
}

/* Not one below another: to make and remove a folder costs as much as a step's record. */
char *work_folder(const struct run *run, int slot)
{
    return dh_printf("%s/work-%d", run->folder, slot);
}

int work_make(struct job *job, struct dh_err *err)
{
    struct slot *slot = &job->run->slots[job->slot];
    struct stat st;
    DIR *dir;
    int rc;

    if (work_untouched(job))
        return 0;
    slot->settled = false;
    dir = opendir(job->spec.cwd);
    if (!dir)
        return fs_mkdirs(job->spec.cwd, 0755, err);
    if (fstat(dirfd(dir), &st) == 0)
        look(slot, dirfd(dir), &st); /* before it is emptied: that is a change, too */
    rc = empty(job->spec.cwd, dir, err);
    (void)closedir(dir);
    return rc;
}

void work_remove(const struct run *run)
{
    for (int i = 1; i < run->n_slot_names; i++) {
        own_mem char *folder = work_folder(run, i);

        (void)fs_remove_tree(folder, NULL);
    }
}

void work_close(struct run *run)
{
    for (int i = 1; i < run->n_slot_names; i++)
        if (run->slots[i].folder >= 0)
            (void)close(run->slots[i].folder);
    free(run->slots);
}
