#pragma once
/* Between compile.c (what there is), flow*.c (where a value comes from), decide.c (conditions and
 * loops), pod.c and pod-*.c (the leaf's template), emit.c (all other templates), workflow.c.
 *
 * In three steps: the tasks of the whole pipeline become a tree of spots; then each condition,
 * loop and field of a pod says which values it needs, which leaves its marks along their way (the
 * producer exports it, templates in between have it as input or output); then all is written down.
 */
#include "argo/argo.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/js.h"
#include "base/strmap.h"
#include "cel/expr.h"
#include "plan/graph.h"
#include "plan/plan.h"

enum flow_kind {
    FLOW_NONE,    /* there is no value */
    FLOW_CONST,   /* known now */
    FLOW_TEXT,    /* known to Argo then */
    FLOW_UNKNOWN, /* known to the server alone */
};

/* A parameter's value as one template sees it. */
struct flow {
    enum flow_kind kind;
    enum spec_param_type type; /* as what it is to be read; UNSPECIFIED: as it is */
    struct js *value;          /* CONST; the arena's */
    const char *expr;          /* TEXT: an operand of Argo's expressions */
    const char *tag; /* TEXT: "inputs.parameters.x" where it is no more than that; or NULL */
    bool json;       /* expr gives a value, not its text */
    bool collected;  /* it is a list of what iterations gave */
    const char *why; /* UNKNOWN: in words */
};

enum flow_as {
    AS_TEXT,
    AS_COUNT,     /* the number of a list's elements */
    AS_ARTIFACTS, /* of an artifact: how many it is */
};

struct port { /* an input of a template */
    const char *key, *name;
    const char *arg;   /* what the caller gives, in the caller's words; an iteration's is the loop;
                        * NULL: iterations do not have it */
    const char *outer; /* loops: what the loop itself is given; NULL: it makes `arg` itself */
    struct flow inside;
};

struct exported { /* an output of a template */
    const char *key, *name;
    enum flow_as as;
    const char *expr;  /* dags: what it is; leaves: NULL, it is the file `name` */
    bool is_collected; /* it is a list of what iterations gave */
    bool is_nested;    /* of a loop whose body's own is such a list: they are put into one */
};

/* A task at one place of the pipeline, however often it runs. */
struct spot {
    struct spot *up;
    const struct pipeline_task_spec *task; /* NULL: the root */
    const struct component_spec *component;
    const struct executor_spec *executor; /* leaves */
    struct dag_graph *graph;              /* dags */
    struct spot *children;
    size_t n_children;
    const char *scope;    /* "root.a.b" */
    const char *name;     /* among its dag's tasks */
    const char *template; /* the body's; set when it is written */
    uint32_t n_loops;     /* loops around its inside, its own among them */
    bool is_loop;
    bool is_builtin; /* makes or deletes a claim */
    bool is_gone;    /* no pod, and no node */
    bool is_nothing; /* no pod, but a node: others wait for it, or its condition */
    bool is_asked;   /* its condition is the server's to answer */
    struct port *ports;
    size_t n_ports, cap_ports;
    struct exported *exports;
    size_t n_exports, cap_exports;
    const char *when;       /* or NULL */
    const char *count;      /* loops: a number, or what gives one in the dag's words */
    const struct js *items; /* loops: where they are known now */
    struct js *pod;         /* leaves: the template */
    struct js *patch;       /* leaves: the podSpecPatch, its texts still in Argo's words; or NULL */
};

struct argo_workflow {
    struct arena *arena;
    struct js *manifest;
    struct js *control; /* scope → [{"output", "as", "file"}] */
    size_t n_pods;
    bool asks;
};

struct argo {
    struct arena *arena;
    const struct spec *spec;
    const struct argo_options *options;
    const struct plan_run *run;
    struct plan *plan; /* for its conditions, checked, and for placeholders */
    struct spot root;
    size_t n_spots;
    struct strmap *names;     /* templates' names that are taken */
    struct strmap *templates; /* a leaf's template as text → its name */
    struct js *list;          /* templates */
    struct js *control;
    size_t n_pods;
    bool asks; /* the server, about anything */
    struct dh_err *err;
};

/* DH_INVALID: "FILE:LINE:COLUMN: task 'x', FIELD: what"; returns -1. */
int argo_refuse(struct argo *a, struct spec_pos pos, const struct spot *spot, const char *field,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));
bool argo_is_leaf(const struct spot *spot);
struct js *argo_keep(struct argo *a, struct js *v); /* the arena's now */

/* ---- flow.c, flow-input.c, flow-output.c ---- <0: err is filled */

/* The value of `spot`'s own input, inside its template. */
int flow_input(struct argo *a, struct spot *spot, const char *name, enum flow_as as,
               struct flow *ret);
/* What a task's input is, in its dag's template (of a loop's: before there is an item). */
int flow_argument(struct argo *a, struct spot *spot, const struct input_parameter_spec *in,
                  enum flow_as as, struct flow *ret);
/* The same by the input's name: its default where nothing is given. */
int flow_own(struct argo *a, struct spot *spot, const char *name, enum flow_as as,
             struct flow *ret);
/* What `producer` gives as `key`, in its dag's template. `careful`: it may have failed. */
int flow_output(struct argo *a, struct spot *producer, const char *key, enum flow_as as,
                bool careful, struct flow *ret);
/* How many artifacts a task's input is, in its dag's template (flow-artifact.c). */
int flow_artifacts(struct argo *a, struct spot *spot, const char *name, struct flow *ret);
/* What a task exports: found (NULL: not yet), made, and as its dag sees it. */
struct exported *flow_export(struct spot *spot, const char *key, enum flow_as as);
struct exported *flow_export_add(struct argo *a, struct spot *spot, const char *key,
                                 enum flow_as as);
struct flow flow_exported(struct argo *a, const struct spot *producer, const struct exported *e,
                          bool careful);
/* Brings a value of spot's dag inside spot's template. */
struct flow flow_cross(struct argo *a, struct spot *spot, const char *key, struct flow f);
/* A text with {{$.inputs.parameters['x']}} of spot's own inputs: inside its template, or
 * (`outside`) in its dag's.
 */
int flow_expand(struct argo *a, struct spot *spot, const char *text, bool outside,
                struct flow *ret);
struct flow flow_const(struct argo *a, struct js *v); /* takes v */
struct flow flow_unknown(struct argo *a, const char *why);
/* BEFORE['TASK']BETWEEN['NAME'], or without a task BEFORE['NAME']; and the same as a tag. */
struct flow flow_reference(struct argo *a, const char *before, const char *between,
                           const char *task, const char *name);
/* A constant of the author's with what the run gives put into its placeholders. */
struct flow flow_constant(struct argo *a, struct spot *spot, const struct js *v);
bool flow_is_missing(struct flow f);
struct flow flow_counted(struct argo *a, struct flow f);    /* of a list's text: its length */
struct port *flow_port(struct spot *spot, const char *key); /* NULL: it has none */
const char *flow_key(struct argo *a, const char *name, enum flow_as as);
/* As an expression of the text's type: text, number, …; and as something that may stand in a text.
 */
const char *flow_operand(struct argo *a, struct flow f, enum cel_expr_type *ret_type);
const char *flow_text_operand(struct argo *a, struct flow f); /* as an operand that is a text */
const char *flow_render(struct argo *a, struct flow f);
const char *flow_count(struct argo *a, struct flow f); /* the number of elements, as an operand */

/* ---- decide.c ---- */

int decide_condition(struct argo *a, struct spot *spot); /* sets when */
int decide_loop(struct argo *a, struct spot *spot);      /* sets count, and items */
/* Whether the WorkflowTaskSet holds a question of each pass of the loops around (and of) `spot`. */
bool decide_may_ask(const struct spot *spot);
/* Makes the port of the item, where an iteration has to know its own; none where Argo cannot. */
int decide_item(struct argo *a, struct spot *spot);

/* ---- pod*.c ---- */

int pod_build(struct argo *a, struct spot *spot); /* sets pod and patch */
/* Whether the server is asked for its result before there is a pod. */
bool pod_is_probed(const struct argo *a, const struct spot *spot);
int pod_platform(struct argo *a, struct spot *spot);
int pod_schedule(struct argo *a, struct spot *spot);

/* A field that may be an input (`in`), or a text with placeholders, inside the leaf's template.
 * FLOW_NONE: it has no value. */
int pod_flow(struct argo *a, struct spot *spot, const char *field, struct spec_pos pos,
             const char *constant, const struct input_parameter_spec *in, struct flow *ret);
/* Its text in Argo's words; one without a value is refused. */
int pod_text(struct argo *a, struct spot *spot, const char *field, struct spec_pos pos,
             const char *constant, const struct input_parameter_spec *in, const char **ret);
/* Whether the author gives that field to the step's TaskConfig only. */
bool pod_is_passed(const struct spot *spot, enum task_config_passthrough_type field);

/* A list or object below `key`, made where it is not there; borrowed. */
struct js *pod_container(struct spot *spot);
struct js *pod_env_field(const char *name, const char *path);
void pod_mount(struct js *container, const char *volume, const char *path, const char *sub_path,
               bool read_only);
/* Of the podSpecPatch: all of it, and its main container. Texts made by pod_raw are written as
 * expressions that give JSON. */
struct js *pod_patch(struct spot *spot);
struct js *pod_patch_main(struct spot *spot);
struct js *pod_raw(struct argo *a, struct flow f, bool as_json);
struct js *pod_raw_expr(const char *expr);
const struct retry_policy *argo_retry_policy(const struct spot *spot); /* NULL: none */

/* ---- emit.c, workflow.c, names.c ---- */

void emit_templates(struct argo *a);
struct js *workflow_manifest(struct argo *a);
extern const struct argo_folder {
    const char *volume, *path;
} argo_folders[]; /* ends with a NULL volume */
const char *argo_launcher_image(const struct argo *a);
struct workspace_config;
const struct workspace_config *argo_workspace(const struct argo *a); /* NULL: none */
/* Letters, digits and '-', lower case, beginning with a letter, at most `max`; the arena's. */
const char *name_clean(struct argo *a, const char *text, size_t max);
const char *name_param(struct argo *a,
                       const char *text); /* for a parameter: also '_' and capitals */
const char *name_unique(struct argo *a, struct strmap *taken, const char *name);
