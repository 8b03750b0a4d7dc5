/* common - what several steps need. */
#include <string.h>
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "components/steps.h"

const char **step_list(const char *text)
{
    size_t n = 1, len = strlen(text);
    if (!len)
        return NULL;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    const char **list = dh_zalloc(1, (n + 1) * sizeof *list + len + 1);
    char *copy = (char *)(list + n + 1);
    memcpy(copy, text, len + 1);
    for (size_t i = 0; i < n; i++) {
        char *comma = strchr(copy, ',');
        list[i] = copy;
        if (comma) {
            *comma = 0;
            copy = comma + 1;
        }
    }
    return list;
}

int step_write(const char *path, const void *bytes, size_t n, struct dh_err *err)
{
    own_mem char *folder = dh_strdup(path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = 0;
        if (fs_mkdirs(folder, 0755, err) < 0)
            return -1;
    }
    return fs_write(path, bytes, n, 0644, err);
}

bool metric_is_loss(const char *name)
{
    static const char *const losses[] = {"log_loss", "mean_squared_error",
                                         "root_mean_squared_error", "mean_absolute_error",
                                         "brier_score"};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (strcmp(name, losses[i]) == 0)
            return true;
    return false;
}
