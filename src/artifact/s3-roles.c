/* s3-roles - keys that a profile of ~/.aws says how to get: a role that is assumed with other keys
 * (role_arn with source_profile or credential_source), the role of a single sign-on whose token
 * `aws sso login` has left in its cache, a program that prints them (credential_process). */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"

#define CHAIN_MAX 5 /* roles that are assumed by way of others */
#define CACHE_FILE_MAX ((size_t)64 << 10)

static artifact_command_runner *runner;

void artifact_use_commands(artifact_command_runner *run)
{
    runner = run;
}

static artifact_code_asker *asker;

void artifact_use_codes(artifact_code_asker *ask)
{
    asker = ask;
}

static int of_profile(const struct s3_where *w, const char *profile, int depth, struct s3_keys *ret,
                      struct dh_err *err);

static char *get(const char *profile, const char *name)
{
    char *value = s3_profile_get(profile, name);

    if (value && !*value) {
        free(value);
        return NULL;
    }
    return value;
}

static const char *set(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* ---- a role, assumed ---- */

/* The keys that may assume it. */
static int source_keys(const struct s3_where *w, const char *profile, int depth,
                       struct s3_keys *ret, struct dh_err *err)
{
    own_mem char *source = get(profile, "source_profile");
    own_mem char *kind = get(profile, "credential_source");
    int rc = S3_NO_KEYS;

    if (source)
        rc = strcmp(source, profile) ? of_profile(w, source, depth + 1, ret, err)
                                     : s3_keys_static(profile, ret);
    else if (kind && !strcmp(kind, "Environment"))
        rc = s3_keys_environment(ret);
    else if (kind && !strcmp(kind, "EcsContainer"))
        rc = s3_keys_container(ret, err);
    else if (kind && !strcmp(kind, "Ec2InstanceMetadata"))
        rc = s3_keys_instance(ret, err);
    if (rc == S3_NO_KEYS)
        return dh_fail(err, DH_INVALID, "profile '%s': %s%s has no keys", profile,
                       source ? "source_profile " : "credential_source ",
                       source ? source
                       : kind ? kind
                              : "");
    return rc;
}

static void add_field(struct buf *form, const char *name, char *value)
{
    own_mem char *own = value;

    if (!own)
        return;
    buf_addf(form, "&%s=", name);
    s3_encode(form, own, false);
}

/* The signed POST. */
static int ask_sts(const struct s3_where *w, const struct s3_keys *keys, const struct buf *form,
                   struct http_answer *ret, struct dh_err *err)
{
    own_mem char *url = set("AWS_ENDPOINT_URL_STS")
                            ? dh_strdup(set("AWS_ENDPOINT_URL_STS"))
                            : dh_printf("https://sts.%s.amazonaws.com/", w->region);
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    size_t n_host = strcspn(host, "/");
    own_mem char *name = dh_strndup(host, n_host);
    char digest[DIGEST_TEXT], stamp[S3_STAMP];
    struct s3_pair pairs[3] = {{"content-type", "application/x-www-form-urlencoded"}};
    struct s3_signing s = {.method = "POST",
                           .host = name,
                           .path = host[n_host] ? host + n_host : "/",
                           .headers = pairs,
                           .payload = digest_bytes(form->p, form->n, digest),
                           .region = w->region,
                           .service = "sts",
                           .now_us = clock_now_us()};
    own_mem char *date = NULL;
    own_mem char *token = NULL;
    own_mem char *authorization = NULL;
    own_mem char *sign = NULL;
    const char *lines[5] = {"Content-Type: application/x-www-form-urlencoded"};
    struct http_request r = {.method = "POST",
                             .url = url,
                             .headers = lines,
                             .body = {.bytes = form->p, .n = (int64_t)form->n},
                             .connect_ms = 10000,
                             .total_ms = 30000,
                             .ca_file = s3_ca_file(w)};
    int rc;

    pairs[1] = (struct s3_pair){"x-amz-date", s3_stamp(s.now_us, stamp)};
    pairs[2] = (struct s3_pair){"x-amz-security-token", keys->token};
    s.n_headers = keys->token ? 3 : 2;
    sign = s3_sign(&s, keys);
    lines[1] = date = dh_printf("x-amz-date: %s", stamp);
    lines[2] = authorization = dh_printf("Authorization: %s", sign);
    if (keys->token)
        lines[3] = token = dh_printf("x-amz-security-token: %s", keys->token);
    rc = s3_ask(&r, 3, ret, err);
    if (token)
        explicit_bzero(token, strlen(token));
    return rc;
}

/* The code that the role's device shows now; it is good for one question. */
static int ask_code(const char *profile, const char *device, char **ret, struct dh_err *err)
{
    *ret = NULL;
    if (asker && asker(device, ret, err) < 0)
        return dh_while(err, "profile '%s'", profile);
    if (*ret)
        return 0;
    return dh_fail(
        err, DH_INVALID,
        "profile '%s': its role wants the code that %s shows (mfa_serial), and there is no "
        "terminal to ask for it: export its keys before (eval \"$(aws configure "
        "export-credentials --profile %s --format env)\")",
        profile, device, profile);
}

static int assume(const struct s3_where *w, const char *profile, const char *role, int depth,
                  struct s3_keys *ret, struct dh_err *err)
{
    own_mem char *device = get(profile, "mfa_serial");
    own_mem char *session = get(profile, "role_session_name");
    own_keys struct s3_keys keys = {0};
    own_http_answer struct http_answer answer = {0};
    own_buf struct buf form = {0};
    char *code;

    if (depth > CHAIN_MAX)
        return dh_fail(err, DH_INVALID, "profile '%s': its source_profile leads to no keys",
                       profile);
    if (source_keys(w, profile, depth, &keys, err) < 0)
        return -1;
    buf_adds(&form, "Action=AssumeRole&Version=2011-06-15");
    add_field(&form, "RoleArn", dh_strdup(role));
    add_field(&form, "RoleSessionName", dh_strdup(session ? session : "dhow"));
    add_field(&form, "ExternalId", get(profile, "external_id"));
    add_field(&form, "DurationSeconds", get(profile, "duration_seconds"));
    if (device) {
        if (ask_code(profile, device, &code, err) < 0)
            return -1;
        add_field(&form, "SerialNumber", dh_strdup(device));
        add_field(&form, "TokenCode", code);
    }
    if (ask_sts(w, &keys, &form, &answer, err) < 0 ||
        s3_keys_from_sts(&answer, "AssumeRoleResult", ret, err) < 0)
        return dh_while(err, "the role of profile '%s'", profile);
    return 0;
}

/* ---- single sign-on ---- */

/* A setting of the profile, or of the session that it names. */
static char *sign_on(const char *profile, const char *name)
{
    own_mem char *session = get(profile, "sso_session");
    own_mem char *section = session ? dh_printf("sso-session %s", session) : NULL;
    char *value = get(profile, name);

    return value || !section ? value : s3_config_get(section, name);
}

/* The token for that start page which ends last; NULL: none that is still good. */
static char *cached_token(const char *start_url)
{
    const char *home = getenv("HOME");
    own_mem char *folder = dh_printf("%s/.aws/sso/cache", home ? home : "");
    DIR *dir = opendir(folder);
    int64_t best = clock_now_us(), until;
    char *token = NULL;

    for (const struct dirent *e; dir && (e = readdir(dir));) {
        own_mem char *path = fs_join(folder, e->d_name);
        own(js_free) struct js *v = NULL;
        own_mem char *text = NULL;
        const char *url, *got, *end;
        size_t n;

        if (e->d_name[0] == '.' || fs_read(path, CACHE_FILE_MAX, &text, &n, NULL) < 0 ||
            js_parse(text, n, &v, NULL) < 0)
            continue;
        url = js_get_text(v, "startUrl");
        got = js_get_text(v, "accessToken");
        end = js_get_text(v, "expiresAt");
        if (!url || !got || !end || strcmp(url, start_url) != 0 || clock_parse(end, &until) < 0 ||
            until <= best)
            continue;
        free(token);
        token = dh_strdup(got);
        best = until;
    }
    if (dir)
        (void)closedir(dir);
    return token;
}

static int read_role(const struct http_answer *a, struct s3_keys *ret, struct dh_err *err)
{
    own(js_free) struct js *v = NULL;
    const struct js *keys;
    const char *id, *secret, *token;

    if (js_parse(buf_str(&a->text), a->text.n, &v, NULL) < 0)
        return dh_fail(err, DH_IO, "the answer is no JSON");
    keys = js_get(v, "roleCredentials");
    id = js_get_text(keys, "accessKeyId");
    secret = js_get_text(keys, "secretAccessKey");
    token = js_get_text(keys, "sessionToken");
    if (!id || !*id || !secret || !*secret)
        return dh_fail(err, DH_IO, "the answer has no keys");
    *ret = (struct s3_keys){.id = dh_strdup(id),
                            .secret = dh_strdup(secret),
                            .token = token && *token ? dh_strdup(token) : NULL,
                            .expires_us = js_get_int(keys, "expiration", 0) * 1000};
    return 0;
}

static int by_sign_on(const struct s3_where *w, const char *profile, const char *account,
                      struct s3_keys *ret, struct dh_err *err)
{
    own_mem char *start = sign_on(profile, "sso_start_url");
    own_mem char *region = sign_on(profile, "sso_region");
    own_mem char *role = get(profile, "sso_role_name");
    own_mem char *token = NULL;
    own_mem char *header = NULL;
    own_buf struct buf url = {0};
    own_http_answer struct http_answer answer = {0};
    const char *lines[2] = {NULL, NULL};
    struct http_request r = {.method = "GET",
                             .headers = lines,
                             .body.n = -1,
                             .connect_ms = 10000,
                             .total_ms = 30000,
                             .ca_file = s3_ca_file(w)};

    if (!start || !role || !region)
        return dh_fail(err, DH_INVALID,
                       "profile '%s': a single sign-on needs sso_start_url, sso_region and "
                       "sso_role_name",
                       profile);
    token = cached_token(start);
    if (!token || strpbrk(token, "\r\n"))
        return dh_fail(err, DH_INVALID,
                       "profile '%s': nobody is signed on: aws sso login --profile %s", profile,
                       profile);
    if (set("AWS_ENDPOINT_URL_SSO"))
        buf_adds(&url, set("AWS_ENDPOINT_URL_SSO"));
    else
        buf_addf(&url, "https://portal.sso.%s.amazonaws.com", region);
    buf_adds(&url, "/federation/credentials?role_name=");
    s3_encode(&url, role, false);
    buf_adds(&url, "&account_id=");
    s3_encode(&url, account, false);
    header = dh_printf("x-amz-sso_bearer_token: %s", token);
    explicit_bzero(token, strlen(token));
    lines[0] = header;
    r.url = buf_str(&url);
    if (s3_ask(&r, 3, &answer, err) < 0 || read_role(&answer, ret, err) < 0) {
        explicit_bzero(header, strlen(header));
        return dh_while(err, "the single sign-on of profile '%s'", profile);
    }
    explicit_bzero(header, strlen(header));
    return 0;
}

/* ---- a program ---- */

static int by_process(const char *profile, const char *line, struct s3_keys *ret,
                      struct dh_err *err)
{
    own_buf struct buf out = {.max = CACHE_FILE_MAX};
    int rc;

    if (!runner)
        return dh_fail(err, DH_INVALID, "profile '%s': no credential_process is run here", profile);
    rc = runner(line, &out, err);
    if (rc == 0)
        rc = s3_keys_from_json(buf_str(&out), out.n, ret, err);
    if (out.p)
        explicit_bzero(out.p, out.n);
    return rc < 0 ? dh_while(err, "credential_process of profile '%s'", profile) : 0;
}

/* ---- all of it ---- */

static int of_profile(const struct s3_where *w, const char *profile, int depth, struct s3_keys *ret,
                      struct dh_err *err)
{
    own_mem char *role = get(profile, "role_arn");
    own_mem char *source = get(profile, "source_profile");
    own_mem char *kind = get(profile, "credential_source");
    own_mem char *account = get(profile, "sso_account_id");
    own_mem char *process = get(profile, "credential_process");

    if (role && (source || kind))
        return assume(w, profile, role, depth, ret, err);
    if (s3_keys_static(profile, ret) == 0)
        return 0;
    if (account)
        return by_sign_on(w, profile, account, ret, err);
    return process ? by_process(profile, process, ret, err) : S3_NO_KEYS;
}

bool s3_profile_asks(const struct s3_where *w)
{
    const char *profile = s3_profile_name(w->profile);
    own_mem char *role = get(profile, "role_arn");
    own_mem char *source = get(profile, "source_profile");
    own_mem char *kind = get(profile, "credential_source");
    own_mem char *id = get(profile, "aws_access_key_id");
    own_mem char *account = get(profile, "sso_account_id");
    own_mem char *process = get(profile, "credential_process");

    return (role && (source || kind)) || (!id && (account || process));
}

int s3_keys_profile(const struct s3_where *w, struct s3_keys *ret, struct dh_err *err)
{
    return s3_profile_asks(w) ? of_profile(w, s3_profile_name(w->profile), 0, ret, err)
                              : S3_NO_KEYS;
}
