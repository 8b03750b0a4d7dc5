#pragma once
/* textproto - reads protobuf's text format, for the conformance test alone.
 *
 * A tree of fields as they are written, without a schema: a number stays its text, a string is its
 * bytes, a message has fields. */
#include <stddef.h>
#include "base/arena.h"

enum tp_kind { TP_WORD, TP_STRING, TP_MESSAGE };

struct tp {
    const char *name;
    enum tp_kind kind;
    const char *text; /* of a word or string; a NUL follows */
    size_t n;
    struct tp *first, *next; /* fields of a message */
};

/* NULL: not the text format; *ret_at gets where. */
struct tp *tp_parse(struct arena *arena, const char *text, size_t n, size_t *ret_at);
const struct tp *tp_get(const struct tp *message, const char *name); /* NULL: not set */
const char *tp_text(const struct tp *message, const char *name);     /* "" where not set */
