#include "api/mhd.h"

#include "base/library.h"

struct mhd_calls mhd;

#define CALL(name)                                                                                 \
    {                                                                                              \
        "MHD_" #name, &mhd.name                                                                    \
    }

int mhd_load(struct dh_err *err)
{
    static const struct library_call calls[] = {CALL(add_response_header),
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

    return library_load("libmicrohttpd.so.12", "libmicrohttpd12", "a server", calls,
                        sizeof calls / sizeof *calls, err);
}
