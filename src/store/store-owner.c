/* Who runs a run: is that process still there? */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "store/store.h"

/* A process's state letter and start time (clock ticks since boot). False: it is not there. */
static bool process_start(pid_t pid, char *ret_state, uint64_t *ret_start)
{
    own_mem char *path = dh_printf("/proc/%d/stat", (int)pid);
    own_mem char *text = NULL;
    char *at;
    size_t n;

    if (fs_read(path, 1 << 16, &text, &n, NULL) < 0)
        return false;
    at = strrchr(text, ')'); /* the name before it may hold anything */
    if (!at || at[1] != ' ')
        return false;
    *ret_state = at[2];
    at += 2;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    *ret_start = strtoull(at, NULL, 10);
    return true;
}

static void boot_id(char to[64])
{
    own_mem char *text = NULL;
    size_t n;

    (void)snprintf(to, 64, "unknown");
    if (fs_read("/proc/sys/kernel/random/boot_id", 1000, &text, &n, NULL) == 0)
        (void)snprintf(to, 64, "%.*s", (int)strcspn(text, "\n"), text);
}

static uint64_t pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

int store_owner_of(pid_t pid, struct arena *a, struct store_owner *ret, struct dh_err *err)
{
    char host[HOST_NAME_MAX + 1] = "", boot[64], state;
    uint64_t start;

    if (pid <= 0 || !process_start(pid, &state, &start))
        return dh_fail(err, DH_NOT_FOUND, "there is no process %d", (int)pid);
    (void)gethostname(host, sizeof host - 1);
    boot_id(boot);
    ret->pid = pid;
    ret->host = arena_strdup(a, host);
    ret->token = arena_printf(a, "%s:%" PRIu64 ":%" PRIu64, boot, pid_namespace(), start);
    return 0;
}

/* Of this pid namespace and boot: is it the process that the token was made of? */
static enum store_owner_state process_state(pid_t pid, uint64_t start_then)
{
    uint64_t start;
    char state;

    if (!process_start(pid, &state, &start))
        return kill(pid, 0) < 0 && errno == EPERM ? STORE_OWNER_ALIVE : STORE_OWNER_DEAD;
    if (state == 'Z' || state == 'X')
        return STORE_OWNER_DEAD; /* killed, only not yet waited for */
    return start == start_then ? STORE_OWNER_ALIVE : STORE_OWNER_DEAD;
}

enum store_owner_state store_owner_state(const struct store_owner *owner)
{
    char host[HOST_NAME_MAX + 1] = "", boot[64];
    const char *ns, *ticks;

    if (owner->pid <= 0)
        return STORE_OWNER_NONE;
    (void)gethostname(host, sizeof host - 1);
    ns = owner->token ? strchr(owner->token, ':') : NULL;
    ticks = ns ? strchr(ns + 1, ':') : NULL;
    if (!ticks || (owner->host && strcmp(owner->host, host) != 0))
        return STORE_OWNER_ELSEWHERE;
    boot_id(boot);
    if (strlen(boot) != (size_t)(ns - owner->token) ||
        strncmp(boot, owner->token, (size_t)(ns - owner->token)) != 0)
        return STORE_OWNER_DEAD; /* this machine has started anew since */
    if (strtoull(ns + 1, NULL, 10) != pid_namespace())
        return STORE_OWNER_ELSEWHERE;
    return process_state((pid_t)owner->pid, strtoull(ticks + 1, NULL, 10));
}
