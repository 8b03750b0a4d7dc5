#include "api/asset.h"

#include <string.h>

const struct asset *asset_find(const char *path)
{
    for (const struct asset *a = asset_table; a->path; a++)
        if (!strcmp(a->path, path))
            return a;
    return NULL;
}
