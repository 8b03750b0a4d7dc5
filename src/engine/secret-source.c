/* secret-source - where values come from that are not kept in the home: other files, our
 * environment, the kernel's keyrings, files for `age`. */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "engine/secret-priv.h"
#include "runtime/command.h"

#define AGE_TIMEOUT_MS 30000
#define VALUE_MAX ((size_t)1 << 20)

/* ---- files that only their owner may read ---- */

int secret_check_mode(const char *path, struct dh_err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return dh_fail(err, errno == ENOENT ? DH_NOT_FOUND : DH_IO, "%s: %s", path,
                       strerror(errno));
    if (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)
        return dh_fail(err, DH_INVALID, "%s belongs to another user: a secret's file is yours",
                       path);
    if (S_ISREG(st.st_mode) && (st.st_mode & 077))
        return dh_fail(err, DH_INVALID,
                       "%s: others may read or write it (mode %03o): 'chmod 600' makes it a "
                       "secret's file",
                       path, (unsigned)(st.st_mode & 0777));
    return 0;
}

bool secret_is_file(const char *source, const char **ret_path)
{
    static const char *const others[] = {"env:", "keyring:", "age:"};

    for (size_t i = 0; i < 3; i++)
        if (!strncmp(source, others[i], strlen(others[i])))
            return false;
    *ret_path = strncmp(source, "file:", 5) ? source : source + 5;
    return true;
}

/* ---- our environment ---- */

static int from_env(const char *name, const char *key, struct secret_set *to, struct dh_err *err)
{
    const char *value = getenv(name);

    if (!key)
        return dh_fail(err, DH_INVALID, "env:%s is one value: say which key, NAME/KEY=env:%s", name,
                       name);
    if (!value)
        return dh_fail(err, DH_NOT_FOUND, "the environment has no %s", name);
    secret_add(to, key, value, strlen(value));
    return 0;
}

/* ---- the kernel's keyrings ---- */

static int no_keyring(struct dh_err *err, const char *what)
{
    int code = errno;

    if (code == ENOSYS || code == EPERM || code == EOPNOTSUPP)
        return dh_fail(err, DH_IO, "%s: this system gives no keyrings (%s)", what, strerror(code));
    return dh_fail(err, code == ENOKEY ? DH_NOT_FOUND : DH_IO, "%s: %s", what, strerror(code));
}

/* The session's keyring has the user's in it; where there is no session, the user's alone. */
static long find_key(const char *name)
{
    static const int rings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING,
                                KEY_SPEC_USER_SESSION_KEYRING};
    long id = -1;

    for (size_t i = 0; id < 0 && i < 3; i++)
        id = syscall(SYS_keyctl, KEYCTL_SEARCH, rings[i], "user", name, 0);
    return id;
}

static int from_keyring(const char *name, const char *key, struct secret_set *to,
                        struct dh_err *err)
{
    own_mem char *what = dh_printf("keyring:%s", name);
    own_mem char *value = dh_alloc(VALUE_MAX);
    long id, n;

    if (!key)
        return dh_fail(err, DH_INVALID, "%s is one value: say which key, NAME/KEY=%s", what, what);
    id = find_key(name);
    if (id < 0)
        return no_keyring(err, what);
    n = syscall(SYS_keyctl, KEYCTL_READ, id, value, VALUE_MAX);
    if (n < 0)
        return no_keyring(err, what);
    if ((size_t)n > VALUE_MAX)
        return dh_fail(err, DH_INVALID, "%s: more than %zu bytes", what, VALUE_MAX);
    secret_add(to, key, value, (size_t)n);
    explicit_bzero(value, (size_t)n);
    return 0;
}

int secret_keyring_put(const char *description, const char *bytes, size_t n, struct dh_err *err)
{
    /* A process without a session of its own may read what is in the user's keyring only where that
     * is linked to its session's. */
    (void)syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
    if (syscall(SYS_add_key, "user", description, bytes, n, KEY_SPEC_USER_KEYRING) < 0)
        return no_keyring(err, "the user's keyring");
    return 0;
}

/* ---- age ---- */

static char *identity(void)
{
    static const char *const places[] = {".config/age/keys.txt", ".config/sops/age/keys.txt",
                                         ".ssh/id_ed25519"};
    const char *named = getenv("DHOW_AGE_IDENTITY"), *home = getenv("HOME");

    if (named && *named)
        return dh_strdup(named);
    for (size_t i = 0; home && i < 3; i++) {
        char *path = fs_join(home, places[i]);

        if (fs_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

static int decrypt(const char *path, struct buf *out, struct dh_err *err)
{
    own_mem char *program = command_find("age");
    own_mem char *id = identity();
    own_buf struct buf said = {0};
    own_mem char *line = NULL;
    int status;

    if (!program)
        return dh_fail(err, DH_IO,
                       "age:%s: there is no program 'age' (Debian: apt-get install age)", path);
    if (!id)
        return dh_fail(err, DH_INVALID,
                       "age:%s: no identity: DHOW_AGE_IDENTITY names its file, or "
                       "~/.config/age/keys.txt is it",
                       path);
    if (secret_check_mode(id, err) < 0)
        return -1;
    out->max = VALUE_MAX;
    {
        char *argv[] = {program, (char *)"--decrypt",     (char *)"-i",
                        id,      (char *)(uintptr_t)path, NULL};

        if (command_run(argv, AGE_TIMEOUT_MS, NULL, out, &said, &status, err) < 0)
            return dh_while(err, "age:%s", path);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !out->truncated)
        return 0;
    line = command_last_line(&said);
    return dh_fail(err, DH_INVALID, "age:%s: %s", path, out->truncated ? "more than 1 MiB" : line);
}

static int from_age(const char *path, const char *key, struct secret_set *to, struct dh_err *err)
{
    const char *slash = strrchr(path, '/');
    own_mem char *base = dh_strdup(slash ? slash + 1 : path);
    struct buf b = {0};
    size_t n = strlen(base);
    int rc;

    if (n > 4 && !strcmp(base + n - 4, ".age"))
        base[n - 4] = '\0';
    rc = decrypt(path, &b, err);
    if (rc == 0)
        rc = secret_load_text(path, base, key, buf_str(&b), b.n, to, err);
    if (b.cap)
        explicit_bzero(b.p, b.cap);
    buf_done(&b);
    return rc;
}

int secret_load_source(const char *source, const char *key, struct secret_set *to,
                       struct dh_err *err)
{
    const char *path;

    secret_dump_no_core();
    if (!strncmp(source, "env:", 4))
        return from_env(source + 4, key, to, err);
    if (!strncmp(source, "keyring:", 8))
        return from_keyring(source + 8, key, to, err);
    if (!strncmp(source, "age:", 4))
        return from_age(source + 4, key, to, err);
    (void)secret_is_file(source, &path);
    return secret_load_tight(path, key, to, err);
}
