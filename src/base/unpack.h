#pragma once
/* unpack - gzip, zstd and raw deflate (zip's) streams, read piece by piece. zlib and libzstd are
 * behind it. */
#include <stddef.h>
#include "base/err.h"
#include "base/own.h"

enum unpack_kind { UNPACK_PLAIN, UNPACK_GZIP, UNPACK_ZSTD, UNPACK_DEFLATE };
/* By the first four bytes; raw deflate cannot be told. */
enum unpack_kind unpack_sniff(const char *head, size_t n);

/* Where packed bytes come from; *ret_n == 0 is their end. */
typedef int unpack_fill(void *ctx, char *to, size_t cap, size_t *ret_n, struct dh_err *err);

struct unpack;

/* DH_INVALID: the stream is damaged or cut short. */
int unpack_new(enum unpack_kind kind, unpack_fill *fill, void *ctx, struct unpack **ret,
               struct dh_err *err);
struct unpack *unpack_free(struct unpack *unpack);
OWN_DEFINE(struct unpack *, unpack_free)
int unpack_read(struct unpack *unpack, char *to, size_t cap, size_t *ret_n, struct dh_err *err);
int unpack_restart(struct unpack *unpack,
                   struct dh_err *err); /* the caller has rewound the input */
