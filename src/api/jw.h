#pragma once
/* jw - JSON written straight into a buffer: the server's answers.
 *
 * base/js builds a tree, for values that are looked at; an answer is only written, and lists of it
 * are what the server does most. Keys are literals of ours and are not escaped. Texts of any bytes
 * become valid JSON: what is not UTF-8 becomes U+FFFD. */
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

struct jw {
    struct buf *to;
    bool comma; /* a value stands before */
};

void jw_begin(struct jw *w, char bracket); /* '{' or '[' */
void jw_end(struct jw *w, char bracket);   /* '}' or ']' */
void jw_key(struct jw *w, const char *key);

/* Values: in an array, or after jw_key. */
void jw_str(struct jw *w, const char *text); /* NULL: null */
void jw_strn(struct jw *w, const char *text, size_t n);
void jw_int(struct jw *w, int64_t i);
void jw_num(struct jw *w, double d);
void jw_bool(struct jw *w, bool b);
void jw_raw(struct jw *w, const char *json); /* JSON text; NULL or "": null */

/* Members. */
void jw_begin_in(struct jw *w, const char *key, char bracket);
void jw_text(struct jw *w, const char *key, const char *text); /* NULL: null */
void jw_number(struct jw *w, const char *key, int64_t i);
void jw_flag(struct jw *w, const char *key, bool b);
void jw_json(struct jw *w, const char *key, const char *json, const char *other); /* NULL: other */
void jw_time(struct jw *w, const char *key, int64_t us); /* RFC 3339, microseconds; 0: null */

/* Members as protojson writes them: what has its zero value is left out. */
void jw_opt(struct jw *w, const char *key, const char *text);
void jw_opt_json(struct jw *w, const char *key, const char *json);
void jw_opt_int(struct jw *w, const char *key, int64_t i);   /* int32: a number */
void jw_opt_int64(struct jw *w, const char *key, int64_t i); /* int64: a text */
void jw_opt_true(struct jw *w, const char *key, bool b);
/* Whole seconds, as Go's server rounds down; 0 is 1970-01-01T00:00:00Z. */
void jw_seconds(struct jw *w, const char *key, int64_t us);
