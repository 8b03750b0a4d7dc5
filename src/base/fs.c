#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/own.h"

#ifdef DHOW_FAULT
bool fs_fault(const char *call)
{
    static atomic_long left = -1;
    static int code;
    (void)call;

    if (atomic_load(&left) == -1) {
        const char *env = getenv("DHOW_FAULT_IO"), *colon = env ? strchr(env, ':') : NULL;

        code = colon && !strcmp(colon + 1, "EIO") ? EIO : ENOSPC;
        atomic_store(&left, env ? strtol(env, NULL, 10) : 0);
    }
    if (atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1) {
        errno = code;
        return true;
    }
    return false;
}
#else
bool fs_fault(const char *call)
{
    (void)call;
    return false;
}
#endif

int fs_mkdirs(const char *path, mode_t mode, struct dh_err *err)
{
    own_mem char *copy = NULL;

    /* Most often the parent is there: one call. */
    if (fs_fault("mkdir"))
        return dh_fail_errno(err, "cannot make folder %s", path);
    if (mkdir(path, mode) == 0 || (errno == EEXIST && fs_is_dir(path)))
        return 0;
    copy = dh_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return dh_fail_errno(err, "cannot make folder %s", copy);
        *slash = '/';
    }
    if (mkdir(path, mode) < 0 && !(errno == EEXIST && fs_is_dir(path)))
        return dh_fail_errno(err, "cannot make folder %s", path);
    return 0;
}

int fs_read(const char *path, size_t max, char **ret, size_t *ret_n, struct dh_err *err)
{
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    own_buf struct buf b = {0};
    struct stat st;
    char block[65536];

    if (fd < 0) {
        (void)dh_fail_errno(err, "%s", path);
        if (err && (errno == ENOENT || errno == ENOTDIR))
            err->code = DH_NOT_FOUND;
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return dh_fail(err, DH_INVALID, "%s is a folder, not a file", path);
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
        return dh_fail(err, DH_INVALID, "%s is too large: %lld bytes, at most %zu are read", path,
                       (long long)st.st_size, max);
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dh_fail_errno(err, "cannot read %s", path);
        if (n == 0)
            break;
        if (b.n + (size_t)n > max)
            return dh_fail(err, DH_INVALID, "%s is too large: at most %zu bytes are read", path,
                           max);
        buf_add(&b, block, (size_t)n);
    }
    *ret_n = b.n;
    *ret = buf_take(&b);
    return 0;
}

int fs_write_fd(int fd, const void *bytes, size_t n, const char *what, struct dh_err *err)
{
    const char *p = bytes;

    while (n > 0) {
        ssize_t done = fs_fault("write") ? -1 : write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return dh_fail_errno(err, "cannot write %s", what);
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int fs_write_new(const char *path, const void *bytes, size_t n, mode_t mode, struct dh_err *err)
{
    own_fd int fd = -1;

    if (!fs_fault("open"))
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return dh_fail_errno(err, "cannot write %s", path);
    return fs_write_fd(fd, bytes, n, path, err);
}

int fs_write(const char *path, const void *bytes, size_t n, mode_t mode, struct dh_err *err)
{
    own_mem char *beside = dh_printf("%s.%d.tmp", path, (int)getpid());

    if (fs_write_new(beside, bytes, n, mode, err) < 0 || fs_rename(beside, path, err) < 0) {
        (void)unlink(beside);
        return -1;
    }
    return 0;
}

int fs_rename(const char *from, const char *to, struct dh_err *err)
{
    if (fs_fault("rename") || rename(from, to) < 0)
        return dh_fail_errno(err, "cannot rename %s to %s", from, to);
    return 0;
}

int fs_rename_new(const char *from, const char *to, struct dh_err *err)
{
    if (fs_fault("rename"))
        return dh_fail_errno(err, "cannot rename %s to %s", from, to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EEXIST || (errno == EINVAL && fs_exists(to)))
        return dh_fail(err, DH_EXISTS, "%s is there already", to);
    return errno == EINVAL ? fs_rename(from, to, err)
                           : dh_fail_errno(err, "cannot rename %s to %s", from, to);
}

int fs_unlink(const char *path, struct dh_err *err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return dh_fail_errno(err, "cannot remove %s", path);
    return 0;
}

bool fs_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

bool fs_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_is_empty(int fd)
{
    _Alignas(struct dirent64) char entries[512]; /* more than the longest name takes */
    ssize_t n;

    if (lseek(fd, 0, SEEK_SET) < 0)
        return false;
    while ((n = getdents64(fd, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *e = (const void *)(entries + at);

            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                return false;
            at += e->d_reclen;
        }
    return n == 0;
}

char *fs_join(const char *a, const char *b)
{
    size_t n = strlen(a);

    if (b[0] == '/' || n == 0)
        return dh_strdup(b);
    return dh_printf("%s%s%s", a, a[n - 1] == '/' ? "" : "/", b);
}

char *fs_absolute(const char *path)
{
    char cwd[PATH_MAX];

    if (path[0] == '/' || !getcwd(cwd, sizeof cwd))
        return dh_strdup(path);
    if (!strcmp(path, "."))
        return dh_strdup(cwd);
    return fs_join(cwd, !strncmp(path, "./", 2) ? path + 2 : path);
}
