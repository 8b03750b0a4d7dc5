#pragma once
/* js-priv - what a JSON value is in memory: a head, and behind it what its kind needs.
 *
 * null, true and false are three values that everybody shares and nobody frees. */
#include <locale.h>
#include <string.h>

#include "base/js.h"

struct js {
    unsigned refs;
    enum js_kind kind;
};
struct js_number {
    struct js head;
    union {
        int64_t i;
        double d;
    };
};
struct js_string {
    struct js head;
    size_t n;
    char text[]; /* UTF-8, NUL behind it */
};
struct js_array {
    struct js head;
    size_t n, cap;
    struct js **items;
};
struct js_member {
    const char *key; /* NULL: removed */
    struct js *value;
    uint32_t n : 31;      /* length of the key */
    uint32_t literal : 1; /* the key is the program's own: not freed */
    uint32_t hash;        /* of the key, where there is an index */
};
enum { JS_HERE = 2 };
struct js_object {
    struct js head;
    uint32_t n, cap; /* places in use, the removed ones too */
    uint32_t removed;
    uint32_t n_index; /* a power of two */
    uint32_t *index;  /* place + 1 by hash; NULL while there are few */
    struct js_member *members;
    struct js_member here[JS_HERE]; /* where `members` begins: most have no more */
};

static inline const struct js_number *js_in_number(const struct js *v)
{
    return (const struct js_number *)(const void *)v;
}

static inline const struct js_string *js_in_string(const struct js *v)
{
    return (const struct js_string *)(const void *)v;
}

static inline const struct js_array *js_in_array(const struct js *v)
{
    return (const struct js_array *)(const void *)v;
}

static inline const struct js_object *js_in_object(const struct js *v)
{
    return (const struct js_object *)(const void *)v;
}

/* A string whose bytes are known to be UTF-8. */
struct js *js_string_new(const char *utf8, size_t n);

/* A program that has linked us may have a locale with another decimal point: numbers are read and
 * written in this one. */
locale_t js_c_locale(void);

/* js-object.c: takes the value; takes the key as well (malloc) unless it is literal. */
void js_object_put(struct js *object, const char *key, size_t n, bool literal, struct js *value);
struct js *js_object_copy(const struct js *v);
void js_object_done(struct js *v);
