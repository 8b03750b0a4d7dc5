#pragma once
/* sign - signatures by public keys, as JSON web keys have them. libcrypto is behind it. */
#include <stddef.h>
#include "base/err.h"

enum sign_kind { SIGN_RSA, SIGN_P256, SIGN_ED25519 };
struct sign_bytes {
    const unsigned char *p;
    size_t n;
};
struct sign_key { /* big-endian numbers, as in RFC 7518 */
    enum sign_kind kind;
    struct sign_bytes a, b; /* RSA: n and e; P-256: x and y; Ed25519: the key alone */
};
enum { SIGN_FALSE = 1 };
/* `bits`: of the SHA-2 (256, 384, 512); not of Ed25519. An ECDSA signature is r and s, as in JWS.
 * 0: it is that key's signature of the message; SIGN_FALSE: it is not. DH_INVALID: no such key;
 * DH_IO: libcrypto does not load. */
int sign_verify(const struct sign_key *key, int bits, struct sign_bytes message,
                struct sign_bytes signature, struct dh_err *err);
