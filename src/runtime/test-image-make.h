#pragma once
/* Makes images for the tests: tar layers, OCI layouts. */
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/js.h"

/* One member of a tar stream; type as in the header ('0', '5', '2', …). */
void tar_put(struct buf *tar, char type, const char *path, mode_t mode, const char *target,
             const void *bytes, size_t n);
void tar_put_text(struct buf *tar, const char *path, const char *text);
void tar_put_program(struct buf *tar, const char *path,
                     const char *from); /* a file of this machine */
void tar_end(struct buf *tar);

/* A layout with one image of these layers (plain tar streams). `config`: Entrypoint, … as JSON
 * text.
 */
void layout_make(const char *folder, const char *tag, const char *config, const struct buf *layers,
                 size_t n_layers);
