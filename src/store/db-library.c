/* db-library: a client library that is loaded when a URL first asks for it. */
#include <dlfcn.h>
#include <pthread.h>

#include "store/db-server-priv.h"

static bool load(struct db_library *l)
{
    void *file = dlopen(l->file, RTLD_NOW | RTLD_LOCAL), **slots = l->slots;

    for (size_t i = 0; file && i < l->n; i++)
        if (!(slots[i] = dlsym(file, l->names[i])))
            return false;
    return file != NULL;
}

bool db_library_load(struct db_library *l)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    bool loaded;

    (void)pthread_mutex_lock(&lock);
    loaded = l->loaded = l->loaded || load(l);
    (void)pthread_mutex_unlock(&lock);
    return loaded;
}
