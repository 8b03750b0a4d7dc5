#pragma once
/* library - what only some commands need is loaded where it is first used, not linked: each library
 * that is linked costs every start (docs/decisions/052). */
#include <stddef.h>
#include "base/err.h"

struct library_call {
    const char *name;
    void *to; /* a pointer to the function's pointer */
};
#define LIBRARY_CALL(table, name)                                                                  \
    {                                                                                              \
#name, &(table).name                                                                       \
    }

/* Loads `file` of Debian's `package`, which `user` needs ("a server"), and fills in all calls, of
 * which there is one at least; does nothing where they are filled in. It stays loaded. Any thread.
 * DH_IO: it is not there, or lacks one. */
int library_load(const char *file, const char *package, const char *user,
                 const struct library_call *calls, size_t n, struct dh_err *err);
