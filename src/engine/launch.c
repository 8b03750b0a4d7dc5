#include "engine/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"

#define SOCKET_NAME "launch.sock"
enum { BACKLOG = 512 };

/* Two that make it at once agree on the one that is there, and nobody sees half of it. */
static int make_key(const char *path, struct dh_err *err)
{
    own_mem char *beside = dh_printf("%s.%d", path, (int)getpid());
    unsigned char raw[DIGEST_RAW];
    char hex[DIGEST_TEXT];
    int rc;

    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        return dh_fail_errno(err, "no random bytes");
    (void)digest_hex(raw, sizeof raw, hex);
    if (fs_write(beside, hex, sizeof hex - 1, 0600, err) < 0)
        return -1;
    rc = link(beside, path);
    if (rc < 0 && errno == EEXIST)
        rc = 0;
    if (rc < 0)
        (void)dh_fail_errno(err, "%s", path);
    (void)unlink(beside);
    return rc;
}

int launch_token(const char *home, const char *run_id, char to[DIGEST_TEXT], struct dh_err *err)
{
    own_mem char *path = fs_join(home, "launch.key");
    unsigned char raw[DIGEST_RAW];
    own_mem char *key = NULL;
    size_t n = 0;

    if (!fs_exists(path) && make_key(path, err) < 0)
        return -1;
    if (fs_read(path, 256, &key, &n, err) < 0)
        return -1;
    if (n < DIGEST_RAW)
        return dh_fail(err, DH_IO, "%s: expected %d hex digits", path, DIGEST_TEXT - 1);
    digest_hmac(key, n, run_id, strlen(run_id), raw);
    explicit_bzero(key, n);
    (void)digest_hex(raw, sizeof raw, to);
    return 0;
}

/* A socket's path has 107 bytes; the folder's may be longer, and is named by a descriptor. */
static int address_of(const char *folder, struct sockaddr_un *to, int *ret_fd)
{
    *ret_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(to->sun_path, sizeof to->sun_path, "/proc/self/fd/%d/" SOCKET_NAME, *ret_fd);
    return *ret_fd < 0 ? -1 : 0;
}

int launch_listen(const char *folder, struct dh_err *err)
{
    own_mem char *path = fs_join(folder, SOCKET_NAME);
    own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    own_fd int at = -1;

    if (fd < 0 || address_of(folder, &address, &at) < 0)
        return dh_fail_errno(err, "%s", path);
    if (fs_unlink(path, err) < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(address.sun_path, 0600) < 0 || listen(fd, BACKLOG) < 0)
        return dh_fail_errno(err, "cannot listen on %s", path);
    return dh_take_fd(&fd);
}

int launch_connect(const char *folder)
{
    own_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    own_fd int at = -1;

    if (fd < 0 || address_of(folder, &address, &at) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return dh_take_fd(&fd);
}
