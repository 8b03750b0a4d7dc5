#pragma once
/* step - how a pipeline step is written in C.
 *
 *     static const struct step_arg args[] = {
 *         {"train", STEP_INPUT, .type = "system.Dataset", .help = "the rows to learn from"},
 *         {"c", STEP_NUMBER, .other = "1.0", .help = "inverse strength of the penalty"},
 *         {"model", STEP_OUTPUT, .type = "system.Model", .help = "the model, as JSON"},
 *         {0}};
 *     static int run(struct step *step, struct dh_err *err) { … }
 *     const struct step_spec my_step = {"my-step", "one line", NULL, args, run};
 *
 * Arguments come as `--name value`. An output artifact's file is written at step_output's path; its
 * metadata, and output parameters, go by step_metadata and step_set_parameter into the executor
 * output that KFP defines, when `--executor-input` (the literal '{{$}}' in a container component's
 * args) says where that is. Written once, when `run` has returned 0. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/js.h"

enum step_kind {
    STEP_TEXT,
    STEP_NUMBER,
    STEP_INTEGER,
    STEP_COUNT, /* an integer from 0 to STEP_MOST */
    STEP_BOOL,
    STEP_INPUT,            /* the path of an input artifact */
    STEP_OUTPUT,           /* the path where an output artifact is to be written */
    STEP_OUTPUT_PARAMETER, /* the path of the file that an output parameter is written to */
};

enum { STEP_MOST = 1000000000 };

struct step_arg {
    const char *name; /* as in --name; blanks are '-' ('_' in KFP's names); NULL ends the table */
    enum step_kind kind;
    const char *type;  /* the artifact's schema title, or the output parameter's KFP type */
    const char *other; /* the value where none is given; NULL: it must be given. "" : none */
    bool repeats;
    const char *help; /* one line, no stop */
};

struct step;

struct step_spec {
    const char *name;
    const char *help;  /* one line, no stop */
    const char *about; /* more, or NULL */
    const struct step_arg *args;
    int (*run)(struct step *step, struct dh_err *err);
};

/* Reads arguments, runs, writes the executor output. Returns the exit status: 0, 1 or 2. */
int step_main(const struct step_spec *spec, int argc, char **argv);

/* Values are borrowed and checked before `run`: a STEP_NUMBER is one. "" where nothing was given.
 */
const char *step_text(const struct step *step, const char *name);
double step_number(const struct step *step, const char *name);
int64_t step_integer(const struct step *step, const char *name);
bool step_bool(const struct step *step, const char *name);
bool step_given(const struct step *step, const char *name); /* a value that is not "" */
size_t step_n(const struct step *step, const char *name);   /* of an argument that repeats */
const char *step_text_at(const struct step *step, const char *name, size_t i);
const char *step_path(const struct step *step,
                      const char *name); /* of an input or output; "" where not given */

/* One key of an output artifact's metadata; takes value. */
void step_metadata(struct step *step, const char *output, const char *key, struct js *value);
/* An output parameter: its file (text as KFP writes it) and the executor output; takes value. */
int step_set_parameter(struct step *step, const char *name, struct js *value, struct dh_err *err);
/* A line for the task's log. */
void step_say(const struct step *step, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
