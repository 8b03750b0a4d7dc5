#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *file, const char *package, const char *user,
                 const struct library_call *calls, size_t n, struct dh_err *err)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return dh_fail(err, DH_IO, "%s needs %.*s (apt-get install %s), which does not load: %s",
                       user, (int)strcspn(file, "."), file, package, dlerror());
    for (size_t i = 0; i < n; i++) {
        void *symbol = dlsym(library, calls[i].name);

        if (!symbol)
            return dh_fail(err, DH_IO, "%.*s lacks %s", (int)strcspn(file, "."), file,
                           calls[i].name);
        memcpy(calls[i].to, &symbol, sizeof symbol);
    }
    return 0;
}
