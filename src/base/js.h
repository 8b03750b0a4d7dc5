#pragma once
/* js - JSON values: what parameters, metadata and the API carry.
 *
 * Values are counted: js_ref/js_free; js_set and js_push TAKE the value that they are given,
 * js_get and js_at lend. Integers (64 bit) and reals are told apart as written: 1 and 1.0.
 * Objects keep the order of insertion.
 * All readers accept NULL and then answer as for a missing value. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

struct js;

enum js_kind { JS_NULL, JS_BOOL, JS_INT, JS_REAL, JS_STRING, JS_ARRAY, JS_OBJECT };

struct js *js_free(struct js *v); /* drops one reference; NULL is fine; returns NULL */
OWN_DEFINE(struct js *, js_free)
struct js *js_ref(const struct js *v);  /* one more reference to the same value; NULL gives NULL */
struct js *js_copy(const struct js *v); /* deep */

struct js *js_null(void);
struct js *js_bool(bool b);
struct js *js_int(int64_t i);
struct js *js_real(double d); /* NaN and infinities become strings "NaN", "Infinity", "-Infinity" */
struct js *js_num(double d);  /* an integer where d is one and |d| < 2^53, else a real */
struct js *js_str(const char *s); /* NULL gives null; bytes that are not UTF-8 become U+FFFD */
struct js *js_strn(const char *s, size_t n);
struct js *js_strf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
struct js *js_array(void);
struct js *js_object(void);

enum js_kind js_kind(const struct js *v);     /* NULL: JS_NULL */
const char *js_kind_name(const struct js *v); /* "string", "number", "boolean", … for messages */
bool js_is(const struct js *v, enum js_kind kind);
bool js_is_num(const struct js *v); /* JS_INT or JS_REAL */

bool js_truth(const struct js *v); /* JSON true */
int64_t js_as_int(const struct js *v,
                  int64_t other); /* an integer, or a real that is one; else `other` */
double js_as_num(const struct js *v, double other);
const char *js_text(const struct js *v); /* borrowed; NULL: not a string */
size_t js_text_len(const struct js *v);

size_t js_n(const struct js *v);                             /* elements or members; else 0 */
struct js *js_at(const struct js *array, size_t i);          /* borrowed; NULL past the end */
struct js *js_get(const struct js *object, const char *key); /* borrowed; NULL: no such member */
const char *js_get_text(const struct js *object,
                        const char *key); /* borrowed; NULL: none, or no string */
bool js_get_bool(const struct js *object, const char *key);
int64_t js_get_int(const struct js *object, const char *key, int64_t other);
struct js *js_path(const struct js *v, const char *key, ...)
    __attribute__((sentinel)); /* js_get chained; end with NULL */

/* js_set(object, key, value) takes value; NULL removes the key. A key that stands in the program as
 * a literal is not copied. */
#define js_set(object, key, value)                                                                 \
    (__builtin_constant_p(key) ? js_set_literal(object, key, value)                                \
                               : js_set_copied(object, key, value))
void js_set_literal(struct js *object, const char *key, struct js *value);
void js_set_copied(struct js *object, const char *key, struct js *value);
void js_push(struct js *array, struct js *value); /* takes value */
bool js_remove(struct js *object, const char *key);
/* The member, an object or a list, made where there is none. Borrowed. */
struct js *js_object_in(struct js *object, const char *key);
struct js *js_array_in(struct js *object, const char *key);

/* for (js_each(object, it)) { it.key, it.value } - do not add or remove meanwhile. */
struct js_iter {
    const struct js *object;
    size_t at;
    const char *key;
    struct js *value;
};
struct js_iter js_iter_begin(const struct js *object);
bool js_iter_ok(const struct js_iter *it);
void js_iter_next(struct js_iter *it);
#define js_each(o, it)                                                                             \
    struct js_iter it = js_iter_begin(o);                                                          \
    js_iter_ok(&it);                                                                               \
    js_iter_next(&it)

/* Numbers compare by value (1 == 1.0), objects without regard to order. */
bool js_equal(const struct js *a, const struct js *b);

/* Parses `n` bytes of JSON text; any value at the top. Depth at most 2048; integers beyond 64 bits
 * become reals. DH_INVALID: "line 3 column 7: …". */
int js_parse(const char *text, size_t n, struct js **ret, struct dh_err *err);
int js_parse_file(const char *path, size_t max_bytes, struct js **ret, struct dh_err *err);

enum {
    JS_COMPACT = 0,
    JS_PRETTY = 1, /* two blanks a level */
    JS_SORTED = 2, /* keys by byte order: for fingerprints and comparisons */
    JS_PYTHON = 4, /* ", " and ": " as Python's json.dumps writes them */
    JS_PROTO = 8,  /* 1 for 1.0, as protobuf's JSON has it: KFP's numbers are all doubles */
};
void js_write(const struct js *v, unsigned flags, struct buf *to);
char *js_dump(const struct js *v, unsigned flags); /* the caller's: free */
/* Shortest decimal that reads back as d, as JavaScript and Go print it: 1, 0.1, 1e+21; null where d
 * is no number. */
void js_write_num(double d, struct buf *to);

/* Where the next byte of [s, s + n) is that is not part of well-formed UTF-8; n: nowhere. */
size_t js_utf8_valid(const char *s, size_t n);
