/* completion - the table of commands as completion scripts for bash, zsh and fish.
 *
 * All three ask `dhow completion --words KIND` for the names that are in the record, so a script
 * needs no change when the record does. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "components/components.h"

static const char *const kind_names[] = {
    [CLI_ANY] = "any",
    [CLI_FILE] = "file",
    [CLI_FOLDER] = "folder",
    [CLI_RUN] = "run",
    [CLI_TASK] = "task",
    [CLI_ARTIFACT] = "artifact",
    [CLI_EXPERIMENT] = "experiment",
    [CLI_MODEL] = "model",
    [CLI_PIPELINE] = "pipeline",
    [CLI_COMMAND] = "command",
    [CLI_SHELL] = "shell",
    [CLI_COMPONENT] = "component",
};

/* Calls fn for the options of a command and those of every command. */
static void each_option(const struct cli_command *c, struct buf *b,
                        void (*fn)(struct buf *b, const struct cli_command *c,
                                   const struct cli_option *o))
{
    for (const struct cli_option *o = c->options; o && o->name; o++)
        fn(b, c, o);
    for (const struct cli_option *o = cli_global_options; o->name; o++)
        fn(b, c, o);
}

/* ---- bash ---- */

static void bash_word(struct buf *b, const struct cli_command *c, const struct cli_option *o)
{
    (void)c;
    if (o->letter)
        buf_addf(b, "-%c ", o->letter);
    buf_addf(b, "--%s ", o->name);
}

static void bash_value(struct buf *b, const struct cli_command *c, const struct cli_option *o)
{
    (void)c;
    if (!o->value)
        return;
    if (o->letter)
        buf_addf(b, "            -%c | --%s)", o->letter, o->name);
    else
        buf_addf(b, "            --%s)", o->name);
    if (o->choices)
        buf_addf(b, " words='%s' ;;\n", o->choices);
    else
        buf_addf(b, " kind=%s ;;\n", kind_names[o->kind]);
}

static void bash(struct buf *b)
{
    buf_adds(b, "# bash completion for dhow; made by `dhow completion bash`.\n"
                "_dhow() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= "
                "words= kind= i\n"
                "    COMPREPLY=()\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        case ${COMP_WORDS[i]} in\n"
                "        --home | --output) ((i++)) ;;\n"
                "        -*) ;;\n"
                "        *) command=${COMP_WORDS[i]}; break ;;\n"
                "        esac\n"
                "    done\n"
                "    case $command in\n"
                "    '')\n"
                "        case $prev in\n"
                "        --home) kind=folder ;;\n"
                "        --output) words='table json' ;;\n"
                "        *) words='");
    for (size_t i = 0; cli_commands[i]; i++)
        buf_addf(b, "%s ", cli_commands[i]->name);
    buf_adds(b, "--home --output --help --version' ;;\n        esac\n        ;;\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];

        buf_addf(b, "    %s)\n        case $prev in\n", c->name);
        each_option(c, b, bash_value);
        buf_addf(b, "            *) kind=%s\n            case $cur in -*) words='",
                 kind_names[c->operand_kind]);
        each_option(c, b, bash_word);
        buf_adds(b, "' ;; esac ;;\n        esac\n        ;;\n");
    }
    buf_adds(b, "    esac\n"
                "    if [[ -z $words ]]; then\n"
                "        case $kind in\n"
                "        file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "
                "\"$cur\")); return ;;\n"
                "        folder) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "
                "\"$cur\")); return ;;\n"
                "        '' | any) return ;;\n"
                "        *) words=$(\"${COMP_WORDS[0]}\" completion --words \"$kind\" 2>/dev/null "
                "| cut -f 1) ;;\n"
                "        esac\n"
                "    fi\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "}\n"
                "complete -F _dhow dhow\n");
}

/* ---- zsh ---- */

/* A text inside a single-quoted zsh word that _arguments splits at ':' and reads [] in. */
static void zsh_text(struct buf *b, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            buf_adds(b, "'\\''");
        else if (strchr("[]:\\", *c))
            buf_addf(b, "\\%c", *c);
        else
            buf_addc(b, *c == '\n' ? ' ' : *c);
    }
}

static void zsh_action(struct buf *b, enum cli_value kind, const char *choices)
{
    if (choices)
        buf_addf(b, "(%s)", choices);
    else if (kind == CLI_FILE)
        buf_adds(b, "_files");
    else if (kind == CLI_FOLDER)
        buf_adds(b, "_files -/");
    else if (kind == CLI_ANY)
        buf_adds(b, " ");
    else
        buf_addf(b, "_dhow_words %s", kind_names[kind]);
}

static void zsh_option(struct buf *b, const struct cli_command *c, const struct cli_option *o)
{
    (void)c;
    for (int letter = 0; letter <= (o->letter ? 1 : 0); letter++) {
        buf_adds(b, o->repeats ? " \\\n            '*" : " \\\n            '");
        if (letter)
            buf_addf(b, "-%c", o->letter);
        else
            buf_addf(b, "--%s", o->name);
        buf_addc(b, '[');
        zsh_text(b, o->help);
        buf_addc(b, ']');
        if (o->value) {
            buf_addc(b, ':');
            zsh_text(b, o->value);
            buf_addc(b, ':');
            zsh_action(b, o->kind, o->choices);
        }
        buf_addc(b, '\'');
    }
}

static void zsh(struct buf *b)
{
    buf_adds(b, "#compdef dhow\n# zsh completion for dhow; made by `dhow completion zsh`.\n"
                "_dhow_words() {\n"
                "    local -a words\n"
                "    words=(${(f)\"$(dhow completion --words $1 2>/dev/null | tr '\\t' ':')\"})\n"
                "    _describe $1 words\n"
                "}\n"
                "_dhow() {\n"
                "    local context state line\n"
                "    local -a commands\n"
                "    commands=(\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        buf_addf(b, "        '%s:", cli_commands[i]->name);
        zsh_text(b, cli_commands[i]->summary);
        buf_adds(b, "'\n");
    }
    buf_adds(b, "    )\n"
                "    _arguments -C '--home[the folder of all state]:DIR:_files -/' '--output[how "
                "results are printed]:FORMAT:(table json)' \\\n"
                "        '--help[what the commands do]' '--version[the version]' '1: :->command' "
                "'*:: :->rest'\n"
                "    case $state in\n"
                "    command) _describe command commands ;;\n"
                "    rest)\n"
                "        case $line[1] in\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];

        buf_addf(b, "        %s) _arguments", c->name);
        each_option(c, b, zsh_option);
        if (c->max_operands != 0) {
            buf_adds(b, " \\\n            '*:");
            zsh_text(b, c->operands);
            buf_addc(b, ':');
            zsh_action(b, c->operand_kind, NULL);
            buf_addc(b, '\'');
        }
        buf_adds(b, " ;;\n");
    }
    buf_adds(b,
             "        esac\n        ;;\n    esac\n}\n"
             "if [ \"$funcstack[1]\" = _dhow ]; then _dhow \"$@\"; else compdef _dhow dhow; fi\n");
}

/* ---- fish ---- */

static void fish_text(struct buf *b, const char *text)
{
    buf_addc(b, '\'');
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            buf_addc(b, '\\');
        buf_addc(b, *c == '\n' ? ' ' : *c);
    }
    buf_addc(b, '\'');
}

static void fish_values(struct buf *b, enum cli_value kind, const char *choices)
{
    if (choices)
        buf_addf(b, " -x -a '%s'", choices);
    else if (kind == CLI_FILE)
        buf_adds(b, " -r -F");
    else if (kind == CLI_FOLDER)
        buf_adds(b, " -x -a '(__fish_complete_directories)'");
    else if (kind == CLI_ANY)
        buf_adds(b, " -x");
    else
        buf_addf(b, " -x -a '(dhow completion --words %s 2>/dev/null)'", kind_names[kind]);
}

static void fish_option(struct buf *b, const struct cli_command *c, const struct cli_option *o)
{
    buf_addf(b, "complete -c dhow -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter)
        buf_addf(b, " -s %c", o->letter);
    if (o->value)
        fish_values(b, o->kind, o->choices);
    buf_adds(b, " -d ");
    fish_text(b, o->help);
    buf_addc(b, '\n');
}

static void fish(struct buf *b)
{
    buf_adds(b,
             "# fish completion for dhow; made by `dhow completion fish`.\ncomplete -c dhow -f\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];

        buf_addf(b, "complete -c dhow -n __fish_use_subcommand -a %s -d ", c->name);
        fish_text(b, c->summary);
        buf_addc(b, '\n');
        each_option(c, b, fish_option);
        if (c->max_operands != 0 && c->operand_kind != CLI_ANY) {
            buf_addf(b, "complete -c dhow -n '__fish_seen_subcommand_from %s'", c->name);
            if (c->operand_kind == CLI_FILE)
                buf_adds(b, " -F");
            else
                fish_values(b, c->operand_kind, NULL);
            buf_addc(b, '\n');
        }
    }
}

char *cli_completion(const char *shell)
{
    struct buf b = {0};

    if (!strcmp(shell, "bash"))
        bash(&b);
    else if (!strcmp(shell, "zsh"))
        zsh(&b);
    else if (!strcmp(shell, "fish"))
        fish(&b);
    else
        return NULL;
    return buf_take(&b);
}

/* ---- the command ---- */

static int print_runs(struct store *store, struct arena *a, struct dh_err *err)
{
    const struct store_run_filter filter = {.state = -1, .limit = 50};
    struct store_runs runs;

    if (store_run_list(store, &filter, a, &runs, err) < 0)
        return -1;
    for (size_t i = 0; i < runs.n; i++)
        printf("%s\t%s %s\n", runs.items[i].uuid, store_state_name(runs.items[i].state),
               runs.items[i].display_name ? runs.items[i].display_name : "");
    return 0;
}

static int print_tasks(struct store *store, struct arena *a, struct dh_err *err)
{
    struct store_run run;
    struct store_tasks tasks;

    if (store_run_find(store, "last", a, &run, err) < 0 ||
        store_task_list(store, run.id, a, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++)
        if (tasks.items[i].type != STORE_ROOT)
            printf("%s\t%s\n", tasks.items[i].name, store_state_name(tasks.items[i].state));
    return 0;
}

static int print_artifacts(struct store *store, struct arena *a, struct dh_err *err)
{
    const struct store_artifact_filter filter = {.limit = 50};
    struct store_artifact_rows rows;

    if (store_artifact_list(store, &filter, a, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.n; i++)
        printf("%s\t%s\n", rows.items[i].artifact.uuid, rows.items[i].artifact.type);
    return 0;
}

static int print_names(struct store *store, enum cli_value kind, struct arena *a,
                       struct dh_err *err)
{
    if (kind == CLI_EXPERIMENT) {
        struct store_experiments all;

        if (store_experiment_list(store, a, &all, err) < 0)
            return -1;
        for (size_t i = 0; i < all.n; i++)
            printf("%s\t%lld runs\n", all.items[i].name, (long long)all.items[i].n_runs);
    } else if (kind == CLI_MODEL) {
        struct store_models all;

        if (store_model_list(store, a, &all, err) < 0)
            return -1;
        for (size_t i = 0; i < all.n; i++)
            printf("%s\t%lld versions\n", all.items[i].name, (long long)all.items[i].n_versions);
    } else {
        struct store_pipelines all;

        if (store_pipeline_list(store, a, &all, err) < 0)
            return -1;
        for (size_t i = 0; i < all.n; i++)
            printf("%s\t%lld runs\n", all.items[i].name, (long long)all.items[i].n_runs);
    }
    return 0;
}

/* Names of the record, one a line, with a tab and a word about each. */
static int print_words(const struct cli *cli, const char *kind, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    int rc;

    if (!strcmp(kind, kind_names[CLI_COMMAND])) {
        for (size_t i = 0; cli_commands[i]; i++)
            printf("%s\t%s\n", cli_commands[i]->name, cli_commands[i]->summary);
        return CLI_DONE;
    }
    if (!strcmp(kind, kind_names[CLI_SHELL])) {
        printf("bash\nzsh\nfish\n");
        return CLI_DONE;
    }
    if (!strcmp(kind, kind_names[CLI_COMPONENT])) {
        size_t n;
        const struct component_info *all = components_list(&n);

        for (size_t i = 0; i < n; i++)
            printf("%s\t%s\n", all[i].name, all[i].help);
        return CLI_DONE;
    }
    rc = cli_store(cli, &store, err);
    if (rc != 0)
        return rc < 0 ? -1 : CLI_DONE;
    if (!strcmp(kind, kind_names[CLI_RUN]))
        return print_runs(store, a, err);
    if (!strcmp(kind, kind_names[CLI_TASK]))
        return print_tasks(store, a, err);
    if (!strcmp(kind, kind_names[CLI_ARTIFACT]))
        return print_artifacts(store, a, err);
    for (enum cli_value k = CLI_EXPERIMENT; k <= CLI_PIPELINE; k++)
        if (!strcmp(kind, kind_names[k]))
            return print_names(store, k, a, err);
    return CLI_DONE;
}

static int run_completion(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *words = cli_get(args, "words");
    own_mem char *script = NULL;

    if (words)
        return print_words(cli, words, err);
    if (cli_n(args) == 0)
        return dh_fail(err, DH_INVALID, "the shell is missing: dhow completion bash, zsh or fish");
    script = cli_completion(cli_at(args, 0));
    if (!script)
        return dh_fail(err, DH_INVALID,
                       "no completion for '%s'; there is one for bash, zsh and fish",
                       cli_at(args, 0));
    fputs(script, stdout);
    return CLI_DONE;
}

static const struct cli_option completion_options[] = {
    {.name = "words",
     .value = "KIND",
     .help = "the names of that kind in the record, one a line: what the scripts ask for"},
    {.name = NULL},
};

const struct cli_command cmd_completion = {
    .name = "completion",
    .group = "About dhow",
    .summary = "print a completion script for the shell",
    .operands = "bash|zsh|fish",
    .max_operands = 1,
    .operand_kind = CLI_SHELL,
    .options = completion_options,
    .text = "For this session:  source <(dhow completion bash)\n"
            "For good:          dhow completion bash > "
            "~/.local/share/bash-completion/completions/dhow\n"
            "                   dhow completion zsh  > \"${fpath[1]}/_dhow\"\n"
            "                   dhow completion fish > ~/.config/fish/completions/dhow.fish\n"
            "`make install` puts them in place.",
    .run = run_completion,
};
