/* compile - a pipeline spec from C, or from the short form. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/cli.h"
#include "cli/compile.h"
#include "runtime/command.h"
#include "spec/doc-write.h"
#include "spec/spec.h"

enum { COMPILE_MS = 120 * 1000, PROGRAM_MS = 60 * 1000 };

/* Where the headers are: beside the program, as installed and in a build folder. */
static char *include_folder(void)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    static const char *const places[] = {"../include", "../../include"};

    if (n <= 0)
        return NULL;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        own_mem char *folder = fs_join(self, places[i]);
        own_mem char *header = fs_join(folder, "dhow/pipeline.h");

        if (fs_exists(header))
            return take(&folder);
    }
    return NULL;
}

static void add_words(struct args *to, const char *text)
{
    own_mem char *copy = dh_strdup(text);
    char *rest = NULL;

    for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
        args_add(to, word);
}

/* $CC, or cc; what the compiler says goes on as it is, since it has file and line. */
static int build(const char *file, const char *program, struct dh_err *err)
{
    const char *cc = getenv("CC"), *flags = getenv("CFLAGS");
    own_args struct args argv = {0};
    own_buf struct buf said = {.max = 1 << 20};
    own_mem char *include = include_folder();
    char *path;
    int status;

    add_words(&argv, cc && *cc ? cc : "cc");
    path = argv.n ? command_find(argv.v[0]) : NULL;
    if (!path)
        return dh_fail(err, DH_NOT_FOUND,
                       "no C compiler '%s' in PATH: install gcc or clang, or set CC",
                       cc && *cc ? cc : "cc");
    free(argv.v[0]);
    argv.v[0] = path;
    args_adds(&argv, "-std=gnu17", "-Wall", NULL);
    if (flags)
        add_words(&argv, flags);
    if (include)
        args_adds(&argv, "-I", include, NULL);
    args_adds(&argv, "-o", program, file, "-lm", NULL);
    if (command_run(argv.v, COMPILE_MS, NULL, NULL, &said, &status, err) < 0)
        return -1;
    if (said.n)
        fwrite(said.p, 1, said.n, stderr);
    if (status != 0)
        return dh_fail(err, DH_INVALID, "%s does not compile; the compiler's messages are above",
                       file);
    return 0;
}

static int run_program(const char *file, char *program, struct buf *lines, struct dh_err *err)
{
    char *argv[] = {program, NULL};
    own_buf struct buf said = {.max = 1 << 20};
    int status;

    if (command_run(argv, PROGRAM_MS, NULL, lines, &said, &status, err) < 0)
        return dh_while(err, "%s", file);
    if (said.n)
        fwrite(said.p, 1, said.n, stderr);
    if (lines->truncated)
        return dh_fail(err, DH_INVALID, "%s: the pipeline is larger than %zu MB", file,
                       lines->max >> 20);
    if (WIFSIGNALED(status))
        return dh_fail(err, DH_INVALID, "%s: the program was ended by signal %d", file,
                       WTERMSIG(status));
    if (status != 0)
        return dh_fail(err, DH_INVALID, "%s: the program ended with status %d", file,
                       WEXITSTATUS(status));
    return 0;
}

static char *folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? dh_strndup(file, (size_t)(slash - file + 1)) : dh_strdup(".");
}

static int from_c(const char *file, struct compiled *ret, struct dh_err *err)
{
    char folder[] = "/tmp/dhow-compile-XXXXXX";
    own_mem char *program = NULL;
    own_mem char *beside = folder_of(file);
    own_buf struct buf lines = {.max = LIMIT_PIPELINE_BYTES * 4};
    int rc;

    if (!fs_exists(file))
        return dh_fail(err, DH_NOT_FOUND, "no file %s", file);
    if (!mkdtemp(folder))
        return dh_fail_errno(err, "%s", folder);
    program = fs_join(folder, "pipeline");
    rc = build(file, program, err);
    if (rc == 0)
        rc = run_program(file, program, &lines, err);
    (void)fs_remove_tree(folder, NULL);
    if (rc < 0)
        return -1;
    return compile_record(file, buf_str(&lines), lines.n, beside, ret, err);
}

static int from_yaml(const char *file, struct compiled *ret, struct dh_err *err)
{
    own_mem char *folder = folder_of(file);
    own_mem char *text = NULL;
    size_t n;

    if (fs_read(file, LIMIT_PIPELINE_BYTES, &text, &n, err) < 0)
        return -1;
    return compile_short(file, text, n, folder, ret, err);
}

/* What a program has said already: any language can write the lines. */
static int from_lines(const char *file, struct compiled *ret, struct dh_err *err)
{
    own_mem char *folder = folder_of(file);
    own_mem char *text = NULL;
    size_t n;

    if (fs_read(file, LIMIT_PIPELINE_BYTES * 4, &text, &n, err) < 0)
        return -1;
    return compile_record(file, text, n, folder, ret, err);
}

/* The API's form holds both in one; a lone pipeline spec is one itself. */
static char *as_json(const struct compiled *c)
{
    own(js_free) struct js *both = c->platform ? js_object() : js_ref(c->pipeline);

    if (c->platform) {
        js_set(both, "pipeline_spec", js_ref(c->pipeline));
        js_set(both, "platform_spec", js_ref(c->platform));
    }
    return js_dump(both, JS_COMPACT);
}

/* Kubernetes fields are the author's JSON: what was made is read as any file is, so that an unknown
 * or wrong one is said here. All else was checked while it was drafted. */
static int check(const char *file, const char *json, struct dh_err *err)
{
    own(spec_free) struct spec *spec = NULL;
    own_spec_notes struct spec_notes notes = {0};

    if (spec_load_bytes(file, json, strlen(json), &spec, &notes, err) < 0)
        return dh_while(err, "the pipeline that was made is wrong");
    for (size_t i = 0; i < notes.n; i++)
        fprintf(stderr, "warning: %s\n", notes.items[i].text);
    return 0;
}

static bool is_json_name(const char *to)
{
    size_t n = to ? strlen(to) : 0;

    return n > 5 && !strcmp(to + n - 5, ".json");
}

int cli_write_spec(const struct compiled *c, const char *to, struct dh_err *err)
{
    const struct js *documents[] = {c->pipeline, c->platform};
    own_mem char *json = c->platform || is_json_name(to) ? as_json(c) : NULL;
    own_buf struct buf yaml = {0};

    if (c->platform && check(to ? to : "pipeline", json, err) < 0)
        return -1;
    if (is_json_name(to))
        return fs_write(to, json, strlen(json), 0644, err);
    if (doc_write_yaml(documents, c->platform ? 2 : 1, &yaml, err) < 0)
        return -1;
    if (to)
        return fs_write(to, yaml.p, yaml.n, 0644, err);
    fwrite(yaml.p, 1, yaml.n, stdout);
    return 0;
}

static int run_compile(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    const char *file = cli_at(args, 0), *ending = strrchr(file, '.');
    static struct compiled c; /* to the end: to take it apart takes longer than to write it */

    (void)cli;
    if (ending && (!strcmp(ending, ".c") || !strcmp(ending, ".cc") || !strcmp(ending, ".cpp"))) {
        if (from_c(file, &c, err) < 0)
            return -1;
    } else if (ending && (!strcmp(ending, ".yaml") || !strcmp(ending, ".yml"))) {
        if (from_yaml(file, &c, err) < 0)
            return -1;
    } else if (ending && !strcmp(ending, ".jsonl")) {
        if (from_lines(file, &c, err) < 0)
            return -1;
    } else {
        return dh_fail(err, DH_INVALID,
                       "%s: expected a C file (.c), a pipeline in the short form (.yaml), or the "
                       "lines of a program (.jsonl)",
                       file);
    }
    return cli_write_spec(&c, cli_get(args, "to"), err);
}

static const struct cli_option options[] = {
    {.name = "to",
     .letter = 'o',
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "where the pipeline is written, as YAML or (.json) JSON (default: standard output)"},
    {.name = NULL},
};

const struct cli_command cmd_compile = {
    .name = "compile",
    .group = "Pipelines",
    .summary = "make a pipeline from C, or from the short form",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FILE,
    .options = options,
    .text = "FILE is YAML in the short form, or a C program over dhow/pipeline.h. A program is "
            "compiled with $CC (or cc) and $CFLAGS "
            "and run;\n"
            "what it says becomes a pipeline spec that `dhow run`, the SDK and Kubeflow Pipelines "
            "read.",
    .examples = "dhow compile pipeline.c -o pipeline.yaml\n  writes the pipeline; errors name file "
                "and line",
    .run = run_compile,
};
