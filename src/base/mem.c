#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

static void *checked(void *p)
{
    if (!p) {
        static const char text[] = "dhow: out of memory\n";

        (void)!write(STDERR_FILENO, text, sizeof text - 1);
        abort();
    }
    return p;
}

void *dh_alloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *dh_zalloc(size_t n, size_t size)
{
    return checked(calloc(n ? n : 1, size ? size : 1));
}

void *dh_realloc(void *p, size_t n, size_t size)
{
    return checked(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *dh_strdup(const char *s)
{
    return checked(strdup(s));
}

char *dh_strndup(const char *s, size_t n)
{
    return checked(strndup(s, n));
}

char *dh_vprintf(const char *fmt, va_list ap)
{
    char *s = NULL;

    return checked(vasprintf(&s, fmt, ap) < 0 ? NULL : s);
}

char *dh_printf(const char *fmt, ...)
{
    va_list ap;
    char *s;

    va_start(ap, fmt);
    s = dh_vprintf(fmt, ap);
    va_end(ap);
    return s;
}

void dh_mem_own(void *p)
{
    void *block;

    memcpy(&block, p, sizeof block);
    free(block);
}

void dh_close_own(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

int dh_take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}
