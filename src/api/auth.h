#pragma once
/* auth - who asks, and what they may.
 *
 * Without tokens and OIDC there is one user, this one, who may do everything: only on a loopback
 * address. A tokens file has lines
 *
 *     NAME ROLE NAMESPACES TOKEN
 *
 * with ROLE viewer, runner or admin, NAMESPACES "*" or names by commas, each with a role of its own
 * where that is another ("red,blue:viewer"), and TOKEN either the token or "sha256:" and its
 * digest.
 * '#' begins a comment. Where a line names namespaces, or tokens come from OpenID Connect, the
 * server is what KFP calls multi-user. */
#include <stdbool.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"

struct req;

enum auth_role { AUTH_NOBODY, AUTH_VIEWER, AUTH_RUNNER, AUTH_ADMIN };
const char *auth_role_name(enum auth_role role);

struct user {
    const char *name;
    enum auth_role role;    /* the highest that it has anywhere */
    enum auth_role usual;   /* in namespaces that say none */
    const char *namespaces; /* ",a,b:viewer,"; NULL: all, in the usual role */
};

struct auth_options {
    const char *tokens_file;
    const char *oidc_issuer, *oidc_audience, *oidc_keys;
};
struct auth;
int auth_open(const struct auth_options *options, struct auth **ret, struct dh_err *err);
struct auth *auth_close(struct auth *auth);
OWN_DEFINE(struct auth *, auth_close)
bool auth_needed(const struct auth *auth);     /* there are tokens or OIDC */
bool auth_multi_user(const struct auth *auth); /* namespaces are told apart */
/* Of an Authorization header and a session cookie; NULL: nobody. Lives in `a` or in `auth`.
 * *ret_later: who it is can be said in a moment, when the issuer's keys have been read anew. */
const struct user *auth_user(struct auth *auth, const char *authorization, const char *cookie,
                             struct arena *a, bool *ret_later);
#define AUTH_LATER "the issuer's keys are being read anew: try again"
/* A session for the user of `token`: the cookie's value in `a`; NULL: no such token, or (see
 * auth_user) *ret_later. */
const char *auth_login(struct auth *auth, const char *token, struct arena *a, bool *ret_later);
bool auth_may_see(const struct user *user, const char *namespace);
enum auth_role auth_role_in(const struct user *user, const char *namespace);
