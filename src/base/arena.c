#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_BLOCK 4096
#define LARGEST_BLOCK ((size_t)1 << 20)

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
};

struct on_free {
    struct on_free *next;
    void (*fn)(void *);
    void *p;
};

struct arena {
    struct block *block;
    struct on_free *on_free;
    size_t total;
};

struct arena *arena_new(void)
{
    return dh_zalloc(1, sizeof(struct arena));
}

struct arena *arena_free(struct arena *a)
{
    if (!a)
        return NULL;
    for (struct on_free *f = a->on_free; f; f = f->next)
        f->fn(f->p);
    while (a->block) {
        struct block *next = a->block->next;

        free(a->block);
        a->block = next;
    }
    free(a);
    return NULL;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct block *b = a->block;
    void *p;

    size = (size + align - 1) / align * align;
    if (!b || b->size - b->used < size) {
        size_t want = b ? b->size * 2 : FIRST_BLOCK;

        if (want > LARGEST_BLOCK)
            want = LARGEST_BLOCK;
        if (want < size)
            want = size;
        b = dh_alloc(sizeof *b + want);
        b->next = a->block;
        b->used = 0;
        b->size = want;
        a->block = b;
        a->total += want;
    }
    p = b->bytes + b->used;
    b->used += size;
    return memset(p, 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *copy = arena_alloc(a, n + 1);

    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    char *s;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof small)
        return arena_strndup(a, small, (size_t)n);
    s = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
    va_start(ap, fmt);
    (void)vsnprintf(s, (size_t)(n < 0 ? 0 : n) + 1, fmt, ap);
    va_end(ap);
    return s;
}

void arena_on_free(struct arena *a, void (*fn)(void *), void *p)
{
    struct on_free *f = arena_alloc(a, sizeof *f);

    f->fn = fn;
    f->p = p;
    f->next = a->on_free;
    a->on_free = f;
}

size_t arena_bytes(const struct arena *a)
{
    return a->total;
}
