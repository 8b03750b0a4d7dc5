/* providers - how buckets are reached, as Kubeflow's config map `kfp-launcher` says it:
 *
 *     providers: |
 *       s3:                                  # and minio
 *         default:
 *           endpoint: minio.corp:9000
 *           region: us-east-1
 *           disableSSL: true
 *           forcePathStyle: true
 *           credentials: {fromEnv: false, secretRef: {secretName: n, accessKeyKey: a, secretKeyKey:
 * s}} overrides:
 *         - {bucketName: b, keyPrefix: p/q, credentials: {…}, …}
 *
 * As in KFP a URI with settings of its own ('?') is not asked about, and the first override of the
 * bucket whose prefix fits counts. Google's (gs) need an HMAC key by the same names: the service
 * account of a tokenKey opens another interface than ours. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "artifact/artifact.h"
#include "base/arena.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/secret-priv.h"
#include "spec/doc.h"

#define CONFIG "kfp-launcher"
#define KEY "providers"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *text_read;           /* under the lock: what was read last, */
static struct js *providers_read; /* and what it says */

static int wrong(struct dh_err *err, const char *provider, const char *what)
{
    return dh_fail(err, DH_INVALID, "config map " CONFIG ", " KEY ", %s: %s", provider, what);
}

static int parse(const char *text, struct js **ret, struct dh_err *err)
{
    own(arena_free) struct arena *nodes = arena_new();
    struct doc doc;

    if (doc_read(nodes, nodes, "config map " CONFIG ", " KEY, text, strlen(text), &doc, err) < 0)
        return -1;
    *ret = doc.n ? doc_to_js(&doc.documents[0]) : NULL;
    return 0;
}

/* What the config map has under that key; *ret NULL: nothing. The caller's. */
static int read_value(const char *home, const char *key, char **ret, struct dh_err *err)
{
    own_secret struct secret_set set = {0};
    const struct secret_key *found;
    int rc = secret_read(home, CONFIG_MAP, CONFIG, NULL, &set, err);

    *ret = NULL;
    if (rc < 0)
        return -1;
    found = rc == 0 ? secret_find(&set, key) : NULL;
    if (found)
        *ret = dh_strdup(found->bytes);
    return 0;
}

int providers_root(const char *home, char **ret, struct dh_err *err)
{
    if (read_value(home, "defaultPipelineRoot", ret, err) < 0)
        return -1;
    if (*ret)
        (*ret)[strcspn(*ret, " \t\r\n")] = '\0';
    return 0;
}

/* All providers; *ret NULL: there are none. The caller's. */
static int read_all(const char *home, struct js **ret, struct dh_err *err)
{
    own_mem char *text = NULL;
    int rc = 0;

    *ret = NULL;
    if (read_value(home, KEY, &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    (void)pthread_mutex_lock(&lock);
    if (!text_read || strcmp(text_read, text) != 0) {
        struct js *all = NULL;

        rc = parse(text, &all, err);
        if (rc == 0) {
            free(text_read);
            (void)js_free(providers_read);
            text_read = take(&text);
            providers_read = all;
        }
    }
    if (rc == 0)
        *ret = js_ref(providers_read);
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

/* The bucket's prefix `over` is one of the key's, at a '/'. */
static bool fits(const char *key, const char *over)
{
    size_t n;

    over += strspn(over, "/");
    key += strspn(key, "/");
    n = strlen(over);
    while (n && over[n - 1] == '/')
        n--;
    return !n || (!strncmp(key, over, n) && (key[n] == '/' || !key[n]));
}

/* Go reads names of either case. */
static const struct js *overrides_of(const struct js *provider)
{
    const struct js *list = js_get(provider, "overrides");

    return list ? list : js_get(provider, "Overrides");
}

static const struct js *override_of(const struct js *provider, const char *bucket, const char *key)
{
    const struct js *list = overrides_of(provider);

    for (size_t i = 0; i < js_n(list); i++) {
        const struct js *one = js_at(list, i);
        const char *name = js_get_text(one, "bucketName"), *prefix = js_get_text(one, "keyPrefix");

        if (name && !strcmp(name, bucket) && fits(key, prefix ? prefix : ""))
            return one;
    }
    return NULL;
}

static void put_text(struct js *to, const char *name, const char *value)
{
    if (value && *value)
        js_set(to, name, js_str(value));
}

static void put_flag(struct js *to, const char *name, const struct js *value)
{
    if (value)
        js_set(to, name, js_str(js_truth(value) ? "true" : "false"));
}

/* What `from` says goes before what is there. */
static int take_settings(const struct js *from, const char *provider, struct js *to,
                         struct dh_err *err)
{
    const struct js *credentials = js_get(from, "credentials");
    const struct js *ref = js_get(credentials, "secretRef");
    const char *name = js_get_text(ref, "secretName");

    if (!credentials)
        return wrong(err, provider, "credentials are missing");
    put_text(to, "endpoint", js_get_text(from, "endpoint"));
    put_text(to, "region", js_get_text(from, "region"));
    put_flag(to, "disableSSL", js_get(from, "disableSSL"));
    put_flag(to, "path_style", js_get(from, "forcePathStyle"));
    (void)js_remove(to, "secret");
    (void)js_remove(to, "accessKeyKey");
    (void)js_remove(to, "secretKeyKey");
    if (js_get_bool(credentials, "fromEnv"))
        return 0;
    if (!name || !*name)
        return wrong(err, provider, "credentials need fromEnv: true, or secretRef.secretName");
    if (js_get_text(ref, "tokenKey") && !js_get_text(ref, "accessKeyKey"))
        return wrong(
            err, provider,
            "credentials.secretRef.tokenKey is a service account's, and dhow reads gs:// by "
            "its S3-compatible interface: give accessKeyKey and secretKeyKey of an HMAC key");
    put_text(to, "secret", name);
    put_text(to, "accessKeyKey", js_get_text(ref, "accessKeyKey"));
    put_text(to, "secretKeyKey", js_get_text(ref, "secretKeyKey"));
    return 0;
}

int providers_settings(void *home, const char *scheme, const char *bucket, const char *key,
                       struct js **ret, struct dh_err *err)
{
    own(js_free) struct js *all = NULL;
    own(js_free) struct js *settings = NULL;
    const struct js *provider, *over;

    *ret = NULL;
    if (read_all(home, &all, err) < 0)
        return -1;
    provider = js_get(all, scheme);
    if (!js_get(provider, "default") && !overrides_of(provider))
        return 0;
    settings = js_object();
    if (strcmp(scheme, "gs") != 0) {
        js_set(settings, "disableSSL", js_str("false"));
        js_set(settings, "path_style", js_str("true"));
    }
    if (take_settings(js_get(provider, "default"), scheme, settings, err) < 0)
        return dh_while(err, "default");
    over = override_of(provider, bucket, key);
    if (over && take_settings(over, scheme, settings, err) < 0)
        return dh_while(err, "the override of bucket %s", bucket);
    *ret = take(&settings);
    return 0;
}
