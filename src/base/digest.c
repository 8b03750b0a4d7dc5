/* libcrypto's SHA-256 itself, linked in: not by EVP, whose start (providers, configuration, names
 * of all algorithms) costs a millisecond of each command, and loading the library two. */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#define OPENSSL_SUPPRESS_DEPRECATED /* what EVP itself calls */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct digest {
    SHA256_CTX ctx;
};

struct digest *digest_new(void)
{
    struct digest *d = dh_alloc(sizeof *d);

    (void)SHA256_Init(&d->ctx);
    return d;
}

struct digest *digest_free(struct digest *d)
{
    free(d);
    return NULL;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
    (void)SHA256_Update(&d->ctx, bytes, n);
}

static void end(struct digest *d, unsigned char to[DIGEST_RAW])
{
    (void)SHA256_Final(to, &d->ctx);
    (void)SHA256_Init(&d->ctx);
}

char *digest_end(struct digest *d, char to[DIGEST_TEXT])
{
    unsigned char raw[DIGEST_RAW];

    end(d, raw);
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
    struct digest d;

    (void)SHA256_Init(&d.ctx);
    digest_add(&d, bytes, n);
    end(&d, to);
}

/* FIPS 198-1. */
void digest_hmac(const void *key, size_t n_key, const void *bytes, size_t n,
                 unsigned char to[DIGEST_RAW])
{
    unsigned char block[SHA256_CBLOCK] = {0};
    struct digest d;

    if (n_key > sizeof block)
        digest_raw(key, n_key, block);
    else if (n_key)
        (void)memcpy(block, key, n_key);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    (void)SHA256_Init(&d.ctx);
    digest_add(&d, block, sizeof block);
    digest_add(&d, bytes, n);
    end(&d, to);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    digest_add(&d, block, sizeof block);
    digest_add(&d, to, DIGEST_RAW);
    end(&d, to);
    explicit_bzero(block, sizeof block);
    explicit_bzero(&d, sizeof d);
}

char *digest_bytes(const void *bytes, size_t n, char to[DIGEST_TEXT])
{
    unsigned char raw[DIGEST_RAW];

    digest_raw(bytes, n, raw);
    return digest_hex(raw, DIGEST_RAW, to);
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
