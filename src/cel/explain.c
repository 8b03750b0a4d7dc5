/* explain - a condition in words: what it says, what it came to, and because of which values. */
#include <string.h>

#include "base/mem.h"
#include "cel/cel-priv.h"

#define CHANNEL "pipelinechannel--" /* what the SDK puts before the names of its own parameters */
#define LONGEST 60                  /* bytes shown of a value */

struct paths {
    const struct cel_node **p;
    size_t n, cap;
};

/* inputs.a['b'][0].c: names and constants all the way down to the variable. */
static bool is_path(const struct cel_node *e)
{
    while (e->kind == CEL_NODE_SELECT ||
           (e->kind == CEL_NODE_CALL && e->n_args == 2 && strcmp(e->name, "_[_]") == 0 &&
            e->args[1]->kind == CEL_NODE_CONST))
        e = e->args[0];
    return e->kind == CEL_NODE_IDENT &&
           (strcmp(e->name, "inputs") == 0 || strcmp(e->name, "outputs") == 0);
}

/* The longest paths, from left to right. */
static void collect(struct paths *to, const struct cel_node *e)
{
    if (is_path(e)) {
        DH_GROW(to->p, to->n, to->cap);
        to->p[to->n++] = e;
        return;
    }
    for (size_t i = 0; i < e->n_args; i++)
        collect(to, e->args[i]);
}

/* Source text on one line: a run of blanks is one, none at the ends of the expression. */
static void source(const struct cel_program *p, size_t from, size_t to, struct buf *out)
{
    for (size_t i = from; i < to; i++) {
        bool blank = strchr(" \t\r\n\f", p->text[i]) != NULL;

        if (!blank)
            buf_addc(out, p->text[i]);
        else if (i > 0 && i + 1 < p->n_text && !strchr(" \t\r\n\f", p->text[i - 1]))
            buf_addc(out, ' ');
    }
}

/* A parameter by its name as the author wrote it, anything else by its source. */
static void label(const struct cel_program *p, const struct cel_node *path, struct buf *out)
{
    const struct cel_node *e = path;
    const char *param;

    for (; e->n_args; e = e->args[0]) {
        param = cel_param_of(e);
        if (!param)
            continue;
        if (strncmp(param, CHANNEL, strlen(CHANNEL)) == 0)
            param += strlen(CHANNEL);
        buf_adds(out, param);
        source(p, e->end, path->end, out);
        return;
    }
    source(p, path->at, path->end, out);
}

static void value(struct cel_ctx *ctx, const struct cel_node *path, struct buf *out)
{
    own(js_free) struct js *js = NULL;
    own_mem char *text = NULL;
    struct cel_val v = cel_run(ctx, path);
    size_t n, whole;

    if (v.kind == CEL_ERROR) {
        buf_adds(out, "(missing)");
        return;
    }
    js = cel_to_js(ctx, v, true);
    text = js_dump(js, JS_COMPACT);
    n = whole = strlen(text);
    if (n > LONGEST)
        for (n = LONGEST; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
            ;
    buf_addf(out, "%.*s%s", (int)n, text, n < whole ? "…" : "");
}

static void shorten(const struct cel_program *p, const struct paths *paths, struct buf *out)
{
    size_t at = 0;

    for (size_t i = 0; i < paths->n; i++) {
        source(p, at, paths->p[i]->at, out);
        label(p, paths->p[i], out);
        at = paths->p[i]->end;
    }
    source(p, at, p->n_text, out);
}

/* "accuracy = 0.87, loss = 0.3"; a path that stands twice is said once. */
static void values(struct cel_ctx *ctx, const struct cel_program *p, const struct paths *paths,
                   struct buf *out)
{
    own_buf struct buf said = {0};

    for (size_t i = 0; i < paths->n; i++) {
        own_buf struct buf one = {0};

        buf_addc(&one, '\n');
        label(p, paths->p[i], &one);
        buf_addc(&one, '\n');
        if (strstr(buf_str(&said), buf_str(&one)))
            continue;
        buf_adds(&said, buf_str(&one));
        buf_addf(out, "%s%.*s = ", said.n > one.n ? ", " : ": ", (int)one.n - 2, one.p + 1);
        value(ctx, paths->p[i], out);
    }
}

void cel_explain(const char *expr, const struct js *executor_input, struct buf *to)
{
    own(arena_free) struct arena *arena = arena_new();
    own(cel_free) struct cel_program *p = NULL;
    own_mem const struct cel_node **nodes = NULL;
    struct paths paths = {0};
    struct dh_err err = {0};
    struct cel_ctx ctx;
    struct cel_val v;

    if (cel_compile(expr, &p, &err) < 0 || cel_check(p, CEL_CONDITION, &err) < 0) {
        buf_addf(to, "not a condition: %s", err.msg);
        return;
    }
    collect(&paths, p->root);
    nodes = paths.p;
    cel_ctx_init(&ctx, arena, cel_null());
    ctx.vars = cel_from_js(&ctx, executor_input, &cel_shape_executor_input);
    v = cel_run(&ctx, p->root);
    shorten(p, &paths, to);
    if (v.kind == CEL_BOOL) {
        buf_adds(to, v.b ? " was true" : " was false");
    } else if (v.kind == CEL_ERROR) {
        buf_addf(to, " failed (%.*s)", (int)v.s.n, v.s.p);
    } else {
        buf_addf(to, " was of type %s, not true or false", cel_type_of(v).s.p);
    }
    values(&ctx, p, &paths, to);
}
