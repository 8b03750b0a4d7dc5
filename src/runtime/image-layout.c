/* What the folders of the two image formats say: an OCI layout, and what `docker save` writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "runtime/image-priv.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define IMAGE_NAME "io.containerd.image.name"
#define INDEX_DEPTH 4

int image_hex(const char *digest, const char **ret_hex, struct dh_err *err)
{
    const char *hex = digest && !strncmp(digest, "sha256:", 7) ? digest + 7 : NULL;

    if (!hex || strspn(hex, "0123456789abcdef") != 64 || hex[64])
        return dh_fail(err, DH_INVALID, "'%.80s' is no SHA-256 digest", digest ? digest : "");
    *ret_hex = hex;
    return 0;
}

void image_source_done(struct image_source *s)
{
    for (size_t i = 0; i < s->n_layers; i++) {
        free(s->layers[i].file);
        free(s->layers[i].digest);
        free(s->layers[i].diff_id);
    }
    free(s->layers);
    free(s->id);
    js_free(s->config);
    js_free(s->names);
    *s = (struct image_source){0};
}

/* ---- pieces ---- */

/* A file of the folder, by a path that the source names. */
static int path_in(const char *folder, const char *name, char **ret, struct dh_err *err)
{
    own_mem char *path = NULL, *real = NULL, *top = NULL;

    if (!name || name[0] == '/' || strstr(name, ".."))
        return dh_fail(err, DH_INVALID, "the image names a file outside of it: '%s'",
                       name ? name : "");
    path = fs_join(folder, name);
    real = realpath(path, NULL);
    top = realpath(folder, NULL);
    if (!real || !top)
        return dh_fail(err, DH_INVALID, "the image lacks the file '%s'", name);
    if (strncmp(real, top, strlen(top)) != 0 || real[strlen(top)] != '/')
        return dh_fail(err, DH_INVALID, "the image names a file outside of it: '%s'", name);
    *ret = take(&real);
    return 0;
}

static int blob_path(const char *folder, const char *digest, char **ret, const char **ret_hex,
                     struct dh_err *err)
{
    own_mem char *name = NULL;

    if (image_hex(digest, ret_hex, err) < 0)
        return -1;
    name = dh_printf("blobs/sha256/%s", *ret_hex);
    return path_in(folder, name, ret, err);
}

static int read_json(const char *path, const char *hex, char got[DIGEST_TEXT], struct js **ret,
                     struct dh_err *err)
{
    own_mem char *text = NULL;
    size_t n;

    if (fs_read(path, LIMIT_IMAGE_JSON, &text, &n, err) < 0)
        return -1;
    (void)digest_bytes(text, n, got);
    if (hex && strcmp(hex, got) != 0)
        return dh_fail(err, DH_INVALID, "%s is damaged: its digest does not fit", path);
    return js_parse(text, n, ret, err) < 0 ? dh_while(err, "%s", path) : 0;
}

static int read_blob(const char *folder, const char *digest, struct js **ret, struct dh_err *err)
{
    own_mem char *path = NULL;
    char got[DIGEST_TEXT];
    const char *hex;

    return blob_path(folder, digest, &path, &hex, err) < 0 ? -1
                                                           : read_json(path, hex, got, ret, err);
}

static void add_layer(struct image_source *s, char *file, const char *digest, const char *diff_id)
{
    s->layers = dh_realloc(s->layers, s->n_layers + 1, sizeof *s->layers);
    s->layers[s->n_layers++] = (struct layer){file, digest ? dh_strdup(digest) : NULL,
                                              diff_id ? dh_strdup(diff_id) : NULL};
}

/* The hex digits of the i-th layer's unpacked digest; NULL: the configuration does not say. */
static const char *diff_id(const struct js *config, size_t i)
{
    const char *text = js_text(js_at(js_path(config, "rootfs", "diff_ids", NULL), i)), *hex;

    return image_hex(text, &hex, NULL) == 0 ? hex : NULL;
}

static void set_config(struct image_source *s, const struct js *config)
{
    s->config = js_get(config, "config") ? js_ref(js_get(config, "config")) : js_object();
}

/* ---- an OCI layout ---- */

static const char *machine(void)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"},    {"aarch64", "arm64"}, {"armv7l", "arm"},     {"i686", "386"},
        {"ppc64le", "ppc64le"}, {"s390x", "s390x"},   {"riscv64", "riscv64"}};
    static struct utsname u;

    (void)uname(&u);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(u.machine, names[i][0]))
            return names[i][1];
    return u.machine;
}

static bool fits_machine(const struct js *descriptor)
{
    const struct js *p = js_get(descriptor, "platform");
    const char *os = js_get_text(p, "os"), *arch = js_get_text(p, "architecture");

    return (!os || !strcmp(os, "linux")) && (!arch || !strcmp(arch, machine()));
}

static const char *tag_of(const struct js *descriptor)
{
    return js_text(js_path(descriptor, "annotations", REF_NAME, NULL));
}

static bool is_tagged(const struct js *descriptor, const char *tag)
{
    const char *name = js_text(js_path(descriptor, "annotations", IMAGE_NAME, NULL));
    const char *own = tag_of(descriptor);

    return (own && !strcmp(own, tag)) || (name && !strcmp(name, tag));
}

static int no_choice(const struct js *manifests, const char *tag, size_t n, struct dh_err *err)
{
    own_buf struct buf tags = {.max = 300};

    for (size_t i = 0; i < js_n(manifests); i++)
        if (tag_of(js_at(manifests, i)))
            buf_addf(&tags, "%s %s", tags.n ? "," : ":", tag_of(js_at(manifests, i)));
    if (tag)
        return dh_fail(err, DH_NOT_FOUND, "the layout has no image tagged '%s'%s%s", tag,
                       tags.n ? "; it has" : "", buf_str(&tags));
    if (n == 0)
        return dh_fail(err, DH_INVALID, "the image is not made for this machine (linux/%s)",
                       machine());
    return dh_fail(err, DH_INVALID, "the layout has %zu images; name one by its tag%s", n,
                   buf_str(&tags));
}

/* The one descriptor of an index that is meant. */
static int choose(const struct js *index, const char *tag, const struct js **ret,
                  struct dh_err *err)
{
    const struct js *manifests = js_get(index, "manifests"), *found = NULL;
    size_t n = 0;

    for (size_t i = 0; i < js_n(manifests); i++) {
        const struct js *d = js_at(manifests, i);
        bool attestation = js_path(d, "annotations", "vnd.docker.reference.type", NULL) != NULL;

        if (!attestation && fits_machine(d) && (!tag || is_tagged(d, tag))) {
            found = found ? found : d;
            n++;
        }
    }
    if (n != 1 && !(n > 1 && tag))
        return no_choice(manifests, tag, n, err);
    *ret = found;
    return 0;
}

static int read_manifest(const char *folder, const struct js *manifest, struct image_source *s,
                         struct dh_err *err)
{
    const struct js *layers = js_get(manifest, "layers");
    const char *config_digest = js_text(js_path(manifest, "config", "digest", NULL)), *hex;
    own(js_free) struct js *config = NULL;
    size_t n_ids;

    if (!config_digest || !js_is(layers, JS_ARRAY))
        return dh_fail(err, DH_INVALID, "the manifest names no configuration or no layers");
    if (read_blob(folder, config_digest, &config, err) < 0)
        return -1;
    n_ids = js_n(js_path(config, "rootfs", "diff_ids", NULL));
    if (n_ids && n_ids != js_n(layers))
        return dh_fail(err, DH_INVALID, "the manifest has %zu layers, its configuration %zu",
                       js_n(layers), n_ids);
    for (size_t i = 0; i < js_n(layers); i++) {
        const char *digest = js_get_text(js_at(layers, i), "digest"), *layer_hex;
        char *path;

        if (blob_path(folder, digest, &path, &layer_hex, err) < 0)
            return -1;
        add_layer(s, path, layer_hex, diff_id(config, i));
    }
    (void)image_hex(config_digest, &hex, NULL);
    s->id = dh_strdup(hex);
    set_config(s, config);
    return 0;
}

static int read_layout(const char *folder, const char *tag, struct image_source *s,
                       struct dh_err *err)
{
    own_mem char *path = NULL;
    own(js_free) struct js *at = NULL;
    char got[DIGEST_TEXT];

    if (path_in(folder, "index.json", &path, err) < 0 || read_json(path, NULL, got, &at, err) < 0)
        return -1;
    for (int depth = 0; js_get(at, "manifests") && depth < INDEX_DEPTH; depth++) {
        const struct js *d = NULL;
        struct js *next = NULL;

        if (choose(at, tag, &d, err) < 0)
            return -1;
        if (tag_of(d) && depth == 0 && strpbrk(tag_of(d), ":/")) /* else a tag without a name */
            js_push(s->names, js_str(tag_of(d)));
        tag = NULL; /* what is below has platforms, not tags */
        if (read_blob(folder, js_get_text(d, "digest"), &next, err) < 0)
            return -1;
        js_free(at);
        at = next;
    }
    return read_manifest(folder, at, s, err);
}

/* ---- what `docker save` writes ---- */

static bool has_name(const struct js *image, const char *name)
{
    const struct js *tags = js_get(image, "RepoTags");
    own_mem char *want = image_normal_name(name);

    for (size_t i = 0; i < js_n(tags); i++) {
        own_mem char *have =
            js_text(js_at(tags, i)) ? image_normal_name(js_text(js_at(tags, i))) : NULL;

        if (have && !strcmp(have, want))
            return true;
    }
    return false;
}

static int read_saved(const char *folder, const char *name, struct image_source *s,
                      struct dh_err *err)
{
    own_mem char *path = NULL;
    own_mem char *config_path = NULL;
    own(js_free) struct js *list = NULL;
    own(js_free) struct js *config = NULL;
    const struct js *image = NULL, *layers;
    char got[DIGEST_TEXT];

    if (path_in(folder, "manifest.json", &path, err) < 0 ||
        read_json(path, NULL, got, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < js_n(list) && !image; i++)
        if (!name || has_name(js_at(list, i), name))
            image = js_at(list, i);
    if (!image)
        return dh_fail(err, DH_NOT_FOUND, "the archive has no image '%s'", name ? name : "");
    if (!name && js_n(list) > 1)
        return dh_fail(err, DH_INVALID, "the archive has %zu images; name one", js_n(list));
    if (path_in(folder, js_get_text(image, "Config"), &config_path, err) < 0 ||
        read_json(config_path, NULL, got, &config, err) < 0)
        return -1;
    layers = js_get(image, "Layers");
    for (size_t i = 0; i < js_n(layers); i++) {
        char *file;

        if (path_in(folder, js_text(js_at(layers, i)), &file, err) < 0)
            return -1;
        add_layer(s, file, NULL, diff_id(config, i));
    }
    for (size_t i = 0; i < js_n(js_get(image, "RepoTags")); i++)
        js_push(s->names, js_ref(js_at(js_get(image, "RepoTags"), i)));
    s->id = dh_strdup(got);
    set_config(s, config);
    return 0;
}

int image_source_read(const char *folder, const char *tag, struct image_source *ret,
                      struct dh_err *err)
{
    own_mem char *saved = fs_join(folder, "manifest.json");
    own_mem char *index = fs_join(folder, "index.json");
    struct image_source s = {.names = js_array()};
    int rc;

    if (fs_exists(saved))
        rc = read_saved(folder, tag, &s, err);
    else if (fs_exists(index))
        rc = read_layout(folder, tag, &s, err);
    else
        rc =
            dh_fail(err, DH_INVALID,
                    "no image: neither index.json (an OCI layout) nor manifest.json (docker save)");
    if (rc < 0)
        image_source_done(&s);
    else
        *ret = s;
    return rc;
}
