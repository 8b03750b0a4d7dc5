#include "engine/secret-priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "plan/executor_input.h"
#include "runtime/command.h"

#define PROGRAM_TIMEOUT_MS 60000

#define VALUE_MAX ((size_t)1 << 20) /* Kubernetes' bound for a whole secret */
#define NAME_MAX_CHARS 253          /* Kubernetes' bound for a name */

void secret_dump_no_core(void)
{
    struct rlimit core;

    /* Of one byte: with none, a core_pattern that is a program would get it all the same. */
    if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur != 1) {
        core.rlim_cur = core.rlim_max ? 1 : 0;
        (void)setrlimit(RLIMIT_CORE, &core);
    }
}

const char *secret_kind_name(enum secret_kind kind)
{
    return kind == SECRET ? "secret" : "config map";
}

/* ---- a set in memory ---- */

static void wipe(char *bytes, size_t n)
{
    if (bytes)
        explicit_bzero(bytes, n);
    free(bytes);
}

void secret_set_done(struct secret_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        free(set->items[i].key);
        wipe(set->items[i].bytes, set->items[i].n);
    }
    free(set->items);
    *set = (struct secret_set){0};
}

const struct secret_key *secret_find(const struct secret_set *set, const char *key)
{
    for (size_t i = 0; i < set->n; i++)
        if (!strcmp(set->items[i].key, key))
            return &set->items[i];
    return NULL;
}

void secret_add(struct secret_set *to, const char *key, const char *bytes, size_t n)
{
    char *copy = dh_alloc(n + 1);
    size_t at = 0;

    memcpy(copy, bytes, n);
    copy[n] = '\0';
    while (at < to->n && strcmp(to->items[at].key, key) < 0)
        at++;
    if (at < to->n && !strcmp(to->items[at].key, key)) {
        wipe(to->items[at].bytes, to->items[at].n);
        to->items[at].bytes = copy;
        to->items[at].n = n;
        return;
    }
    DH_GROW(to->items, to->n, to->cap);
    memmove(&to->items[at + 1], &to->items[at], (to->n - at) * sizeof *to->items);
    to->items[at] = (struct secret_key){.key = dh_strdup(key), .bytes = copy, .n = n};
    to->n++;
}

/* ---- names ---- */

static int check_name(const char *what, const char *name, struct dh_err *err)
{
    size_t n = strlen(name);

    if (!n || n > NAME_MAX_CHARS || name[0] == '.' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != n)
        return dh_fail(err, DH_INVALID,
                       "%s '%.80s': expected letters, digits, '-', '_' and '.', not beginning with "
                       "'.', %d at most",
                       what, name, NAME_MAX_CHARS);
    return 0;
}

static char *kind_folder(const char *home, enum secret_kind kind)
{
    return fs_join(home, kind == SECRET ? "secrets" : "configs");
}

static char *set_folder(const char *home, enum secret_kind kind, const char *name)
{
    own_mem char *all = kind_folder(home, kind);

    return fs_join(all, name);
}

/* ---- from files ---- */

/* `tight`: nobody but its owner may read it. */
static int add_file(const char *path, const char *key, bool tight, struct secret_set *to,
                    struct dh_err *err)
{
    char *text;
    size_t n;

    if (check_name("key", key, err) < 0 || (tight && secret_check_mode(path, err) < 0) ||
        fs_read(path, VALUE_MAX, &text, &n, err) < 0)
        return -1;
    secret_add(to, key, text, n);
    wipe(text, n);
    return 0;
}

/* Hidden names are left out: a mounted secret of Kubernetes has its versions there. */
static int add_folder(const char *path, bool tight, struct secret_set *to, struct dh_err *err)
{
    DIR *dir = opendir(path);
    int rc = 0;

    if (!dir)
        return dh_fail_errno(err, "reading %s", path);
    for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
        own_mem char *file = fs_join(path, e->d_name);

        if (e->d_name[0] != '.' && !fs_is_dir(file))
            rc = add_file(file, e->d_name, tight, to, err);
    }
    (void)closedir(dir);
    return rc;
}

static int add_json(const char *path, const char *text, size_t n, struct secret_set *to,
                    struct dh_err *err)
{
    own(js_free) struct js *v = NULL;

    /* The parser's message may quote the text: it is not repeated. */
    if (js_parse(text, n, &v, NULL) < 0 || !js_is(v, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "%s: expected a JSON object of texts", path);
    for (js_each(v, it)) {
        if (!js_is(it.value, JS_STRING))
            return dh_fail(err, DH_INVALID, "%s: the value of '%s' is not a text", path, it.key);
        if (check_name("key", it.key, err) < 0)
            return dh_while(err, "%s", path);
        secret_add(to, it.key, js_text(it.value), js_text_len(it.value));
    }
    return 0;
}

static int add_env(const char *path, const char *text, struct secret_set *to, struct dh_err *err)
{
    unsigned line = 0;

    for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
        own_mem char *key = NULL;
        const char *equals;

        line++;
        end = at + strcspn(at, "\n");
        if (at == end || *at == '#')
            continue;
        equals = memchr(at, '=', (size_t)(end - at));
        if (!equals)
            return dh_fail(err, DH_INVALID, "%s:%u: expected KEY=VALUE", path, line);
        key = dh_strndup(at, (size_t)(equals - at));
        if (check_name("key", key, err) < 0)
            return dh_while(err, "%s:%u", path, line);
        secret_add(to, key, equals + 1, (size_t)(end - equals - 1));
    }
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

int secret_load_text(const char *path, const char *base, const char *key, const char *text,
                     size_t n, struct secret_set *to, struct dh_err *err)
{
    if (!key && ends_with(base, ".json"))
        return add_json(path, text, n, to, err);
    if (!key && ends_with(base, ".env"))
        return add_env(path, text, to, err);
    if (check_name("key", key ? key : base, err) < 0)
        return -1;
    secret_add(to, key ? key : base, text, n);
    return 0;
}

static int load(const char *path, const char *key, bool tight, struct secret_set *to,
                struct dh_err *err)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char *text;
    size_t n;
    int rc;

    if (!key && fs_is_dir(path))
        return add_folder(path, tight, to, err);
    if ((tight && secret_check_mode(path, err) < 0) || fs_read(path, VALUE_MAX, &text, &n, err) < 0)
        return -1;
    rc = secret_load_text(path, base, key, text, n, to, err);
    wipe(text, n);
    return rc;
}

int secret_load(const char *path, const char *key, struct secret_set *to, struct dh_err *err)
{
    return load(path, key, false, to, err);
}

int secret_load_tight(const char *path, const char *key, struct secret_set *to, struct dh_err *err)
{
    return load(path, key, true, to, err);
}

/* ---- links: {folder}/.sources, {"KEY": source}, "" for the whole set ---- */

static int read_links(const char *folder, struct js **ret, struct dh_err *err)
{
    own_mem char *path = fs_join(folder, ".sources");

    if (!fs_exists(path)) {
        *ret = js_object();
        return 0;
    }
    return js_parse_file(path, VALUE_MAX, ret, err);
}

static int write_links(const char *folder, const struct js *links, struct dh_err *err)
{
    own_mem char *path = fs_join(folder, ".sources");
    own_mem char *text = js_dump(links, JS_PRETTY);

    return js_n(links) ? fs_write(path, text, strlen(text), 0600, err) : fs_unlink(path, err);
}

static int add_linked(const char *folder, struct secret_set *to, struct dh_err *err)
{
    own(js_free) struct js *links = NULL;

    if (read_links(folder, &links, err) < 0)
        return -1;
    for (js_each(links, it))
        if (js_text(it.value) &&
            secret_load_source(js_text(it.value), *it.key ? it.key : NULL, to, err) < 0)
            return -1;
    return 0;
}

int secret_link(const char *home, enum secret_kind kind, const char *name, const char *key,
                const char *source, struct dh_err *err)
{
    own_mem char *folder = NULL;
    own(js_free) struct js *links = NULL;

    if (check_name("name", name, err) < 0 || (key && check_name("key", key, err) < 0))
        return -1;
    if (!key && (!strncmp(source, "env:", 4) || !strncmp(source, "keyring:", 8)))
        return dh_fail(err, DH_INVALID, "%s is one value: say which key", source);
    folder = set_folder(home, kind, name);
    if (fs_mkdirs(folder, 0700, err) < 0 || read_links(folder, &links, err) < 0)
        return -1;
    js_set(links, key ? key : "", js_str(source));
    return write_links(folder, links, err);
}

/* ---- what is kept ---- */

static int read_given(const char *name, const struct js *given, struct secret_set *to, bool *found,
                      struct dh_err *err)
{
    size_t n = strlen(name);

    for (js_each(given, it)) {
        const char *rest = it.key + n;

        if (strncmp(it.key, name, n) != 0 || (*rest && *rest != '/'))
            continue;
        *found = true;
        if (secret_load_source(js_text(it.value), *rest ? rest + 1 : NULL, to, err) < 0)
            return -1;
    }
    return 0;
}

int secret_read(const char *home, enum secret_kind kind, const char *name, const struct js *given,
                struct secret_set *ret, struct dh_err *err)
{
    own_mem char *folder = NULL;
    own_secret struct secret_set set = {0};
    bool found;

    if (check_name(secret_kind_name(kind), name, err) < 0)
        goto failed;
    folder = set_folder(home, kind, name);
    found = fs_is_dir(folder);
    if (kind == SECRET)
        secret_dump_no_core();
    if ((found && (add_folder(folder, kind == SECRET, &set, err) < 0 ||
                   add_linked(folder, &set, err) < 0)) ||
        read_given(name, given, &set, &found, err) < 0)
        goto failed;
    if (!found)
        return SECRET_NONE;
    *ret = set;
    set = (struct secret_set){0};
    return 0;
failed:
    err->code = DH_FAILED;
    return dh_while(err, "%s '%.80s'", secret_kind_name(kind), name);
}

int secret_put(const char *home, enum secret_kind kind, const char *name,
               const struct secret_set *set, struct dh_err *err)
{
    own_mem char *folder = NULL;

    if (check_name("name", name, err) < 0)
        return -1;
    for (size_t i = 0; i < set->n; i++)
        if (check_name("key", set->items[i].key, err) < 0)
            return -1;
    folder = set_folder(home, kind, name);
    if (fs_mkdirs(folder, 0700, err) < 0)
        return -1;
    for (size_t i = 0; i < set->n; i++) {
        own_mem char *file = fs_join(folder, set->items[i].key);

        if (fs_write(file, set->items[i].bytes, set->items[i].n, 0600, err) < 0)
            return -1;
    }
    return 0;
}

int secret_remove(const char *home, enum secret_kind kind, const char *name, const char *key,
                  struct dh_err *err)
{
    own_mem char *folder = NULL;
    own_mem char *file = NULL;
    own(js_free) struct js *links = NULL;

    if (check_name("name", name, err) < 0 || (key && check_name("key", key, err) < 0))
        return -1;
    folder = set_folder(home, kind, name);
    if (!fs_is_dir(folder))
        return dh_fail(err, DH_NOT_FOUND, "no %s '%s'", secret_kind_name(kind), name);
    if (!key)
        return fs_remove_tree(folder, err);
    if (read_links(folder, &links, err) < 0)
        return -1;
    if (js_remove(links, key))
        return write_links(folder, links, err);
    file = fs_join(folder, key);
    if (!fs_exists(file))
        return dh_fail(err, DH_NOT_FOUND, "%s '%s' has no key '%s'", secret_kind_name(kind), name,
                       key);
    return fs_unlink(file, err);
}

/* ---- for artifacts' URIs ---- */

static int read_for_artifact(void *user, const char *name, const char *key, char **ret,
                             struct dh_err *err)
{
    own_secret struct secret_set set = {0};
    const struct secret_key *found;
    int rc = secret_read(user, SECRET, name, NULL, &set, err);

    *ret = NULL;
    if (rc < 0)
        return -1;
    found = rc == 0 ? secret_find(&set, key) : NULL;
    if (found)
        *ret = dh_strndup(found->bytes, strcspn(found->bytes, "\r\n"));
    return 0;
}

/* As AWS's tools run it; what goes wrong is told by its own words. */
static int run_for_artifact(const char *line, struct buf *out, struct dh_err *err)
{
    own_mem char *copy = dh_strdup(line);
    char *const argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, copy, NULL};

    if (command_do(argv, PROGRAM_TIMEOUT_MS, NULL, out, err) == 0)
        return 0;
    if (err && err->code == DH_FAILED) /* that word is for runs */
        err->code = DH_IO;
    return -1;
}

void secret_serve_artifacts(const char *home)
{
    static char *kept; /* to the program's end */

    free(kept);
    kept = dh_strdup(home);
    artifact_use_secrets(read_for_artifact, kept);
    artifact_use_commands(run_for_artifact);
    artifact_use_settings(providers_settings, kept);
}

/* ---- listing ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct secret_name *)a)->name, ((const struct secret_name *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_keys(const char *folder, struct secret_name *to, struct dh_err *err)
{
    own(js_free) struct js *links = NULL;
    DIR *dir = opendir(folder);
    size_t n = 0, cap = 0;

    if (!dir)
        return dh_fail_errno(err, "reading %s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        own_mem char *file = fs_join(folder, e->d_name);
        struct stat st;

        if (e->d_name[0] == '.' || stat(file, &st) != 0)
            continue;
        if ((int64_t)st.st_mtim.tv_sec * 1000000 > to->changed_us)
            to->changed_us = (int64_t)st.st_mtim.tv_sec * 1000000;
        DH_GROW(to->keys, n, cap);
        to->keys[n++] = dh_strdup(e->d_name);
    }
    (void)closedir(dir);
    if (read_links(folder, &links, err) < 0)
        return -1;
    for (js_each(links, it)) {
        DH_GROW(to->keys, n, cap);
        to->keys[n++] = dh_printf("%s%s(%s)", it.key, *it.key ? " " : "", js_text(it.value));
    }
    if (n)
        qsort(to->keys, n, sizeof *to->keys, by_text);
    DH_GROW(to->keys, n, cap);
    to->keys[n] = NULL;
    return 0;
}

void secret_names_done(struct secret_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->items[i].name);
        strv_free(names->items[i].keys);
    }
    free(names->items);
    *names = (struct secret_names){0};
}

int secret_list(const char *home, enum secret_kind kind, struct secret_names *ret,
                struct dh_err *err)
{
    own_mem char *all = kind_folder(home, kind);
    own_secret_names struct secret_names names = {0};
    DIR *dir = opendir(all);
    int rc = 0;

    if (!dir && errno != ENOENT)
        return dh_fail_errno(err, "reading %s", all);
    for (struct dirent *e; rc == 0 && dir && (e = readdir(dir));) {
        own_mem char *folder = fs_join(all, e->d_name);

        if (e->d_name[0] == '.' || !fs_is_dir(folder))
            continue;
        DH_GROW(names.items, names.n, names.cap);
        names.items[names.n] = (struct secret_name){.name = dh_strdup(e->d_name)};
        rc = list_keys(folder, &names.items[names.n++], err);
    }
    if (dir)
        (void)closedir(dir);
    if (rc < 0)
        return -1;
    if (names.n)
        qsort(names.items, names.n, sizeof *names.items, by_name);
    *ret = names;
    names = (struct secret_names){0};
    return 0;
}
