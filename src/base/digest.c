#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

struct digest {
    EVP_MD_CTX *ctx;
};

/* Looked up once: that costs more than to digest a short text. Never freed. */
static EVP_MD *sha256;

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void start(struct digest *d)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, find_sha256);
    if (!sha256 || EVP_DigestInit_ex(d->ctx, sha256, NULL) != 1)
        abort(); /* SHA-256 is always there */
}

struct digest *digest_new(void)
{
    struct digest *d = dh_alloc(sizeof *d);

    d->ctx = EVP_MD_CTX_new();
    if (!d->ctx)
        abort();
    start(d);
    return d;
}

struct digest *digest_free(struct digest *d)
{
    if (d) {
        EVP_MD_CTX_free(d->ctx);
        free(d);
    }
    return NULL;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    (void)EVP_DigestUpdate(d->ctx, bytes, n);
}

char *digest_end(struct digest *d, char to[DIGEST_TEXT])
{
    unsigned char raw[DIGEST_RAW];
    unsigned n = 0;

    (void)EVP_DigestFinal_ex(d->ctx, raw, &n);
    start(d);
    return digest_hex(raw, DIGEST_RAW, to);
}

char *digest_hex(const unsigned char *raw, size_t n, char *to)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        to[2 * i] = hex[raw[i] >> 4];
        to[2 * i + 1] = hex[raw[i] & 15];
    }
    to[2 * n] = '\0';
    return to;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int digest_unhex(const char *hex, unsigned char to[DIGEST_RAW])
{
    for (size_t i = 0; i < DIGEST_RAW; i++) {
        int high = hex_digit(hex[2 * i]), low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);

        if (low < 0)
            return -1;
        to[i] = (unsigned char)(high * 16 + low);
    }
    return hex[64] ? -1 : 0;
}

void digest_raw(const void *bytes, size_t n, unsigned char to[DIGEST_RAW])
{
    if (EVP_Digest(bytes, n, to, NULL, EVP_sha256(), NULL) != 1)
        abort();
}

void digest_hmac(const void *key, size_t n_key, const void *bytes, size_t n,
                 unsigned char to[DIGEST_RAW])
{
    if (!HMAC(EVP_sha256(), key, (int)n_key, bytes, n, to, NULL))
        abort();
}

char *digest_bytes(const void *bytes, size_t n, char to[DIGEST_TEXT])
{
    own(digest_free) struct digest *d = digest_new();

    digest_add(d, bytes, n);
    return digest_end(d, to);
}

int digest_file(const char *path, char to[DIGEST_TEXT], int64_t *ret_size, struct dh_err *err)
{
    own(digest_free) struct digest *d = NULL;
    own_mem unsigned char *block = NULL;
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    const size_t size = 256 * 1024;
    int64_t total = 0;

    if (fd < 0) {
        (void)dh_fail_errno(err, "%s", path);
        if (errno == ENOENT && err)
            err->code = DH_NOT_FOUND;
        return -1;
    }
    d = digest_new();
    block = dh_alloc(size);
    for (;;) {
        ssize_t n = read(fd, block, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dh_fail_errno(err, "cannot read %s", path);
        if (n == 0)
            break;
        digest_add(d, block, (size_t)n);
        total += n;
    }
    (void)digest_end(d, to);
    if (ret_size)
        *ret_size = total;
    return 0;
}
