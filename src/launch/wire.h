#pragma once
/* wire - one connection to a server: TCP, or TLS over it; every wait has an end.
 *
 * Errors by their code: DH_IO may go away when tried again; DH_CANCELED: launch_stop was called;
 * all others stay (a certificate that is not accepted, a bundle that is not there). */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/own.h"

struct wire;

/* Before any thread, digest or connection. The bundle of certificates for all that follows; NULL:
 * $SSL_CERT_FILE, or the system's where it lies on one of the usual paths, or none: then no https
 * server is trusted. And more of them, where that file is there (may be NULL). Both are borrowed
 * for good. */
void wire_begin(const char *ca_file, const char *more_file);
int wire_open(const char *host, const char *port, bool tls, struct wire **ret, struct dh_err *err);
struct wire *wire_close(struct wire *w);
OWN_DEFINE(struct wire *, wire_close)
/* At least one byte, or 0: the other side has ended in good order. */
ssize_t wire_read(struct wire *w, void *to, size_t n, long wait_ms, struct dh_err *err);
int wire_write(struct wire *w, const void *bytes, size_t n, long wait_ms, struct dh_err *err);

/* ---- the one stop of the process ---- */

void launch_stop(void); /* every wait here and in launch_pause ends; safe in any thread */
bool launch_stopped(void);
void launch_stop_over(void); /* the last word may still be said: waits are waits again */
/* Sleeps; -1 and DH_CANCELED where it was stopped. */
int launch_pause(long ms, struct dh_err *err);
