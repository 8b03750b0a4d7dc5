#pragma once
/* draft - a pipeline as its author says it, before it is a spec.
 *
 * All of it lives in one arena. Names of tasks and groups are made as the SDK makes them, so that a
 * draft and the same pipeline in Python come out alike. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/js.h"
#include "base/strmap.h"

struct draft_place {
    const char *file;
    int line, column; /* column 0: not known */
};

/* ---- components ---- */

enum draft_type { /* of a parameter; DRAFT_ARTIFACT: an artifact */
                  DRAFT_TEXT,
                  DRAFT_INTEGER,
                  DRAFT_NUMBER,
                  DRAFT_BOOL,
                  DRAFT_LIST,
                  DRAFT_STRUCT,
                  DRAFT_FINAL_STATUS,
                  DRAFT_ARTIFACT,
};
/* "STRING", …; the words of messages: "text", … */
const char *draft_type_name(enum draft_type type);
const char *draft_type_words(enum draft_type type);

struct draft_port { /* an input or output */
    const char *name;
    enum draft_type type;
    const char *artifact;     /* "system.Model", of an artifact; else NULL */
    bool list;                /* of artifacts */
    enum draft_type item;     /* of a LIST: what its items are; TEXT where nobody says */
    bool optional;            /* inputs */
    struct js *default_value; /* inputs; NULL: none */
    const char *help;         /* "" : none */
};
struct draft_ports {
    struct draft_port *items;
    size_t n, cap;
};
struct draft_port *draft_port(const struct draft_ports *ports, const char *name);

enum draft_kind { DRAFT_CONTAINER, DRAFT_IMPORTER, DRAFT_PIPELINE, DRAFT_LOADED };

struct draft_component {
    struct draft_place at;
    const char *name, *help;
    enum draft_kind kind;
    struct draft_ports inputs, outputs;
    struct js *interface; /* made while lowering; shared by all its tasks */
    /* CONTAINER */
    const char *image;
    struct js *command, *args; /* arrays of texts */
    struct js *env;            /* array of {name, value} */
    /* IMPORTER */
    const char *artifact;
    struct js *metadata; /* object, or NULL */
    bool reimport, to_workspace;
    /* PIPELINE */
    struct draft_pipeline *pipeline;
    /* LOADED: a compiled file */
    struct js *spec, *platform;
};

/* ---- values ---- */

enum draft_value_kind {
    DRAFT_CONSTANT,
    DRAFT_INPUT,     /* of the pipeline */
    DRAFT_OUTPUT,    /* of a task */
    DRAFT_ITEM,      /* of a loop */
    DRAFT_FIELD,     /* of an item */
    DRAFT_COLLECTED, /* of an output */
    DRAFT_ONE_OF,    /* of outputs */
    DRAFT_FORMAT,    /* a text with values in it */
};

struct draft_value {
    struct draft_place at;
    enum draft_value_kind kind;
    enum draft_type type;
    const char *artifact; /* of an artifact */
    bool list;            /* of artifacts */
    enum draft_type item; /* of a LIST */
    struct draft_pipeline *pipeline;
    struct js *constant;
    const char *name;          /* of the input, output, field; of a ONE_OF: its own */
    struct draft_task *task;   /* OUTPUT */
    struct draft_group *group; /* ITEM: the loop; ONE_OF: the branches */
    struct draft_value *of;    /* FIELD, COLLECTED */
    const char *format;        /* "{}" stands for the values, in their order */
    struct draft_value **values;
    size_t n_values; /* ONE_OF, FORMAT */
};

struct draft_condition {
    const char *op; /* "==", … */
    struct draft_value *left, *right;
    bool negate;
};

/* ---- tasks and groups ---- */

struct draft_input {
    const char *name;
    struct draft_value *value;
};

struct draft_retry {
    bool given;
    int times;
    double backoff_s, factor, max_s; /* 0: not given */
};

/* A value that a setting of a task is made of, beside its inputs. Either the setting becomes a
 * placeholder of an input that is made for the value, and `name` an input that has it too, as the
 * SDK does it; or the member `key` of `to` says where the value comes from, and with `also` `to`
 * says it by itself, for older readers. */
struct draft_need {
    struct draft_value *value;
    const char **setting, *name;
    struct js *to;
    const char *key;
    bool also;
};

struct draft_task {
    struct draft_place at;
    const char *name; /* unique in its pipeline */
    struct draft_component *component;
    struct draft_pipeline *pipeline;
    struct draft_group *parent;
    struct draft_input *inputs;
    size_t n_inputs, cap_inputs;
    struct draft_need *needs;
    size_t n_needs, cap_needs;
    struct draft_task **after;
    size_t n_after, cap_after;
    const char *display_name, *cache_key; /* NULL: none */
    bool no_cache, ignore_upstream_failure;
    bool is_exit; /* an exit handler's */
    struct draft_retry retry;
    const char *image;                                                   /* NULL: the component's */
    const char *cpu_request, *cpu_limit, *memory_request, *memory_limit; /* NULL: none */
    const char *accelerator_type, *accelerator_count;
    struct js *resolved;   /* made while lowering: {"parameters": …, "artifacts": …} */
    struct js *env;        /* array of {name, value}, after the component's own */
    struct js *kubernetes; /* object; NULL: none */
};

enum draft_group_kind { DRAFT_ROOT, DRAFT_BRANCHES, DRAFT_BRANCH, DRAFT_LOOP, DRAFT_EXIT_HANDLER };

struct draft_handed { /* what a group is given by its parent */
    const char *name; /* "pipelinechannel--…" */
    const struct draft_value *value;
    struct js *from; /* the input of the group's task: {"componentInputParameter": …}, … */
};
struct draft_shown { /* what a group gives its parent */
    const char *name;
    const struct draft_value *value;
    enum draft_type type;
    const char *artifact;
    bool list;
    struct js *from; /* the dag's output: selectors */
};

struct draft_group {
    struct draft_place at;
    enum draft_group_kind kind;
    const char *name;         /* "condition-1" */
    const char *display_name; /* NULL: none */
    struct draft_pipeline *pipeline;
    struct draft_group *parent; /* NULL: the root */
    struct draft_group **groups;
    size_t n_groups, cap_groups;
    struct draft_task **tasks;
    size_t n_tasks, cap_tasks;
    struct draft_condition *conditions; /* BRANCH: all must hold */
    size_t n_conditions;
    struct draft_condition *before; /* BRANCH: those of its IF and ELIFs, negated, and its own */
    size_t n_before;
    bool is_else, has_else;       /* BRANCH; BRANCHES */
    int n_one_of;                 /* BRANCHES */
    struct draft_value *items;    /* LOOP */
    const char *item_name;        /* LOOP: "loop-item-param-1" */
    int parallelism;              /* LOOP; 0: no limit */
    struct draft_task *exit_task; /* EXIT_HANDLER */
    /* made while lowering */
    struct draft_handed *handed;
    size_t n_handed, cap_handed;
    struct draft_shown *shown;
    size_t n_shown, cap_shown;
    struct js *waits; /* name of a task or group in it → names that it waits for */
};

struct draft_pipeline {
    struct draft_component *component;
    struct draft_group *root;
    struct draft_group *open; /* the innermost block, while it is written */
    struct draft_task **tasks;
    size_t n_tasks, cap_tasks;
    struct strmap *task_names; /* freed with the arena, as is … */
    struct strmap *numbers;    /* base name → the last number that it was given, as a pointer */
    int last_group;
    struct draft_input *outputs;
    size_t n_outputs, cap_outputs;
    struct js *config;                        /* of the platform's pipelineConfig; NULL: none */
    const char *pipeline_root, *display_name; /* NULL: none */
    bool resolved;
};

struct draft {
    struct arena *arena;
    struct draft_component *main;
};

/* An array that grows in the arena. */
#define DRAFT_PUSH(a, items, n, cap, ...)                                                          \
    do {                                                                                           \
        if ((n) == (cap)) {                                                                        \
            void *more_ = arena_alloc((a), ((cap) ? (cap)*2 : 8) * sizeof *(items));               \
            if (n)                                                                                 \
                memcpy(more_, (items), (n) * sizeof *(items));                                     \
            (items) = more_;                                                                       \
            (cap) = (cap) ? (cap)*2 : 8;                                                           \
        }                                                                                          \
        (items)[(n)++] = (__VA_ARGS__);                                                            \
    } while (0)

/* "FILE:LINE[:COLUMN]: …", DH_INVALID; -1. */
int draft_fail(struct dh_err *err, struct draft_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A value that lives as long as the arena. */
struct js *draft_keep(struct arena *a, struct js *v);

/* ---- making one (draft.c); each checks what it is given ---- */

struct draft_pipeline *draft_pipeline_new(struct arena *a, struct draft_component *component);

/* NAME or NAME-2, … as the SDK has it. */
struct draft_task *draft_task_new(struct arena *a, struct draft_place at, struct draft_pipeline *p,
                                  struct draft_component *component);
int draft_task_input(struct arena *a, struct draft_task *task, const char *name,
                     struct draft_value *value, struct dh_err *err);
/* All inputs that must be there are. */
int draft_task_check(const struct draft_task *task, struct dh_err *err);
void draft_task_after(struct arena *a, struct draft_task *task, struct draft_task *other);

enum draft_setting { /* texts of a task */
                     DRAFT_DISPLAY_NAME,
                     DRAFT_CACHE_KEY,
                     DRAFT_IMAGE,
                     DRAFT_CPU_REQUEST,
                     DRAFT_CPU_LIMIT,
                     DRAFT_MEMORY_REQUEST,
                     DRAFT_MEMORY_LIMIT,
                     DRAFT_ACCELERATOR_TYPE,
                     DRAFT_ACCELERATOR_COUNT
};
/* The first two are constants; the others may be known when the task runs. */
int draft_task_set(struct arena *a, struct draft_task *task, enum draft_setting setting,
                   struct draft_value *value, struct draft_place at, struct dh_err *err);
/* An element of a list of the platform's config: what belongs to the secret, config map or claim
 * that the value names. Its member NAME-parameter, and the older form beside it. */
struct js *draft_task_named(struct arena *a, struct draft_task *task, const char *list,
                            struct draft_value *value);
void draft_task_mount(struct arena *a, struct draft_task *task, struct draft_value *claim,
                      const char *path);

struct draft_value *draft_value_new(struct arena *a, struct draft_place at,
                                    struct draft_pipeline *p, enum draft_value_kind kind);
/* Types of values that are made of others; DH_INVALID where they cannot be. */
int draft_value_field(struct draft_value *v, struct draft_value *of, const char *name,
                      struct dh_err *err);
int draft_value_collected(struct draft_value *v, struct draft_value *of, struct dh_err *err);
int draft_value_one_of(struct arena *a, struct draft_value *v, struct dh_err *err);
enum draft_type draft_type_of(const struct js *constant);
/* "text", "integer", …: -1: no such word. */
int draft_type_parse(const char *word, enum draft_type *ret);

/* A block begins; it is the pipeline's open one until draft_group_end. */
int draft_if(struct arena *a, struct draft_place at, struct draft_pipeline *p,
             const struct draft_condition *condition, const char *name, struct draft_group **ret,
             struct dh_err *err);
enum draft_else { DRAFT_ELIF, DRAFT_ELSE };
int draft_else(struct arena *a, struct draft_place at, struct draft_pipeline *p,
               enum draft_else kind, const struct draft_condition *condition, const char *name,
               struct draft_group **ret, struct dh_err *err);
int draft_loop(struct arena *a, struct draft_place at, struct draft_pipeline *p,
               struct draft_value *items, int parallelism, const char *name,
               struct draft_group **ret, struct dh_err *err);
int draft_exit_handler(struct arena *a, struct draft_place at, struct draft_pipeline *p,
                       struct draft_task *task, const char *name, struct draft_group **ret,
                       struct dh_err *err);
/* The value that a loop's block sees. */
struct draft_value *draft_item(struct arena *a, struct draft_place at, struct draft_pipeline *p,
                               struct draft_group *group);
int draft_group_end(struct draft_pipeline *p, struct dh_err *err); /* 1: none is open */
/* A name that an output's file can have. */
int draft_output_name(struct draft_place at, const char *name, struct dh_err *err);
int draft_output(struct arena *a, struct draft_pipeline *p, struct draft_place at, const char *name,
                 struct draft_value *value, struct dh_err *err);

/* ---- types.c ---- */

/* Whether the value may be given to the port; the message begins with `what`. */
int draft_check_type(const struct draft_value *value, const struct draft_port *port,
                     struct draft_place at, const char *what, struct dh_err *err);
/* "a number", "a list of system.Model": for messages; good until the arena goes. */
const char *draft_says(struct arena *a, enum draft_type type, const char *artifact, bool list);

/* ---- condition.c ---- */

/* The CEL text of conditions that must all hold; operands are inputs of the group's task. */
int draft_condition_text(struct arena *a, const struct draft_group *group, const char **ret,
                         struct dh_err *err);

/* ---- scope.c ---- */

/* "output", "input", "x-loop-item-subvar-a": the SDK's name of a value, and its full name, which
 * begins with the task that it comes from: "step-output". */
const char *draft_channel_name(struct arena *a, const struct draft_value *value);
const char *draft_full_name(struct arena *a, const struct draft_group *group,
                            const struct draft_value *value);
/* The value as an input of a task or group of `group`, which is given it by its parents where it
 * has to be: {"taskOutputParameter": …}, {"componentInputArtifact": …}, …; the caller's. `user` is
 * where it is used, for messages. */
int draft_resolve(struct arena *a, struct draft_group *group, const struct draft_value *value,
                  struct draft_place user, struct js **ret, struct dh_err *err);
/* Gives a group's own task the value as an input, by the name *ret (a condition's operand, a loop's
 * items). */
int draft_hand(struct arena *a, struct draft_group *group, const struct draft_value *value,
               struct draft_place user, const char **ret, struct dh_err *err);
/* The task of `group`, or the group in it that has the task below it, and by which name it gives
 * the value there; the groups in between show it. For an OUTPUT, a COLLECTED or a ONE_OF. */
struct draft_source {
    const char *task, *key;
    const struct draft_group *through; /* NULL: the task itself is in `group` */
};
int draft_surface(struct arena *a, struct draft_group *group, const struct draft_value *value,
                  struct draft_place user, struct draft_source *ret, struct dh_err *err);
/* A dag's output {"valueFromParameter": …} or {"artifactSelectors": [{…}]} of one source; the
 * caller's. */
struct js *draft_selector(const struct draft_value *value, const char *task, const char *key);

/* ---- order.c ---- */

/* What waits for what: fills each group's `waits` (child's name → array of names, sorted).
 * DH_INVALID: a cycle, or a task that waits for one in another branch. */
int draft_order(struct arena *a, struct draft_pipeline *p, struct dh_err *err);

/* ---- lower.c ---- */

struct lowered {
    struct arena *arena;
    struct js *components, *executors, *platform; /* platform: executor label → config */
    struct js *config;                            /* pipelineConfig, or NULL */
};
/* Whole pipelines: fills `to`, and *ret, the component spec of the pipeline's dag. */
int lower_pipeline(struct lowered *to, struct draft_pipeline *p, struct js **ret,
                   struct dh_err *err);
/* lower-task.c: a task's spec, and its component (whose name is made unique) and executor. */
int lower_task(struct lowered *to, struct draft_group *group, struct draft_task *task,
               struct js **ret, struct dh_err *err);
/* lower-loaded.c: the components and executors of a compiled file, under names of their own. */
int lower_loaded(struct lowered *to, const struct draft_component *component, struct js **ret,
                 struct dh_err *err);
/* {"inputDefinitions", "outputDefinitions"}, whose members are shared: the caller adds to the
 * object alone. */
struct js *lower_interface(struct arena *a, struct draft_component *component);
struct js *lower_artifact_type(const char *title);
/* BASE, or BASE-2, … as is free in `object`. */
const char *lower_unique(struct arena *a, const struct js *object, const char *base);
const char *lower_k8s_name(struct arena *a, const char *name);
