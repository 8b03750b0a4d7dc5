/* work - the steps' working folders, empty when a step starts. Where the runtime must know the
 * folder beforehand it is the slot's; else the shepherd has some, and says which one it took. */
#include <dirent.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "engine/engine-priv.h"

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

/* As long as SHEPHERD_FOLDER. Not one below another: to make and remove a folder costs as much as a
 * step's record. */
char *work_folder(const struct run *run, int slot)
{
    return dh_printf("%s/s%05d", run->folder, slot);
}

char *work_volumes(const struct run *run)
{
    return dh_printf("%s/volumes", run->folder);
}

int work_make(struct job *job, struct dh_err *err)
{
    DIR *dir = opendir(job->spec.cwd);
    int rc;

    if (job->run->n_slot_folders < job->slot)
        job->run->n_slot_folders = job->slot;
    if (!dir)
        return fs_mkdirs(job->spec.cwd, 0755, err);
    rc = empty(job->spec.cwd, dir, err);
    (void)closedir(dir);
    return rc;
}

void work_is(struct job *job, int folder)
{
    job->folder = folder;
    job->clean = false;
    shepherd_folder_name(job->spec.cwd, folder);
    if (job->run->n_folders < folder)
        job->run->n_folders = folder;
}

void work_leave(struct job *job)
{
    if (job->folder && !job->clean)
        run_discard(job->run, dh_strdup(job->spec.cwd));
    job->folder = 0;
    job->clean = false;
}

void work_remove(const struct run *run)
{
    for (int i = 1; i <= run->n_slot_folders; i++) {
        own_mem char *folder = work_folder(run, i);

        (void)fs_remove_tree(folder, NULL);
    }
    for (int i = 1; i <= run->n_folders; i++) {
        own_mem char *folder = work_folder(run, 0);

        shepherd_folder_name(folder, i);
        (void)fs_remove_tree(folder, NULL);
    }
}
