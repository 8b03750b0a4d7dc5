#pragma once
/* doc - YAML and JSON text as a tree with positions.
 *
 * The tree knows nothing of pipelines. Plain YAML scalars become what PyYAML (which writes compiled
 * pipelines) reads them as; quoted ones are strings. Aliases share their anchor's nodes, and the
 * limits of base/limits.h count them as if they were written out.
 * libyaml is behind it and is included from doc.c alone. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/js.h"

enum doc_kind { DOC_NULL, DOC_BOOL, DOC_INT, DOC_REAL, DOC_STRING, DOC_LIST, DOC_MAP };

struct doc_node {
    uint8_t kind;          /* enum doc_kind */
    bool plain;            /* a scalar without quotes */
    uint32_t line, column; /* from 1 */
    uint32_t n;            /* bytes of text, elements, or members */
    union {
        bool boolean;
        int64_t integer;
        double real;
        const char *text;       /* NUL-terminated, without NUL inside */
        struct doc_node *items; /* a map's: key, value, key, value, … */
    };
};

struct doc {
    struct doc_node *documents; /* the top node of each */
    size_t n;
};

#define DOC_MAX_DOCUMENTS 64

/* Reads all documents of `bytes`. `name` stands in messages. Nodes go into `nodes`, text into
 * `text` (which may outlive the nodes). Text that begins with '{' is tried as JSON first.
 * DH_INVALID: "NAME:LINE:COLUMN: …". */
int doc_read(struct arena *nodes, struct arena *text, const char *name, const char *bytes, size_t n,
             struct doc *ret, struct dh_err *err);
/* JSON alone. */
int doc_read_json(struct arena *nodes, struct arena *text, const char *name, const char *bytes,
                  size_t n, struct doc *ret, struct dh_err *err);

static inline const struct doc_node *doc_key(const struct doc_node *map, size_t i)
{
    return &map->items[2 * i];
}

static inline const struct doc_node *doc_value(const struct doc_node *map, size_t i)
{
    return &map->items[2 * i + 1];
}

/* The member with that key, or NULL; linear. */
const struct doc_node *doc_get(const struct doc_node *map, const char *key);
struct js *doc_to_js(const struct doc_node *node);
/* "a map", "the string "x"", "the number 3": what stands there, for messages. Returns `to`. */
#define DOC_SAY 80
char *doc_say(const struct doc_node *node, char to[DOC_SAY]);
