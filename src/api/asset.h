#pragma once
/* asset - the files of the page, in the binary. */
#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path; /* "/", "/assets/index-1a2b3c.js" */
    const char *type; /* media type with charset */
    const char *etag; /* with its quotes */
    const void *bytes;
    size_t n;
    bool gzip;      /* the bytes are gzip's: every browser takes them so */
    bool immutable; /* its name changes with its bytes */
};

extern const struct asset asset_table[]; /* ends with a path of NULL */
/* NULL: there is none. */
const struct asset *asset_find(const char *path);
