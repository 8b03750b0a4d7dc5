/* test - the tests that a pipeline brings with it: which files, in what order, what is printed. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/pipeline-test.h"

#define SUFFIX ".test.yaml"

struct session {
    const struct cli *cli;
    const char *home, *only;
    struct test_file **files;
    size_t n_files, cap_files;
    char **paths;
    size_t n_paths, cap_paths;
    size_t passed, failed;
};

/* ---- which files ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_path(struct session *s, char *path)
{
    DH_GROW(s->paths, s->n_paths, s->cap_paths);
    s->paths[s->n_paths++] = path;
}

static int add_folder(struct session *s, const char *folder, struct dh_err *err)
{
    size_t from = s->n_paths, m = strlen(SUFFIX);
    DIR *dir = opendir(folder);

    if (!dir)
        return dh_fail_errno(err, "reading %s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);

        if (n > m && !strcmp(e->d_name + n - m, SUFFIX))
            add_path(s, strcmp(folder, ".") ? fs_join(folder, e->d_name) : dh_strdup(e->d_name));
    }
    (void)closedir(dir);
    if (s->n_paths > from)
        qsort(s->paths + from, s->n_paths - from, sizeof *s->paths, by_text);
    return 0;
}

static int find_files(struct session *s, const struct cli_args *args, struct dh_err *err)
{
    if (!cli_n(args) && add_folder(s, ".", err) < 0)
        return -1;
    for (size_t i = 0; i < cli_n(args); i++)
        if (fs_is_dir(cli_at(args, i))) {
            if (add_folder(s, cli_at(args, i), err) < 0)
                return -1;
        } else {
            add_path(s, dh_strdup(cli_at(args, i)));
        }
    if (!s->n_paths)
        return dh_fail(err, DH_NOT_FOUND, "no tests here: a pipeline x.yaml is tested by x%s",
                       SUFFIX);
    /* All are read before any runs: a mistake in the last one is said at once. */
    for (size_t i = 0; i < s->n_paths; i++) {
        DH_GROW(s->files, s->n_files, s->cap_files);
        if (test_file_load(s->paths[i], &s->files[s->n_files], err) < 0)
            return -1;
        s->n_files++;
    }
    return 0;
}

/* ---- what is said ---- */

static void say(const struct session *s, const struct test_file *file, const struct test_case *one)
{
    char took[CLOCK_TEXT];
    const char *log = js_get_text(js_get(one->run, "error"), "log_tail");

    fprintf(stderr, "%s%s%s %s: %s  %s\n",
            out_on(s->cli->err_color, one->n_wrong ? OUT_RED : OUT_GREEN), one->n_wrong ? "✗" : "✓",
            out_off(s->cli->err_color), file->path, one->name, clock_duration(one->took_us, took));
    for (size_t i = 0; i < one->n_wrong; i++)
        fprintf(stderr, "    %s\n", one->wrong[i]);
    if (!one->n_wrong || !log || !*log)
        return;
    for (const char *at = log, *end; *at; at = *end ? end + 1 : end) {
        end = at + strcspn(at, "\n");
        fprintf(stderr, "    | %.*s\n", (int)(end - at), at);
    }
}

static struct js *case_json(const struct test_file *file, const struct test_case *one)
{
    struct js *v = js_object(), *wrong = js_array();

    out_set_text(v, "file", file->path);
    out_set_text(v, "name", one->name);
    js_set(v, "passed", js_bool(!one->n_wrong));
    for (size_t i = 0; i < one->n_wrong; i++)
        js_push(wrong, js_str(one->wrong[i]));
    js_set(v, "wrong", wrong);
    js_set(v, "seconds", js_real((double)one->took_us / 1e6));
    js_set(v, "run", one->run ? js_ref(one->run) : js_null());
    return v;
}

/* ---- JUnit: what build servers read ---- */

static void xml(struct buf *b, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        switch (*c) {
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        case '\n':
            buf_adds(b, "&#10;");
            break;
        default:
            buf_addc(b, *c < 0x20 ? ' ' : (char)*c);
        }
}

static void junit_case(struct buf *b, const struct test_file *file, const struct test_case *one)
{
    buf_adds(b, "    <testcase classname=\"");
    xml(b, file->path);
    buf_adds(b, "\" name=\"");
    xml(b, one->name);
    buf_addf(b, "\" file=\"");
    xml(b, file->path);
    buf_addf(b, "\" line=\"%u\" time=\"%.3f\"", one->line, (double)one->took_us / 1e6);
    if (!one->n_wrong) {
        buf_adds(b, "/>\n");
        return;
    }
    buf_adds(b, ">\n      <failure message=\"");
    xml(b, one->wrong[0]);
    buf_adds(b, "\">");
    for (size_t i = 0; i < one->n_wrong; i++) {
        xml(b, one->wrong[i]);
        buf_adds(b, "\n");
    }
    buf_adds(b, "</failure>\n    </testcase>\n");
}

static int write_junit(const struct session *s, const char *path, struct dh_err *err)
{
    own_buf struct buf b = {0};

    buf_addf(&b,
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"dhow test\" "
             "tests=\"%zu\" failures=\"%zu\">\n",
             s->passed + s->failed, s->failed);
    for (size_t i = 0; i < s->n_files; i++) {
        const struct test_file *file = s->files[i];
        size_t n = 0, failed = 0;
        int64_t us = 0;

        for (size_t j = 0; j < file->n; j++) {
            n += file->cases[j].took_us > 0;
            failed += file->cases[j].n_wrong > 0;
            us += file->cases[j].took_us;
        }
        buf_adds(&b, "  <testsuite name=\"");
        xml(&b, file->path);
        buf_addf(&b, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"%.3f\">\n", n, failed,
                 (double)us / 1e6);
        for (size_t j = 0; j < file->n; j++)
            if (file->cases[j].took_us > 0)
                junit_case(&b, file, &file->cases[j]);
        buf_adds(&b, "  </testsuite>\n");
    }
    buf_adds(&b, "</testsuites>\n");
    return fs_write(path, buf_str(&b), b.n, 0644, err);
}

/* ---- the command ---- */

static int run_all(struct session *s, struct js *all, struct dh_err *err)
{
    for (size_t i = 0; i < s->n_files; i++)
        for (size_t j = 0; j < s->files[i]->n; j++) {
            struct test_case *one = &s->files[i]->cases[j];

            if (s->only && !strstr(one->name, s->only))
                continue;
            if (test_run(s->files[i], one, s->home, err) < 0)
                return dh_while(err, "%s: %s", s->files[i]->path, one->name);
            if (one->n_wrong)
                s->failed++;
            else
                s->passed++;
            say(s, s->files[i], one);
            js_push(all, case_json(s->files[i], one));
        }
    return 0;
}

static void session_done(struct session *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        test_file_free(s->files[i]);
    for (size_t i = 0; i < s->n_paths; i++)
        free(s->paths[i]);
    free(s->files);
    free(s->paths);
}

static int run_test(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    __attribute__((cleanup(session_done))) struct session s = {.cli = cli};
    own_mem char *home = NULL;
    own(js_free) struct js *all = js_array();
    const char *junit = cli_get(args, "junit");

    if (cli_home(cli, &home, err) < 0)
        return -1;
    s.home = home;
    s.only = cli_get(args, "only");
    if (find_files(&s, args, err) < 0 || run_all(&s, all, err) < 0 ||
        (junit && write_junit(&s, junit, err) < 0))
        return -1;
    if (!s.passed && !s.failed)
        return dh_fail(err, DH_NOT_FOUND, "no test has '%s' in its name", s.only);
    if (cli->json)
        out_json(all, stdout);
    fprintf(stderr, "%zu passed, %zu failed\n", s.passed, s.failed);
    return s.failed ? CLI_RUN_FAILED : CLI_DONE;
}

static const struct cli_option test_options[] = {
    {.name = "only", .value = "TEXT", .help = "only tests with TEXT in their name"},
    {.name = "junit",
     .value = "FILE",
     .kind = CLI_FILE,
     .help = "write the results as JUnit XML, for build servers"},
    {.name = NULL},
};

const struct cli_command cmd_test = {
    .name = "test",
    .group = "Pipelines",
    .summary = "run a pipeline's own tests, with stubs in the place of its steps",
    .operands = "[FILE | DIR]…",
    .max_operands = -1,
    .operand_kind = CLI_FILE,
    .options = test_options,
    .text = "x.test.yaml tests x.yaml (or `pipeline: FILE`). Each test runs the pipeline in a home "
            "of its "
            "own, without a cache:\n"
            "  tests:\n"
            "  - name: a good model is promoted\n"
            "    parameters: {threshold: 0.9}\n"
            "    stub:                                # by name, place (loop.train) or key "
            "(loop[0].train)\n"
            "      train: {outputs: {accuracy: 0.95}, artifacts: {model: the bytes}}\n"
            "      fetch: {fail: no network}          # it fails with this message\n"
            "      '*': {}                            # all others do nothing\n"
            "    secrets: {db: {password: x}}\n"
            "    expect:\n"
            "      state: SUCCEEDED                   # the default; with `error` FAILED\n"
            "      error: part of the message\n"
            "      ran: [train, promote]              # exactly these steps\n"
            "      skipped: [reject]\n"
            "      tasks: {train: SUCCEEDED}\n"
            "      outputs: {promoted: 'yes'}         # of the pipeline\n"
            "      task_outputs: {train: {accuracy: 0.95}}\n"
            "What is not stubbed runs. Without FILE all *.test.yaml of this folder are run. Exit "
            "status 1 "
            "where a test failed.",
    .examples = "dhow test\n"
                "dhow test pipeline.test.yaml --only promoted --junit results.xml",
    .run = run_test,
};
