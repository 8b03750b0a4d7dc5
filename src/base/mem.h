#pragma once
/* mem - small allocations that cannot fail: out of memory prints and aborts.
 *
 * Sound only because a run survives kill -9 at any point. Sizes that come from outside are
 * checked against base/limits.h before they reach these calls. */
#include <stdarg.h>
#include <stddef.h>

void *dh_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *dh_zalloc(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull)); /* n * size, zeroed */
void *dh_realloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *dh_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *dh_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *dh_printf(const char *fmt, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));
char *dh_vprintf(const char *fmt, va_list ap) __attribute__((malloc, returns_nonnull));

/* Makes room for one more element: DH_GROW(items, n, cap); items[n++] = x; */
#define DH_GROW(items, n, cap)                                                                     \
    do {                                                                                           \
        if ((n) >= (cap)) {                                                                        \
            (cap) = (cap) ? (cap)*2 : 8;                                                           \
            (items) = dh_realloc((items), (cap), sizeof *(items));                                 \
        }                                                                                          \
    } while (0)
