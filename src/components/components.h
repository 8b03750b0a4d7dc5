#pragma once
/* components - the built-in pipeline steps: `dhow component NAME --argument value …`.
 *
 * Each is a program of its own that happens to live in this binary: it reads its arguments and the
 * files that they name, writes its outputs, and says on standard error what it did. It knows no
 * run, no database and no engine. */
#include <stddef.h>

struct component_info {
    const char *name; /* "download-data" */
    const char *help; /* one line, no stop */
};

/* All of them, in the order of a pipeline; static. */
const struct component_info *components_list(size_t *ret_n);

/* argv[0] is the component's name. Also `--help`, and `--describe` for its interface as JSON.
 * Returns the exit status: 0 done, 1 failed (why is on standard error), 2 wrong use. */
int components_main(int argc, char **argv);
