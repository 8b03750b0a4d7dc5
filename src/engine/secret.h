#pragma once
/* secret - secrets and config maps: named sets of keys and values, as Kubernetes has them.
 *
 * A set is a folder {home}/secrets/NAME or {home}/configs/NAME with a file for each key, which only
 * its owner may read. A run may be given more: "name" or "name/key" → a file or a folder. Values
 * are read when a step starts and never leave the step: they come into no record, log or cache key.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mask.h"
#include "base/own.h"

struct js;

enum secret_kind { SECRET, CONFIG_MAP };
const char *secret_kind_name(enum secret_kind kind); /* "secret", "config map" */

struct secret_key {
    char *key, *bytes;
    size_t n;
};
struct secret_set {
    struct secret_key *items; /* sorted by key */
    size_t n, cap;
};
void secret_set_done(struct secret_set *set); /* wipes the values */
#define own_secret __attribute__((cleanup(secret_set_done)))
const struct secret_key *secret_find(const struct secret_set *set, const char *key);

enum secret_answer { SECRET_NONE = 1 };
/* Before a process reads a secret: a crash leaves no picture of its memory behind. */
void secret_dump_no_core(void);

/* `given`: the run's own, or NULL; it goes before what is kept. SECRET_NONE: there is no such set.
 * DH_FAILED: a given file cannot be read. */
int secret_read(const char *home, enum secret_kind kind, const char *name, const struct js *given,
                struct secret_set *ret, struct dh_err *err);
/* A source, as it is referred to:
 *   FILE, file:FILE   a file or folder that nobody but its owner (or root) may read or write
 *   env:NAME          a variable of our environment
 *   keyring:NAME      a key of type "user" in the kernel's keyrings
 *   age:FILE          a file for `age`, decrypted with $DHOW_AGE_IDENTITY or ~/.config/age/keys.txt
 * Files are read as secret_load does (of db.env.age as db.env). env and keyring need a key. */
int secret_load_source(const char *source, const char *key, struct secret_set *to,
                       struct dh_err *err);
bool secret_is_file(const char *source, const char **ret_path); /* FILE or file:FILE */
/* Refers to a source: of the whole set (key NULL) or one key. It is read each time. */
int secret_link(const char *home, enum secret_kind kind, const char *name, const char *key,
                const char *source, struct dh_err *err);
/* Puts a value into the user's keyring, as `description`. DH_IO: there are no keyrings here. */
int secret_keyring_put(const char *description, const char *bytes, size_t n, struct dh_err *err);
/* Adds what `path` holds: a folder (a key for each file), a .json file (an object of texts), a .env
 * file (lines KEY=VALUE), any other file: one key, `key` or the file's own name. DH_INVALID,
 * DH_NOT_FOUND, DH_IO. */
int secret_load(const char *path, const char *key, struct secret_set *to, struct dh_err *err);
void secret_add(struct secret_set *to, const char *key, const char *bytes, size_t n);

/* Keeps all keys of `set`; others of the same name stay. DH_INVALID: a name that cannot be one. */
int secret_put(const char *home, enum secret_kind kind, const char *name,
               const struct secret_set *set, struct dh_err *err);
/* key NULL: the whole set. DH_NOT_FOUND. */
int secret_remove(const char *home, enum secret_kind kind, const char *name, const char *key,
                  struct dh_err *err);

struct secret_name {
    char *name, **keys; /* NULL-terminated, sorted; of links "KEY (env:NAME)" */
    int64_t changed_us;
};
struct secret_names {
    struct secret_name *items; /* sorted */
    size_t n, cap;
};
int secret_list(const char *home, enum secret_kind kind, struct secret_names *ret,
                struct dh_err *err);
void secret_names_done(struct secret_names *names);
#define own_secret_names __attribute__((cleanup(secret_names_done)))

/* URIs of artifacts may name secrets of this home (artifact_use_secrets). Once, before there are
 * threads. */
void secret_serve_artifacts(const char *home);
