#include "cli/pipeline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/out.h"
#include "spec/params.h"

static int read_stdin(struct buf *b, struct dh_err *err)
{
    char bytes[65536];
    ssize_t n;

    while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dh_fail_errno(err, "standard input");
        buf_add(b, bytes, (size_t)n);
        if (b->n > LIMIT_PIPELINE_BYTES)
            return dh_fail(err, DH_INVALID,
                           "standard input is larger than a pipeline may be (%zu MiB)",
                           LIMIT_PIPELINE_BYTES >> 20);
    }
    return 0;
}

int cli_spec_load(const char *file, struct spec **ret, struct spec_notes *notes, struct dh_err *err)
{
    own_buf struct buf b = {0};

    if (!*file)
        return dh_fail(err, DH_INVALID, "the name of the pipeline's file is empty");
    if (strcmp(file, "-") != 0)
        return spec_load_file(file, ret, notes, err);
    if (read_stdin(&b, err) < 0)
        return -1;
    return spec_load_bytes("<stdin>", buf_str(&b), b.n, ret, notes, err);
}

void cli_print_notes(const struct cli *cli, const struct spec_notes *notes, const char *said)
{
    for (size_t i = 0; i < notes->n; i++) {
        const struct spec_note *note = &notes->items[i];
        bool warning = note->kind == SPEC_WARNING;

        if (said && (warning || strstr(said, note->text)))
            continue;
        fprintf(stderr, "%s%s%s %s\n", out_on(cli->err_color, warning ? OUT_YELLOW : OUT_RED),
                warning ? "warning:" : "error:", out_off(cli->err_color), note->text);
    }
    if (notes->n_dropped)
        fprintf(stderr, "… and %zu more\n", notes->n_dropped);
}

static int read_params_file(const char *path, struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *given = NULL;

    if (js_parse_file(path, LIMIT_PARAMS_BYTES, &given, err) < 0)
        return dh_while(err, "--params");
    if (!js_is(given, JS_OBJECT))
        return dh_fail(err, DH_INVALID,
                       "--params %s: expected a JSON object {\"name\": value, …}, got %s %s", path,
                       js_is(given, JS_ARRAY) ? "an" : "a", js_kind_name(given));
    *ret = take(&given);
    return 0;
}

static int read_param(const struct spec *spec, const char *text, struct js *given,
                      struct dh_err *err)
{
    const char *equals = strchr(text, '=');
    own_mem char *name = equals ? dh_strndup(text, (size_t)(equals - text)) : NULL;
    const struct component_inputs_parameter_spec *input;
    struct js *value = NULL;

    if (!equals || equals == text)
        return dh_fail(err, DH_INVALID, "-p %s: expected NAME=VALUE", text);
    input = spec_root_param(spec, name, err);
    if (!input)
        return -1;
    if (spec_parse_param(input->parameter_type, equals + 1, &value, err) < 0)
        return dh_while(err, "-p %s", name);
    js_set(given, name, value);
    return 0;
}

int cli_params(const struct spec *spec, const struct cli_args *args, struct js **ret,
               struct dh_err *err)
{
    own(js_free) struct js *given = NULL;
    const char *file = cli_get(args, "params"), *text;

    if (file && read_params_file(file, &given, err) < 0)
        return -1;
    if (!given)
        given = js_object();
    for (size_t i = 0; (text = cli_get_at(args, "param", i)); i++)
        if (read_param(spec, text, given, err) < 0)
            return -1;
    *ret = take(&given);
    return 0;
}
