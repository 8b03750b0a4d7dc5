#include "base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static int load(const char *file, const char *package, const char *user,
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

int library_load(const char *file, const char *package, const char *user,
                 const struct library_call *calls, size_t n, struct dh_err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    void *last;
    int rc;

    (void)pthread_mutex_lock(&lock);
    memcpy(&last, calls[n - 1].to, sizeof last); /* filled in last */
    rc = last ? 0 : load(file, package, user, calls, n, err);
    (void)pthread_mutex_unlock(&lock);
    return rc;
}
