#pragma once
/* jwt - OpenID Connect's tokens: a signature by one of the issuer's keys, and who it is for.
 *
 * Whose keys they are and how they are read: jwt-keys.h. */
#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"

struct jwt;
struct jwt_options {
    const char *issuer, *audience;
    const char *keys; /* a file or URL; NULL: the issuer's */
};
struct jwt_claims {      /* in the caller's arena */
    const char *subject; /* email, else sub */
    const char *role;    /* claim "dhow_role"; "viewer" where there is none */
    /* claims "dhow_namespaces" and "dhow_roles" ({"a": "admin"}) as ",b,a:admin,"; NULL: all */
    const char *namespaces;
};
int jwt_open(const struct jwt_options *options, struct jwt **ret, struct dh_err *err);
struct jwt *jwt_close(struct jwt *jwt);
OWN_DEFINE(struct jwt *, jwt_close)
enum { JWT_LATER = 2 };
/* RS256, RS384, RS512, ES256, EdDSA. DH_INVALID: not a token of that issuer for us, or too old.
 * JWT_LATER: it is signed by a key that is not known, and the keys are being read anew. */
int jwt_verify(struct jwt *jwt, const char *token, struct arena *a, struct jwt_claims *ret,
               struct dh_err *err);
