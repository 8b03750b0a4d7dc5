/* How errors and warnings are said: FILE:LINE:COLUMN: path.in.the.spec: what. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spec/spec-priv.h"

#define MOST_NOTES 100
#define MOST_TEXT 2000

void spec_notes_done(struct spec_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++)
        free(notes->items[i].text);
    free(notes->items);
    *notes = (struct spec_notes){0};
}

static void add_path(struct buf *to, const struct spec_path *path)
{
    if (!path)
        return;
    add_path(to, path->up);
    if (path->name)
        buf_addf(to, "%s%.120s", to->n ? "." : "", path->name);
    else
        buf_addf(to, "[%zu]", path->index);
}

static void say(struct buf *to, const struct spec_ctx *ctx, struct spec_pos pos,
                const struct spec_path *path, const char *fmt, va_list ap)
{
    own_buf struct buf where = {.max = 700};

    buf_adds(to, ctx->source);
    if (pos.line)
        buf_addf(to, ":%u:%u", pos.line, pos.column);
    buf_adds(to, ": ");
    add_path(&where, path);
    if (where.n)
        buf_addf(to, "%s: ", buf_str(&where));
    buf_addv(to, fmt, ap);
}

static void note(struct spec_ctx *ctx, enum spec_note_kind kind, struct spec_pos pos,
                 const struct buf *text)
{
    struct spec_notes *notes = ctx->notes;

    if (!notes)
        return;
    if (notes->n == MOST_NOTES) {
        notes->n_dropped++;
        return;
    }
    DH_GROW(notes->items, notes->n, notes->cap);
    notes->items[notes->n++] = (struct spec_note){kind, pos, dh_strdup(buf_str(text))};
}

int spec_error(struct spec_ctx *ctx, struct spec_pos pos, const struct spec_path *path,
               const char *fmt, ...)
{
    own_buf struct buf text = {.max = MOST_TEXT};
    va_list ap;

    va_start(ap, fmt);
    say(&text, ctx, pos, path, fmt, ap);
    va_end(ap);
    if (ctx->n_errors++ == 0)
        (void)dh_fail(ctx->err, DH_INVALID, "%s", buf_str(&text));
    note(ctx, SPEC_ERROR, pos, &text);
    return -1;
}

void spec_warn(struct spec_ctx *ctx, struct spec_pos pos, const struct spec_path *path,
               const char *fmt, ...)
{
    own_buf struct buf text = {.max = MOST_TEXT};
    va_list ap;

    if (!ctx->notes)
        return;
    if (ctx->notes->n == MOST_NOTES) {
        ctx->notes->n_dropped++;
        return;
    }
    va_start(ap, fmt);
    say(&text, ctx, pos, path, fmt, ap);
    va_end(ap);
    note(ctx, SPEC_WARNING, pos, &text);
}

char *spec_where(const struct spec *spec, struct spec_pos pos, char to[SPEC_WHERE])
{
    if (pos.line)
        (void)snprintf(to, SPEC_WHERE, "%s:%u:%u", spec->source, pos.line, pos.column);
    else
        (void)snprintf(to, SPEC_WHERE, "%s", spec->source);
    return to;
}
