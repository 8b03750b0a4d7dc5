/* engine-shared - libdhow.so carries its engine: the library's file is a program, too.
 *
 * As libc.so.6 is one: it has an entry (the C library's own _start, which calls the main of
 * cli/program.c, and the constructors before it) and says who loads it. A caller that loads it as a
 * library runs nothing of that; the engine is a process that is started from the same file, so that
 * there is one to install, and the two are of one version. */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/lib-priv.h"

#if defined __x86_64__ && defined __LP64__
#define LOADER "/lib64/ld-linux-x86-64.so.2"
#elif defined __aarch64__ && defined __LP64__
#define LOADER "/lib/ld-linux-aarch64.so.1"
#elif defined __riscv && __riscv_xlen == 64
#define LOADER "/lib/ld-linux-riscv64-lp64d.so.1"
#else
#error "the dynamic loader of this machine is to be named here: readelf -p .interp /bin/true"
#endif
extern const char lib_loader[];
__attribute__((section(".interp"), used)) const char lib_loader[] = LOADER;

int dhow_engine_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return -1; /* the library is the program */
}

char *lib_engine(int *lost)
{
    Dl_info here;
    char *file;

    /* Of a name that only this file has: an exported one may be the caller's. */
    if (!dladdr(lib_loader, &here))
        return NULL;
    file = realpath(here.dli_fname, NULL);
    *lost |= !file && errno == ENOMEM;
    return file;
}
