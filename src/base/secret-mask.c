/* secret-mask - what of a secret's value a log must not show. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/mask.h"

enum { SHORTEST = 4, SHORTEST_LINE = 8 };

void secret_masks_done(struct secret_masks *masks)
{
    for (size_t i = 0; i < masks->n; i++) {
        explicit_bzero(masks->items[i], strlen(masks->items[i]));
        free(masks->items[i]);
    }
    free(masks->items);
    *masks = (struct secret_masks){0};
}

static void add(struct secret_masks *masks, const char *text, size_t n, size_t shortest)
{
    if (n < shortest || memchr(text, '\0', n))
        return;
    for (size_t i = 0; i < masks->n; i++)
        if (strlen(masks->items[i]) == n && !memcmp(masks->items[i], text, n))
            return;
    masks->items = dh_realloc(masks->items, masks->n + 2, sizeof *masks->items);
    masks->items[masks->n++] = dh_strndup(text, n);
    masks->items[masks->n] = NULL;
}

static void add_buf(struct secret_masks *masks, struct buf *b)
{
    add(masks, buf_str(b), b->n, SHORTEST_LINE);
    if (b->cap)
        explicit_bzero(b->p, b->cap);
    buf_done(b);
}

static void add_base64(struct secret_masks *masks, const char *p, size_t n)
{
    struct buf b = {0};

    base64_put(&b, p, n);
    /* The end depends on whether something follows: once without it. */
    add(masks, buf_str(&b), n / 3 * 4, SHORTEST_LINE);
    add_buf(masks, &b);
}

/* As it stands in a URL. */
static void add_percent(struct secret_masks *masks, const char *p, size_t n)
{
    struct buf b = {0};

    buf_add_percent(&b, p, n, "");
    add_buf(masks, &b);
}

void secret_masks_add(struct secret_masks *masks, const char *bytes, size_t n)
{
    const char *end = bytes + n;

    if (memchr(bytes, '\0', n))
        return; /* no text */
    while (bytes < end && isspace((unsigned char)*bytes))
        bytes++;
    while (end > bytes && isspace((unsigned char)end[-1]))
        end--;
    n = (size_t)(end - bytes);
    add(masks, bytes, n, SHORTEST);
    add_base64(masks, bytes, n);
    add_percent(masks, bytes, n);
    for (const char *at = bytes, *stop; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        add(masks, at, (size_t)(stop - at), SHORTEST_LINE);
    }
}
