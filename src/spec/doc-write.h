#pragma once
/* doc-write - JSON values as YAML text, in the form in which the SDK writes compiled pipelines:
 * keys sorted, blocks, texts quoted only where YAML would take them for something else. */
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/js.h"

/* One document a value, `---` between them. Reading it again gives equal values. */
int doc_write_yaml(const struct js *const *documents, size_t n, struct buf *to, struct dh_err *err);
