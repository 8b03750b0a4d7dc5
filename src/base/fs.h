#pragma once
/* fs - files and folders: the one seam between dhow and the disk.
 *
 * Every call that writes, syncs, renames or links goes through here, so that a test can let the
 * n-th of them fail (DHOW_FAULT_IO=n[:errno-name], honoured only in builds with -Dfault=true). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

int fs_mkdirs(const char *path, mode_t mode, struct dh_err *err); /* like mkdir -p */
/* The whole file, NUL-terminated after *ret_n bytes; the caller's (free). DH_NOT_FOUND; DH_INVALID:
 * over `max`. */
int fs_read(const char *path, size_t max, char **ret, size_t *ret_n, struct dh_err *err);
/* Writes beside, then renames over `path`: readers see the old bytes or the new ones. */
int fs_write(const char *path, const void *bytes, size_t n, mode_t mode, struct dh_err *err);
/* Writes a new file in place (no rename); for folders that nobody else reads yet. */
int fs_write_new(const char *path, const void *bytes, size_t n, mode_t mode, struct dh_err *err);
int fs_write_fd(int fd, const void *bytes, size_t n, const char *what,
                struct dh_err *err); /* all of it */
int fs_rename(const char *from, const char *to, struct dh_err *err);
/* Never over what is there: DH_EXISTS. (A disk that cannot promise that looks first.) */
int fs_rename_new(const char *from, const char *to, struct dh_err *err);
int fs_unlink(const char *path, struct dh_err *err); /* gone already is fine */
int fs_remove_tree(const char *path,
                   struct dh_err *err); /* never follows a link; gone already is fine */
/* A copy as cheap as the disk allows: reflink, else bytes. Makes no hard link. */
int fs_copy(const char *from, const char *to,
            struct dh_err *err); /* a file, or a folder with all in it */
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
bool fs_is_empty(int fd); /* an open folder: nothing is in it; false also where it cannot be read */
int64_t fs_tree_bytes(const char *path);     /* sum of file sizes below path; 0 where nothing is */
char *fs_join(const char *a, const char *b); /* a/b; b where it is absolute; the caller's (free) */
char *fs_absolute(const char *path);         /* without resolving links; the caller's */
/* The fault seam for calls that live elsewhere (connect, sqlite): true once for the chosen call;
 * sets errno. */
bool fs_fault(const char *call);
