#include "api/mhd.h"
#include <dlfcn.h>
#include <string.h>

struct mhd_calls mhd;

#define CALL(name)                                                                                 \
    {                                                                                              \
        "MHD_" #name, &mhd.name                                                                    \
    }

int mhd_load(struct dh_err *err)
{
    static const struct {
        const char *name;
        void *to;
    } calls[] = {CALL(add_response_header),
                 CALL(create_response_from_buffer),
                 CALL(create_response_from_callback),
                 CALL(create_response_from_fd_at_offset64),
                 CALL(destroy_response),
                 CALL(get_connection_info),
                 CALL(get_daemon_info),
                 CALL(get_timeout),
                 CALL(lookup_connection_value),
                 CALL(queue_response),
                 CALL(quiesce_daemon),
                 CALL(resume_connection),
                 CALL(run),
                 CALL(start_daemon),
                 CALL(stop_daemon),
                 CALL(suspend_connection)};
    void *library;

    if (mhd.suspend_connection)
        return 0;
    library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return dh_fail(err, DH_IO,
                       "a server needs libmicrohttpd (apt-get install libmicrohttpd12), which does "
                       "not load: %s",
                       dlerror());
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *symbol = dlsym(library, calls[i].name);

        if (!symbol)
            return dh_fail(err, DH_IO, "libmicrohttpd lacks %s", calls[i].name);
        memcpy(calls[i].to, &symbol, sizeof symbol);
    }
    return 0;
}
