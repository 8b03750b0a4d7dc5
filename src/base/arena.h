#pragma once
/* arena - memory that is given back in one call.
 *
 * One document, one arena: a doc tree or a spec is built once, never changed, freed at once.
 * Nothing in an arena has a destructor. */
#include <stddef.h>
#include "base/own.h"

struct arena;

struct arena *arena_new(void);
struct arena *arena_free(struct arena *a);
OWN_DEFINE(struct arena *, arena_free)

void *arena_alloc(struct arena *a, size_t size)
    __attribute__((returns_nonnull)); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((returns_nonnull, format(printf, 2, 3)));
/* Runs fn(p) when the arena is freed, for the rare thing that lives elsewhere (a js value). */
void arena_on_free(struct arena *a, void (*fn)(void *), void *p);
size_t arena_bytes(const struct arena *a);
