/* s3-credentials - the keys that open a bucket, from wherever they are kept, in the order in which
 * AWS's own tools look; a secret of dhow that the URI names goes before all of them. */
#include <stdlib.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"

static artifact_secret_reader *secret_reader;
static void *secret_user;

void artifact_use_secrets(artifact_secret_reader *read, void *user)
{
    secret_reader = read;
    secret_user = user;
}

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void s3_keys_done(struct s3_keys *keys)
{
    wipe(&keys->id);
    wipe(&keys->secret);
    wipe(&keys->token);
    *keys = (struct s3_keys){0};
}

/* 0: both are there. What is there of an incomplete pair is wiped. */
static int whole(struct s3_keys *keys)
{
    if (keys->id && *keys->id && keys->secret && *keys->secret) {
        if (keys->token && !*keys->token)
            wipe(&keys->token);
        return 0;
    }
    s3_keys_done(keys);
    return S3_NO_KEYS;
}

static char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? dh_strdup(value) : NULL;
}

int s3_keys_environment(struct s3_keys *ret)
{
    ret->id = variable("AWS_ACCESS_KEY_ID");
    ret->secret = variable("AWS_SECRET_ACCESS_KEY");
    ret->token = variable("AWS_SESSION_TOKEN");
    return whole(ret);
}

/* Google's keys for its S3-compatible interface ("HMAC keys"). */
static int from_google(struct s3_keys *ret)
{
    ret->id = variable("GS_ACCESS_KEY_ID");
    ret->secret = variable("GS_SECRET_ACCESS_KEY");
    return whole(ret);
}

int s3_keys_static(const char *profile, struct s3_keys *ret)
{
    ret->id = s3_profile_get(profile, "aws_access_key_id");
    ret->secret = s3_profile_get(profile, "aws_secret_access_key");
    ret->token = s3_profile_get(profile, "aws_session_token");
    return whole(ret);
}

/* `token` may be NULL. */
static int from_names(const char *name, const char *id, const char *secret, const char *token,
                      struct s3_keys *ret, struct dh_err *err)
{
    if (!secret_reader)
        return S3_NO_KEYS;
    if (secret_reader(secret_user, name, id, &ret->id, err) < 0 ||
        secret_reader(secret_user, name, secret, &ret->secret, err) < 0 ||
        (token && secret_reader(secret_user, name, token, &ret->token, err) < 0)) {
        s3_keys_done(ret);
        return -1;
    }
    return whole(ret);
}

/* The names that Kubeflow gives the keys of its secrets, and those of AWS. */
static int from_secret(const char *name, struct s3_keys *ret, struct dh_err *err)
{
    static const char *const names[][3] = {
        {"accesskey", "secretkey", "token"},
        {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
        {"access_key", "secret_key", "session_token"},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int rc = from_names(name, names[i][0], names[i][1], names[i][2], ret, err);

        if (rc != S3_NO_KEYS)
            return rc;
    }
    return S3_NO_KEYS;
}

static int named_secret(const struct s3_where *w, struct s3_keys *ret, struct dh_err *err)
{
    const char *id = w->id_name ? w->id_name : "accesskey";
    const char *secret = w->secret_name ? w->secret_name : "secretkey";
    int rc = w->id_name || w->secret_name ? from_names(w->secret, id, secret, NULL, ret, err)
                                          : from_secret(w->secret, ret, err);

    if (rc != S3_NO_KEYS)
        return rc;
    (void)dh_fail(err, DH_INVALID,
                  "no secret '%s' with keys %s and %s: `dhow secrets set %s %s`, and %s", w->secret,
                  id, secret, w->secret, id, secret);
    return S3_NO_KEYS;
}

static int none(const struct s3_where *w, struct dh_err *err)
{
    if (!strcmp(w->scheme, "gs"))
        (void)dh_fail(err, DH_INVALID,
                      "no keys for gs://%s: dhow reads Google's buckets by their S3-compatible "
                      "interface; set GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY to an HMAC key, or "
                      "name a secret by ?secret=NAME",
                      w->bucket);
    else
        (void)dh_fail(err, DH_INVALID,
                      "no keys for %s://%s: looked at AWS_ACCESS_KEY_ID, the profile '%s' of "
                      "~/.aws, AWS_WEB_IDENTITY_TOKEN_FILE, the container's and the instance's "
                      "role; a secret of dhow is named by ?secret=NAME, a public bucket read by "
                      "?anonymous=true",
                      w->scheme, w->bucket, s3_profile_name(w->profile));
    return S3_NO_KEYS;
}

/* What asks nobody. */
static int at_hand(const struct s3_where *w, struct s3_keys *ret, struct dh_err *err)
{
    int rc;

    if (w->secret)
        return named_secret(w, ret, err);
    if (!strcmp(w->scheme, "gs"))
        return from_google(ret);
    if (!w->profile && s3_keys_environment(ret) == 0)
        return 0;
    if (!strcmp(w->scheme, "minio") && !w->profile) {
        rc = from_secret("mlpipeline-minio-artifact", ret, err);
        if (rc <= 0)
            return rc;
    }
    /* As AWS's tools: a role by web identity goes before what the profile's file holds. */
    if (!w->profile && s3_keys_has_web_identity(w))
        return S3_NO_KEYS;
    if (s3_profile_asks(w))
        return S3_NO_KEYS;
    return s3_keys_static(s3_profile_name(w->profile), ret);
}

int s3_keys_find(const struct s3_where *w, bool ask, struct s3_keys *ret, struct dh_err *err)
{
    int rc;

    *ret = (struct s3_keys){.anonymous = w->anonymous};
    if (w->anonymous)
        return 0;
    rc = at_hand(w, ret, err);
    if (rc <= 0 || w->secret)
        return rc;
    if (!strcmp(w->scheme, "gs"))
        return none(w, err);
    if (!ask)
        return s3_keys_has_web_identity(w) || s3_profile_asks(w) ? 0 : none(w, err);
    rc = s3_keys_web_identity(w, ret, err);
    if (rc == S3_NO_KEYS)
        rc = s3_keys_profile(w, ret, err);
    if (rc == S3_NO_KEYS)
        rc = s3_keys_container(ret, err);
    if (rc == S3_NO_KEYS)
        rc = s3_keys_instance(ret, err);
    return rc == S3_NO_KEYS ? none(w, err) : rc;
}

const char *s3_ca_file(const struct s3_where *w)
{
    static const char *const names[] = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
                                        "SSL_CERT_FILE"};

    if (w->ca)
        return w->ca;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return value;
    }
    return NULL;
}
