#pragma once
/* nearest - of the names that there are, the one that was meant: "did you mean …?". */
#include <stddef.h>

/* Start with .word alone; `best` is the nearest so far of the names tried, borrowed; NULL: none is
 * near enough to be worth telling. */
struct nearest {
    const char *word, *best;
    size_t edits; /* between the two */
};
void nearest_try(struct nearest *nearest, const char *name);
