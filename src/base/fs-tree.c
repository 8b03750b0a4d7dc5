/* Whole folders: remove, copy, measure. None of them follows a link out of the tree. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/own.h"

static bool dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static void close_dir_own(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static int remove_below(int parent, const char *name)
{
    __attribute__((cleanup(close_dir_own))) DIR *dir = NULL;
    int fd, rc = 0;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0) /* an empty one, as most that we remove are */
        return 0;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !(dir = fdopendir(fd)))
        return -1;
    (void)fchmod(fd, 0700); /* inputs are handed out read-only; their folder may be too */
    for (struct dirent *e; (e = readdir(dir));)
        if (!dots(e->d_name) && remove_below(fd, e->d_name) < 0)
            rc = -1;
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -1 : rc;
}

int fs_remove_tree(const char *path, struct dh_err *err)
{
    if (remove_below(AT_FDCWD, path) < 0)
        return dh_fail_errno(err, "cannot remove %s", path);
    return 0;
}

static int copy_bytes(int from, int to)
{
    char block[65536];

    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0);

        if (n == 0)
            return 0;
        if (n < 0)
            break;
    }
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    for (;;) {
        ssize_t n = read(from, block, sizeof block);

        if (n <= 0)
            return (int)n;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, block + done, (size_t)(n - done));

            if (w < 0)
                return -1;
            done += w;
        }
    }
}

static int copy_file(const char *from, const char *to, mode_t mode, struct dh_err *err)
{
    own_fd int in = open(from, O_RDONLY | O_CLOEXEC);
    own_fd int out = -1;

    if (in < 0)
        return dh_fail_errno(err, "cannot read %s", from);
    if (!fs_fault("open"))
        out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode & 0777) | 0200);
    if (out < 0)
        return dh_fail_errno(err, "cannot write %s", to);
    if (fs_fault("write") || copy_bytes(in, out) < 0)
        return dh_fail_errno(err, "cannot copy %s to %s", from, to);
    return 0;
}

static int copy_link(const char *from, const char *to, struct dh_err *err)
{
    char target[4096];
    ssize_t n = readlink(from, target, sizeof target - 1);

    if (n < 0)
        return dh_fail_errno(err, "cannot read %s", from);
    target[n] = '\0';
    if (symlink(target, to) < 0)
        return dh_fail_errno(err, "cannot make %s", to);
    return 0;
}

int fs_copy(const char *from, const char *to, struct dh_err *err)
{
    __attribute__((cleanup(close_dir_own))) DIR *dir = NULL;
    struct stat st;

    if (lstat(from, &st) < 0)
        return dh_fail_errno(err, "cannot read %s", from);
    if (S_ISLNK(st.st_mode))
        return copy_link(from, to, err);
    if (!S_ISDIR(st.st_mode))
        return copy_file(from, to, st.st_mode, err);
    if (fs_mkdirs(to, 0700, err) < 0)
        return -1;
    dir = opendir(from);
    if (!dir)
        return dh_fail_errno(err, "cannot read folder %s", from);
    for (struct dirent *e; (e = readdir(dir));) {
        own_mem char *a = NULL;
        own_mem char *b = NULL;

        if (dots(e->d_name))
            continue;
        a = fs_join(from, e->d_name);
        b = fs_join(to, e->d_name);
        if (fs_copy(a, b, err) < 0)
            return -1;
    }
    return 0;
}

int64_t fs_tree_bytes(const char *path)
{
    __attribute__((cleanup(close_dir_own))) DIR *dir = NULL;
    int64_t total = 0;
    struct stat st;

    if (lstat(path, &st) < 0)
        return 0;
    if (!S_ISDIR(st.st_mode))
        return S_ISREG(st.st_mode) ? st.st_size : 0;
    dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        own_mem char *below = NULL;

        if (dots(e->d_name))
            continue;
        below = fs_join(path, e->d_name);
        total += fs_tree_bytes(below);
    }
    return total;
}
