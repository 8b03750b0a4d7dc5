#include "launch/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CONNECT_MS 10000

struct wire {
    int fd;
    SSL *ssl; /* NULL: plain */
};

/* ---- stop ---- */

static atomic_bool stopped;
static int stop_fd = -1; /* readable while it is stopped: the lock is over both */
static pthread_mutex_t stop_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t stop_once = PTHREAD_ONCE_INIT;

static void make_stop_fd(void)
{
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void launch_stop(void)
{
    const uint64_t one = 1;

    (void)pthread_once(&stop_once, make_stop_fd);
    (void)pthread_mutex_lock(&stop_lock);
    atomic_store(&stopped, true);
    (void)!write(stop_fd, &one, sizeof one); /* full: it is readable already */
    (void)pthread_mutex_unlock(&stop_lock);
}

void launch_stop_over(void)
{
    uint64_t count;

    (void)pthread_once(&stop_once, make_stop_fd);
    (void)pthread_mutex_lock(&stop_lock);
    atomic_store(&stopped, false);
    (void)!read(stop_fd, &count, sizeof count); /* nothing may be in it */
    (void)pthread_mutex_unlock(&stop_lock);
}

bool launch_stopped(void)
{
    return atomic_load(&stopped);
}

static int is_stopped(struct dh_err *err)
{
    return dh_fail(err, DH_CANCELED, "stopped by a signal");
}

/* fd -1: only the stop. 0: time is over. 1: ready. */
static int wait_for(int fd, short events, long wait_ms, struct dh_err *err)
{
    struct pollfd p[2] = {{.events = POLLIN}, {.fd = fd, .events = events}};
    const int64_t until = clock_mono_us() + (int64_t)wait_ms * 1000;

    (void)pthread_once(&stop_once, make_stop_fd);
    p[0].fd = stop_fd;
    for (;;) {
        int64_t left_ms = (until - clock_mono_us() + 999) / 1000;
        int n = poll(p, 2, left_ms > 0 ? (int)left_ms : 0);

        if (launch_stopped())
            return is_stopped(err);
        if (n < 0 && errno != EINTR)
            return dh_fail_errno(err, "poll");
        if (n > 0 && p[1].revents)
            return 1;
        if (n == 0)
            return 0;
    }
}

int launch_pause(long ms, struct dh_err *err)
{
    return wait_for(-1, 0, ms, err) < 0 ? -1 : 0;
}

/* ---- TLS ---- */

static const char *ca_given, *ca_more;
static SSL_CTX *tls_ctx;
static struct dh_err tls_err; /* of the one start; code 0: it went well */
static pthread_once_t tls_once = PTHREAD_ONCE_INIT;

void wire_begin(const char *ca_file, const char *more_file)
{
    ca_given = ca_file;
    ca_more = more_file;
    /* No configuration file: an image's could name modules that a static program cannot load. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

static const char *system_bundle(void)
{
    static const char *const usual[] = {
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, distroless */
        "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* RHEL 7 and later */
        "/etc/ssl/ca-bundle.pem",                            /* SUSE */
        "/etc/ssl/cert.pem",                                 /* Alpine, BSD */
    };

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (access(usual[i], R_OK) == 0)
            return usual[i];
    return NULL;
}

static void start_tls(void)
{
    const char *from_env = getenv("SSL_CERT_FILE"), *file = ca_given;

    if (!file)
        file = from_env && *from_env ? from_env : system_bundle();
    tls_ctx = SSL_CTX_new(TLS_client_method());
    if (!tls_ctx) {
        (void)dh_fail(&tls_err, DH_BUG, "TLS does not start");
        return;
    }
    (void)SSL_CTX_set_min_proto_version(tls_ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls_ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(tls_ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (file && SSL_CTX_load_verify_locations(tls_ctx, file, NULL) != 1)
        (void)dh_fail(&tls_err, DH_INVALID, "%s holds no certificates that can be read", file);
    else if (ca_more && access(ca_more, R_OK) == 0 &&
             SSL_CTX_load_verify_locations(tls_ctx, ca_more, NULL) != 1)
        (void)dh_fail(&tls_err, DH_INVALID, "%s holds no certificates that can be read", ca_more);
}

/* What OpenSSL says of the failure at hand; empties its list. */
static const char *tls_words(char to[256])
{
    unsigned long code = ERR_peek_last_error();

    if (code)
        ERR_error_string_n(code, to, 256);
    else
        (void)snprintf(to, 256, "the connection was cut");
    ERR_clear_error();
    return to;
}

/* After an SSL call that did not succeed. 1: try it again; 0: ended in good order; <0. */
static int tls_again(struct wire *w, int rc, long wait_ms, const char *what, struct dh_err *err)
{
    char words[256];
    int why = SSL_get_error(w->ssl, rc), ready;

    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return dh_fail(err, DH_IO, "%s: %s", what, tls_words(words));
    ready = wait_for(w->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, wait_ms, err);
    if (ready == 0)
        return dh_fail(err, DH_IO, "%s: nothing moved for %ld s", what, wait_ms / 1000);
    return ready;
}

static int begin_tls(struct wire *w, const char *host, struct dh_err *err)
{
    struct in6_addr address;
    X509_VERIFY_PARAM *param;
    bool is_address;
    int rc;

    (void)pthread_once(&tls_once, start_tls);
    if (tls_err.code)
        return dh_fail(err, tls_err.code, "%s", tls_err.msg);
    ERR_clear_error();
    w->ssl = SSL_new(tls_ctx);
    if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1)
        return dh_fail(err, DH_BUG, "TLS does not start");
    param = SSL_get0_param(w->ssl);
    is_address =
        inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    if (is_address
            ? X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1
            : SSL_set1_host(w->ssl, host) != 1 || SSL_set_tlsext_host_name(w->ssl, host) != 1)
        return dh_fail(err, DH_INVALID, "'%s' is no name of a host", host);
    while ((rc = SSL_connect(w->ssl)) != 1) {
        long verified = SSL_get_verify_result(w->ssl);
        int again;

        if (verified != X509_V_OK)
            return dh_fail(err, DH_FAILED,
                           "the certificate of %s is not accepted: %s (--ca FILE names the "
                           "authority's)",
                           host, X509_verify_cert_error_string(verified));
        again = tls_again(w, rc, CONNECT_MS, "TLS", err);
        if (again == 0)
            return dh_fail(err, DH_IO, "TLS: the connection ended at once");
        if (again < 0)
            return -1;
    }
    return 0;
}

/* ---- connect ---- */

static int connect_to(const struct addrinfo *a, struct dh_err *err)
{
    own_fd int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int fault = 0, on = 1, ready;
    socklen_t size = sizeof fault;

    if (fd < 0)
        return dh_fail_errno(err, "socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return dh_take_fd(&fd);
    if (errno != EINPROGRESS)
        return dh_fail_errno(err, "cannot connect");
    ready = wait_for(fd, POLLOUT, CONNECT_MS, err);
    if (ready < 0)
        return -1;
    if (ready == 0)
        return dh_fail(err, DH_IO, "cannot connect within %d s", CONNECT_MS / 1000);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) < 0 || fault) {
        errno = fault ? fault : errno;
        return dh_fail_errno(err, "cannot connect");
    }
    return dh_take_fd(&fd);
}

int wire_open(const char *host, const char *port, bool tls, struct wire **ret, struct dh_err *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    own(wire_close) struct wire *w = NULL;
    struct addrinfo *all = NULL;
    int fd = -1, rc = getaddrinfo(host, port, &hints, &all);

    if (rc != 0)
        return dh_fail(err, DH_IO, "the address of %s is not found: %s", host, gai_strerror(rc));
    for (const struct addrinfo *a = all; a && fd < 0 && !launch_stopped(); a = a->ai_next)
        fd = connect_to(a, err);
    freeaddrinfo(all);
    if (fd < 0)
        return launch_stopped() ? is_stopped(err) : dh_while(err, "%s:%s", host, port);
    w = dh_zalloc(1, sizeof *w);
    w->fd = fd;
    if (tls && begin_tls(w, host, err) < 0)
        return -1;
    *ret = take(&w);
    return 0;
}

struct wire *wire_close(struct wire *w)
{
    if (w) {
        if (w->ssl)
            SSL_free(w->ssl);
        (void)close(w->fd);
        free(w);
    }
    return NULL;
}

/* ---- bytes ---- */

ssize_t wire_read(struct wire *w, void *to, size_t n, long wait_ms, struct dh_err *err)
{
    for (;;) {
        ssize_t got;
        int ready;

        if (w->ssl) {
            ERR_clear_error();
            got = SSL_read(w->ssl, to, n > 1 << 30 ? 1 << 30 : (int)n);
            if (got > 0)
                return got;
            ready = tls_again(w, (int)got, wait_ms, "reading", err);
            if (ready <= 0)
                return ready;
            continue;
        }
        got = recv(w->fd, to, n, 0);
        if (got >= 0)
            return got;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return dh_fail_errno(err, "reading");
        ready = wait_for(w->fd, POLLIN, wait_ms, err);
        if (ready == 0)
            return dh_fail(err, DH_IO, "reading: nothing came for %ld s", wait_ms / 1000);
        if (ready < 0)
            return -1;
    }
}

int wire_write(struct wire *w, const void *bytes, size_t n, long wait_ms, struct dh_err *err)
{
    const char *p = bytes;

    while (n > 0) {
        ssize_t done;
        int ready;

        if (w->ssl) {
            ERR_clear_error();
            done = SSL_write(w->ssl, p, n > 1 << 30 ? 1 << 30 : (int)n);
        } else {
            done = send(w->fd, p, n, MSG_NOSIGNAL);
        }
        if (done > 0) {
            p += done;
            n -= (size_t)done;
            continue;
        }
        if (w->ssl) {
            ready = tls_again(w, (int)done, wait_ms, "writing", err);
            if (ready == 0)
                return dh_fail(err, DH_IO, "writing: the connection was ended");
        } else if (errno == EINTR) {
            continue;
        } else if (errno != EAGAIN) {
            return dh_fail_errno(err, "writing");
        } else {
            ready = wait_for(w->fd, POLLOUT, wait_ms, err);
            if (ready == 0)
                return dh_fail(err, DH_IO, "writing: nothing went for %ld s", wait_ms / 1000);
        }
        if (ready < 0)
            return -1;
    }
    return 0;
}
