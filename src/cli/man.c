/* man - the table of commands as a man page (man(7) macros). */
#include <string.h>

#include "cli/cli.h"
#include "cli/version.h"

/* Text with roff's own characters made harmless; a line never begins with a dot or quote. */
static void put(const char *text, FILE *to)
{
    bool starts = true;

    for (const char *c = text; *c; c++) {
        if (starts && (*c == '.' || *c == '\''))
            (void)fputs("\\&", to);
        starts = *c == '\n';
        if (*c == '\\')
            (void)fputs("\\e", to);
        else if (*c == '-')
            (void)fputs("\\-", to);
        else
            (void)fputc(*c, to);
    }
}

static void put_paragraphs(const char *text, FILE *to)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);

        fputs(".PP\n", to);
        if (*text == ' ')
            fputs(".EX\n", to);
        for (size_t i = 0; i < n;) {
            char line[512];
            size_t len = strcspn(text + i, "\n");

            len = len > n - i ? n - i : len;
            (void)snprintf(line, sizeof line, "%.*s", (int)len, text + i);
            put(line, to);
            fputc('\n', to);
            i += len + 1;
        }
        if (*text == ' ')
            fputs(".EE\n", to);
        text += n + strspn(text + n, "\n");
    }
}

static void put_options(const struct cli_option *options, FILE *to)
{
    for (const struct cli_option *o = options; o && o->name; o++) {
        fputs(".TP\n", to);
        if (o->letter)
            fprintf(to, "\\fB\\-%c\\fR, ", o->letter);
        fputs("\\fB\\-\\-", to);
        put(o->name, to);
        fputs("\\fR", to);
        if (o->value) {
            fputs(" \\fI", to);
            put(o->value, to);
            fputs("\\fR", to);
        }
        fputc('\n', to);
        put(o->help, to);
        fputs(o->repeats ? ". May be given more than once.\n" : ".\n", to);
    }
}

static void put_command(const struct cli_command *c, FILE *to)
{
    fprintf(to, ".SS \"dhow %s", c->name);
    if (!c->raw)
        fputs(" [OPTION]…", to);
    if (*c->operands) {
        fputc(' ', to);
        put(c->operands, to);
    }
    fputs("\"\n", to);
    put(c->summary, to);
    fputs(".\n", to);
    if (c->text)
        put_paragraphs(c->text, to);
    put_options(c->options, to);
    if (c->examples) {
        fputs(".PP\nExamples:\n.PP\n.EX\n", to);
        put(c->examples, to);
        fputs("\n.EE\n", to);
    }
}

static const char exit_status[] = ".SH EXIT STATUS\n"
                                  ".TP\n0\nDone.\n"
                                  ".TP\n1\nThe run failed.\n"
                                  ".TP\n2\nWrong use, or an invalid pipeline or parameter.\n"
                                  ".TP\n3\nThe machine's fault: disk, database, network.\n"
                                  ".TP\n130\nCancelled.\n";

static const char environment[] =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBDHOW_HOME\\fR\nThe folder of all state. Without it (and \\fB\\-\\-home\\fR): the "
    "nearest \\fI.dhow\\fR at or above the\n"
    "current folder, else \\fI$XDG_DATA_HOME/dhow\\fR, else \\fI~/.local/share/dhow\\fR.\n"
    ".TP\n\\fBDHOW_DB\\fR\nWhere the record is, without \\fB\\-\\-db\\fR: "
    "\\fIpostgresql://\\fR…, \\fImysql://\\fR… or a file.\nElse it is \\fIdhow.db\\fR in the "
    "home.\n"
    ".TP\n\\fBDHOW_AGENT\\fR\nFor \\fIserve\\fR, without \\fB\\-\\-agent\\fR.\n"
    ".TP\n\\fBNO_COLOR\\fR\nNo colours, also on a terminal.\n"
    ".SH FILES\n"
    ".TP\n\\fIHOME/dhow.db\\fR\nThe record: a SQLite database. \\fIdhow.db.vN\\fR: as it was "
    "before its schema changed.\n"
    ".TP\n\\fIHOME/artifacts/\\fR\nThe default pipeline root: what steps made, and their logs.\n"
    ".TP\n\\fIHOME/envs/\\fR\nPython environments of steps. Delete the home and nothing is left.\n";

void cli_man(FILE *to)
{
    const char *group = NULL;

    fprintf(to,
            ".\\\" Made by `dhow help --man`; do not edit.\n.TH DHOW 1 \"\" \"dhow %s\" \"User "
            "Commands\"\n",
            DHOW_VERSION);
    fputs(".SH NAME\ndhow \\- run compiled Kubeflow pipelines on one machine\n"
          ".SH SYNOPSIS\n\\fBdhow\\fR [\\fB\\-\\-home\\fR \\fIDIR\\fR] \\fICOMMAND\\fR "
          "[\\fIOPTION\\fR]… [\\fIARGUMENT\\fR]…\n"
          ".SH DESCRIPTION\nA pipeline that the \\fIkfp\\fR SDK compiled goes in; a finished, "
          "recorded, cached, comparable run comes out.\n"
          "Results go to standard output, talk to standard error.\n",
          to);
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];

        if (!c->group)
            continue;
        if (!group || strcmp(group, c->group) != 0) {
            fputs(".SH \"", to);
            for (const char *p = c->group; *p; p++)
                (void)fputc(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, to);
            fputs("\"\n", to);
        }
        group = c->group;
        put_command(c, to);
    }
    fputs(".SH \"OPTIONS OF EVERY COMMAND\"\n", to);
    put_options(cli_global_options, to);
    fputs(exit_status, to);
    fputs(environment, to);
}
