#include "base/sign.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;

    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(const struct sign_key *k)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(k->a.p, (int)k->a.n, NULL), *e = BN_bin2bn(k->b.p, (int)k->b.n, NULL);
    EVP_PKEY *key = NULL;

    if (build && n && e && BN_num_bits(n) >= 2048 && BN_num_bits(n) <= 16384 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        key = from_params("RSA", build);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *p256_key(const struct sign_key *k)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    unsigned char point[65] = {4}; /* uncompressed */
    EVP_PKEY *key = NULL;

    if (k->a.n == 32 && k->b.n == 32) {
        (void)memcpy(point + 1, k->a.p, 32);
        (void)memcpy(point + 33, k->b.p, 32);
        if (build &&
            OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
            OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
            key = from_params("EC", build);
    }
    OSSL_PARAM_BLD_free(build);
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
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->a.p, k->a.n);
    }
    return NULL;
}

/* r and s as the DER that libcrypto wants. Its length; 0: they are none. */
static int der_of(struct sign_bytes raw, unsigned char to[80])
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r, *s;
    int n;

    if (raw.n != 64) {
        ECDSA_SIG_free(sig);
        return 0;
    }
    r = BN_bin2bn(raw.p, 32, NULL);
    s = BN_bin2bn(raw.p + 32, 32, NULL);
    if (!sig || !ECDSA_SIG_set0(sig, r, s)) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return 0;
    }
    n = i2d_ECDSA_SIG(sig, &to);
    ECDSA_SIG_free(sig);
    return n > 0 ? n : 0;
}

int sign_verify(const struct sign_key *k, int bits, struct sign_bytes message,
                struct sign_bytes signature, struct dh_err *err)
{
    const EVP_MD *md = bits == 512 ? EVP_sha512() : bits == 384 ? EVP_sha384() : EVP_sha256();
    EVP_PKEY *key = key_of(k);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[80];
    int rc = 0;

    if (!key || !ctx) {
        EVP_PKEY_free(key);
        EVP_MD_CTX_free(ctx);
        return dh_fail(err, DH_INVALID, "the public key is not well formed");
    }
    if (k->kind == SIGN_P256) {
        signature = (struct sign_bytes){.p = der, .n = (size_t)der_of(signature, der)};
    }
    if (signature.n > 0 &&
        EVP_DigestVerifyInit(ctx, NULL, k->kind == SIGN_ED25519 ? NULL : md, NULL, key) > 0)
        rc = EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n);
    EVP_PKEY_free(key);
    EVP_MD_CTX_free(ctx);
    return rc == 1 ? 0 : SIGN_FALSE;
}
