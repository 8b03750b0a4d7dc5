#include "api/jwt.h"

#include <stdlib.h>
#include <string.h>

#include "api/b64.h"
#include "api/jwt-keys.h"
#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/sign.h"

enum { MAX_TOKEN = 16384, LEEWAY_S = 60 };

struct jwt {
    char *issuer, *audience;
    struct jwt_keys *keys;
};

int jwt_open(const struct jwt_options *options, struct jwt **ret, struct dh_err *err)
{
    own(jwt_close) struct jwt *jwt = dh_zalloc(1, sizeof *jwt);

    if (!options->audience)
        return dh_fail(err, DH_INVALID,
                       "OIDC needs an audience (--oidc-audience): whom are the tokens for?");
    jwt->issuer = dh_strdup(options->issuer);
    jwt->audience = dh_strdup(options->audience);
    if (jwt_keys_open(jwt->issuer, options->keys, &jwt->keys, err) < 0)
        return -1;
    *ret = take(&jwt);
    return 0;
}

struct jwt *jwt_close(struct jwt *jwt)
{
    if (jwt) {
        free(jwt->issuer);
        free(jwt->audience);
        jwt_keys_close(jwt->keys);
        free(jwt);
    }
    return NULL;
}

/* ---- tokens ---- */

struct token {
    const char *text;
    size_t n_signed; /* of the text: what is signed */
    struct js *head, *body;
    struct sign_bytes signature;
};

static void token_done(struct token *t)
{
    js_free(t->head);
    js_free(t->body);
}

static int bad(struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "the token is no signed JSON web token");
}

static int read_json(const char *text, size_t n, struct arena *a, struct js **ret,
                     struct dh_err *err)
{
    size_t n_json;
    unsigned char *json = b64_read(text, n, a, &n_json);

    return json && js_parse((char *)json, n_json, ret, err) == 0 && js_is(*ret, JS_OBJECT)
               ? 0
               : bad(err);
}

static int read_token(const char *text, struct arena *a, struct token *ret, struct dh_err *err)
{
    const char *dot = strchr(text, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;

    if (!second || strlen(text) > MAX_TOKEN || strchr(second + 1, '.'))
        return bad(err);
    ret->text = text;
    ret->n_signed = (size_t)(second - text);
    ret->signature.p = b64_read(second + 1, strlen(second + 1), a, &ret->signature.n);
    if (!ret->signature.p)
        return bad(err);
    return read_json(text, (size_t)(dot - text), a, &ret->head, err) < 0 ||
                   read_json(dot + 1, (size_t)(second - dot - 1), a, &ret->body, err) < 0
               ? -1
               : 0;
}

static struct sign_bytes number(const struct js *key, const char *name, struct arena *a)
{
    const char *text = js_get_text(key, name);
    struct sign_bytes r = {0};

    if (text)
        r.p = b64_read(text, strlen(text), a, &r.n);
    return r;
}

/* What signs, by the token's algorithm; never "none", and never a key that is a shared secret. */
static bool key_of(const struct js *v, const char *alg, struct arena *a, struct sign_key *ret,
                   int *ret_bits)
{
    const char *kty = js_get_text(v, "kty"), *crv = js_get_text(v, "crv"),
               *use = js_get_text(v, "use");

    if (!kty || (use && strcmp(use, "sig") != 0))
        return false;
    *ret_bits = 256;
    if (!strncmp(alg, "RS", 2) && !strcmp(kty, "RSA")) {
        *ret = (struct sign_key){SIGN_RSA, number(v, "n", a), number(v, "e", a)};
        *ret_bits = !strcmp(alg, "RS512") ? 512 : !strcmp(alg, "RS384") ? 384 : 256;
        return ret->a.p && ret->b.p;
    }
    if (!strcmp(alg, "ES256") && !strcmp(kty, "EC") && crv && !strcmp(crv, "P-256")) {
        *ret = (struct sign_key){SIGN_P256, number(v, "x", a), number(v, "y", a)};
        return ret->a.p && ret->b.p;
    }
    if (!strcmp(alg, "EdDSA") && !strcmp(kty, "OKP") && crv && !strcmp(crv, "Ed25519")) {
        *ret = (struct sign_key){SIGN_ED25519, number(v, "x", a), {0}};
        return ret->a.p != NULL;
    }
    return false;
}

static int not_signed(const struct jwt *jwt, struct dh_err *err)
{
    return dh_fail(err, DH_INVALID, "the token is not signed by a key of %s", jwt->issuer);
}

/* 1: by a key that is not known. */
static int verify_by(struct jwt *jwt, const struct token *t, struct arena *a, struct dh_err *err)
{
    bool known = false;
    const char *alg = js_get_text(t->head, "alg"), *kid = js_get_text(t->head, "kid");
    const struct js *keys = jwt_keys_get(jwt->keys);
    const struct sign_bytes message = {(const unsigned char *)t->text, t->n_signed};

    for (size_t i = 0; alg && i < js_n(keys) && i < 100; i++) {
        const struct js *v = js_at(keys, i);
        const char *id = js_get_text(v, "kid");
        struct sign_key key;
        int bits;

        if (kid && id && strcmp(kid, id) != 0)
            continue;
        known |= kid && id;
        if (key_of(v, alg, a, &key, &bits) &&
            sign_verify(&key, bits, message, t->signature, err) == 0)
            return 0;
    }
    return known ? not_signed(jwt, err) : 1;
}

/* ---- claims ---- */

static bool is_for(const struct js *aud, const char *audience)
{
    if (js_text(aud))
        return !strcmp(js_text(aud), audience);
    for (size_t i = 0; i < js_n(aud); i++)
        if (js_text(js_at(aud, i)) && !strcmp(js_text(js_at(aud, i)), audience))
            return true;
    return false;
}

static const char *joined(const struct js *names, struct arena *a)
{
    const char *text = ",";

    if (js_text(names))
        return arena_printf(a, ",%s,", js_text(names));
    if (!js_is(names, JS_ARRAY))
        return NULL;
    for (size_t i = 0; i < js_n(names); i++)
        if (js_text(js_at(names, i)))
            text = arena_printf(a, "%s%s,", text, js_text(js_at(names, i)));
    return text;
}

/* Namespaces with a role of their own stand behind the others. */
static const char *with_roles(const char *names, const struct js *roles, struct arena *a)
{
    if (!js_is(roles, JS_OBJECT))
        return names;
    if (!names)
        names = ",";
    for (js_each(roles, it))
        if (js_text(it.value))
            names = arena_printf(a, "%s%s:%s,", names, it.key, js_text(it.value));
    return names;
}

static int read_claims(const struct jwt *jwt, const struct js *body, struct arena *a,
                       struct jwt_claims *ret, struct dh_err *err)
{
    const char *issuer = js_get_text(body, "iss"), *subject = js_get_text(body, "email"),
               *role = js_get_text(body, "dhow_role");
    double now_s = (double)clock_now_us() / 1e6;

    if (!issuer || strcmp(issuer, jwt->issuer) != 0 || !is_for(js_get(body, "aud"), jwt->audience))
        return dh_fail(err, DH_INVALID, "the token is not of this issuer, or not for this server");
    if (js_as_num(js_get(body, "exp"), 0) + LEEWAY_S < now_s ||
        js_as_num(js_get(body, "nbf"), 0) - LEEWAY_S > now_s)
        return dh_fail(err, DH_INVALID, "the token is too old, or not valid yet");
    if (!subject)
        subject = js_get_text(body, "sub");
    *ret = (struct jwt_claims){.subject = arena_strdup(a, subject ? subject : "?"),
                               .role = role ? arena_strdup(a, role) : "viewer",
                               .namespaces = with_roles(joined(js_get(body, "dhow_namespaces"), a),
                                                        js_get(body, "dhow_roles"), a)};
    return 0;
}

int jwt_verify(struct jwt *jwt, const char *text, struct arena *a, struct jwt_claims *ret,
               struct dh_err *err)
{
    struct token t = {0};
    int rc = read_token(text, a, &t, err);

    if (rc == 0)
        rc = verify_by(jwt, &t, a, err);
    if (rc == 1 && jwt_keys_renew(jwt->keys)) /* keys are changed from time to time */
        rc = JWT_LATER;
    else if (rc == 1)
        rc = not_signed(jwt, err);
    if (rc == 0)
        rc = read_claims(jwt, t.body, a, ret, err);
    token_done(&t);
    return rc;
}
