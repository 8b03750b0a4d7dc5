/* pin - the images of a compiled pipeline, and how they are fixed to what they are today.
 *
 * Only the images change, in the text as it is: comments, order and form stay, so that a review
 * sees what was changed. The result is read again and compared before it is written. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/pipeline.h"
#include "spec/kubernetes.h"
#include "spec/spec.h"

#define DIGEST_MARK "@sha256:"

struct image {
    const char *name; /* as in the pipeline; borrowed from its spec */
    char *pinned;     /* NULL: nothing is known of it */
    size_t n_executors;
};
struct images {
    struct image *items;
    size_t n, cap;
};

static void images_done(struct images *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].pinned);
    free(list->items);
}
#define own_images __attribute__((cleanup(images_done)))

static void add_image(struct images *list, const char *name)
{
    if (!name || !*name)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (!strcmp(list->items[i].name, name)) {
            list->items[i].n_executors++;
            return;
        }
    DH_GROW(list->items, list->n, list->cap);
    list->items[list->n++] = (struct image){.name = name, .n_executors = 1};
}

static void collect(const struct spec *spec, struct images *list)
{
    const struct executor_map *executors = &spec->pipeline.deployment_spec.executors;

    for (size_t i = 0; i < executors->n; i++) {
        const struct executor_spec *e = &executors->items[i];
        const struct kubernetes_executor_config *k = spec_kubernetes(spec, e->name);

        if (e->container)
            add_image(list, e->container->image);
        for (size_t j = 0; k && j < k->init_containers.n; j++)
            add_image(list, k->init_containers.items[j].image);
    }
}

/* "sha256:" and 64 hex digits, to the end. */
static bool is_digest(const char *s)
{
    unsigned char raw[DIGEST_RAW];

    return !strncmp(s, "sha256:", 7) && strlen(s) == 7 + 64 && digest_unhex(s + 7, raw) == 0;
}

static bool is_pinned(const char *image)
{
    const char *mark = strstr(image, DIGEST_MARK);

    return mark && is_digest(mark + 1);
}

/* ---- what is known ---- */

/* A digest goes behind the image's own name; anything else is a whole image with a digest. */
static int give(struct images *list, const char *name, const char *value, struct dh_err *err)
{
    size_t n = strcspn(name, "@");

    if (!is_digest(value) && !is_pinned(value))
        return dh_fail(err, DH_INVALID, "'%s': '%s' is neither sha256:… nor an image with a digest",
                       name, value);
    for (const char *c = value; *c; c++)
        if (*c <= ' ' || *c >= 127 || strchr("\"'#{}[],", *c))
            return dh_fail(err, DH_INVALID, "'%s': an image has no such characters", value);
    for (size_t i = 0; i < list->n; i++) {
        struct image *image = &list->items[i];

        /* One that was pinned before is pinned anew. */
        if (strcspn(image->name, "@") != n || strncmp(image->name, name, n) != 0)
            continue;
        free(image->pinned);
        image->pinned =
            is_digest(value) ? dh_printf("%.*s@%s", (int)n, image->name, value) : dh_strdup(value);
    }
    return 0;
}

static int give_file(const char *file, struct images *list, struct dh_err *err)
{
    own(js_free) struct js *map = NULL;

    if (js_parse_file(file, LIMIT_PARAMS_BYTES, &map, err) < 0)
        return -1;
    if (!js_is(map, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "%s: expected an object of images and digests", file);
    for (js_each(map, it)) {
        if (!js_text(it.value))
            return dh_fail(err, DH_INVALID, "%s: '%s': expected a text", file, it.key);
        if (give(list, it.key, js_text(it.value), err) < 0)
            return dh_while(err, "%s", file);
    }
    return 0;
}

static int give_all(const struct cli_args *args, struct images *list, struct dh_err *err)
{
    const char *one;

    for (size_t i = 0; (one = cli_get_at(args, "map", i)); i++)
        if (give_file(one, list, err) < 0)
            return -1;
    for (size_t i = 0; (one = cli_get_at(args, "image", i)); i++) {
        const char *value = strchr(one, '=');
        own_mem char *name = value ? dh_strndup(one, (size_t)(value - one)) : NULL;

        if (!name)
            return dh_fail(err, DH_INVALID, "--image %s: expected IMAGE=DIGEST", one);
        if (give(list, name, value + 1, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the text ---- */

static size_t blanks(const char *s)
{
    return strspn(s, " \t");
}

/* Where the value of a key `image` begins at `at`; NULL: none does. *ret_quote: its quote, or 0. */
static const char *image_value(const char *text, const char *at, char *ret_quote)
{
    const char before = at > text ? at[-1] : '\n';
    const bool quoted = before == '"' || before == '\'';

    if (!quoted && !strchr(" \t\n\r{,", before))
        return NULL;
    at += strlen("image");
    if (quoted && *at++ != before)
        return NULL;
    at += blanks(at);
    if (*at++ != ':')
        return NULL;
    at += blanks(at);
    *ret_quote = *at == '"' || *at == '\'' ? *at : '\0';
    return *ret_quote ? at + 1 : at;
}

static const struct image *image_at(const struct images *list, const char *value, char quote)
{
    for (size_t i = 0; i < list->n; i++) {
        size_t n = strlen(list->items[i].name);
        char end;

        if (!list->items[i].pinned || strncmp(value, list->items[i].name, n) != 0)
            continue;
        end = value[n];
        if (quote ? end == quote : !end || strchr(" \t\r\n,}", end))
            return &list->items[i];
    }
    return NULL;
}

static void edit(const char *text, const struct images *list, struct buf *to)
{
    const char *from = text;

    for (const char *at = text; (at = strstr(at, "image")); at++) {
        char quote = '\0';
        const char *value = image_value(text, at, &quote);
        const struct image *image = value ? image_at(list, value, quote) : NULL;

        if (!image)
            continue;
        buf_add(to, from, (size_t)(value - from));
        buf_adds(to, image->pinned);
        from = value + strlen(image->name);
    }
    buf_adds(to, from);
}

/* The same but for the images of containers, and those are the pinned ones? `place` is the key that
 * the value is below. */
static bool is_as_meant(const struct images *list, const char *place, const struct js *a,
                        const struct js *b);

static bool member_is_as_meant(const struct images *list, const char *place, const char *key,
                               const struct js *a, const struct js *b)
{
    const bool container = !strcmp(place, "container") || !strcmp(place, "initContainers");

    if (container && !strcmp(key, "image"))
        for (size_t i = 0; i < list->n; i++)
            if (list->items[i].pinned && !strcmp(list->items[i].name, js_text(a) ? js_text(a) : ""))
                return js_text(b) && !strcmp(list->items[i].pinned, js_text(b));
    return is_as_meant(list, key, a, b);
}

static bool is_as_meant(const struct images *list, const char *place, const struct js *a,
                        const struct js *b)
{
    if (js_kind(a) != js_kind(b) || js_n(a) != js_n(b))
        return false;
    if (js_is(a, JS_OBJECT)) {
        for (js_each(a, it))
            if (!member_is_as_meant(list, place, it.key, it.value, js_get(b, it.key)))
                return false;
        return true;
    }
    if (js_is(a, JS_ARRAY)) {
        for (size_t i = 0; i < js_n(a); i++)
            if (!is_as_meant(list, place, js_at(a, i), js_at(b, i)))
                return false;
        return true;
    }
    return js_equal(a, b);
}

static int write_pinned(const char *file, const char *to, const struct spec *spec,
                        const struct images *list, struct dh_err *err)
{
    own_mem char *text = NULL;
    own_buf struct buf out = {0};
    own(spec_free) struct spec *again = NULL;
    own(js_free) struct js *before = NULL, *after = NULL;
    size_t n = 0;

    if (fs_read(file, LIMIT_PIPELINE_BYTES, &text, &n, err) < 0)
        return -1;
    if (strlen(text) != n)
        return dh_fail(err, DH_INVALID, "%s: an archive is not changed; unpack it first", file);
    edit(text, list, &out);
    if (spec_load_bytes(file, buf_str(&out), out.n, &again, NULL, err) < 0)
        return dh_while(err, "after its images were pinned");
    before = spec_to_json(spec);
    after = spec_to_json(again);
    if (!is_as_meant(list, "", before, after))
        return dh_fail(err, DH_INVALID,
                       "%s: its images are written in a way that cannot be changed "
                       "in place",
                       file);
    if (to)
        return fs_write(to, out.p, out.n, 0644, err);
    (void)fwrite(out.p, 1, out.n, stdout);
    return 0;
}

/* ---- the command ---- */

static void print_list(const struct cli *cli, const struct images *list)
{
    own(out_table_free) struct out_table *table = NULL;

    if (cli->json) {
        own(js_free) struct js *all = js_array();

        for (size_t i = 0; i < list->n; i++) {
            struct js *one = js_object();

            js_set(one, "image", js_str(list->items[i].name));
            js_set(one, "pinned", js_bool(is_pinned(list->items[i].name)));
            js_set(one, "executors", js_int((int64_t)list->items[i].n_executors));
            js_push(all, one);
        }
        out_json(all, stdout);
        return;
    }
    table = out_table_new(stdout, cli->color);
    out_column(table, "image", OUT_LEFT);
    out_column(table, "pinned", OUT_LEFT);
    out_column(table, "executors", OUT_RIGHT);
    for (size_t i = 0; i < list->n; i++) {
        out_cell(table, list->items[i].name, OUT_PLAIN);
        out_cell(table, is_pinned(list->items[i].name) ? "yes" : "no", OUT_PLAIN);
        out_cellf(table, "%zu", list->items[i].n_executors);
    }
    out_table_print(table, "");
}

/* Says which images stay without a digest; how many. */
static size_t tell_loose(const struct images *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i].pinned && !is_pinned(list->items[i].name)) {
            (void)fprintf(stderr, "not pinned: %s\n", list->items[i].name);
            n++;
        }
    return n;
}

static int run_pin(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *file = cli_at(args, 0);
    const bool writes = cli_has(args, "map") || cli_has(args, "image");
    own(spec_free) struct spec *spec = NULL;
    own_images struct images list = {0};

    if (!writes && cli_has(args, "to"))
        return dh_fail(err, DH_INVALID, "--to without --map or --image: there is nothing to pin");
    if (spec_load_file(file, &spec, NULL, err) < 0)
        return -1;
    collect(spec, &list);
    if (give_all(args, &list, err) < 0)
        return -1;
    if (!writes && !cli_has(args, "check")) {
        print_list(cli, &list);
        return CLI_DONE;
    }
    if (tell_loose(&list) > 0 && cli_has(args, "check"))
        return dh_fail(err, DH_FAILED, "%s has images without a digest", file);
    if (writes && write_pinned(file, cli_get(args, "to"), spec, &list, err) < 0)
        return -1;
    return CLI_DONE;
}

static const struct cli_option options[] = {
    {.name = "map",
     .value = "FILE",
     .kind = CLI_FILE,
     .repeats = true,
     .help = "JSON: {\"IMAGE\": \"sha256:…\"}, or another image with a digest"},
    {.name = "image", .value = "IMAGE=DIGEST", .repeats = true, .help = "one more of these"},
    {.name = "to",
     .letter = 'o',
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "where the pipeline is written (default: standard output)"},
    {.name = "check", .help = "exit status 1 where an image is left without a digest"},
    {.name = NULL},
};

const struct cli_command cmd_pin = {
    .name = "pin",
    .group = "Pipelines",
    .summary = "fix the images of a compiled pipeline to digests, or list them",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = options,
    .text = "Writes name:tag@sha256:… for each image that is in the map; the rest of the file "
            "stays as\n"
            "it is, to the byte. The same map gives the same file. Without a map, the images are "
            "listed.",
    .examples = "dhow pin pipeline.yaml --map images.json -o pinned.yaml --check\n"
                "  for a build server: all images, or exit status 1",
    .run = run_pin,
};
