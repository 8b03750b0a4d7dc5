/* Which Python of this machine: for an image's version the nearest one that runs.
 *
 * Asking an interpreter takes tens of milliseconds, so the answers are kept, under the file's
 * identity; a script (the wrapper of a version manager) answers by folder and setting too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "runtime/python-priv.h"

#define CACHE_MAX ((size_t)1 << 20)

extern char **environ;

struct finder {
    const char *home, *path;
    char *file; /* the kept answers */
    struct js *known;
    bool changed;
};

static bool is_script(const char *path)
{
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    char begin[2];

    return fd < 0 || read(fd, begin, 2) != 2 || (begin[0] == '#' && begin[1] == '!');
}

static void add_stat(struct buf *b, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0)
        buf_addf(b, "|%lld|%lld|%lld.%09ld", (long long)st.st_ino, (long long)st.st_size,
                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    else
        buf_adds(b, "|-");
}

/* What an answer depends on. The caller's. */
static char *identity(const char *path)
{
    struct buf b = {0};

    buf_adds(&b, path);
    add_stat(&b, path);
    if (is_script(path)) {
        own_mem char *folder = fs_absolute(".");
        const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
        own_mem char *file =
            root ? dh_printf("%s/version", root) : dh_printf("%s/.pyenv/version", home ? home : "");
        own_mem char *local = fs_join(folder, ".python-version");

        buf_addf(&b, "|%s|%s", folder, getenv("PYENV_VERSION") ? getenv("PYENV_VERSION") : "");
        add_stat(&b, file);
        add_stat(&b, local);
    }
    return buf_take(&b);
}

/* Runs the probe. NULL: it does not work. */
static struct js *ask(const struct finder *f, const char *path)
{
    own_mem char *log = dh_printf("%s/envs/probe-%d-XXXXXX", f->home, (int)getpid());
    const char *argv[] = {path, "-c", python_probe_source, NULL};
    atomic_bool canceled = false;
    _Atomic pid_t child;
    own_mem char *text = NULL;
    struct js *answer = NULL;
    size_t n;
    int fd = mkostemp(log, O_CLOEXEC);

    if (fd < 0)
        return NULL;
    (void)close(fd);
    if (python_run(path, argv, environ, log, &canceled, &child) == 0 &&
        fs_read(log, CACHE_MAX, &text, &n, NULL) == 0) {
        const char *begin = strrchr(text, '{');

        if (!begin || js_parse(begin, strlen(begin), &answer, NULL) < 0 ||
            !js_get_text(answer, "executable") || !js_get_text(answer, "version"))
            answer = js_free(answer);
    }
    (void)fs_unlink(log, NULL);
    return answer;
}

/* Borrowed; NULL: it is no Python that works. */
static struct js *probe(struct finder *f, const char *path)
{
    own_mem char *key = identity(path);
    struct js *answer = js_get(f->known, key);

    if (!answer) {
        answer = ask(f, path);
        js_set(f->known, key, answer ? answer : js_null());
        f->changed = true;
        answer = js_get(f->known, key);
    }
    return js_is(answer, JS_OBJECT) ? answer : NULL;
}

static struct js *probe_if_there(struct finder *f, const char *folder, const char *name)
{
    own_mem char *path = fs_join(folder, name);

    return access(path, X_OK) == 0 && !fs_is_dir(path) ? probe(f, path) : NULL;
}

static struct js *in_path(struct finder *f, const char *name)
{
    for (const char *at = f->path, *end; *at; at = *end ? end + 1 : end) {
        own_mem char *folder = NULL;
        struct js *answer;

        end = at + strcspn(at, ":");
        folder = dh_strndup(at, (size_t)(end - at));
        if (*folder == '/' && (answer = probe_if_there(f, folder, name)))
            return answer;
    }
    return NULL;
}

/* {root}/versions/3.11.7/bin/python3.11 */
static struct js *in_pyenv(struct finder *f, const char *version, const char *name)
{
    const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
    own_mem char *versions =
        root ? dh_printf("%s/versions", root) : dh_printf("%s/.pyenv/versions", home ? home : "");
    DIR *dir = opendir(versions);
    struct js *answer = NULL;
    struct dirent *entry;
    size_t n = strlen(version);

    while (dir && !answer && (entry = readdir(dir)))
        if (!strncmp(entry->d_name, version, n) && (entry->d_name[n] == '.' || !entry->d_name[n])) {
            own_mem char *bin = dh_printf("%s/%s/bin", versions, entry->d_name);

            answer = probe_if_there(f, bin, name);
        }
    if (dir)
        (void)closedir(dir);
    return answer;
}

static struct js *find(struct finder *f, const char *version)
{
    const char *told = getenv("DHOW_PYTHON");
    struct js *answer = NULL;

    if (told && *told)
        return strchr(told, '/') ? probe(f, told) : in_path(f, told);
    if (*version) {
        own_mem char *name = dh_printf("python%s", version);

        answer = in_path(f, name);
        if (!answer)
            answer = in_pyenv(f, version, name);
    }
    if (!answer)
        answer = in_path(f, "python3");
    return answer ? answer : in_path(f, "python");
}

static void keep(struct finder *f)
{
    own_mem char *text = js_dump(f->known, JS_PRETTY);

    if (f->changed && strlen(text) < CACHE_MAX)
        (void)fs_write(f->file, text, strlen(text), 0644, NULL);
}

int python_interp_find(const char *home, const char *version, const char *path_env,
                       struct python_interp *ret, struct dh_err *err)
{
    struct finder f = {.home = home, .path = path_env};
    own_mem char *folder = dh_printf("%s/envs", home);
    struct js *answer;
    int rc = 0;

    if (fs_mkdirs(folder, 0755, err) < 0)
        return -1;
    f.file = dh_printf("%s/interpreters.json", folder);
    if (js_parse_file(f.file, CACHE_MAX, &f.known, NULL) < 0 || !js_is(f.known, JS_OBJECT)) {
        js_free(f.known);
        f.known = js_object();
    }
    answer = find(&f, version);
    keep(&f);
    if (answer)
        *ret = (struct python_interp){dh_strdup(js_get_text(answer, "executable")),
                                      dh_strdup(js_get_text(answer, "version")), js_ref(answer)};
    else
        rc = dh_fail(err, DH_FAILED,
                     "no Python on this machine that works: looked for python%s and python3 in "
                     "PATH (%s); install one, or name it in DHOW_PYTHON",
                     *version ? version : "3", path_env);
    js_free(f.known);
    free(f.file);
    return rc;
}

void python_interp_done(struct python_interp *p)
{
    free(p->path);
    free(p->version);
    js_free(p->probe);
    *p = (struct python_interp){0};
}
