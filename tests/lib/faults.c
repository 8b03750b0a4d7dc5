/* faults - preloaded: lets the n-th allocation, write, pipe, … of the program itself fail, once.
 *
 * In the client: as fault_at says. In a dhow that the client starts: as $CLIENT_FAULT says, which
 * names a file that both have in memory; a shepherd counts along with its engine. A step is
 * neither, and goes unharmed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faults.h"

static struct fault own, *fault = &own;
static long live; /* blocks that are not freed yet */

void fault_at(int what, long n)
{
    own = (struct fault){.kind = what, .at = n};
}
long fault_count(void)
{
    return own.count;
}
long fault_live(void)
{
    return live;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CLIENT_FAULT"), *slash = strrchr(program_invocation_name, '/');
    int fd = -1;

    if (path && !strcmp(slash ? slash + 1 : program_invocation_name, "dhow"))
        fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *shared = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (shared != MAP_FAILED)
            fault = shared;
        (void)close(fd);
    }
}

static int hit(int what, int error)
{
    if (fault->kind != what || __atomic_add_fetch(&fault->count, 1, __ATOMIC_RELAXED) != fault->at)
        return 0;
    errno = error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static void *counted(void *p)
{
    if (p)
        (void)__atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return p;
}

void *malloc(size_t n)
{
    return hit('m', ENOMEM) ? NULL : counted(__libc_malloc(n));
}
void *calloc(size_t n, size_t size)
{
    return hit('m', ENOMEM) ? NULL : counted(__libc_calloc(n, size));
}
void *realloc(void *p, size_t n)
{
    if (hit('m', ENOMEM))
        return NULL;
    return p ? __libc_realloc(p, n) : counted(__libc_realloc(p, n));
}
void free(void *p)
{
    if (p)
        (void)__atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    __libc_free(p);
}
int pipe2(int ends[2], int flags)
{
    return hit('i', EMFILE) ? -1 : REAL(pipe2)(ends, flags);
}
int memfd_create(const char *name, unsigned flags);
int memfd_create(const char *name, unsigned flags)
{
    return hit('i', ENFILE) ? -1 : REAL(memfd_create)(name, flags);
}
ssize_t write(int fd, const void *bytes, size_t n)
{
    return hit('i', ENOSPC) || hit('w', ENOSPC) ? -1 : REAL(write)(fd, bytes, n);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return hit('w', ENOSPC) ? -1 : REAL(pwrite64)(fd, bytes, n, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return hit('w', ENOSPC) ? -1 : REAL(pwrite)(fd, bytes, n, at);
}
ssize_t writev(int fd, const struct iovec *parts, int n)
{
    return hit('w', ENOSPC) ? -1 : REAL(writev)(fd, parts, n);
}
int fsync(int fd)
{
    return hit('w', EIO) ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd)
{
    return hit('w', EIO) ? -1 : REAL(fdatasync)(fd);
}
int rename(const char *from, const char *to)
{
    return hit('w', EIO) ? -1 : REAL(rename)(from, to);
}
int fcntl(int fd, int command, ...)
{
    va_list ap;
    long argument;

    va_start(ap, command);
    argument = va_arg(ap, long);
    va_end(ap);
    return hit('i', EMFILE) ? -1 : REAL(fcntl)(fd, command, argument);
}
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
    return hit('i', EAGAIN) ? EAGAIN : REAL(posix_spawn)(pid, path, actions, attributes, argv, env);
}
