#include "launch/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"

static int copy_bytes(int from, int to, const char *name, struct dh_err *err)
{
    own_mem char *block = dh_alloc(1 << 16);

    for (;;) {
        ssize_t n = read(from, block, 1 << 16);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dh_fail_errno(err, "cannot read the launcher");
        if (n == 0)
            return 0;
        if (fs_write_fd(to, block, (size_t)n, name, err) < 0)
            return -1;
    }
}

int copy_self(const char *to, const char *argv0, struct dh_err *err)
{
    own_mem char *path = fs_is_dir(to) ? fs_join(to, "launch") : dh_strdup(to);
    own_mem char *beside = dh_printf("%s.%ld", path, (long)getpid());
    own_fd int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = -1;

    if (from < 0)
        from = open(argv0, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return dh_fail_errno(err, "the launcher does not find itself (%s)", argv0);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0)
        return dh_fail_errno(err, "cannot write %s", beside);
    /* Any user of the step's image must be able to start it, whatever our umask. */
    if (copy_bytes(from, fd, beside, err) < 0 || fchmod(fd, 0755) < 0 ||
        fs_rename(beside, path, err) < 0) {
        (void)fs_unlink(beside, NULL);
        return dh_while(err, "copying the launcher to %s", path);
    }
    return 0;
}
