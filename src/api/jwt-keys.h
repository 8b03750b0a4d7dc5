#pragma once
/* jwt-keys - an OpenID Connect issuer's keys: a JWKS file, or an address, which the issuer's
 * discovery document names where it is not given.
 *
 * They are read once when they are opened, then in a thread beside the server's loop: every few
 * minutes, and when a token names a key that is not known. Nobody waits for that. */
#include <stdbool.h>
#include "base/err.h"
#include "base/js.h"
#include "base/own.h"

struct jwt_keys;
/* `at`: a file or URL; NULL: the issuer says where. */
int jwt_keys_open(const char *issuer, const char *at, struct jwt_keys **ret, struct dh_err *err);
struct jwt_keys *jwt_keys_close(struct jwt_keys *keys);
OWN_DEFINE(struct jwt_keys *, jwt_keys_close)
/* The newest that are there: an array, until the next call. */
const struct js *jwt_keys_get(struct jwt_keys *keys);
/* One is missing: true, they are being read anew; false: they were, within the last minute. */
bool jwt_keys_renew(struct jwt_keys *keys);
