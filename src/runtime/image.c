#include "runtime/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/command.h"
#include "runtime/image-priv.h"

#define PULL_MS (2 * 60 * 60 * 1000)

void image_done(struct image *image)
{
    free(image->id);
    free(image->rootfs);
    js_free(image->config);
    *image = (struct image){0};
}

/* ---- names ---- */

enum kind { KIND_REGISTRY, KIND_LAYOUT, KIND_LAYOUT_ARCHIVE, KIND_SAVED_ARCHIVE };

static const struct {
    const char *prefix;
    enum kind kind;
} prefixes[] = {{"oci:", KIND_LAYOUT},
                {"oci-archive:", KIND_LAYOUT_ARCHIVE},
                {"docker-archive:", KIND_SAVED_ARCHIVE},
                {"docker://", KIND_REGISTRY}};

static enum kind kind_of(const char *name, const char **ret_rest)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i].prefix);

        if (!strncmp(name, prefixes[i].prefix, n)) {
            *ret_rest = name + n;
            return prefixes[i].kind;
        }
    }
    *ret_rest = name;
    return KIND_REGISTRY;
}

bool image_is_local(const char *name)
{
    const char *rest;

    return kind_of(name, &rest) != KIND_REGISTRY;
}

/* As docker reads a name: the first part is a host where it has a dot or a port, or is localhost.
 */
char *image_normal_name(const char *name)
{
    const char *slash, *last, *tag;
    own_mem char *full = NULL;
    size_t n;

    (void)kind_of(name, &name);
    slash = strchr(name, '/');
    n = slash ? (size_t)(slash - name) : 0;
    if (!slash)
        full = dh_printf("docker.io/library/%s", name);
    else if (!memchr(name, '.', n) && !memchr(name, ':', n) && strncmp(name, "localhost/", 10) != 0)
        full = dh_printf("docker.io/%s", name);
    else
        full = dh_strdup(name);
    last = strrchr(full, '/');
    tag = strpbrk(last, ":@");
    return tag ? take(&full) : dh_printf("%s:latest", full);
}

/* "FOLDER:TAG" → both; a path may have colons, a tag has no slash. *ret_tag NULL: none. */
static void split_tag(const char *text, char **ret_path, char **ret_tag)
{
    const char *colon = strrchr(text, ':');

    *ret_tag = NULL;
    if (!colon || fs_exists(text)) {
        *ret_path = fs_absolute(text);
        return;
    }
    /* docker-archive:FILE:NAME:TAG - the name has a colon of its own */
    for (const char *at = strchr(text, ':'); at; at = strchr(at + 1, ':')) {
        own_mem char *path = dh_strndup(text, (size_t)(at - text));

        if (fs_exists(path)) {
            *ret_path = fs_absolute(path);
            *ret_tag = dh_strdup(at + 1);
            return;
        }
    }
    own_mem char *path = dh_strndup(text, (size_t)(colon - text));

    *ret_path = fs_absolute(path);
    *ret_tag = dh_strdup(colon + 1);
}

char *image_file(const char *name)
{
    own_mem char *tag = NULL;
    const char *rest;
    char *path;

    (void)kind_of(name, &rest);
    split_tag(rest, &path, &tag);
    return path;
}

/* What changes when an archive or layout does. */
static char *stamp_of(const char *path)
{
    own_mem char *index = fs_join(path, "index.json");
    struct stat st;

    if (stat(fs_is_dir(path) ? index : path, &st) < 0)
        return dh_strdup("");
    return dh_printf("%lld.%09ld.%lld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                     (long long)st.st_size);
}

/* The key in names.json, and the stamp that must fit there. */
static char *key_of(const char *name, char **ret_stamp)
{
    own_mem char *path = NULL;
    own_mem char *tag = NULL;
    const char *rest;

    *ret_stamp = NULL;
    if (kind_of(name, &rest) == KIND_REGISTRY)
        return image_normal_name(name);
    split_tag(rest, &path, &tag);
    *ret_stamp = stamp_of(path);
    return dh_printf("%.*s%s%s%s", (int)(rest - name), name, path, tag ? ":" : "", tag ? tag : "");
}

/* ---- the store ---- */

static int lock_store(const char *home, char **ret_folder, int *ret_fd, struct dh_err *err)
{
    own_mem char *folder = fs_join(home, "images");
    own_mem char *file = fs_join(folder, "lock");
    int fd;

    if (fs_mkdirs(folder, 0755, err) < 0)
        return -1;
    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return dh_fail_errno(err, "cannot open %s", file);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            (void)close(fd);
            return dh_fail_errno(err, "cannot lock %s", file);
        }
    *ret_folder = take(&folder);
    *ret_fd = fd;
    return 0;
}

static int read_names(const char *folder, struct js **ret, struct dh_err *err)
{
    own_mem char *file = fs_join(folder, "names.json");

    if (!fs_exists(file)) {
        *ret = js_object();
        return 0;
    }
    return js_parse_file(file, LIMIT_IMAGE_JSON, ret, err) < 0 ? dh_while(err, "%s", file) : 0;
}

static int write_names(const char *folder, const struct js *names, struct dh_err *err)
{
    own_mem char *file = fs_join(folder, "names.json");
    own_mem char *text = js_dump(names, JS_PRETTY);

    return fs_write(file, text, strlen(text), 0644, err);
}

/* Of a process that is no more. */
static bool is_left_over(const char *name)
{
    long pid;

    if (!strncmp(name, ".new-", 5))
        return true; /* under the lock nobody else is loading */
    if (strncmp(name, ".pull-", 6) != 0)
        return false;
    pid = strtol(name + 6, NULL, 10);
    return pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* What a killed load or pull has left. */
static void remove_left_overs(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (is_left_over(e->d_name)) {
            own_mem char *path = fs_join(folder, e->d_name);

            (void)fs_remove_tree(path, NULL);
        }
    if (d)
        (void)closedir(d);
}

static int open_image(const char *folder, const char *id, struct image *ret, struct dh_err *err)
{
    own_mem char *about = dh_printf("%s/%s/image.json", folder, id);
    own(js_free) struct js *json = NULL;

    if (js_parse_file(about, LIMIT_IMAGE_JSON, &json, err) < 0)
        return dh_while(err, "%s", about);
    *ret = (struct image){.id = dh_strdup(id),
                          .rootfs = dh_printf("%s/%s/rootfs", folder, id),
                          .config = js_ref(js_get(json, "config"))};
    return 0;
}

int image_find(const char *home, const char *name, struct image *ret, struct dh_err *err)
{
    own_mem char *folder = fs_join(home, "images");
    own_mem char *stamp = NULL;
    own_mem char *key = key_of(name, &stamp);
    own_mem char *about = NULL;
    own(js_free) struct js *names = NULL;
    const struct js *entry;
    const char *id;

    if (read_names(folder, &names, err) < 0)
        return -1;
    entry = js_get(names, key);
    id = js_get_text(entry, "id");
    if (!id || (stamp && js_get_text(entry, "stamp") && strcmp(stamp, js_get_text(entry, "stamp"))))
        return IMAGE_MISSING;
    about = dh_printf("%s/%s/image.json", folder, id);
    return fs_exists(about) ? open_image(folder, id, ret, err) : IMAGE_MISSING;
}

/* ---- loading ---- */

static int unpack_layers(const struct image_source *s, const char *rootfs, struct layer_use *use,
                         struct dh_err *err)
{
    if (fs_mkdirs(rootfs, 0755, err) < 0)
        return -1;
    for (size_t i = 0; i < s->n_layers; i++)
        if (layer_unpack(s->layers[i].file, s->layers[i].digest, s->layers[i].diff_id, rootfs, use,
                         err) < 0)
            return dh_while(err, "layer %zu of %zu", i + 1, s->n_layers);
    return 0;
}

static int make_image(const char *folder, const struct image_source *s, const char *fresh,
                      struct dh_err *err)
{
    own_mem char *place = fs_join(folder, s->id);
    own_mem char *made = fs_join(fresh, "image");
    own_mem char *rootfs = fs_join(made, "rootfs");
    own_mem char *about = fs_join(made, "image.json");
    own_mem char *text = NULL;
    own(js_free) struct js *json = js_object();
    struct layer_use use = {0};
    char now[CLOCK_TEXT];

    if (unpack_layers(s, rootfs, &use, err) < 0)
        return -1;
    js_set(json, "config", js_ref(s->config));
    js_set(json, "bytes", js_int(use.bytes));
    js_set(json, "files", js_int(use.files));
    js_set(json, "loaded_at", js_str(clock_text(clock_now_us(), now)));
    text = js_dump(json, JS_PRETTY);
    if (fs_write(about, text, strlen(text), 0644, err) < 0 ||
        fs_remove_tree(place, err) < 0) /* one without image.json was never finished */
        return -1;
    return fs_rename(made, place, err);
}

/* The folder in which the source's files are: itself, or an archive unpacked below `fresh`. */
static int open_source(const char *path, const char *fresh, char **ret, struct dh_err *err)
{
    own_mem char *unpacked = NULL;

    if (!fs_exists(path))
        return dh_fail(err, DH_NOT_FOUND, "there is no file or folder %s", path);
    if (fs_is_dir(path)) {
        *ret = dh_strdup(path);
        return 0;
    }
    unpacked = fs_join(fresh, "archive");
    if (fs_mkdirs(unpacked, 0755, err) < 0 || archive_unpack(path, unpacked, err) < 0)
        return -1;
    *ret = take(&unpacked);
    return 0;
}

static void put_name(struct js *names, const char *key, const char *id, const char *stamp)
{
    struct js *entry = js_object();

    js_set(entry, "id", js_str(id));
    if (stamp)
        js_set(entry, "stamp", js_str(stamp));
    js_set(names, key, entry);
}

static void name_image(struct js *names, const char *source, const char *stamp, const char *name,
                       const struct image_source *s)
{
    own_mem char *unused = NULL;
    own_mem char *key = name ? key_of(name, &unused) : NULL;

    if (key) {
        put_name(names, key, s->id, NULL);
        return;
    }
    put_name(names, source, s->id, stamp);
    for (size_t i = 0; i < js_n(s->names); i++) {
        own_mem char *own_name =
            js_text(js_at(s->names, i)) ? image_normal_name(js_text(js_at(s->names, i))) : NULL;

        if (own_name)
            put_name(names, own_name, s->id, NULL);
    }
}

static int load_into(const char *folder, const char *source, const char *name, const char *fresh,
                     struct image *ret, struct dh_err *err)
{
    own_mem char *path = NULL, *tag = NULL, *at = NULL, *stamp = NULL, *key = NULL, *about = NULL;
    own(js_free) struct js *names = NULL;
    struct image_source s = {0};
    const char *rest;
    int rc = 0;

    (void)kind_of(source, &rest);
    split_tag(rest, &path, &tag);
    stamp = stamp_of(path);
    key =
        dh_printf("%.*s%s%s%s", (int)(rest - source), source, path, tag ? ":" : "", tag ? tag : "");
    if (open_source(path, fresh, &at, err) < 0 || image_source_read(at, tag, &s, err) < 0 ||
        read_names(folder, &names, err) < 0) {
        image_source_done(&s);
        return -1;
    }
    about = dh_printf("%s/%s/image.json", folder, s.id);
    if (!fs_exists(about))
        rc = make_image(folder, &s, fresh, err);
    if (rc == 0) {
        name_image(names, key, stamp, name, &s);
        rc = write_names(folder, names, err);
    }
    if (rc == 0 && ret)
        rc = open_image(folder, s.id, ret, err);
    image_source_done(&s);
    return rc;
}

static char *fresh_folder(const char *folder)
{
    static atomic_uint count;

    return dh_printf("%s/.new-%d-%u", folder, (int)getpid(), atomic_fetch_add(&count, 1));
}

int image_load(const char *home, const char *source, const char *name, struct image *ret,
               struct dh_err *err)
{
    own_mem char *folder = NULL;
    own_mem char *fresh = NULL;
    own_fd int lock = -1;
    int rc;

    if (lock_store(home, &folder, &lock, err) < 0)
        return -1;
    remove_left_overs(folder);
    fresh = fresh_folder(folder);
    rc = fs_mkdirs(fresh, 0755, err);
    if (rc == 0)
        rc = load_into(folder, source, name, fresh, ret, err);
    (void)fs_remove_tree(fresh, NULL);
    return rc < 0 ? dh_while(err, "image %s", source) : 0;
}

int image_pull(const char *home, const char *name, const atomic_bool *stop, struct dh_err *err)
{
    own_mem char *skopeo = command_find("skopeo");
    own_mem char *full = image_normal_name(name);
    own_mem char *folder = fs_join(home, "images");
    own_mem char *fresh = NULL;
    own_mem char *source = NULL;
    own_args struct args a = {0};
    int rc;

    if (!skopeo)
        return dh_fail(err, DH_FAILED,
                       "image %s is not on this machine, and there is nothing to fetch it with: "
                       "install skopeo (or docker, or podman), or load it from a file",
                       name);
    fresh = dh_printf("%s/.pull-%d-%p", folder, (int)getpid(), (const void *)stop);
    if (fs_mkdirs(fresh, 0755, err) < 0)
        return -1;
    source = dh_printf("oci:%s:pulled", fresh);
    args_adds(&a, skopeo, "copy", "--quiet", NULL);
    if (!fs_exists("/etc/containers/policy.json")) /* skopeo does nothing without one */
        args_add(&a, "--insecure-policy");
    args_addf(&a, "docker://%s", full);
    args_add(&a, source);
    rc = command_do(a.v, PULL_MS, stop, NULL, err);
    if (rc == 0)
        rc = image_load(home, source, full, NULL, err);
    (void)fs_remove_tree(fresh, NULL);
    return rc < 0 ? dh_while(err, "fetching image %s", name) : 0;
}

/* ---- keeping ---- */

int image_list(const char *home, struct js **ret, struct dh_err *err)
{
    own_mem char *folder = fs_join(home, "images");
    own(js_free) struct js *names = NULL;
    own(js_free) struct js *by_id = js_object();

    if (read_names(folder, &names, err) < 0)
        return -1;
    for (js_each(names, it)) {
        const char *id = js_get_text(it.value, "id");
        own_mem char *about = dh_printf("%s/%s/image.json", folder, id ? id : "");
        struct js *row = id ? js_get(by_id, id) : NULL, *json = NULL;

        if (!row) {
            if (!id || js_parse_file(about, LIMIT_IMAGE_JSON, &json, NULL) < 0)
                continue;
            row = js_object();
            js_set(row, "id", js_str(id));
            js_set(row, "names", js_array());
            js_set(row, "bytes", js_int(js_get_int(json, "bytes", 0)));
            js_set(row, "loaded_at", js_str(js_get_text(json, "loaded_at")));
            js_free(json);
            js_set(by_id, id, row);
        }
        js_push(js_get(row, "names"), js_str(it.key));
    }
    *ret = js_array();
    for (js_each(by_id, it))
        js_push(*ret, js_ref(it.value));
    return 0;
}

static bool is_named(const struct js *names, const char *id)
{
    for (js_each(names, it))
        if (js_get_text(it.value, "id") && !strcmp(js_get_text(it.value, "id"), id))
            return true;
    return false;
}

/* The names without those that are `key` or mean the image `key`. */
static struct js *without(const struct js *names, const char *key, char **ret_id)
{
    struct js *rest = js_object();

    for (js_each(names, it)) {
        const char *id = js_get_text(it.value, "id");

        if (id && (!strcmp(it.key, key) || !strcmp(id, key))) {
            free(*ret_id);
            *ret_id = dh_strdup(id);
        } else {
            js_set(rest, it.key, js_ref(it.value));
        }
    }
    return rest;
}

int image_remove(const char *home, const char *name_or_id, struct dh_err *err)
{
    own_mem char *folder = NULL, *stamp = NULL, *id = NULL, *place = NULL;
    own_mem char *key = key_of(name_or_id, &stamp);
    own(js_free) struct js *names = NULL;
    own(js_free) struct js *rest = NULL;
    own_fd int lock = -1;

    if (lock_store(home, &folder, &lock, err) < 0 || read_names(folder, &names, err) < 0)
        return -1;
    rest = without(names, strlen(name_or_id) == 64 ? name_or_id : key, &id);
    if (!id)
        return dh_fail(err, DH_NOT_FOUND, "there is no image '%s'", name_or_id);
    if (write_names(folder, rest, err) < 0)
        return -1;
    place = fs_join(folder, id);
    return is_named(rest, id) ? 0 : fs_remove_tree(place, err);
}
