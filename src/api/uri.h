#pragma once
/* uri - what a request's first line and its multipart body say. Parsers of outside bytes: they
 * know no route and no meaning. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"

struct uri_arg {
    const char *key, *value; /* decoded; "" where there is none */
};
struct uri {
    const char *path; /* as it came, without the query */
    struct uri_arg *args;
    size_t n_args;
};

/* DH_INVALID: a bad escape, a zero byte, bytes that are not UTF-8, too many arguments. Strings are
 * in `a`. */
int uri_read(const char *text, struct arena *a, struct uri *ret, struct dh_err *err);
/* The first argument of that name; NULL: none. */
const char *uri_arg(const struct uri *uri, const char *key);
/* %xx (and with `plus` '+' as a blank) undone, in place of a copy. NULL: a bad escape or a zero. */
char *uri_decode(const char *text, size_t n, bool plus, struct arena *a);

/* Whether `path` has the form of `template`: "{}" stands for one segment that is not empty, and may
 * have a ":verb" behind it in the template; "{*}" at its end for all segments that are left. On
 * true, the segments, decoded, are in params. */
#define URI_PARAMS 4
bool uri_match(const char *template, const char *path, struct arena *a,
               const char *params[URI_PARAMS]);

/* ---- multipart/form-data ---- */

struct uri_part {
    const char *name, *file; /* file NULL: not a file */
    const char *bytes;       /* in the body */
    size_t n;
};
/* The boundary of a Content-Type; NULL: it is not multipart/form-data, or has none. */
const char *uri_boundary(const char *content_type, struct arena *a);
/* The part with that name. DH_INVALID: the body is not well formed, or has no such part. */
int uri_part(const char *body, size_t n, const char *boundary, const char *name, struct arena *a,
             struct uri_part *ret, struct dh_err *err);

/* "bytes=a-b", "bytes=a-", "bytes=-n" of a thing of `size` bytes: 0 and the half-open range; 1: no
 * range is asked for (or several, which may be ignored); -1: it lies outside. */
int uri_range(const char *header, int64_t size, int64_t *ret_from, int64_t *ret_to);
