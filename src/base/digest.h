#pragma once
/* digest - SHA-256 (FIPS 180-4) as lower-case hex. libcrypto is behind it, linked in. */
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

#define DIGEST_TEXT 65 /* 64 hex digits and the NUL */

struct digest;

struct digest *digest_new(void);
struct digest *digest_free(struct digest *d);
OWN_DEFINE(struct digest *, digest_free)
void digest_add(struct digest *d, const void *bytes, size_t n);
char *digest_end(struct digest *d, char to[DIGEST_TEXT]); /* returns `to`; d starts anew */

char *digest_bytes(const void *bytes, size_t n, char to[DIGEST_TEXT]);
/* A file's bytes. *ret_size (may be NULL) gets their number. DH_NOT_FOUND, DH_IO. */
int digest_file(const char *path, char to[DIGEST_TEXT], int64_t *ret_size, struct dh_err *err);

/* ---- the raw bytes, for signatures and sums ---- */

#define DIGEST_RAW 32
void digest_raw(const void *bytes, size_t n, unsigned char to[DIGEST_RAW]);
void digest_hmac(const void *key, size_t n_key, const void *bytes, size_t n,
                 unsigned char to[DIGEST_RAW]);
/* Bytes as lower-case hex; `to` has room for 2 n + 1. Returns `to`. */
char *digest_hex(const unsigned char *raw, size_t n, char *to);
/* 64 hex digits → 32 bytes. <0: it is not that. */
int digest_unhex(const char *hex, unsigned char to[DIGEST_RAW]);
