#include "api/jwt-keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/mem.h"

enum { MAX_KEYS = (int)1 << 20, AGAIN_S = 60, OLD_S = 300 };

/* One reading; in a thread it is shared: whoever lets go of it last frees it. */
struct reading {
    char *issuer, *at;
    bool discovers;  /* `at` is what the issuer says, each time */
    struct js *keys; /* the JWKS */
    int rc;
    atomic_bool done;
    atomic_int owners;
};

struct jwt_keys {
    struct reading *last, *next;  /* next: under way, or NULL */
    int64_t begun_us, renewed_us; /* the last time; renewed: because a key was missing */
};

static struct reading *reading_new(const char *issuer, const char *at)
{
    struct reading *r = dh_zalloc(1, sizeof *r);

    r->issuer = dh_strdup(issuer);
    r->at = at ? dh_strdup(at) : NULL;
    r->discovers = !at;
    atomic_store(&r->owners, 1);
    return r;
}

static void reading_drop(struct reading *r)
{
    if (!r || atomic_fetch_sub(&r->owners, 1) > 1)
        return;
    js_free(r->keys);
    free(r->issuer);
    free(r->at);
    free(r);
}

static int get(const char *at, struct js **ret, struct dh_err *err)
{
    own_buf struct buf text = {.max = MAX_KEYS};

    if (strncmp(at, "http://", 7) != 0 && strncmp(at, "https://", 8) != 0)
        return js_parse_file(at, MAX_KEYS, ret, err);
    if (http_get(at, LIMIT_FETCH_S, &text, err) < 0)
        return -1;
    return js_parse(buf_str(&text), text.n, ret, err);
}

/* The issuer says itself where its keys are. */
static int discover(struct reading *r, struct dh_err *err)
{
    size_t n = strlen(r->issuer);
    own_mem char *at = dh_printf("%s%s.well-known/openid-configuration", r->issuer,
                                 n && r->issuer[n - 1] == '/' ? "" : "/");
    own(js_free) struct js *v = NULL;
    const char *keys;

    if (get(at, &v, err) < 0)
        return -1;
    keys = js_get_text(v, "jwks_uri");
    if (!keys)
        return dh_fail(err, DH_INVALID, "%s names no jwks_uri", at);
    r->at = dh_strdup(keys);
    return 0;
}

static int reading_run(struct reading *r, struct dh_err *err)
{
    if (r->discovers && discover(r, err) < 0)
        return dh_while(err, "OIDC issuer %s", r->issuer);
    if (get(r->at, &r->keys, err) < 0)
        return dh_while(err, "OIDC keys");
    if (!js_is(js_get(r->keys, "keys"), JS_ARRAY))
        return dh_fail(err, DH_INVALID, "%s is no JSON web key set", r->at);
    return 0;
}

static void *beside(void *user)
{
    struct reading *r = user;
    struct dh_err ignored;

    r->rc = reading_run(r, &ignored);
    atomic_store(&r->done, true);
    reading_drop(r);
    return NULL;
}

int jwt_keys_open(const char *issuer, const char *at, struct jwt_keys **ret, struct dh_err *err)
{
    own(jwt_keys_close) struct jwt_keys *keys = dh_zalloc(1, sizeof *keys);

    keys->last = reading_new(issuer, at);
    keys->begun_us = clock_mono_us();
    if (reading_run(keys->last, err) < 0)
        return -1;
    *ret = take(&keys);
    return 0;
}

struct jwt_keys *jwt_keys_close(struct jwt_keys *keys)
{
    if (keys) {
        reading_drop(keys->last);
        reading_drop(keys->next);
        free(keys);
    }
    return NULL;
}

static void begin(struct jwt_keys *keys)
{
    struct reading *r =
        reading_new(keys->last->issuer, keys->last->discovers ? NULL : keys->last->at);
    pthread_t thread;

    keys->begun_us = clock_mono_us();
    atomic_store(&r->owners, 2);
    if (pthread_create(&thread, NULL, beside, r) != 0) {
        atomic_store(&r->owners, 1);
        reading_drop(r);
        return;
    }
    (void)pthread_detach(thread);
    keys->next = r;
}

static bool is_ago(int64_t us, int64_t seconds)
{
    return us == 0 || clock_mono_us() - us > seconds * 1000000;
}

const struct js *jwt_keys_get(struct jwt_keys *keys)
{
    if (keys->next && atomic_load(&keys->next->done)) {
        struct reading *old = keys->next;

        if (old->rc == 0) {
            old = keys->last;
            keys->last = keys->next;
        }
        keys->next = NULL;
        reading_drop(old);
    }
    if (!keys->next && is_ago(keys->begun_us, OLD_S))
        begin(keys);
    return js_get(keys->last->keys, "keys");
}

bool jwt_keys_renew(struct jwt_keys *keys)
{
    if (!keys->next && is_ago(keys->renewed_us, AGAIN_S)) {
        begin(keys);
        keys->renewed_us = keys->begun_us;
    }
    return keys->next != NULL;
}
