#pragma once
/* draft-read - what a program with dhow/pipeline.h wrote, as a draft. */
#include "compile/draft.h"

int draft_read(struct draft *to, const char *name, const char *lines, size_t n, const char *folder,
               struct dh_err *err);
/* A row of a table (dhow/rows.h) as an input or output; *ret_output says which. */
int draft_row(struct arena *a, struct draft_place at, const struct js *row, struct draft_port *ret,
              bool *ret_output, struct dh_err *err);
/* The same of the short form. */
int draft_read_short(struct draft *to, const char *name, const char *yaml, size_t n,
                     const char *folder, struct dh_err *err);
/* A container's command or args: *ret is an array of texts, the arena's. */
int draft_words(struct arena *a, struct draft_place at, const struct draft_component *component,
                const struct js *words, struct js **ret, struct dh_err *err);
/* The component that a compiled file holds, with the interface that it has. */
int draft_load_all(struct arena *a, struct draft_component *c, const char *folder, const char *path,
                   struct dh_err *err);
/* The same, with the interface that `c` has already, which has to fit. */
int draft_load(struct arena *a, struct draft_component *c, const char *folder, const char *path,
               struct dh_err *err);
