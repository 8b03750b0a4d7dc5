#include "cli/pipeline-test.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/pipeline.h"
#include "cli/record.h"
#include "engine/engine.h"
#include "engine/secret.h"
#include "plan/executor_input.h"
#include "spec/doc.h"

#define SUFFIX ".test.yaml"

/* ---- reading ---- */

struct keys {
    const char *names; /* by blanks */
    const char *what;
};

static int check_map(const char *path, const struct doc_node *node, const struct keys *keys,
                     struct dh_err *err)
{
    char say[DOC_SAY];

    if (node->kind != DOC_MAP)
        return dh_fail(err, DH_INVALID, "%s:%u:%u: expected a map (%s), got %s", path, node->line,
                       node->column, keys->what, doc_say(node, say));
    for (size_t i = 0; i < node->n; i++) {
        const struct doc_node *key = doc_key(node, i);
        const char *name = key->kind == DOC_STRING ? key->text : "?", *at;
        size_t n = strlen(name);

        for (at = keys->names; (at = strstr(at, name)); at++)
            if ((at == keys->names || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
                break;
        if (!at)
            return dh_fail(err, DH_INVALID, "%s:%u:%u: %s has no '%s'; it has: %s", path, key->line,
                           key->column, keys->what, name, keys->names);
    }
    return 0;
}

static int check_case(const char *path, const struct doc_node *node, struct dh_err *err)
{
    static const struct keys top = {"name parameters stub expect secrets configs runtime jobs",
                                    "a test"};
    static const struct keys expect = {"state error ran skipped tasks outputs task_outputs",
                                       "expect"};
    static const struct keys stub = {"outputs artifacts fail", "a stub"};
    const struct doc_node *name, *part;

    if (check_map(path, node, &top, err) < 0)
        return -1;
    name = doc_get(node, "name");
    if (!name || name->kind != DOC_STRING)
        return dh_fail(err, DH_INVALID, "%s:%u:%u: a test needs a name", path, node->line,
                       node->column);
    part = doc_get(node, "expect");
    if (part && check_map(path, part, &expect, err) < 0)
        return -1;
    part = doc_get(node, "stub");
    if (part && part->kind != DOC_MAP)
        return dh_fail(err, DH_INVALID, "%s:%u:%u: stub: expected a map of tasks", path, part->line,
                       part->column);
    for (size_t i = 0; part && i < part->n; i++)
        if (check_map(path, doc_value(part, i), &stub, err) < 0)
            return -1;
    return 0;
}

static int read_cases(struct test_file *file, const struct doc_node *list, struct dh_err *err)
{
    if (!list || list->kind != DOC_LIST || !list->n)
        return dh_fail(err, DH_INVALID, "%s: expected `tests:`, a list with a test or more",
                       file->path);
    for (size_t i = 0; i < list->n; i++) {
        const struct doc_node *node = &list->items[i];
        struct js *v;

        if (check_case(file->path, node, err) < 0)
            return -1;
        v = doc_to_js(node);
        DH_GROW(file->values, file->n_values, file->cap_values);
        file->values[file->n_values++] = v;
        DH_GROW(file->cases, file->n, file->cap);
        file->cases[file->n++] =
            (struct test_case){.name = js_get_text(v, "name"), .given = v, .line = node->line};
    }
    return 0;
}

/* Named in the file, else the file of the same name: x.test.yaml tests x.yaml. */
static char *pipeline_of(const char *path, const char *given)
{
    const char *slash = strrchr(path, '/');
    own_mem char *folder = slash ? dh_strndup(path, (size_t)(slash - path + 1)) : dh_strdup("");
    size_t n = strlen(path), m = strlen(SUFFIX);

    if (given)
        return *given == '/' ? dh_strdup(given) : dh_printf("%s%s", folder, given);
    return n > m && !strcmp(path + n - m, SUFFIX) ? dh_printf("%.*s.yaml", (int)(n - m), path)
                                                  : NULL;
}

int test_file_load(const char *path, struct test_file **ret, struct dh_err *err)
{
    static const struct keys top = {"pipeline tests", "a test file"};
    own(test_file_free) struct test_file *file = dh_zalloc(1, sizeof *file);
    own_mem char *text = NULL;
    const struct doc_node *named;
    struct doc doc;
    size_t n;

    file->arena = arena_new();
    file->path = dh_strdup(path);
    if (fs_read(path, LIMIT_PIPELINE_BYTES, &text, &n, err) < 0 ||
        doc_read(file->arena, file->arena, path, text, n, &doc, err) < 0)
        return -1;
    if (doc.n != 1)
        return dh_fail(err, DH_INVALID, "%s: expected one YAML document", path);
    if (check_map(path, doc.documents, &top, err) < 0 ||
        read_cases(file, doc_get(doc.documents, "tests"), err) < 0)
        return -1;
    named = doc_get(doc.documents, "pipeline");
    file->pipeline = pipeline_of(path, named && named->kind == DOC_STRING ? named->text : NULL);
    if (!file->pipeline)
        return dh_fail(err, DH_INVALID,
                       "%s: say which pipeline it tests (`pipeline: FILE`), or call it NAME%s",
                       path, SUFFIX);
    *ret = take(&file);
    return 0;
}

struct test_file *test_file_free(struct test_file *file)
{
    if (!file)
        return NULL;
    for (size_t i = 0; i < file->n; i++) {
        for (size_t j = 0; j < file->cases[i].n_wrong; j++)
            free(file->cases[i].wrong[j]);
        free(file->cases[i].wrong);
        js_free(file->cases[i].run);
    }
    for (size_t i = 0; i < file->n_values; i++)
        js_free(file->values[i]);
    free(file->values);
    free(file->cases);
    free(file->path);
    free(file->pipeline);
    arena_free(file->arena);
    free(file);
    return NULL;
}

void test_wrong(struct test_case *one, const char *fmt, ...)
{
    char *text;
    va_list ap;

    va_start(ap, fmt);
    text = dh_vprintf(fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < one->n_wrong; i++)
        if (!strcmp(one->wrong[i], text)) { /* of another iteration */
            free(text);
            return;
        }
    DH_GROW(one->wrong, one->n_wrong, one->cap_wrong);
    one->wrong[one->n_wrong++] = text;
}

/* ---- running ---- */

/* Python environments take long to make: these are the user's own. */
static void share_environments(const char *home, const char *folder)
{
    own_mem char *from = fs_join(home, "envs");
    own_mem char *to = fs_join(folder, "envs");
    struct dh_err ignored;

    if (fs_mkdirs(from, 0755, &ignored) == 0 && symlink(from, to) < 0)
        return; /* then they are made anew */
}

static int keep_sets(const char *home, enum secret_kind kind, const struct js *given,
                     struct dh_err *err)
{
    for (js_each(given, it)) {
        own_secret struct secret_set set = {0};

        for (js_each(it.value, key)) {
            if (!js_is(key.value, JS_STRING))
                return dh_fail(err, DH_INVALID, "%s '%s', key '%s': expected a text",
                               secret_kind_name(kind), it.key, key.key);
            secret_add(&set, key.key, js_text(key.value), js_text_len(key.value));
        }
        if (secret_put(home, kind, it.key, &set, err) < 0)
            return -1;
    }
    return 0;
}

static int run_in(const struct test_file *file, struct test_case *one, const char *home,
                  struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own(engine_close) struct engine *engine = NULL;
    own(record_free) struct record *record = NULL;
    const struct engine_options options = {.home = home, .runs = true};
    struct engine_request request = {.source = file->pipeline,
                                     .display_name = one->name,
                                     .parameters = js_get(one->given, "parameters"),
                                     .stubs = js_get(one->given, "stub"),
                                     .runtime = js_get_text(one->given, "runtime"),
                                     .jobs = (int)js_get_int(one->given, "jobs", 0),
                                     .cache = "off"};
    __attribute__((cleanup(engine_result_done))) struct engine_result result = {0};

    if (cli_spec_load(file->pipeline, &spec, NULL, err) < 0)
        return -1;
    request.spec = spec;
    if (keep_sets(home, SECRET, js_get(one->given, "secrets"), err) < 0 ||
        keep_sets(home, CONFIG_MAP, js_get(one->given, "configs"), err) < 0 ||
        engine_open(&options, &engine, err) < 0 ||
        engine_start(engine, &request, NULL, &result, err) < 0 ||
        record_load(engine_store(engine), result.run_id, &record, err) < 0)
        return -1;
    one->run = record_run_json(record);
    return result.state == PLAN_CANCELED ? dh_fail(err, DH_CANCELED, "interrupted") : 0;
}

int test_run(const struct test_file *file, struct test_case *one, const char *home,
             struct dh_err *err)
{
    const char *tmp = getenv("TMPDIR");
    own_mem char *folder = dh_printf("%s/dhow-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int64_t from = clock_now_us();
    int rc;

    if (!mkdtemp(folder))
        return dh_fail_errno(err, "cannot make folder %s", folder);
    share_environments(home, folder);
    rc = run_in(file, one, folder, err);
    (void)fs_remove_tree(folder, NULL);
    one->took_us = clock_now_us() - from;
    if (rc < 0 && (err->code == DH_INVALID || err->code == DH_NOT_FOUND)) {
        test_wrong(one, "%s", err->msg); /* the case's own fault: the others go on */
        return 0;
    }
    if (rc == 0)
        test_judge(one);
    return rc;
}
