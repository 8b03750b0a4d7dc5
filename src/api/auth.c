#include "api/auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "api/jwt.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"

enum { COOKIE_MOST = 3800 }; /* browsers keep 4096 bytes, with the name and attributes */

struct entry {
    struct user user;
    char digest[DIGEST_TEXT];  /* of the token */
    char session[DIGEST_TEXT]; /* the cookie's value */
};

struct auth {
    char *text; /* of the tokens file: names live in it */
    struct entry *entries;
    size_t n, cap;
    bool multi_user;
    struct jwt *jwt;
    struct user owner;
    unsigned char salt[32];
};

static const char *const role_names[] = {"nobody", "viewer", "runner", "admin"};

const char *auth_role_name(enum auth_role role)
{
    return role_names[role];
}

static int read_role(const char *text, enum auth_role *ret)
{
    for (int i = AUTH_VIEWER; i <= AUTH_ADMIN; i++)
        if (!strcmp(role_names[i], text)) {
            *ret = (enum auth_role)i;
            return 0;
        }
    return -1;
}

/* The role at the beginning of "viewer,…". */
static int role_at(const char *text, enum auth_role *ret)
{
    own_mem char *word = dh_strndup(text, strcspn(text, ","));

    return read_role(word, ret);
}

/* The highest role of all; -1: a namespace has a role that is none, and *bad is it. */
static int set_roles(struct user *user, const char **bad)
{
    const char *at = user->namespaces;

    user->role = user->usual;
    for (bool usual = false; at && at[1]; at = strchr(at + 1, ',')) {
        const char *colon = at + 1 + strcspn(at + 1, ":,");
        enum auth_role role = user->usual;

        if (*colon == ':' && role_at(colon + 1, &role) < 0) {
            *bad = colon + 1;
            return -1;
        }
        user->role = usual && user->role > role ? user->role : role;
        usual = true;
    }
    return 0;
}

static void make_session(struct auth *auth, struct entry *e)
{
    own(digest_free) struct digest *d = digest_new();

    digest_add(d, auth->salt, sizeof auth->salt);
    digest_add(d, e->digest, strlen(e->digest));
    (void)digest_end(d, e->session);
}

static bool is_hex64(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int read_line(struct auth *auth, char *line, size_t number, struct dh_err *err)
{
    char *save = NULL, *word[5];
    const char *bad;
    struct entry *e;

    line[strcspn(line, "#")] = '\0';
    for (size_t i = 0; i < 5; i++)
        word[i] = strtok_r(i ? NULL : line, " \t\r", &save);
    if (!word[0])
        return 0;
    if (!word[3] || word[4])
        return dh_fail(err, DH_INVALID, "line %zu: expected NAME ROLE NAMESPACES TOKEN", number);
    DH_GROW(auth->entries, auth->n, auth->cap);
    e = &auth->entries[auth->n];
    *e = (struct entry){.user = {.name = word[0]}};
    if (read_role(word[1], &e->user.usual) < 0)
        return dh_fail(err, DH_INVALID, "line %zu: a role is viewer, runner or admin, not '%s'",
                       number, word[1]);
    if (!strncmp(word[3], "sha256:", 7)) {
        if (!is_hex64(word[3] + 7))
            return dh_fail(err, DH_INVALID, "line %zu: sha256: needs 64 hex digits", number);
        (void)memcpy(e->digest, word[3] + 7, DIGEST_TEXT);
    } else {
        if (strlen(word[3]) < 16)
            return dh_fail(err, DH_INVALID, "line %zu: a token has at least 16 characters", number);
        (void)digest_bytes(word[3], strlen(word[3]), e->digest);
    }
    auth->n++;
    if (strcmp(word[2], "*") != 0) {
        e->user.namespaces = dh_printf(",%s,", word[2]);
        auth->multi_user = true;
    }
    if (set_roles(&e->user, &bad) < 0)
        return dh_fail(err, DH_INVALID,
                       "line %zu: a namespace's role is viewer, runner or admin, not '%.*s'",
                       number, (int)strcspn(bad, ","), bad);
    make_session(auth, e);
    return 0;
}

static int read_tokens(struct auth *auth, const char *path, struct dh_err *err)
{
    char *save = NULL;
    size_t n, number = 0;

    if (fs_read(path, (size_t)1 << 20, &auth->text, &n, err) < 0)
        return -1;
    for (char *at = auth->text; at; at = save) {
        save = strchr(at, '\n');
        if (save)
            *save++ = '\0';
        if (read_line(auth, at, ++number, err) < 0)
            return dh_while(err, "%s", path);
    }
    return auth->n ? 0 : dh_fail(err, DH_INVALID, "%s has no token in it", path);
}

int auth_open(const struct auth_options *options, struct auth **ret, struct dh_err *err)
{
    own(auth_close) struct auth *auth = dh_zalloc(1, sizeof *auth);

    auth->owner = (struct user){.name = "owner", .role = AUTH_ADMIN, .usual = AUTH_ADMIN};
    if (getrandom(auth->salt, sizeof auth->salt, 0) != sizeof auth->salt)
        return dh_fail_errno(err, "getrandom");
    if (options->tokens_file && read_tokens(auth, options->tokens_file, err) < 0)
        return -1;
    if (options->oidc_issuer) {
        const struct jwt_options jwt = {.issuer = options->oidc_issuer,
                                        .audience = options->oidc_audience,
                                        .keys = options->oidc_keys};

        if (jwt_open(&jwt, &auth->jwt, err) < 0)
            return -1;
        auth->multi_user = true; /* a token may name namespaces */
    }
    *ret = take(&auth);
    return 0;
}

struct auth *auth_close(struct auth *auth)
{
    for (size_t i = 0; auth && i < auth->n; i++)
        free((void *)(uintptr_t)auth->entries[i].user.namespaces);
    if (auth) {
        jwt_close(auth->jwt);
        free(auth->entries);
        free(auth->text);
        free(auth);
    }
    return NULL;
}

bool auth_needed(const struct auth *auth)
{
    return auth->n > 0 || auth->jwt;
}

bool auth_multi_user(const struct auth *auth)
{
    return auth->multi_user;
}

/* Digests are compared: how long it takes says nothing of the token. */
static const struct entry *entry_of(const struct auth *auth, const char *token)
{
    char digest[DIGEST_TEXT];

    (void)digest_bytes(token, strlen(token), digest);
    for (size_t i = 0; i < auth->n; i++)
        if (!strcmp(auth->entries[i].digest, digest))
            return &auth->entries[i];
    return NULL;
}

static const struct user *claims_user(const struct jwt_claims *claims, struct arena *a)
{
    struct user *user = arena_alloc(a, sizeof *user);
    const char *bad;

    user->name = claims->subject;
    if (read_role(claims->role, &user->usual) < 0)
        user->usual = AUTH_VIEWER;
    user->namespaces = claims->namespaces;
    return set_roles(user, &bad) < 0 ? NULL : user;
}

/* *later is set where the keys are on their way, and is left as it was otherwise. */
static const struct user *jwt_user(struct auth *auth, const char *token, struct arena *a,
                                   bool *later)
{
    struct jwt_claims claims;
    struct dh_err ignored;
    int rc = auth->jwt ? jwt_verify(auth->jwt, token, a, &claims, &ignored) : -1;

    *later |= rc == JWT_LATER;
    return rc == 0 ? claims_user(&claims, a) : NULL;
}

const struct user *auth_user(struct auth *auth, const char *authorization, const char *cookie,
                             struct arena *a, bool *ret_later)
{
    const struct entry *e = NULL;

    *ret_later = false;
    if (!auth_needed(auth))
        return &auth->owner;
    if (authorization && !strncasecmp(authorization, "Bearer ", 7)) {
        const struct user *user;

        e = entry_of(auth, authorization + 7);
        if (e)
            return &e->user;
        user = jwt_user(auth, authorization + 7, a, ret_later);
        if (user)
            return user;
    }
    /* A cookie's value is random and is not a token: an ordinary comparison is enough. */
    for (size_t i = 0; cookie && i < auth->n; i++)
        if (!strcmp(auth->entries[i].session, cookie))
            return &auth->entries[i].user;
    return cookie ? jwt_user(auth, cookie, a, ret_later) : NULL;
}

const char *auth_login(struct auth *auth, const char *token, struct arena *a, bool *ret_later)
{
    const struct entry *e = entry_of(auth, token);

    *ret_later = false;
    if (e)
        return arena_strdup(a, e->session);
    /* What the issuer signed is the session, too: it ends when the token does. */
    return strlen(token) < COOKIE_MOST && jwt_user(auth, token, a, ret_later)
               ? arena_strdup(a, token)
               : NULL;
}

enum auth_role auth_role_in(const struct user *user, const char *namespace)
{
    const char *at = user->namespaces;
    size_t n = strlen(namespace ? namespace : "");

    if (!at)
        return user->usual;
    while (n > 0 && (at = strstr(at + 1, namespace))) {
        enum auth_role role;

        if (at[-1] != ',' || (at[n] != ',' && at[n] != ':'))
            continue;
        if (at[n] == ',')
            return user->usual;
        return role_at(at + n + 1, &role) < 0 ? AUTH_NOBODY : role;
    }
    return AUTH_NOBODY;
}

bool auth_may_see(const struct user *user, const char *namespace)
{
    return auth_role_in(user, namespace) > AUTH_NOBODY;
}
