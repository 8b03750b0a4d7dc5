#pragma once
/* body - a request's body that is a file: written as it comes, to one beside where it will lie.
 *
 * What goes wrong on the way is kept until the handler asks, so that it is said in the answer. */
#include "api/req.h"

/* false: it failed, and so much more comes that the connection is to be cut: no answer can be given
 * before the body's end. */
bool body_add(struct req *r, const char *bytes, size_t n);
/* Removes what was being written when a server was killed. */
void body_sweep(const char *home);
/* The file with all of it, closed, its SHA-256 and size: borrowed until the
 * request's end, when it is removed where nobody has renamed it. Without a body it is empty. */
int body_file(struct req *r, const char **ret_path, const char **ret_digest, int64_t *ret_size,
              struct dh_err *err);
struct body *body_free(struct body *body);
