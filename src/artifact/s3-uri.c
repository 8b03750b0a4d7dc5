/* s3-uri - s3://bucket/key?endpoint=… : the bucket, the key, and the settings behind '?'. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"

static const struct {
    const char *name;
    enum {
        ENDPOINT,
        REGION,
        PATH_STYLE,
        PLAIN,
        PROFILE,
        SECRET,
        ID_NAME,
        SECRET_NAME,
        CA,
        ANONYMOUS,
        IGNORED
    } what;
} settings[] = {
    {"endpoint", ENDPOINT},
    {"region", REGION},
    {"use_path_style", PATH_STYLE},
    {"s3ForcePathStyle", PATH_STYLE},
    {"path_style", PATH_STYLE},
    {"disable_https", PLAIN},
    {"disableSSL", PLAIN},
    {"profile", PROFILE},
    {"secret", SECRET},
    {"accessKeyKey", ID_NAME},
    {"secretKeyKey", SECRET_NAME},
    {"ca", CA},
    {"anonymous", ANONYMOUS},
    {"awssdk", IGNORED},
};
#define N_SETTINGS (sizeof settings / sizeof *settings)

/* The setting's row; -1: there is none of that name. */
static int setting_of(const char *name, size_t n)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strlen(settings[i].name) == n && !strncasecmp(settings[i].name, name, n))
            return (int)i;
    return -1;
}

/* A name that may be the one of a key: said, so that no key gets into a record by mistake. */
static bool is_credential(const char *name, size_t n)
{
    static const char *const words[] = {"key", "secret", "token", "password", "credential"};
    own_mem char *lower = dh_strndup(name, n);

    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(lower, words[i]) && strcmp(lower, "secret") != 0)
            return true;
    return false;
}

/* A key may hold '?': settings are what follows the last one, if all of it are settings. */
const char *s3_uri_query(const char *uri)
{
    const char *mark = strrchr(uri, '?'), *end = uri + strlen(uri);
    bool any = false;

    if (!mark || !mark[1])
        return end;
    for (const char *at = mark + 1; *at; at += strcspn(at, "&"), at += *at == '&') {
        size_t n = strcspn(at, "=&");

        if (at[n] != '=')
            return end;
        if (setting_of(at, n) < 0 && !is_credential(at, n))
            return any ? mark : end;
        any = true;
    }
    return mark;
}

int s3_percent_decode(const char *text, char **ret)
{
    own_buf struct buf b = {0};

    for (const char *p = text; *p; p++) {
        char hex[3] = {p[0] == '%' ? p[1] : '\0', p[0] == '%' && p[1] ? p[2] : '\0', '\0'};

        if (*p == '+') {
            buf_addc(&b, ' ');
        } else if (*p != '%') {
            buf_addc(&b, *p);
        } else {
            if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]) ||
                !strcmp(hex, "00"))
                return -1;
            buf_addc(&b, (char)strtol(hex, NULL, 16));
            p += 2;
        }
    }
    *ret = dh_strdup(buf_str(&b));
    return 0;
}

static bool is_true(const char *value)
{
    return !strcasecmp(value, "true") || !strcmp(value, "1") || !strcasecmp(value, "yes");
}

struct choice {            /* what the settings leave open until all are read */
    int path_style, plain; /* -1: not said */
};

static int set_one(struct s3_where *w, struct choice *c, const char *name, size_t n, char *value,
                   struct dh_err *err)
{
    int i = setting_of(name, n);
    char **to = NULL;

    if (i < 0)
        return dh_fail(err, DH_INVALID,
                       "'%.*s' is no setting of an S3 URI; it knows endpoint, region, path_style, "
                       "disableSSL, profile, secret, ca and anonymous. Keys do not belong in a "
                       "URI: name them by secret=NAME or profile=NAME",
                       (int)n, name);
    switch (settings[i].what) {
    case ENDPOINT:
        to = &w->endpoint;
        break;
    case REGION:
        to = &w->region;
        break;
    case PROFILE:
        to = &w->profile;
        break;
    case SECRET:
        to = &w->secret;
        break;
    case ID_NAME:
        to = &w->id_name;
        break;
    case SECRET_NAME:
        to = &w->secret_name;
        break;
    case CA:
        to = &w->ca;
        break;
    case PATH_STYLE:
        c->path_style = is_true(value);
        break;
    case PLAIN:
        c->plain = is_true(value);
        break;
    case ANONYMOUS:
        w->anonymous = is_true(value);
        break;
    case IGNORED:
        break;
    }
    if (to && *value) {
        free(*to);
        *to = dh_strdup(value);
    }
    return 0;
}

static int read_query(struct s3_where *w, struct choice *c, struct dh_err *err)
{
    for (const char *at = w->query; *at;) {
        size_t n = strcspn(at, "&"), name = strcspn(at, "=&");
        own_mem char *raw = dh_strndup(at + name + 1, n > name ? n - name - 1 : 0);
        own_mem char *value = NULL;

        if (s3_percent_decode(raw, &value) < 0)
            return dh_fail(err, DH_INVALID, "the setting '%.*s' of an S3 URI is not well encoded",
                           (int)name, at);
        if (set_one(w, c, at, name, value, err) < 0)
            return -1;
        at += n;
        at += *at == '&';
    }
    return 0;
}

static artifact_settings_reader *settings_reader;
static void *settings_user;

void artifact_use_settings(artifact_settings_reader *read, void *user)
{
    settings_reader = read;
    settings_user = user;
}

static int read_settings(struct s3_where *w, struct choice *c, struct dh_err *err)
{
    own(js_free) struct js *all = NULL;

    if (*w->query || !settings_reader)
        return 0;
    if (settings_reader(settings_user, w->scheme, w->bucket, w->key, &all, err) < 0)
        return -1;
    for (js_each(all, it)) {
        own_mem char *value = dh_strdup(js_text(it.value) ? js_text(it.value) : "");

        if (set_one(w, c, it.key, strlen(it.key), value, err) < 0)
            return -1;
    }
    return 0;
}

static char *from_environment(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && *value)
            return dh_strdup(value);
    }
    return NULL;
}

static void fill_region(struct s3_where *w)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};

    if (!w->region && !strcmp(w->scheme, "gs"))
        w->region = dh_strdup("auto");
    if (!w->region)
        w->region = from_environment(names);
    if (!w->region)
        w->region = s3_profile_get(s3_profile_name(w->profile), "region");
    if (!w->region)
        w->region = dh_strdup("us-east-1");
}

static void fill_endpoint(struct s3_where *w)
{
    static const char *const names[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL};
    static const char *const minio[] = {"DHOW_MINIO_ENDPOINT", "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL", NULL};
    bool is_minio = !strcmp(w->scheme, "minio");

    if (!w->endpoint && !strcmp(w->scheme, "gs"))
        w->endpoint = dh_strdup("https://storage.googleapis.com");
    if (!w->endpoint)
        w->endpoint = from_environment(is_minio ? minio : names);
    if (!w->endpoint)
        w->endpoint = s3_profile_get(s3_profile_name(w->profile), "endpoint_url");
    if (!w->endpoint && is_minio) /* where Kubeflow has it */
        w->endpoint = dh_strdup("http://minio-service.kubeflow:9000");
}

/* "host:port" becomes a URL; a slash at the end goes. */
static int finish_endpoint(struct s3_where *w, const struct choice *c, struct dh_err *err)
{
    bool plain = c->plain == 1 || (c->plain < 0 && !strcmp(w->scheme, "minio"));
    size_t n;
    char *url;

    if (!w->endpoint)
        return 0;
    if (!strstr(w->endpoint, "://")) {
        url = dh_printf("%s://%s", plain ? "http" : "https", w->endpoint);
        free(w->endpoint);
        w->endpoint = url;
    }
    n = strlen(w->endpoint);
    while (n && w->endpoint[n - 1] == '/')
        w->endpoint[--n] = '\0';
    if (strchr(w->endpoint, '@'))
        return dh_fail(err, DH_INVALID,
                       "an S3 endpoint has no user and password in it: name the "
                       "keys by secret=NAME or profile=NAME");
    if ((strncmp(w->endpoint, "http://", 7) != 0 && strncmp(w->endpoint, "https://", 8) != 0) ||
        strspn(w->endpoint,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/[]") != n)
        return dh_fail(err, DH_INVALID, "'%s' is no S3 endpoint: expected http(s)://host[:port]",
                       w->endpoint);
    return 0;
}

static int check_bucket(const struct s3_where *w, struct dh_err *err)
{
    size_t n = strlen(w->bucket);

    if (n < 1 || n > 255 || w->bucket[0] == '.' ||
        strspn(w->bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != n)
        return dh_fail(err, DH_INVALID, "%s://%.80s: '%.80s' is no name of a bucket", w->scheme,
                       strchr(w->bucket, '@') ? "…" : w->bucket,
                       strchr(w->bucket, '@') ? "…" : w->bucket);
    return 0;
}

int s3_where_parse(const char *uri, struct s3_where *ret, struct dh_err *err)
{
    struct artifact_uri parts = artifact_uri_split(uri);
    const char *query = s3_uri_query(uri), *slash;
    struct choice c = {-1, -1};
    own_where struct s3_where w = {0};

    for (size_t i = 0; i < parts.n_scheme && i + 1 < sizeof w.scheme; i++)
        w.scheme[i] = (char)tolower((unsigned char)parts.scheme[i]);
    slash = memchr(parts.rest, '/', (size_t)(query - parts.rest));
    w.bucket = dh_strndup(parts.rest, (size_t)((slash ? slash : query) - parts.rest));
    w.key = slash ? dh_strndup(slash + 1, (size_t)(query - slash - 1)) : dh_strdup("");
    w.query = dh_strdup(*query ? query + 1 : "");
    if (check_bucket(&w, err) < 0 || read_query(&w, &c, err) < 0 || read_settings(&w, &c, err) < 0)
        return -1;
    fill_region(&w);
    fill_endpoint(&w);
    if (finish_endpoint(&w, &c, err) < 0)
        return -1;
    if (strspn(w.region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
        strlen(w.region))
        return dh_fail(err, DH_INVALID, "'%.60s' is no name of a region", w.region);
    w.path_style = c.path_style >= 0 ? c.path_style : w.endpoint || strchr(w.bucket, '.');
    *ret = w;
    w = (struct s3_where){0};
    return 0;
}

void s3_where_done(struct s3_where *w)
{
    free(w->bucket);
    free(w->key);
    free(w->query);
    free(w->endpoint);
    free(w->region);
    free(w->profile);
    free(w->secret);
    free(w->id_name);
    free(w->secret_name);
    free(w->ca);
    *w = (struct s3_where){0};
}

char *s3_where_uri(const struct s3_where *w, const char *key)
{
    return dh_printf("%s://%s%s%s%s%s", w->scheme, w->bucket, *key ? "/" : "", key,
                     *w->query ? "?" : "", w->query);
}
