#pragma once
/* mhd - libmicrohttpd, loaded when a server starts. Linked, it and the ten libraries that it needs
 * for TLS would cost each start of dhow two milliseconds: each command's, and each step's. */
#include <microhttpd.h>
#include "base/err.h"

struct mhd_calls {
    __typeof__(&MHD_add_response_header) add_response_header;
    __typeof__(&MHD_create_response_from_buffer) create_response_from_buffer;
    __typeof__(&MHD_create_response_from_callback) create_response_from_callback;
    __typeof__(&MHD_create_response_from_fd_at_offset64) create_response_from_fd_at_offset64;
    __typeof__(&MHD_destroy_response) destroy_response;
    __typeof__(&MHD_get_connection_info) get_connection_info;
    __typeof__(&MHD_get_daemon_info) get_daemon_info;
    __typeof__(&MHD_get_timeout) get_timeout;
    __typeof__(&MHD_lookup_connection_value) lookup_connection_value;
    __typeof__(&MHD_queue_response) queue_response;
    __typeof__(&MHD_quiesce_daemon) quiesce_daemon;
    __typeof__(&MHD_resume_connection) resume_connection;
    __typeof__(&MHD_run) run;
    __typeof__(&MHD_start_daemon) start_daemon;
    __typeof__(&MHD_stop_daemon) stop_daemon;
    __typeof__(&MHD_suspend_connection) suspend_connection;
};
extern struct mhd_calls mhd; /* its calls may be used once mhd_load has returned 0 */

/* Once is enough; later calls answer the same. DH_IO. Not for two threads at a time. */
int mhd_load(struct dh_err *err);
