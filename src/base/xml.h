#pragma once
/* xml - the small XML documents that storage servers answer with, as a tree of elements.
 *
 * Attributes, comments and prefixes of names are left out. A document type is refused: nothing that
 * we read has one, and entities are what attacks are made of. libexpat is behind it and is loaded
 * with the first document. */
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"

struct arena;

struct xml {
    const char *name, *text; /* text: of the element itself, "" where there is none */
    struct xml *child, *next;
};

/* The whole tree is in `arena`. DH_INVALID: no well-formed document, or beyond base/limits.h. */
int xml_parse(const char *text, size_t n, struct arena *arena, const struct xml **ret,
              struct dh_err *err);
/* The first child of that name; NULL: none. `x` may be NULL. */
const struct xml *xml_child(const struct xml *x, const char *name);
const char *xml_text(const struct xml *x, const char *name); /* its text; "": none */

void xml_escape(struct buf *to, const char *text);
