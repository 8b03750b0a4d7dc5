#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct dh_err *err, enum dh_code code, const char *fmt, va_list ap)
{
    err->code = code;
    if (vsnprintf(err->msg, sizeof err->msg, fmt, ap) < 0)
        err->msg[0] = '\0';
}

int dh_fail(struct dh_err *err, enum dh_code code, const char *fmt, ...)
{
    if (err) {
        va_list ap;

        va_start(ap, fmt);
        fill(err, code, fmt, ap);
        va_end(ap);
    }
    return -1;
}

int dh_fail_errno(struct dh_err *err, const char *fmt, ...)
{
    int saved = errno;

    if (err) {
        va_list ap;
        size_t n;

        va_start(ap, fmt);
        fill(err, DH_IO, fmt, ap);
        va_end(ap);
        n = strlen(err->msg);
        (void)snprintf(err->msg + n, sizeof err->msg - n, ": %s", strerror(saved));
    }
    errno = saved;
    return -1;
}

int dh_while(struct dh_err *err, const char *fmt, ...)
{
    char place[400];
    size_t n, room, keep;
    va_list ap;

    if (!err)
        return -1;
    va_start(ap, fmt);
    if (vsnprintf(place, sizeof place - 2, fmt, ap) < 0)
        place[0] = '\0';
    va_end(ap);
    n = strlen(place);
    place[n++] = ':';
    place[n++] = ' ';
    room = sizeof err->msg - 1 - n;
    keep = strnlen(err->msg, room);
    memmove(err->msg + n, err->msg, keep);
    memcpy(err->msg, place, n);
    err->msg[n + keep] = '\0';
    return -1;
}
