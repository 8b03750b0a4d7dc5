/* s3-token - keys for a while, from servers that know who we are: STS (web identity), a container's
 * endpoint, an instance's metadata (IMDSv2). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "artifact/s3.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/xml.h"

#define TOKEN_MAX ((size_t)64 << 10)
#define TRIES 3

static const char *set(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

int s3_ask(const struct http_request *r, int tries, struct http_answer *ret, struct dh_err *err)
{
    own(http_close) struct http *h = NULL;
    int rc = -1;

    if (http_open(&h, err) < 0)
        return -1;
    for (int i = 0; i < tries; i++) {
        rc = http_send(h, r, ret, err);
        if (rc == 0 && ret->status < 500)
            break;
    }
    if (rc != 0)
        return -1;
    if (ret->status / 100 != 2)
        return dh_fail(err, DH_IO, "%.*s: the server answers %ld", (int)strcspn(r->url, "?"),
                       r->url, ret->status);
    return 0;
}

static char *read_token(const char *path, struct dh_err *err)
{
    char *text = NULL;
    size_t n;

    if (fs_read(path, TOKEN_MAX, &text, &n, err) < 0)
        return NULL;
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
        text[--n] = '\0';
    return text;
}

/* ---- web identity ---- */

static char *setting(const struct s3_where *w, const char *variable, const char *name)
{
    const char *value = w->profile ? NULL : set(variable);

    return value ? dh_strdup(value) : s3_profile_get(s3_profile_name(w->profile), name);
}

bool s3_keys_has_web_identity(const struct s3_where *w)
{
    own_mem char *file = setting(w, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    own_mem char *role = setting(w, "AWS_ROLE_ARN", "role_arn");

    return file && role;
}

int s3_keys_from_sts(const struct http_answer *a, const char *result, struct s3_keys *ret,
                     struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    const struct xml *root, *keys;

    if (xml_parse(buf_str(&a->text), a->text.n, arena, &root, err) < 0)
        return dh_while(err, "the answer of STS");
    keys = xml_child(xml_child(root, result), "Credentials");
    if (!*xml_text(keys, "AccessKeyId") || !*xml_text(keys, "SecretAccessKey"))
        return dh_fail(err, DH_IO, "the answer of STS has no credentials");
    ret->id = dh_strdup(xml_text(keys, "AccessKeyId"));
    ret->secret = dh_strdup(xml_text(keys, "SecretAccessKey"));
    if (*xml_text(keys, "SessionToken"))
        ret->token = dh_strdup(xml_text(keys, "SessionToken"));
    if (clock_parse(xml_text(keys, "Expiration"), &ret->expires_us) < 0)
        ret->expires_us = clock_now_us() + (int64_t)900 * 1000000;
    return 0;
}

int s3_keys_web_identity(const struct s3_where *w, struct s3_keys *ret, struct dh_err *err)
{
    own_mem char *file = setting(w, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    own_mem char *role = setting(w, "AWS_ROLE_ARN", "role_arn");
    own_mem char *session = setting(w, "AWS_ROLE_SESSION_NAME", "role_session_name");
    own_mem char *url = NULL;
    own_mem char *token = NULL;
    own_buf struct buf form = {0};
    own_http_answer struct http_answer answer = {0};
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct http_request r = {.method = "POST",
                             .headers = headers,
                             .connect_ms = 10000,
                             .total_ms = 30000,
                             .ca_file = s3_ca_file(w)};

    if (!file || !role)
        return S3_NO_KEYS;
    token = read_token(file, err);
    if (!token)
        return dh_while(err, "the web identity's token");
    url = set("AWS_ENDPOINT_URL_STS") ? dh_strdup(set("AWS_ENDPOINT_URL_STS"))
                                      : dh_printf("https://sts.%s.amazonaws.com/", w->region);
    buf_adds(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=");
    s3_encode(&form, role, false);
    buf_adds(&form, "&RoleSessionName=");
    s3_encode(&form, session ? session : "dhow", false);
    buf_adds(&form, "&WebIdentityToken=");
    s3_encode(&form, token, false);
    explicit_bzero(token, strlen(token));
    r.url = url;
    r.body = (struct http_body){.bytes = form.p, .n = (int64_t)form.n};
    if (s3_ask(&r, TRIES, &answer, err) < 0) {
        explicit_bzero(form.p, form.n);
        return dh_while(err, "keys by web identity");
    }
    explicit_bzero(form.p, form.n);
    return s3_keys_from_sts(&answer, "AssumeRoleWithWebIdentityResult", ret, err);
}

/* ---- JSON, as containers and instances give it ---- */

int s3_keys_from_json(const char *text, size_t n, struct s3_keys *ret, struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    const char *id, *secret, *token, *until;

    /* The parser's message may quote the text: it is not repeated. */
    if (js_parse(text, n, &v, NULL) < 0)
        return dh_fail(err, DH_IO, "the credentials are no JSON");
    id = js_get_text(v, "AccessKeyId");
    secret = js_get_text(v, "SecretAccessKey");
    token = js_get_text(v, "Token");
    if (!token)
        token = js_get_text(v, "SessionToken"); /* a program's */
    until = js_get_text(v, "Expiration");
    if (!id || !*id || !secret || !*secret)
        return dh_fail(err, DH_IO, "the credentials have no AccessKeyId and SecretAccessKey");
    ret->id = dh_strdup(id);
    ret->secret = dh_strdup(secret);
    ret->token = token && *token ? dh_strdup(token) : NULL;
    ret->expires_us = 0;
    if (until && clock_parse(until, &ret->expires_us) < 0)
        ret->expires_us = clock_now_us() + (int64_t)900 * 1000000;
    return 0;
}

/* ---- containers ---- */

/* The token goes with the request: only to this machine, to the addresses that AWS gives such
 * endpoints, or over TLS. */
static bool may_be_told(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

    if (!strncmp(url, "https://", 8))
        return true;
    if (strncmp(url, "http://", 7) != 0)
        return false;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t n = strlen(hosts[i]);

        if (!strncmp(url + 7, hosts[i], n) &&
            (url[7 + n] == ':' || url[7 + n] == '/' || !url[7 + n]))
            return true;
    }
    return false;
}

int s3_keys_container(struct s3_keys *ret, struct dh_err *err)
{
    const char *relative = set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = set("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *file = set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *given = set("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    own_mem char *url = NULL;
    own_mem char *token = NULL;
    own_mem char *header = NULL;
    const char *headers[2] = {NULL, NULL};
    own_http_answer struct http_answer answer = {0};
    struct http_request r = {
        .method = "GET", .headers = headers, .connect_ms = 2000, .total_ms = 10000, .body.n = -1};

    if (!relative && !full)
        return S3_NO_KEYS;
    url = relative ? dh_printf("http://169.254.170.2%s", relative) : dh_strdup(full);
    if (!may_be_told(url))
        return dh_fail(err, DH_INVALID,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https, or an address of this "
                       "machine");
    if (file && !(token = read_token(file, err)))
        return dh_while(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (token || given) {
        header = dh_printf("Authorization: %s", token ? token : given);
        if (strpbrk(header, "\r\n"))
            return dh_fail(err, DH_INVALID, "the container's token has more than one line");
        headers[0] = header;
    }
    r.url = url;
    if (s3_ask(&r, TRIES, &answer, err) < 0 ||
        s3_keys_from_json(buf_str(&answer.text), answer.text.n, ret, err) < 0)
        return dh_while(err, "keys of the container");
    return 0;
}

/* ---- instances ---- */

static int ask_instance(const char *url, const char *method, const char *header,
                        struct http_answer *ret, struct dh_err *err)
{
    const char *headers[2] = {header, NULL};
    const struct http_request r = {.method = method,
                                   .url = url,
                                   .headers = headers,
                                   .body = {.bytes = "", .n = !strcmp(method, "PUT") ? 0 : -1},
                                   .connect_ms = 1000,
                                   .total_ms = 3000};

    return s3_ask(&r, 1, ret, err);
}

int s3_keys_instance(struct s3_keys *ret, struct dh_err *err)
{
    const char *off = set("AWS_EC2_METADATA_DISABLED");
    const char *base = set("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    own_http_answer struct http_answer answer = {0};
    own_mem char *token = NULL;
    own_mem char *roles = NULL;
    own_mem char *url = NULL;
    size_t n;

    if (off && !strcasecmp(off, "true"))
        return S3_NO_KEYS;
    if (!base)
        base = "http://169.254.169.254";
    n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    url = dh_printf("%.*s/latest/api/token", (int)n, base);
    /* Where nothing answers we are on no instance. */
    if (ask_instance(url, "PUT", "X-aws-ec2-metadata-token-ttl-seconds: 21600", &answer, err) < 0 ||
        !answer.text.n || strpbrk(answer.text.p, "\r\n"))
        return S3_NO_KEYS;
    token = dh_printf("X-aws-ec2-metadata-token: %s", answer.text.p);
    roles = dh_printf("%.*s/latest/meta-data/iam/security-credentials/", (int)n, base);
    if (ask_instance(roles, "GET", token, &answer, err) < 0)
        return S3_NO_KEYS; /* an instance without a role */
    free(url);
    url = dh_printf("%s%.*s", roles, (int)strcspn(buf_str(&answer.text), "\r\n"),
                    buf_str(&answer.text));
    if (ask_instance(url, "GET", token, &answer, err) < 0 ||
        s3_keys_from_json(buf_str(&answer.text), answer.text.n, ret, err) < 0)
        return dh_while(err, "keys of the instance");
    return 0;
}
