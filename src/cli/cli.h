#pragma once
/* cli - what every command of the command line shares: its place in the table, its options, the
 * home, where text goes.
 *
 * Results go to standard output, talk to standard error. A command returns its exit status (>= 0),
 * or <0 with *err filled: main prints it once and turns its code into an exit status. Nothing here
 * knows what a run is: that is run-json.h's, view.h's and the engine's. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/err.h"
#include "base/js.h"
#include "store/store.h"

enum { /* exit statuses; the man page explains them */
       CLI_DONE = 0,
       CLI_RUN_FAILED = 1,
       CLI_WRONG = 2,
       CLI_MACHINE = 3,
       CLI_CANCELED = 130,
};
int cli_exit_status(enum dh_code code);

/* ---- the table ---- */

enum cli_value { /* what a value or operand names: for completion */
                 CLI_ANY,
                 CLI_FILE,
                 CLI_FOLDER,
                 CLI_RUN,
                 CLI_TASK,
                 CLI_ARTIFACT,
                 CLI_EXPERIMENT,
                 CLI_MODEL,
                 CLI_PIPELINE,
                 CLI_COMMAND,
                 CLI_SHELL,
                 CLI_COMPONENT,
};

struct cli_option {
    const char *name;    /* without "--"; NULL ends the table */
    char letter;         /* 0: none */
    const char *value;   /* what --help calls the value; NULL: a switch */
    const char *choices; /* the values allowed, by blanks; NULL: any */
    enum cli_value kind; /* of the value */
    bool repeats;        /* may be given more than once */
    const char *help;    /* one line or more, no stop needed */
};

struct cli_args;
struct cli;

struct cli_command {
    const char *name;
    const char *group;              /* the heading in `dhow help`; NULL: not listed */
    const char *summary;            /* one line, no stop */
    const char *operands;           /* as in "FILE", "RUN RUN…"; "" for none */
    int min_operands, max_operands; /* max -1: any number */
    enum cli_value operand_kind;
    const struct cli_option *options; /* NULL: only those of every command */
    const char *text;     /* paragraphs, apart by empty lines; NULL: the summary says it */
    const char *examples; /* lines "COMMAND\n  what it does"; or NULL */
    bool raw;             /* gets argv as it is, from its own name on: `component` */
    int (*run)(struct cli *cli, const struct cli_args *args, struct dh_err *err);
};

extern const struct cli_command *const cli_commands[]; /* ends with NULL */
extern const struct cli_option cli_global_options[];
/* DH_INVALID: there is none; the message names one that is near. */
int cli_command_find(const char *name, const struct cli_command **ret, struct dh_err *err);

/* ---- one invocation ---- */

struct cli {
    const struct cli_command *command;
    const char *home;      /* --home or NULL; see cli_home */
    char *db;              /* --db or $DHOW_DB: a URL or a file; NULL: in the home */
    bool json;             /* --output json */
    bool color, err_color; /* standard output's, standard error's */
    int argc;              /* of a raw command */
    char **argv;
};

/* The option's (last) value; NULL: not given. A switch answers "". */
const char *cli_get(const struct cli_args *args, const char *option);
bool cli_has(const struct cli_args *args, const char *option);
/* The i-th value of an option that repeats; NULL past the end. */
const char *cli_get_at(const struct cli_args *args, const char *option, size_t i);
/* A whole number from `min` on; `other` where the option is not given. DH_INVALID. */
int cli_get_int(const struct cli_args *args, const char *option, long min, long other, long *ret,
                struct dh_err *err);
size_t cli_n(const struct cli_args *args); /* operands */
const char *cli_at(const struct cli_args *args, size_t i);

/* ---- the home and its record ---- */

/* --home, $DHOW_HOME, the nearest `.dhow` at or above the current folder, $XDG_DATA_HOME/dhow,
 * ~/.local/share/dhow: absolute; the caller's (free). Makes nothing. DH_INVALID: none can be told.
 */
int cli_home(const struct cli *cli, char **ret, struct dh_err *err);
/* The record, to read. CLI_NO_RECORD: nothing has been run in this home. A home that cannot be
 * written is opened read-only. */
enum { CLI_NO_RECORD = 1 };
int cli_store(const struct cli *cli, struct store **ret, struct dh_err *err);
/* The same where something must be there: CLI_NO_RECORD becomes DH_NOT_FOUND. */
int cli_store_with(const struct cli *cli, const char *what, struct store **ret, struct dh_err *err);

/* ---- RUN/TASK/OUTPUT ---- */

struct cli_place {
    char *run, *task, *output; /* NULL: not given */
};
void cli_place_split(const char *text, struct cli_place *ret);
void cli_place_done(struct cli_place *place);
#define own_place __attribute__((cleanup(cli_place_done)))

/* ---- other parts of cli ---- */

void cli_help(const struct cli_command *command, FILE *to, bool color); /* NULL: all commands */
void cli_man(FILE *to); /* the man page, in man(7) */
/* The script for "bash", "zsh" or "fish"; NULL: no such shell. The caller's (free). */
char *cli_completion(const char *shell);
