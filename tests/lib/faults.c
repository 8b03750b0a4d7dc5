/* faults - preloaded: lets the n-th allocation, write, pipe, … of the program itself fail, once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>

static long countdown; /* 0: nothing fails */
static int kind;       /* 'm' memory, 'i' the system's calls */

void fault_at(int what, long n);
long fault_left(void);
void fault_at(int what, long n)
{
    kind = what;
    countdown = n;
}
long fault_left(void)
{
    return countdown;
}

static int hit(int what, int error)
{
    if (kind != what || countdown == 0 || --countdown != 0)
        return 0;
    errno = error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    return hit('m', ENOMEM) ? NULL : __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    return hit('m', ENOMEM) ? NULL : __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
    return hit('m', ENOMEM) ? NULL : __libc_realloc(p, n);
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
    return hit('i', ENOSPC) ? -1 : REAL(write)(fd, bytes, n);
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
