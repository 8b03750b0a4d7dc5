/* Environments as people see them: what there is, how large, and away with it. */
#include "runtime/python.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "runtime/python-priv.h"
#include "runtime/runtime-priv.h"

#define MANIFEST_MAX ((size_t)1 << 20)
#define ID_LENGTH 16

static bool is_id(const char *name)
{
    return strlen(name) == ID_LENGTH && strspn(name, "0123456789abcdef") == ID_LENGTH;
}

static char *packages_of(const struct js *installs)
{
    struct buf b = {0};

    for (size_t i = 0; i < js_n(installs); i++) {
        const struct js *words = js_at(installs, i);

        for (size_t k = 0; k < js_n(words); k++) {
            const char *word = js_text(js_at(words, k));

            if (word && *word != '-' && !strstr(word, "python_version<\"3.9\""))
                buf_addf(&b, "%s%s", b.n ? " " : "", word);
        }
    }
    return b.n ? buf_take(&b) : dh_strdup("");
}

/* 1: held by a run or a maker. 0: *ret is the lock. */
static int try_lock(const char *folder, int *ret)
{
    own_mem char *path = dh_printf("%s.lock", folder);
    own_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return 1;
    *ret = dh_take_fd(&fd);
    return 0;
}

/* *ret_whole: it has its manifest. */
static void read_one(const char *folder, const char *id, struct python_env_info *ret,
                     bool *ret_whole)
{
    own_mem char *file = fs_join(folder, "manifest.json");
    own_mem char *imports = fs_join(folder, "imports.json");
    own_fd int lock = -1;
    struct js *manifest = NULL;
    struct stat st;

    *ret = (struct python_env_info){.id = dh_strdup(id)};
    *ret_whole = js_parse_file(file, MANIFEST_MAX, &manifest, NULL) == 0;
    ret->python = dh_strdup(
        *ret_whole && js_get_text(manifest, "python") ? js_get_text(manifest, "python") : "");
    ret->version = dh_strdup(
        *ret_whole && js_get_text(manifest, "version") ? js_get_text(manifest, "version") : "");
    ret->packages = packages_of(js_get(manifest, "installs"));
    ret->size_bytes = js_get_int(manifest, "size_bytes", -1);
    if (js_get_text(manifest, "created_at"))
        (void)clock_parse(js_get_text(manifest, "created_at"), &ret->created_us);
    if (stat(file, &st) == 0)
        ret->used_us = st.st_mtim.tv_sec * 1000000LL + st.st_mtim.tv_nsec / 1000;
    ret->in_use = try_lock(folder, &lock) != 0;
    ret->warm = fs_exists(imports);
    if (ret->size_bytes < 0)
        ret->size_bytes = fs_tree_bytes(folder);
    js_free(manifest);
}

static void info_done(struct python_env_info *info)
{
    free(info->id);
    free(info->python);
    free(info->version);
    free(info->packages);
}

void python_envs_done(struct python_env_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        info_done(&list->items[i]);
    free(list->items);
    *list = (struct python_env_list){0};
}

static int by_use(const void *a, const void *b)
{
    int64_t x = ((const struct python_env_info *)a)->used_us,
            y = ((const struct python_env_info *)b)->used_us;

    return (x < y) - (x > y);
}

/* All of them; `broken` too: those that have no manifest. */
static int list_all(const char *home, bool broken, struct python_env_list *ret, struct dh_err *err)
{
    own_mem char *envs = dh_printf("%s/envs", home);
    struct python_env_list list = {0};
    size_t cap = 0;
    struct dirent *entry;
    DIR *dir = opendir(envs);

    if (!dir && errno != ENOENT)
        return dh_fail_errno(err, "%s", envs);
    while (dir && (entry = readdir(dir))) {
        own_mem char *folder = fs_join(envs, entry->d_name);
        struct python_env_info info;
        bool whole;

        if (!is_id(entry->d_name) || !fs_is_dir(folder))
            continue;
        read_one(folder, entry->d_name, &info, &whole);
        if (!whole && !broken) {
            info_done(&info);
            continue;
        }
        DH_GROW(list.items, list.n, cap);
        list.items[list.n++] = info;
    }
    if (dir)
        (void)closedir(dir);
    if (list.n)
        qsort(list.items, list.n, sizeof *list.items, by_use);
    *ret = list;
    return 0;
}

int python_envs(const char *home, struct python_env_list *ret, struct dh_err *err)
{
    return list_all(home, false, ret, err);
}

static int remove_one(const char *folder, struct dh_err *err)
{
    own_mem char *manifest = fs_join(folder, "manifest.json");
    own_mem char *lock_file = dh_printf("%s.lock", folder);
    own_mem char *log = dh_printf("%s.log", folder);
    own_fd int lock = -1;

    if (try_lock(folder, &lock) != 0)
        return 1;
    /* The manifest first: what is cut short after it is no environment any more. */
    if (fs_unlink(manifest, err) < 0 || fs_remove_tree(folder, err) < 0 ||
        fs_unlink(log, err) < 0 || fs_unlink(lock_file, err) < 0)
        return -1;
    return 0;
}

int python_envs_gc(const char *home, int64_t before_us, bool dry_run, struct python_env_list *ret,
                   struct dh_err *err)
{
    struct python_env_list list, gone = {0};
    size_t cap = 0;
    int rc = 0;

    if (list_all(home, true, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.n && rc >= 0; i++) {
        struct python_env_info *info = &list.items[i];
        own_mem char *folder = dh_printf("%s/envs/%s", home, info->id);

        if (info->in_use || info->used_us >= before_us)
            continue;
        rc = dry_run ? 0 : remove_one(folder, err);
        if (rc == 0) {
            DH_GROW(gone.items, gone.n, cap);
            gone.items[gone.n++] = *info;
            *info = (struct python_env_info){0};
        }
    }
    python_envs_done(&list);
    if (rc < 0) {
        python_envs_done(&gone);
        return -1;
    }
    *ret = gone;
    return 0;
}

static void wake(void *user)
{
    (void)!write(*(int *)user, "", 1);
}

int python_warm(const char *home, const char *self, const char *image, char *const *argv,
                char *const *env, char **ret_id, struct dh_err *err)
{
    own_fd int reader = -1;
    own_fd int writer = -1;
    own(python_close) struct python *py = NULL;
    struct runtime_setup setup = {
        .home = home, .self = self, .warm = true, .wake = wake, .user = &writer};
    struct runtime_job job = {.argv = runtime_strv((const char *const *)argv),
                              .env = runtime_strv((const char *const *)env),
                              .image = dh_strdup(image)};
    struct python_program p;
    const char *folder;
    int pair[2], rc;
    char byte;

    if (!python_recognise(job.argv, &p)) {
        runtime_job_done(&job);
        return PYTHON_NONE;
    }
    python_program_done(&p);
    if (pipe2(pair, O_CLOEXEC) < 0) {
        runtime_job_done(&job);
        return dh_fail_errno(err, "cannot make a pipe");
    }
    reader = pair[0];
    writer = pair[1];
    py = python_open(&setup);
    while ((rc = python_prepare(py, &job, err)) == RUNTIME_WAIT && read(reader, &byte, 1) == 1) {
    }
    folder = runtime_getenv(job.env, "VIRTUAL_ENV");
    if (rc == 0)
        *ret_id = dh_strdup(folder ? strrchr(folder, '/') + 1 : "");
    runtime_job_done(&job);
    return rc;
}
