/* The Common Expression Language's own conformance cases, and cases of KFP's unit tests, from a
 * folder beside the sources: $DHOW_CONFORMANCE, else ../shared/conformance from the source root.
 * Where it is not there, everything is skipped.
 *
 * A case is skipped only where conformance-skip.txt names it, with a reason; a line there that
 * names nothing that fails is itself a failure. Prints TAP. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "cel/cel-priv.h"
#include "cel/textproto.h"

static int n_tests, n_failed, n_skipped;
static struct strmap *skips; /* name to reason */
static struct strmap *used;

static void result(const char *name, bool good, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void result(const char *name, bool good, const char *fmt, ...)
{
    const char *reason = strmap_get(skips, name);
    va_list ap;

    n_tests++;
    if (reason && !good) {
        (void)strmap_put(used, name, (void *)(uintptr_t)reason);
        n_skipped++;
        (void)printf("ok %d - %s # SKIP %s\n", n_tests, name, reason);
        return;
    }
    (void)printf("%sok %d - %s\n", good ? "" : "not ", n_tests, name);
    if (good)
        return;
    n_failed++;
    (void)printf("# ");
    va_start(ap, fmt);
    (void)vprintf(fmt, ap);
    va_end(ap);
    (void)printf("\n");
}

/* ---- expected and bound values ---- */

static struct cel_val entry_map(struct cel_ctx *ctx, const struct tp *t);

static struct cel_val items(struct cel_ctx *ctx, const struct tp *t);

static struct cel_val value(struct cel_ctx *ctx, const struct tp *t)
{
    const struct tp *f = t->first;

    if (!f)
        return cel_error(ctx, "a value without a field");
    if (strcmp(f->name, "null_value") == 0)
        return cel_null();
    if (strcmp(f->name, "bool_value") == 0)
        return cel_bool(strcmp(f->text, "true") == 0);
    if (strcmp(f->name, "int64_value") == 0)
        return cel_int(strtoll(f->text, NULL, 10));
    if (strcmp(f->name, "uint64_value") == 0)
        return cel_uint(strtoull(f->text, NULL, 10));
    if (strcmp(f->name, "double_value") == 0)
        return cel_double(strtod(f->text, NULL));
    if (strcmp(f->name, "string_value") == 0)
        return cel_text(f->text, f->n);
    if (strcmp(f->name, "bytes_value") == 0)
        return cel_bytes(f->text, f->n);
    if (strcmp(f->name, "type_value") == 0)
        return cel_type(f->text);
    if (strcmp(f->name, "list_value") == 0)
        return items(ctx, f);
    if (strcmp(f->name, "map_value") == 0)
        return entry_map(ctx, f);
    return cel_error(ctx, "a value of field %s", f->name);
}

static struct cel_val items(struct cel_ctx *ctx, const struct tp *t)
{
    struct cel_val *all;
    size_t n = 0;

    for (const struct tp *f = t->first; f; f = f->next)
        n++;
    all = cel_alloc(ctx, n, sizeof *all);
    n = 0;
    for (const struct tp *f = t->first; f; f = f->next)
        all[n++] = value(ctx, f);
    return cel_items(ctx, all, n);
}

static struct cel_val entry_map(struct cel_ctx *ctx, const struct tp *t)
{
    struct cel_entry *all;
    size_t n = 0;

    for (const struct tp *f = t->first; f; f = f->next)
        n++;
    all = cel_alloc(ctx, n, sizeof *all);
    n = 0;
    for (const struct tp *f = t->first; f; f = f->next, n++) {
        all[n].key = value(ctx, tp_get(f, "key"));
        all[n].val = value(ctx, tp_get(f, "value"));
    }
    return cel_entries(ctx, all, n);
}

static struct cel_val bindings(struct cel_ctx *ctx, const struct tp *test)
{
    struct cel_entry *all = cel_alloc(ctx, 32, sizeof *all);
    size_t n = 0;

    for (const struct tp *f = test->first; f && n < 32; f = f->next) {
        if (strcmp(f->name, "bindings") != 0)
            continue;
        all[n].key = cel_text(tp_text(f, "key"), strlen(tp_text(f, "key")));
        all[n++].val = value(ctx, tp_get(tp_get(f, "value"), "value"));
    }
    return cel_entries(ctx, all, n);
}

/* Same kind all the way down: 1 is not 1.0 here; the order of a map does not matter. */
static bool identical(struct cel_ctx *ctx, struct cel_val a, struct cel_val b)
{
    struct cel_val other;

    if (a.kind != b.kind)
        return false;
    if (a.kind == CEL_LIST) {
        for (size_t i = 0; i < a.list->n && i < b.list->n; i++) {
            if (!identical(ctx, cel_at(ctx, a.list, i), cel_at(ctx, b.list, i)))
                return false;
        }
        return a.list->n == b.list->n;
    }
    if (a.kind == CEL_MAP) {
        for (size_t i = 0; i < a.map->n; i++) {
            if (!cel_find(ctx, b.map, a.map->entries[i].key, &other) ||
                !identical(ctx, a.map->entries[i].val, other))
                return false;
        }
        return a.map->n == b.map->n;
    }
    return cel_equal(ctx, a, b) || (a.kind == CEL_DOUBLE && a.d != a.d && b.d != b.d);
}

/* ---- cases ---- */

static void run_case(const char *name, const struct tp *test)
{
    own(arena_free) struct arena *arena = arena_new();
    own(cel_free) struct cel_program *p = NULL;
    const struct tp *want = tp_get(test, "value"), *expr = tp_get(test, "expr");
    bool want_error = tp_get(test, "eval_error") != NULL;
    struct dh_err err = {0};
    struct cel_ctx ctx;
    struct cel_val v, expected;

    if (cel_compile_n(expr->text, expr->n, &p, &err) < 0) {
        result(name, false, "%s does not compile: %s", tp_text(test, "expr"), err.msg);
        return;
    }
    cel_ctx_init(&ctx, arena, cel_null());
    ctx.vars = bindings(&ctx, test);
    v = cel_run(&ctx, p->root);
    if (want_error) {
        result(name, v.kind == CEL_ERROR, "%s gave a value of type %s, not an error",
               tp_text(test, "expr"), cel_type_of(v).s.p);
        return;
    }
    expected = want ? value(&ctx, want) : cel_bool(true);
    result(name, identical(&ctx, v, expected), "%s gave %s %.*s, not a %s%s%s",
           tp_text(test, "expr"), cel_type_of(v).s.p, v.kind == CEL_ERROR ? (int)v.s.n : 0,
           v.kind == CEL_ERROR ? v.s.p : "", cel_type_of(expected).s.p,
           want && want->first && want->first->text ? " " : "",
           want && want->first && want->first->text ? want->first->text : "");
}

static void run_file(const char *folder, const char *file)
{
    own(arena_free) struct arena *arena = arena_new();
    own_mem char *path = dh_printf("%s/cel/%s.textproto", folder, file), *text = NULL;
    struct dh_err err = {0};
    const struct tp *top;
    size_t n = 0, at = 0;

    if (fs_read(path, (size_t)16 << 20, &text, &n, &err) < 0) {
        result(file, false, "%s", err.msg);
        return;
    }
    top = tp_parse(arena, text, n, &at);
    if (!top) {
        result(file, false, "%s: not read beyond byte %zu", path, at);
        return;
    }
    for (const struct tp *s = top->first; s; s = s->next) {
        if (strcmp(s->name, "section") != 0)
            continue;
        for (const struct tp *t = s->first; t; t = t->next) {
            if (strcmp(t->name, "test") == 0)
                run_case(
                    arena_printf(arena, "%s/%s/%s", file, tp_text(s, "name"), tp_text(t, "name")),
                    t);
        }
    }
}

/* ---- KFP's vectors ---- */

static void check_vector(const char *name, const struct js *c, int r, const struct js *got,
                         const struct dh_err *err)
{
    const char *error = js_get_text(c, "error_contains");

    if (error) {
        result(name, r < 0 && strstr(err->msg, error), "expected an error with '%s', got '%s'",
               error, r < 0 ? err->msg : "a value");
        return;
    }
    result(name, r == 0 && js_equal(got, js_get(c, "output")), "%s",
           r < 0 ? err->msg : "another value than expected");
}

static void run_vectors(const char *folder, const char *file, bool condition)
{
    own_mem char *path = dh_printf("%s/vectors/%s.json", folder, file);
    own(js_free) struct js *doc = NULL;
    const struct js *cases;
    struct dh_err err = {0};

    if (js_parse_file(path, (size_t)16 << 20, &doc, &err) < 0) {
        result(file, false, "%s", err.msg);
        return;
    }
    cases = js_get(doc, "cases");
    for (size_t i = 0; i < js_n(cases); i++) {
        own_mem char *name = dh_printf("%s/%zu", file, i);
        own(js_free) struct js *got = NULL;
        const struct js *c = js_at(cases, i);
        bool answer = false;
        int r;

        if (condition) {
            r = cel_condition(js_get_text(c, "condition"), js_get(c, "executor_input"), &answer,
                              &err);
            got = js_bool(answer);
        } else {
            r = cel_select(js_get_text(c, "expression"), js_get(c, "input"), &got, &err);
        }
        check_vector(name, c, r, got, &err);
    }
    result(file, js_n(cases) > 0, "no cases in %s", path);
}

/* ---- */

/* Lines "name: reason"; '#' begins a comment. */
static char *read_skips(const char *path)
{
    struct dh_err err = {0};
    char *text = NULL, *save = NULL;
    size_t n;

    if (fs_read(path, (size_t)1 << 20, &text, &n, &err) < 0) {
        result("the list of skips", false, "%s", err.msg);
        return NULL;
    }
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");

        if (*line == '#' || !colon)
            continue;
        *colon = '\0';
        (void)strmap_put(skips, line, colon + 2);
    }
    return text;
}

static void check_skips(void)
{
    for (size_t i = 0; i < strmap_n(skips); i++) {
        void *reason;
        const char *name = strmap_at(skips, i, &reason);
        own_mem char *what = dh_printf("the skip of %s is needed", name);

        if (!strmap_get(used, name))
            result(what, false, "no such case fails: take it off the list");
    }
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"basic", "comparisons", "integer_math", "lists",
                                        "logic", "macros",      "parse",        "plumbing"};
    static const char *const more[] = {"conversions", "fp_math", "string"}; /* where they are */
    const char *source = argc > 1 ? argv[1] : ".", *set = getenv("DHOW_CONFORMANCE");
    own_mem char *beside = dh_printf("%s/../shared/conformance", source);
    own_mem char *list = dh_printf("%s/src/cel/conformance-skip.txt", source), *text = NULL;
    const char *folder = set && *set ? set : beside;

    if (!fs_is_dir(folder)) {
        (void)printf("1..0 # SKIP no folder %s; set DHOW_CONFORMANCE to the conformance data\n",
                     folder);
        return 0;
    }
    skips = strmap_new();
    used = strmap_new();
    text = read_skips(list);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        run_file(folder, files[i]);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        own_mem char *path = dh_printf("%s/cel/%s.textproto", folder, more[i]);

        if (fs_exists(path))
            run_file(folder, more[i]);
    }
    run_vectors(folder, "go_cel_condition", true);
    run_vectors(folder, "go_cel_select", false);
    check_skips();
    (void)printf("1..%d\n# %d cases, %d skipped by name, %d failed\n", n_tests, n_tests, n_skipped,
                 n_failed);
    skips = strmap_free(skips);
    used = strmap_free(used);
    return n_failed ? 1 : 0;
}
