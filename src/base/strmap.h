#pragma once
/* strmap - text to pointer, in the order in which the keys came.
 *
 * Keys are copied, values are the caller's. */
#include <stddef.h>
#include "base/own.h"

struct strmap;

struct strmap *strmap_new(void);
struct strmap *strmap_free(struct strmap *m); /* not the values */
OWN_DEFINE(struct strmap *, strmap_free)

void *strmap_get(const struct strmap *m, const char *key); /* NULL: not there. m may be NULL */
void *strmap_put(struct strmap *m, const char *key,
                 void *value);                          /* returns the value replaced, or NULL */
void *strmap_remove(struct strmap *m, const char *key); /* returns the value, or NULL */
size_t strmap_n(const struct strmap *m);
/* The i-th live entry, i < strmap_n; order of insertion (a removal moves the last one into the
 * gap). */
const char *strmap_at(const struct strmap *m, size_t i, void **ret_value);
