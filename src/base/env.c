#include "base/env.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

extern char **environ;

char **env_with(const char *name, const char *value)
{
    size_t n = 0, at = 0, length = strlen(name), room = length + (value ? strlen(value) : 0) + 2;
    char **to;

    while (environ[n])
        n++;
    to = dh_zalloc(1, (n + 2) * sizeof *to + room);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], name, length) != 0 || environ[i][length] != '=')
            to[at++] = environ[i];
    if (value) {
        to[at] = (char *)(to + n + 2);
        (void)snprintf(to[at], room, "%s=%s", name, value);
    }
    return to;
}
