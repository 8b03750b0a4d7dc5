#pragma once
/* short - the short form (docs/short-form.md): YAML that a person writes, read into a draft. What
 * its files share. */
#include "compile/draft.h"
#include "spec/doc.h"

struct short_name { /* what `${name}` may mean: an input, a task, a loop's item */
    const char *name;
    struct draft_value *value; /* an input or item; NULL: a task */
    struct draft_task *task;
    const struct short_name *next; /* said before it */
};

struct short_reader {
    struct draft *draft;
    struct arena *a;
    const char *file, *folder;
    struct dh_err *err;
    struct strmap *components;
    struct draft_pipeline *p;
    const struct short_name *names; /* the last one first */
};

struct draft_place short_at(const struct short_reader *r, const struct doc_node *node);
int short_fail(struct short_reader *r, const struct doc_node *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* DH_INVALID where the map has a key that is none of the NULL-terminated names. */
int short_keys(struct short_reader *r, const struct doc_node *map, const char *what, ...)
    __attribute__((sentinel));
/* The member as a text; NULL where there is none. <0: it is no text. */
int short_text(struct short_reader *r, const struct doc_node *map, const char *key,
               const char **ret);
/* The member as a map, or NULL where there is none. <0: it is something else. */
int short_map(struct short_reader *r, const struct doc_node *map, const char *key,
              const struct doc_node **ret);

/* short-value.c: a value as it stands in `with`, `each` or `outputs`. Outputs of tasks in a loop
 * that is not around the user are collected by themselves. */
int short_value(struct short_reader *r, const struct doc_node *node, struct draft_value **ret);
/* "${task.output} >= 0.9" */
int short_condition(struct short_reader *r, const struct doc_node *node,
                    struct draft_condition *ret);
void short_name_add(struct short_reader *r, const char *name, struct draft_value *value,
                    struct draft_task *task);

/* short-component.c */
int short_components(struct short_reader *r, const struct doc_node *map);
int short_ports(struct short_reader *r, const struct doc_node *map, bool output,
                struct draft_ports *to);

/* short-task.c: the tasks of a block */
int short_tasks(struct short_reader *r, const struct doc_node *map);
