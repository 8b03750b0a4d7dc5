#pragma once
/* frame-priv - making the columns of a table (inside src/ml only). */
#include "dhow/ml.h"

/* An array whose bytes start on a 64-byte boundary; large ones are mapped, so that they can grow
 * without a copy. *mapped is kept with it. Zeroed when new. */
void *column_alloc(size_t bytes, size_t *mapped);
void *column_resize(void *p, size_t *mapped, size_t old_bytes, size_t bytes);
void column_release(void *p, size_t mapped);

struct ml_frame *frame_new(size_t n_cols);
bool ml_is_missing(const struct ml_column *col, size_t row);
