#pragma once
/* expr - CEL in the words of expr-lang, the language of Argo's expressions.
 *
 * For the conditions and selectors of pipelines: comparisons, logic, conversions, texts, lists,
 * keys of JSON. What the other language has not, or would understand in another way, is refused:
 * never translated to something that gives another answer. An expression that fails on its values
 * in CEL either fails there too, or is false. */
#include "base/buf.h"
#include "cel/cel.h"

enum cel_expr_type { /* what is known of a value before there is one */
                     CEL_EXPR_ANY,
                     CEL_EXPR_TEXT,
                     CEL_EXPR_NUMBER, /* a double */
                     CEL_EXPR_INT,
                     CEL_EXPR_BOOL,
                     CEL_EXPR_NULL,
                     CEL_EXPR_LIST,
};

struct cel_expr_value {
    const char *expr; /* an operand: a primary expression, or in parentheses. Read at once */
    enum cel_expr_type type;
};

/* The value of inputs.parameter_values['name'], or of a selector's string_value (`name` is
 * "string_value"). <0: err is filled. */
typedef int cel_expr_lookup(void *user, const char *name, struct cel_expr_value *ret,
                            struct dh_err *err);

/* Appends the program's translation to `to`. DH_INVALID: "line:column: what cannot be said". */
int cel_expr(const struct cel_program *program, enum cel_use use, cel_expr_lookup *lookup,
             void *user, struct buf *to, enum cel_expr_type *ret_type, struct dh_err *err);

/* A text literal of expr-lang. Braces are written as escapes, so that it may stand in {{=…}}. */
void cel_expr_quote(const char *text, size_t n, struct buf *to);
