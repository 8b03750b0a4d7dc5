/* new - the files with which one starts: a component, a pipeline. */
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"

/* @NAME@ is the name, @name@ the same as an identifier of C. */
static const char component_c[] =
    "/* @NAME@ - say here what the step does. */\n"
    "#include <dhow/component.h>\n"
    "\n"
    "#define ROWS(X)                                                  \\\n"
    "    X(INPUT, data, DHOW_DATASET, \"the lines to count\")           \\\n"
    "    X(TEXT, skip, \"#\", \"lines that begin with this do not count\") \\\n"
    "    X(OUTPUT, report, DHOW_ARTIFACT, \"the number, as a text\")    \\\n"
    "    X(OUTPUT_INTEGER, n, \"\", \"how many lines there are\")\n"
    "\n"
    "DHOW_COMPONENT(@name@, \"Counts lines\", ROWS)\n"
    "{\n"
    "    char line[4096];\n"
    "    FILE *in = fopen(a->data.path, \"r\"), *out;\n"
    "\n"
    "    if (!in)\n"
    "        return dhow_fail(step, \"%s: %s\", a->data.path, strerror(errno));\n"
    "    while (fgets(line, sizeof line, in))\n"
    "        if (!*a->skip || strncmp(line, a->skip, strlen(a->skip)) != 0)\n"
    "            a->n++;\n"
    "    fclose(in);\n"
    "    out = fopen(a->report.path, \"w\");\n"
    "    if (!out || fprintf(out, \"%lld lines\\n\", (long long)a->n) < 0 || fclose(out) != 0)\n"
    "        return dhow_fail(step, \"%s: %s\", a->report.path, strerror(errno));\n"
    "    dhow_metadata_number(step, &a->report, \"lines\", (double)a->n);\n"
    "    dhow_say(step, \"%lld lines\", (long long)a->n);\n"
    "    return 0;\n"
    "}\n";

static const char component_make[] =
    "# make: the program; make test: a trial; make image component.yaml: for a pipeline\n"
    "IMAGE ?= @NAME@:0.1.0\n"
    "CC ?= cc\n"
    "CFLAGS ?= -O2 -Wall -Wextra\n"
    "CFLAGS += $(shell pkg-config --cflags dhow-component)\n"
    "\n"
    "@NAME@: @NAME@.c\n"
    "\t$(CC) -std=c17 $(CFLAGS) -o $@ $< -lm\n"
    "\n"
    "static: @NAME@.c\n"
    "\tmusl-gcc -std=c17 -idirafter $(shell pkg-config --variable=includedir dhow-component) -Os "
    "-static -s "
    "-o @NAME@ $< -lm\n"
    "\n"
    "test: @NAME@\n"
    "\tprintf 'one\\ntwo\\n' >test.txt && ./@NAME@ --data test.txt --report report.txt && cat "
    "report.txt\n"
    "\n"
    "image: static\n"
    "\tdocker build -t $(IMAGE) .\n"
    "\n"
    "component.yaml: @NAME@\n"
    "\tdhow component describe ./@NAME@ --image $(IMAGE) -o $@\n"
    "\n"
    ".PHONY: static test image\n";

static const char component_docker[] =
    "# The image of the step '@NAME@': the static program, nothing else. `make image` builds it.\n"
    "FROM scratch\n"
    "ARG VERSION=0.1.0\n"
    "LABEL org.opencontainers.image.title=\"@NAME@\" \\\n"
    "      org.opencontainers.image.version=\"${VERSION}\"\n"
    "COPY @NAME@ /@NAME@\n"
    "USER 65534:65534\n"
    "ENTRYPOINT [\"/@NAME@\"]\n";

static const char pipeline_c[] =
    "/* @NAME@ - dhow compile @NAME@.c -o @NAME@.yaml && dhow run @NAME@.yaml */\n"
    "#include <dhow/pipeline.h>\n"
    "\n"
    "#define SAY(X) X(TEXT, text, DHOW_REQUIRED, \"what is said\") X(OUTPUT_TEXT, said, \"\", "
    "\"the same\")\n"
    "DHOW_CONTAINER(say, \"Says a text\", SAY, .image = \"alpine:3\",\n"
    "               .command = {\"sh\", \"-c\", \"echo \\\"$0\\\" | tee \\\"$1\\\"\"},\n"
    "               .args = {DHOW_VALUE(\"text\"), DHOW_OUTPUT_FILE(\"said\")})\n"
    "\n"
    "#define INPUTS(X) X(TEXT, name, \"world\", \"who is greeted\") X(INTEGER, times, \"2\", "
    "\"more than one: twice\")\n"
    "DHOW_PIPELINE(@name@, \"@NAME@\", \"Greets\", INPUTS)\n"
    "{\n"
    "    struct say_task first = DHOW_RUN(say, .text = DHOW_FORMAT(\"Hello, {}!\", in->name));\n"
    "\n"
    "    DHOW_IF(dhow_gt(in->times, dhow_v(1)), \"again\")\n"
    "    {\n"
    "        DHOW_RUN(say, .text = DHOW_FORMAT(\"Again: {}\", first.said));\n"
    "    }\n"
    "}\n"
    "\n"
    "DHOW_MAIN(@name@)\n";

static const struct template
{
    const char *kind, *file, *text;
}
templates[] = {
    {"component", "@NAME@/@NAME@.c", component_c},
    {"component", "@NAME@/Makefile", component_make},
    {"component", "@NAME@/Dockerfile", component_docker},
    {"pipeline", "@NAME@.c", pipeline_c},
};

static char *fill(const char *text, const char *name, const char *identifier)
{
    own_buf struct buf out = {0};

    while (*text) {
        size_t plain = strcspn(text, "@");

        buf_add(&out, text, plain);
        text += plain;
        if (!strncmp(text, "@NAME@", 6))
            buf_adds(&out, name);
        else if (!strncmp(text, "@name@", 6))
            buf_adds(&out, identifier);
        else if (*text)
            buf_addc(&out, *text);
        text += *text == '@' && (!strncmp(text, "@NAME@", 6) || !strncmp(text, "@name@", 6)) ? 6
                : *text                                                                      ? 1
                                                                                             : 0;
    }
    return buf_take(&out);
}

/* Lower case, digits and '-': a name for KFP, a file and (with '_') for C. */
static int check_name(const char *name, struct dh_err *err)
{
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name) || !*name ||
        *name == '-' || (*name >= '0' && *name <= '9') || strlen(name) > 63)
        return dh_fail(
            err, DH_INVALID,
            "'%s': a name has lower-case letters, digits and '-', and begins with a letter", name);
    return 0;
}

static int write_file(const struct template *t, const char *name, struct dh_err *err)
{
    own_mem char *identifier = dh_strdup(name);
    own_mem char *path = NULL;
    own_mem char *text = NULL;

    for (char *p = identifier; *p; p++)
        *p = *p == '-' ? '_' : *p;
    path = fill(t->file, name, identifier);
    text = fill(t->text, name, identifier);
    if (fs_exists(path))
        return dh_fail(err, DH_EXISTS, "%s is there already", path);
    if (strchr(path, '/') && fs_mkdirs(name, 0777, err) < 0)
        return -1;
    if (fs_write(path, text, strlen(text), 0644, err) < 0)
        return -1;
    printf("%s\n", path);
    return 0;
}

static int run_new(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *kind = cli_at(args, 0), *name = cli_at(args, 1);
    size_t n = 0;

    (void)cli;
    if (check_name(name, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (strcmp(templates[i].kind, kind) != 0)
            continue;
        if (write_file(&templates[i], name, err) < 0)
            return -1;
        n++;
    }
    if (!n)
        return dh_fail(err, DH_INVALID, "'%s': expected component or pipeline", kind);
    return 0;
}

const struct cli_command cmd_new = {
    .name = "new",
    .group = "Pipelines",
    .summary = "start a component or a pipeline in C",
    .operands = "component|pipeline NAME",
    .min_operands = 2,
    .max_operands = 2,
    .text = "Writes files that work as they are: a component with its Makefile and Dockerfile in a "
            "folder\n"
            "NAME, or a pipeline NAME.c. Nothing that is there is overwritten.",
    .examples =
        "dhow new component count-lines\n  count-lines/count-lines.c, Makefile, Dockerfile\n"
        "dhow new pipeline hello && dhow compile hello.c -o hello.yaml && dhow run hello.yaml\n"
        "  a first pipeline",
    .run = run_new,
};
