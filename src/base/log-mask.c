/* log-mask - texts that are never to stand in a log, replaced while it is written. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/mask.h"

struct text {
    char *p;
    size_t n;
};

struct log_mask {
    struct text *texts; /* the longest first */
    size_t n, cap;
    bool first[256]; /* bytes that one of them begins with */
    struct buf held; /* what may be the beginning of one */
};

struct log_mask *log_mask_new(void)
{
    return dh_zalloc(1, sizeof(struct log_mask));
}

struct log_mask *log_mask_free(struct log_mask *mask)
{
    if (!mask)
        return NULL;
    for (size_t i = 0; i < mask->n; i++) {
        explicit_bzero(mask->texts[i].p, mask->texts[i].n);
        free(mask->texts[i].p);
    }
    free(mask->texts);
    if (mask->held.cap)
        explicit_bzero(mask->held.p, mask->held.cap);
    buf_done(&mask->held);
    free(mask);
    return NULL;
}

void log_mask_add(struct log_mask *mask, const char *text, size_t n)
{
    size_t at = 0;

    if (!n)
        return;
    while (at < mask->n && mask->texts[at].n >= n)
        at++;
    DH_GROW(mask->texts, mask->n, mask->cap);
    memmove(&mask->texts[at + 1], &mask->texts[at], (mask->n++ - at) * sizeof *mask->texts);
    mask->texts[at] = (struct text){.p = dh_alloc(n), .n = n};
    memcpy(mask->texts[at].p, text, n);
    mask->first[(unsigned char)text[0]] = true;
}

enum found { NOTHING, WHOLE, PART };

/* What stands at `p`: the longest text that is whole, unless a longer one may yet become it. */
static enum found look(const struct log_mask *mask, const char *p, size_t left, bool end,
                       size_t *ret_n)
{
    for (size_t i = 0; i < mask->n; i++) {
        const struct text *t = &mask->texts[i];

        if (t->n <= left && !memcmp(p, t->p, t->n)) {
            *ret_n = t->n;
            return WHOLE;
        }
        if (t->n > left && !end && !memcmp(p, t->p, left))
            return PART;
    }
    return NOTHING;
}

void log_mask_feed(struct log_mask *mask, const char *bytes, size_t n, bool end,
                   void (*to)(void *user, const char *bytes, size_t n), void *user)
{
    const char *p;
    size_t i = 0, from = 0, len = 0;

    buf_add(&mask->held, bytes, n);
    p = buf_str(&mask->held);
    for (; i < mask->held.n; i++) {
        enum found found = mask->first[(unsigned char)p[i]]
                               ? look(mask, p + i, mask->held.n - i, end, &len)
                               : NOTHING;

        if (found == NOTHING)
            continue;
        if (i > from)
            to(user, p + from, i - from);
        from = i;
        if (found == PART)
            break;
        to(user, "***", 3);
        from = i + len;
        i = from - 1;
    }
    if (i >= mask->held.n && i > from) {
        to(user, p + from, mask->held.n - from);
        from = mask->held.n;
    }
    if (from)
        memmove(mask->held.p, mask->held.p + from, mask->held.n - from);
    mask->held.n -= from;
}
