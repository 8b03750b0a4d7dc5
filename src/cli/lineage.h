#pragma once
/* lineage - the forms in which `dhow lineage` prints where an artifact comes from and what became
 * of it. Each is made of one struct lineage; the exports' forms are other people's standards. */
#include <stdio.h>
#include "base/js.h"
#include "store/lineage.h"

/* "inner.train", "for-loop-1.train [2]": of a task. The caller's. */
char *lineage_label(const struct lineage_task *task);

void lineage_tree(const struct lineage *l, unsigned ways, FILE *to, bool color);
void lineage_dot(const struct lineage *l, FILE *to);

struct js *lineage_json(const struct lineage *l);
struct js *lineage_prov(const struct lineage *l); /* W3C PROV-JSON, one document */
/* OpenLineage: an array of RunEvents, one a task, oldest first. */
struct js *lineage_openlineage(const struct lineage *l);
/* An in-toto statement with a SLSA v1 provenance about the first artifact; `whole` must have been
 * asked for. DH_INVALID: it has no digest, or nobody on the record made it. */
int lineage_slsa(const struct lineage *l, struct js **ret, struct dh_err *err);
