#pragma once
/* Between sandbox.c (the runtime), sandbox-root.c (what is seen inside) and sandbox-seccomp.c. */
#include "runtime/command.h"
#include "runtime/runtime-priv.h"

/* The system calls that a step may not make, as bubblewrap reads them. */
int sandbox_seccomp_write(const char *path, struct dh_err *err);

/* Arguments that make the read-only system, minimal /dev and /proc, and an empty /tmp. `files` is
 * the folder with the passwd and group of the sandbox. */
void sandbox_root(const char *files, struct args *to);
int sandbox_write(const char *path, const void *bytes, size_t n, struct dh_err *err);
int sandbox_write_files(const char *files, struct dh_err *err);
/* The same for the network's settings. */
void sandbox_network(struct args *to);
/* Covers a folder that lies within the system that is shown. */
void sandbox_hide(const char *folder, struct args *to);
/* Whether a path of this machine is part of that system. */
bool sandbox_shows(const char *path);
