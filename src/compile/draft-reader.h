#pragma once
/* draft-reader - what the files that read a program's lines share: one line at a time. */
#include "base/limits.h"
#include "compile/draft-read.h"

struct reader {
    struct draft *draft;
    struct arena *a;
    const char *folder;
    struct dh_err *err;
    struct draft_place at;
    const struct js *line;
    struct draft_pipeline *p; /* the one that is being written */
    struct draft_pipeline *outer[LIMIT_NEST];
    int depth;
    void **things; /* by number: values, tasks, conditions */
    char *kinds;   /* 'v', 't', 'c', 'g' */
    size_t cap;
    struct draft_component **components; /* by number */
    size_t n_components, cap_components;
};

/* A member of the line: a text (the arena's), a value, a task, JSON in a text. NULL, or below 0
 * with the error filled, where it is none; a text that is not there is no error. */
const char *reader_text(const struct reader *r, const char *key);
struct draft_value *reader_value(struct reader *r, const char *key);
struct draft_task *reader_task(struct reader *r, const char *key);
int reader_json(struct reader *r, const char *key, struct js **ret); /* the arena's; NULL: none */
/* The line is none of dhow's. */
int reader_wrong(struct reader *r, const char *what);
/* Things by the number that the program gave them: 'v' a value, 't' a task, 'c' a condition,
 * 'g' a block of one. */
int reader_put(struct reader *r, char kind, void *thing); /* by the line's own number */
int reader_put_at(struct reader *r, int64_t id, char kind, void *thing);
void *reader_find(struct reader *r, int64_t id, char kind, const char *what);

/* draft-component.c */
int op_component(struct reader *r);
int op_pipeline(struct reader *r);
int op_pipeline_end(struct reader *r);

/* draft-settings.c */
int op_after(struct reader *r);
int op_retry(struct reader *r);
int op_set(struct reader *r);
int op_env(struct reader *r);
int op_named(struct reader *r);
int op_kubernetes(struct reader *r);
int op_pipeline_config(struct reader *r);
int op_pipeline_root(struct reader *r);
int op_pipeline_name(struct reader *r);
int op_metadata(struct reader *r);
