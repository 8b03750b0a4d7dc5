#pragma once
/* doc-priv - what the YAML and the JSON reader share: the stack on which nodes become trees. */
#include "base/limits.h"
#include "spec/doc.h"

struct doc_frame {
    size_t base;  /* first of its children on the stack */
    size_t nodes; /* counts when it began, to know its size for aliases */
    size_t bytes;
    uint32_t line, column;
    bool map;
    const char *anchor; /* or NULL */
};

/* JSON may go a little deeper than YAML: what was read from YAML is stored as JSON with a wrapper
 * or two. */
#define DOC_MAX_DEPTH (LIMIT_YAML_DEPTH + 8)

struct doc_build {
    struct arena *nodes, *text;
    const char *name;
    struct dh_err *err;
    struct doc_node *stack; /* malloc'ed */
    size_t n, cap;
    struct doc_frame frames[DOC_MAX_DEPTH];
    size_t depth, max_depth;
    size_t n_nodes, n_bytes; /* aliases expanded */
    size_t alias_nodes, alias_bytes;
};

void doc_build_done(struct doc_build *b);
int doc_fail(const struct doc_build *b, size_t line, size_t column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* True where the next node would be a map's key. */
bool doc_at_key(const struct doc_build *b);
int doc_push(struct doc_build *b, struct doc_node node);
int doc_open(struct doc_build *b, bool map, uint32_t line, uint32_t column, const char *anchor);
/* Ends the innermost collection; *ret_frame tells where it began. DH_INVALID: a key comes twice. */
int doc_close(struct doc_build *b, struct doc_frame *ret_frame);
const char *doc_text(struct doc_build *b, const char *s, size_t n);

/* A plain YAML 1.1 scalar's value, as PyYAML resolves it; `node` has its place already. */
void doc_plain(struct arena *text, const char *s, size_t n, struct doc_node *node);
/* Digits of a base (no sign, '_' is skipped): DOC_INT where it fits in 64 bits, else DOC_REAL. */
void doc_integer(const char *digits, size_t n, unsigned base, bool negative, struct doc_node *node);
