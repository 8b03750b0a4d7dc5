#include "base/sign.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/library.h"

#define CALLS(X)                                                                                   \
    X(BN_bin2bn)                                                                                   \
    X(BN_free)                                                                                     \
    X(BN_num_bits)                                                                                 \
    X(ECDSA_SIG_free)                                                                              \
    X(ECDSA_SIG_new)                                                                               \
    X(ECDSA_SIG_set0)                                                                              \
    X(EVP_DigestVerify)                                                                            \
    X(EVP_DigestVerifyInit)                                                                        \
    X(EVP_MD_CTX_free)                                                                             \
    X(EVP_MD_CTX_new)                                                                              \
    X(EVP_PKEY_CTX_free)                                                                           \
    X(EVP_PKEY_CTX_new_from_name)                                                                  \
    X(EVP_PKEY_free)                                                                               \
    X(EVP_PKEY_fromdata)                                                                           \
    X(EVP_PKEY_fromdata_init)                                                                      \
    X(EVP_PKEY_new_raw_public_key)                                                                 \
    X(EVP_sha256)                                                                                  \
    X(EVP_sha384)                                                                                  \
    X(EVP_sha512)                                                                                  \
    X(OSSL_PARAM_BLD_free)                                                                         \
    X(OSSL_PARAM_BLD_new)                                                                          \
    X(OSSL_PARAM_BLD_push_BN)                                                                      \
    X(OSSL_PARAM_BLD_push_octet_string)                                                            \
    X(OSSL_PARAM_BLD_push_utf8_string)                                                             \
    X(OSSL_PARAM_BLD_to_param)                                                                     \
    X(OSSL_PARAM_free)                                                                             \
    X(i2d_ECDSA_SIG)

static struct {
#define X(name) __typeof__(name) *name;
    CALLS(X)
#undef X
} lib;

static int load(struct dh_err *err)
{
    static const struct library_call calls[] = {
#define X(name) LIBRARY_CALL(lib, name),
        CALLS(X)
#undef X
    };

    return library_load("libcrypto.so.3", "libssl3", "a signature", calls,
                        sizeof calls / sizeof *calls, err);
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = lib.OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = lib.EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;

    if (!params || !ctx || lib.EVP_PKEY_fromdata_init(ctx) <= 0 ||
        lib.EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    lib.OSSL_PARAM_free(params);
    lib.EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(const struct sign_key *k)
{
    OSSL_PARAM_BLD *build = lib.OSSL_PARAM_BLD_new();
    BIGNUM *n = lib.BN_bin2bn(k->a.p, (int)k->a.n, NULL),
           *e = lib.BN_bin2bn(k->b.p, (int)k->b.n, NULL);
    EVP_PKEY *key = NULL;

    if (build && n && e && lib.BN_num_bits(n) >= 2048 && lib.BN_num_bits(n) <= 16384 &&
        lib.OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        lib.OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        key = from_params("RSA", build);
    lib.BN_free(n);
    lib.BN_free(e);
    lib.OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *p256_key(const struct sign_key *k)
{
    OSSL_PARAM_BLD *build = lib.OSSL_PARAM_BLD_new();
    unsigned char point[65] = {4}; /* uncompressed */
    EVP_PKEY *key = NULL;

    if (k->a.n == 32 && k->b.n == 32) {
        (void)memcpy(point + 1, k->a.p, 32);
        (void)memcpy(point + 33, k->b.p, 32);
        if (build &&
            lib.OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                                0) &&
            lib.OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                 sizeof point))
            key = from_params("EC", build);
    }
    lib.OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *key_of(const struct sign_key *k)
{
    switch (k->kind) {
    case SIGN_RSA:
        return rsa_key(k);
    case SIGN_P256:
        return p256_key(k);
    case SIGN_ED25519:
        return lib.EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->a.p, k->a.n);
    }
    return NULL;
}

/* r and s as the DER that libcrypto wants. Its length; 0: they are none. */
static int der_of(struct sign_bytes raw, unsigned char to[80])
{
    ECDSA_SIG *sig = lib.ECDSA_SIG_new();
    BIGNUM *r, *s;
    int n;

    if (raw.n != 64) {
        lib.ECDSA_SIG_free(sig);
        return 0;
    }
    r = lib.BN_bin2bn(raw.p, 32, NULL);
    s = lib.BN_bin2bn(raw.p + 32, 32, NULL);
    if (!sig || !lib.ECDSA_SIG_set0(sig, r, s)) {
        lib.BN_free(r);
        lib.BN_free(s);
        lib.ECDSA_SIG_free(sig);
        return 0;
    }
    n = lib.i2d_ECDSA_SIG(sig, &to);
    lib.ECDSA_SIG_free(sig);
    return n > 0 ? n : 0;
}

int sign_verify(const struct sign_key *k, int bits, struct sign_bytes message,
                struct sign_bytes signature, struct dh_err *err)
{
    unsigned char der[80];
    const EVP_MD *md;
    EVP_PKEY *key;
    EVP_MD_CTX *ctx;
    int rc = 0;

    if (load(err) < 0)
        return -1;
    md = bits == 512 ? lib.EVP_sha512() : bits == 384 ? lib.EVP_sha384() : lib.EVP_sha256();
    key = key_of(k);
    ctx = lib.EVP_MD_CTX_new();
    if (!key || !ctx) {
        lib.EVP_PKEY_free(key);
        lib.EVP_MD_CTX_free(ctx);
        return dh_fail(err, DH_INVALID, "the public key is not well formed");
    }
    if (k->kind == SIGN_P256) {
        signature = (struct sign_bytes){.p = der, .n = (size_t)der_of(signature, der)};
    }
    if (signature.n > 0 &&
        lib.EVP_DigestVerifyInit(ctx, NULL, k->kind == SIGN_ED25519 ? NULL : md, NULL, key) > 0)
        rc = lib.EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n);
    lib.EVP_PKEY_free(key);
    lib.EVP_MD_CTX_free(ctx);
    return rc == 1 ? 0 : SIGN_FALSE;
}
