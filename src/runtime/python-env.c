/* Environments: named by what goes into them, made in place under a lock, ready once the manifest
 * is there.
 *
 * A virtual environment holds its own path in its scripts, so it is not made elsewhere and renamed:
 * the manifest, written last, is what makes it one. A folder without a manifest is what a maker
 * that died has left; the next one removes it, under the lock. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "runtime/python-priv.h"
#include "runtime/runtime-priv.h"
#include "runtime/shepherd-priv.h"

#define LOG_MAX ((size_t)4 << 20)
#define CONFIG_MAX ((size_t)1 << 20)
#define TAIL_LINES 12
#define TAIL_BYTES 700

extern char **environ;

/* ---- names ---- */

/* The settings that decide where packages come from. */
static const char *const sources[] = {"PIP_INDEX_URL",
                                      "PIP_EXTRA_INDEX_URL",
                                      "PIP_FIND_LINKS",
                                      "PIP_NO_INDEX",
                                      "PIP_PRE",
                                      "PIP_CONSTRAINT",
                                      "UV_INDEX",
                                      "UV_DEFAULT_INDEX",
                                      "UV_INDEX_URL",
                                      "UV_EXTRA_INDEX_URL",
                                      "UV_FIND_LINKS",
                                      "UV_PRERELEASE",
                                      "UV_CONSTRAINT",
                                      "UV_NO_INDEX",
                                      NULL};

static void add_file_state(struct js *to, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0)
        js_push(to, js_strf("%s|%lld|%lld.%09ld", path, (long long)st.st_size,
                            (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec));
}

/* A requirement that is a file here: the file may change under its name. */
static void add_local(struct js *to, const char *word)
{
    const char *at = strstr(word, "file://");

    if (*word == '/' || at)
        add_file_state(to, at ? at + strlen("file://") : word);
}

static struct js *recipe_of(const struct python_interp *interp, const struct python_program *p,
                            bool inherits, char *const *env)
{
    struct js *recipe = js_object(), *installs = js_array(), *files = js_array(),
              *settings = js_object();

    for (size_t i = 0; i < p->n_installs; i++) {
        struct js *words = js_array();

        for (const char **word = p->installs[i]; *word; word++) {
            js_push(words, js_str(*word));
            add_local(files, *word);
        }
        js_push(installs, words);
    }
    for (const char *const *name = sources; *name; name++)
        if (runtime_getenv(env, *name))
            js_set(settings, *name, js_str(runtime_getenv(env, *name)));
    for (const char **item = p->pip_env; *item; item++)
        js_set(settings, *item, js_bool(true));
    if (inherits) {
        const struct js *sites = js_get(interp->probe, "sites");

        for (size_t i = 0; i < js_n(sites); i++)
            add_file_state(files, js_text(js_at(sites, i)));
    }
    js_set(recipe, "format", js_int(1));
    js_set(recipe, "python", js_str(interp->path));
    js_set(recipe, "version", js_str(interp->version));
    js_set(recipe, "inherits", js_bool(inherits));
    js_set(recipe, "installs", installs);
    js_set(recipe, "settings", settings);
    js_set(recipe, "files", files);
    return recipe;
}

void python_env_name(const char *home, const struct python_interp *interp,
                     const struct python_program *p, bool inherits, char *const *env,
                     struct python_env *ret)
{
    struct js *recipe = recipe_of(interp, p, inherits, env);
    own_mem char *text = js_dump(recipe, JS_SORTED);
    char digest[DIGEST_TEXT];

    digest_bytes(text, strlen(text), digest);
    ret->id = dh_strndup(digest, 16);
    ret->folder = dh_printf("%s/envs/%s", home, ret->id);
    ret->program = dh_printf("%s/bin/python3", ret->folder);
    ret->recipe = recipe;
}

void python_env_done(struct python_env *e)
{
    free(e->id);
    free(e->folder);
    free(e->program);
    js_free(e->recipe);
    *e = (struct python_env){0};
}

static char *manifest_of(const struct python_env *e)
{
    return fs_join(e->folder, "manifest.json");
}

bool python_env_ready(const struct python_env *e)
{
    own_mem char *manifest = manifest_of(e);

    return fs_exists(manifest) && access(e->program, X_OK) == 0;
}

void python_env_touch(const struct python_env *e)
{
    own_mem char *manifest = manifest_of(e);

    (void)utimensat(AT_FDCWD, manifest, NULL, 0);
}

/* ---- programs ---- */

int python_run(const char *file, const char *const *argv, char **env, const char *log,
               atomic_bool *canceled, _Atomic pid_t *child)
{
    own_fd int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    own_fd int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char *no_cgroup[] = {NULL};
    struct child_request r = {.file = file,
                              .cwd = "/",
                              .in = in,
                              .out = out,
                              .argv = (char **)(uintptr_t)argv,
                              .env = env,
                              .cgroup = no_cgroup};
    pid_t pid = *canceled || in < 0 || out < 0 ? -1 : child_start(&r);
    int status = -1;

    if (pid < 0)
        return -1;
    *child = pid;
    if (*canceled) /* it may have been set in between, when there was no child to kill */
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *child = 0;
    (void)kill(-pid, SIGKILL);
    return status;
}

/* ---- locks ---- */

static int open_lock(const struct python_env *e)
{
    own_mem char *path = dh_printf("%s.lock", e->folder);

    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

/* gc removes the file with the environment, while it holds the lock. */
static bool is_removed(int lock)
{
    struct stat st;

    return fstat(lock, &st) < 0 || st.st_nlink == 0;
}

int python_env_hold(const struct python_env *e)
{
    own_fd int fd = open_lock(e);

    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0 || is_removed(fd) || !python_env_ready(e))
        return -1;
    python_env_touch(e);
    return dh_take_fd(&fd);
}

/* Waits for another maker. Looks for a cancel now and then, as flock itself would not. */
static int lock(const struct python_make *m, int *ret, struct dh_err *err)
{
    own_fd int fd = open_lock(m->env);

    if (fd < 0)
        return dh_fail_errno(err, "%s.lock", m->env->folder);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return dh_fail_errno(err, "%s.lock", m->env->folder);
        if (*m->canceled)
            return dh_fail(err, DH_CANCELED, "canceled");
        /* Ready, and held by those who use it: no need for the lock. */
        if (python_env_ready(m->env))
            break;
        (void)poll(NULL, 0, 20);
    }
    if (is_removed(fd))
        return lock(m, ret, err);
    *ret = dh_take_fd(&fd);
    return 0;
}

/* ---- making ---- */

/* The last lines of what pip said, as the reason; uninteresting ones left out. */
static void add_tail(const char *log, struct dh_err *err)
{
    own_mem char *text = NULL;
    struct dh_err before = *err;
    size_t n = 0, lines = 0;
    const char *at;

    if (fs_read(log, LOG_MAX, &text, &n, NULL) < 0)
        return;
    while (n && strchr("\n ", text[n - 1]))
        text[--n] = '\0';
    for (at = text + n; at > text; at--)
        if (at[-1] == '\n' && (++lines == TAIL_LINES || at - text + TAIL_BYTES < (ptrdiff_t)n))
            break;
    if (text + n - at > TAIL_BYTES)
        at = text + n - TAIL_BYTES;
    if (*at)
        (void)dh_fail(err, DH_FAILED, "%.200s: %s", before.msg, at);
}

/* Whether a file of pip's settings says where packages come from, or which. */
static bool chooses_packages(const char *file)
{
    static const char *const words[] = {"index", "find-links", "constraint", "binary", "pre"};
    own_mem char *text = NULL;
    size_t n;

    if (fs_read(file, CONFIG_MAX, &text, &n, NULL) < 0)
        return fs_exists(file);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

static bool has_config(void)
{
    const char *told = getenv("PIP_CONFIG_FILE"), *home = getenv("HOME"),
               *xdg = getenv("XDG_CONFIG_HOME");
    own_mem char *xdg_file =
        xdg ? fs_join(xdg, "pip/pip.conf") : dh_printf("%s/.config/pip/pip.conf", home ? home : "");
    own_mem char *old = dh_printf("%s/.pip/pip.conf", home ? home : "");

    return (told && chooses_packages(told)) || chooses_packages("/etc/pip.conf") ||
           chooses_packages(xdg_file) || chooses_packages(old);
}

/* Our own environment (for HOME, caches, certificates), the job's settings for pip and uv, and what
 * the command itself sets. One block: free(). The texts are borrowed. */
static char **make_env(const struct python_make *m)
{
    size_t n = 0, cap = 0;
    char **v = NULL;

    for (char **e = environ; *e; e++)
        if (strncmp(*e, "PYTHON", 6) != 0 && strncmp(*e, "VIRTUAL_ENV=", 12) != 0 &&
            strncmp(*e, "PIP_", 4) != 0 && strncmp(*e, "UV_", 3) != 0) {
            DH_GROW(v, n, cap);
            v[n++] = *e;
        }
    for (char *const *e = m->job_env; *e; e++)
        if (!strncmp(*e, "PIP_", 4) || !strncmp(*e, "UV_", 3)) {
            DH_GROW(v, n, cap);
            v[n++] = *e;
        }
    for (const char **e = m->program->pip_env; *e; e++) {
        DH_GROW(v, n, cap);
        v[n++] = (char *)(uintptr_t)*e;
    }
    DH_GROW(v, n, cap);
    v[n] = NULL;
    return v;
}

/* uv reads none of pip's settings: where there are some, pip is the one that knows the way. */
static char *find_uv(char *const *env)
{
    const char *path = runtime_getenv(env, "PATH");

    for (char *const *e = env; *e; e++)
        if (!strncmp(*e, "PIP_", 4) && strncmp(*e, "PIP_DISABLE_PIP_VERSION_CHECK=", 30) != 0 &&
            strncmp(*e, "PIP_DEFAULT_TIMEOUT=", 20) != 0 &&
            strncmp(*e, "PIP_CACHE_DIR=", 14) != 0 && strncmp(*e, "PIP_NO_CACHE_DIR=", 17) != 0)
            return NULL;
    for (const char *at = path ? path : "", *end; *at && !has_config(); at = *end ? end + 1 : end) {
        own_mem char *file = NULL;

        end = at + strcspn(at, ":");
        file = dh_printf("%.*s/uv", (int)(end - at), at);
        if (*file == '/' && access(file, X_OK) == 0 && !fs_is_dir(file))
            return take(&file);
    }
    return NULL;
}

/* One `pip install`. Returns as python_run. */
static int install(const struct python_make *m, const char **words, const char *uv, char **env,
                   const char *log)
{
    size_t n = 0;
    const char **argv;
    int status;

    while (words[n])
        n++;
    argv = dh_zalloc(n + 12, sizeof *argv);
    if (uv) {
        const char *const head[] = {
            uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", m->env->program};

        memcpy(argv, head, sizeof head);
        memcpy(argv + sizeof head / sizeof *head, words, n * sizeof *words);
    } else {
        const char *const head[] = {m->env->program, "-m",
                                    "pip",           "install",
                                    "--quiet",       "--disable-pip-version-check",
                                    "--no-input",    "--no-warn-script-location"};

        memcpy(argv, head, sizeof head);
        memcpy(argv + sizeof head / sizeof *head, words, n * sizeof *words);
    }
    status = python_run(argv[0], argv, env, log, m->canceled, m->child);
    free(argv);
    return status;
}

static int make_folder(const struct python_make *m, char **env, const char *log, struct dh_err *err)
{
    const struct js *sites =
        js_get_bool(m->env->recipe, "inherits") ? js_get(m->interp->probe, "sites") : NULL;
    const char **argv = dh_zalloc(js_n(sites) + 6, sizeof *argv);
    size_t n = 0;
    int status;

    argv[n++] = m->interp->path;
    argv[n++] = "-c";
    argv[n++] = python_make_source;
    argv[n++] = m->env->folder;
    for (size_t i = 0; i < js_n(sites); i++)
        argv[n++] = js_text(js_at(sites, i));
    status = python_run(m->interp->path, argv, env, log, m->canceled, m->child);
    free(argv);
    if (status == 0)
        return 0;
    (void)dh_fail(err, DH_FAILED, "cannot make an environment with %s", m->interp->path);
    add_tail(log, err);
    return -1;
}

static int fill(const struct python_make *m, char **env, const char *log, struct dh_err *err)
{
    own_mem char *uv = find_uv(env);
    const struct python_program *p = m->program;

    for (size_t i = 0; i < p->n_installs; i++) {
        int status = uv ? install(m, p->installs[i], uv, env, log) : -1;
        struct buf words = {.max = 200};

        if (status == 0 || (status = install(m, p->installs[i], NULL, env, log)) == 0)
            continue;
        for (const char **word = p->installs[i]; *word; word++)
            if (**word != '-' && !strstr(*word, "://"))
                buf_addf(&words, " %s", *word);
        (void)dh_fail(err, DH_FAILED, "cannot install%s%s", buf_str(&words),
                      words.truncated ? "…" : "");
        buf_done(&words);
        add_tail(log, err);
        return -1;
    }
    return 0;
}

/* A recipe to be read by people: no password of an index in it. */
static struct js *without_passwords(const struct js *v)
{
    struct js *copy;

    if (js_is(v, JS_ARRAY)) {
        copy = js_array();
        for (size_t i = 0; i < js_n(v); i++)
            js_push(copy, without_passwords(js_at(v, i)));
        return copy;
    }
    if (js_is(v, JS_OBJECT)) {
        copy = js_object();
        for (js_each(v, it)) {
            own_mem char *key = NULL;
            struct js *name = js_str(it.key), *clean = without_passwords(name);

            key = dh_strdup(js_text(clean));
            js_free(name);
            js_free(clean);
            js_set(copy, key, without_passwords(it.value));
        }
        return copy;
    }
    if (js_text(v)) {
        const char *text = js_text(v), *begin = strstr(text, "://"), *at;

        at = begin ? memchr(begin, '@', strcspn(begin + 3, "/ ") + 3) : NULL;
        if (at)
            return js_strf("%.*s***%s", (int)(begin + 3 - text), text, at);
    }
    return js_copy(v);
}

static int write_manifest(const struct python_make *m, int64_t began_us, struct dh_err *err)
{
    own_mem char *file = manifest_of(m->env);
    own_mem char *text = NULL;
    char time[CLOCK_TEXT];
    struct js *manifest = without_passwords(m->env->recipe);
    int rc;

    js_set(manifest, "id", js_str(m->env->id));
    js_set(manifest, "created_at", js_str(clock_text(clock_now_us(), time)));
    js_set(manifest, "made_in_ms", js_int((clock_mono_us() - began_us) / 1000));
    js_set(manifest, "size_bytes", js_int(fs_tree_bytes(m->env->folder)));
    text = js_dump(manifest, JS_PRETTY);
    rc = fs_write(file, text, strlen(text), 0644, err);
    js_free(manifest);
    return rc;
}

static int make(const struct python_make *m, struct dh_err *err)
{
    own_mem char *log = dh_printf("%s.log", m->env->folder);
    int64_t began = clock_mono_us();
    char **env = make_env(m);
    int rc;

    if (fs_unlink(log, err) < 0 || fs_remove_tree(m->env->folder, err) < 0) {
        free(env);
        return -1;
    }
    rc = make_folder(m, env, log, err) < 0 || fill(m, env, log, err) < 0 ? -1 : 0;
    free(env);
    if (rc == 0)
        rc = write_manifest(m, began, err);
    if (rc < 0) {
        (void)fs_remove_tree(m->env->folder, NULL);
        if (*m->canceled)
            return dh_fail(err, DH_CANCELED, "canceled");
        return -1;
    }
    return fs_unlink(log, err);
}

int python_env_make(const struct python_make *m, int *ret_lock, struct dh_err *err)
{
    own_fd int fd = -1;

    if (lock(m, &fd, err) < 0)
        return -1;
    if (!python_env_ready(m->env) && make(m, err) < 0)
        return -1;
    if (flock(fd, LOCK_SH) < 0)
        return dh_fail_errno(err, "%s.lock", m->env->folder);
    python_env_touch(m->env);
    *ret_lock = dh_take_fd(&fd);
    return 0;
}
