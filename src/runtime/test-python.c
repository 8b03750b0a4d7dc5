/* Which commands are Python components, and what they ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/own.h"
#include "runtime/python-priv.h"

#define CHECK                                                                                      \
    "\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || python3 -m ensurepip " \
    "--user || apt-get install python3-pip\nfi\n\n"
#define PIP "PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet "
#define NOW "--no-warn-script-location "
#define SDK "'kfp==2.17.0' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<\"3.9\"'"
#define SDK_READ "--no-deps,kfp==2.17.0,typing-extensions>=3.7.4,<5; python_version<\"3.9\""
#define END " && \"$0\" \"$@\"\n"
#define PROGRAM(flag, module)                                                                      \
    "program_path=$(mktemp -d)\n\nprintf \"%s\" \"$0\" > "                                         \
    "\"$program_path/ephemeral_component.py\"\n" flag "python3 -m " module                         \
    "                         --component_module_path                         "                    \
    "\"$program_path/ephemeral_component.py\"                         \"$@\"\n"
#define MAIN PROGRAM("_KFP_RUNTIME=true ", "kfp.dsl.executor_main")
#define SOURCE "\nimport kfp\n\ndef f():\n    pass\n"
#define ARGS "--executor_input", "{}", "--function_to_execute", "f"

struct sample {
    const char *name;
    const char *argv[14];
    /* "" not one; else module|flags|installs: i inherits, r runtime flag, s source. Installs by ;
     * and their words by , */
    const char *is;
};

static const struct sample samples[] = {
    {"the SDK of today",
     {"sh", "-c", CHECK PIP NOW SDK END, "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|rs|" SDK_READ},
    {"with packages",
     {"sh", "-c",
      CHECK PIP NOW "'pandas==2.2.0' 'Flask<3'  &&  python3 -m pip install --quiet " NOW SDK END,
      "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|rs|Flask<3,pandas==2.2.0;" SDK_READ},
    {"with an index and hosts",
     {"sh", "-c",
      CHECK PIP NOW
      "--index-url https://a.b/simple --extra-index-url https://c/ --trusted-host a.b 'yapf' && "
      "python3 -m pip install --quiet " NOW
      "--index-url https://a.b/simple --extra-index-url https://c/ --trusted-host a.b " SDK END,
      "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|rs|--index-url,https://a.b/simple,--extra-index-url,https://c/,"
     "--trusted-host,a.b,yapf;--index-url,https://a.b/simple,--extra-index-url,https://c/,"
     "--trusted-host,a.b," SDK_READ},
    {"before pip was quiet about scripts; whole SDK",
     {"sh", "-c", CHECK PIP "    " NOW "'kfp==2.0.1'" END, "sh", "-ec",
      "program_path=$(mktemp -d)\nprintf \"%s\" \"$0\" > "
      "\"$program_path/ephemeral_component.py\"\npython3 -m kfp.components.executor_main "
      "--component_module_path \"$program_path/ephemeral_component.py\" \"$@\"\n",
      SOURCE, ARGS},
     "kfp.components.executor_main|s|kfp==2.0.1"},
    {"use_venv",
     {"sh", "-c",
      CHECK "PIP_DISABLE_PIP_VERSION_CHECK=1 \nexport PIP_DISABLE_PIP_VERSION_CHECK=1\n"
            "tmp=$(mktemp -d)\npython3 -m venv \"$tmp/venv\" --system-site-packages\n"
            ". \"$tmp/venv/bin/activate\"\n python3 -m pip install --quiet " NOW SDK END,
      "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|irs|" SDK_READ},
    {"use_venv after packages",
     {"sh", "-c",
      CHECK PIP NOW "'six' && \nexport PIP_DISABLE_PIP_VERSION_CHECK=1\ntmp=$(mktemp -d)\n"
                    "python3 -m venv \"$tmp/venv\" --system-site-packages\n"
                    ". \"$tmp/venv/bin/activate\"\n python3 -m pip install --quiet " NOW SDK END,
      "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|irs|six;" SDK_READ},
    {"the SDK from a repository",
     {"sh", "-c",
      CHECK PIP NOW
      "'git+https://github.com/kubeflow/pipelines.git@refs/pull/1/head#subdirectory=sdk' "
      "'--no-deps'" END,
      "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|rs|--no-deps,git+https://github.com/kubeflow/pipelines.git@refs/pull/"
     "1/head#subdirectory=sdk"},
    {"the SDK is in the image", {"sh", "-ec", MAIN, SOURCE, ARGS}, "kfp.dsl.executor_main|rs|"},
    {"packages, but the SDK is in the image",
     {"sh", "-c", CHECK PIP NOW "'six'" END, "sh", "-ec", MAIN, SOURCE, ARGS},
     "kfp.dsl.executor_main|rs|six"},
    {"all in the image",
     {"python3", "-m", "kfp.dsl.executor_main", ARGS},
     "kfp.dsl.executor_main||"},
    {"in the image, packages not",
     {"sh", "-c", CHECK PIP NOW "'six'" END, "python3", "-m", "kfp.dsl.executor_main", ARGS},
     "kfp.dsl.executor_main||six"},
    {"the SDK's first version",
     {"sh", "-c",
      "(PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location "
      "'xgboost==1.1.1' 'pandas==1.0.5' || PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install "
      "--quiet --no-warn-script-location 'xgboost==1.1.1' 'pandas==1.0.5' --user) && \"$0\" "
      "\"$@\"",
      "python3", "-u", "-c", "print(1)", "--data", "x"},
     "-||pandas==1.0.5,xgboost==1.1.1"},
    {"a package whose name has both quotes",
     {"sh", "-c", CHECK PIP NOW "\"six; python_version<'4'\" " SDK END, "sh", "-ec", MAIN, SOURCE,
      ARGS},
     "kfp.dsl.executor_main|rs|--no-deps,kfp==2.17.0,six; python_version<'4',"
     "typing-extensions>=3.7.4,<5; python_version<\"3.9\""},
    {"settings of pip's own",
     {"sh", "-c", "PIP_INDEX_URL=https://x/ pip3 install --pre six" END, "sh", "-ec", MAIN, SOURCE,
      ARGS},
     "kfp.dsl.executor_main|rs|--pre,six|PIP_INDEX_URL=https://x/"},
    {"lines continued",
     {"sh", "-ec",
      "program_path=$(mktemp -d)\nprintf \"%s\" \"$0\" > "
      "\"$program_path/ephemeral_component.py\"\npython3 -m kfp.v2.components.executor_main \\\n"
      "  --component_module_path \\\n  \"$program_path/ephemeral_component.py\" \\\n  \"$@\"\n",
      SOURCE, ARGS},
     "kfp.v2.components.executor_main|s|"},

    {"a plain command", {"echo", "hello"}, ""},
    {"no command", {NULL}, ""},
    {"a script", {"sh", "-c", "echo hello && \"$0\" \"$@\"", "true"}, ""},
    {"a script that installs and more",
     {"sh", "-c", CHECK PIP NOW "'six' && touch /x" END, "sh", "-ec", MAIN, SOURCE, ARGS},
     ""},
    {"an option that is not known",
     {"sh", "-c", PIP "--target /x 'six'" END, "sh", "-ec", MAIN, SOURCE, ARGS},
     ""},
    {"a requirement that only a shell knows",
     {"sh", "-c", PIP "\"six==$VERSION\"" END, "sh", "-ec", MAIN, SOURCE, ARGS},
     ""},
    {"a program that is not the executor",
     {"sh", "-ec", PROGRAM("", "my.module"), SOURCE, ARGS},
     ""},
    {"a program that does more", {"sh", "-ec", MAIN "echo done\n", SOURCE, ARGS}, ""},
    {"a quote that is not closed", {"sh", "-c", PIP "'six" END, "true"}, ""},
    {"pip that nothing follows", {"sh", "-c", PIP "'six'", "true"}, ""},
    {"python of another kind", {"python3", "-m", "http.server"}, ""},
    {"python code", {"python3", "-c", "print(1)"}, ""},
};

static char *describe(const struct python_program *p)
{
    struct buf b = {0};

    buf_addf(&b, "%s|%s%s%s|", p->module ? p->module : "-", p->inherits ? "i" : "",
             p->runtime_flag ? "r" : "", p->source ? "s" : "");
    for (size_t i = 0; i < p->n_installs; i++)
        for (const char **word = p->installs[i]; *word; word++)
            buf_addf(&b, "%s%s", word != p->installs[i] ? "," : i ? ";" : "", *word);
    for (const char **item = p->pip_env; *item; item++)
        buf_addf(&b, "|%s", *item);
    return buf_take(&b);
}

static void recognises(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *s = &samples[i];
        struct python_program p;
        bool is = python_recognise((char *const *)(uintptr_t)s->argv, &p);

        if (is != (*s->is != '\0'))
            fail_msg("%s: %s", s->name, is ? "recognised" : "not recognised");
        if (is) {
            own_mem char *text = describe(&p);

            if (strcmp(text, s->is) != 0)
                fail_msg("%s:\n  is       %s\n  expected %s", s->name, text, s->is);
            if (p.source)
                assert_string_equal(p.source, SOURCE);
            if (p.module)
                assert_string_equal(p.args[0], "--executor_input");
            else
                assert_string_equal(p.args[0], "python3");
            python_program_done(&p);
        }
    }
}

static void knows_the_sdk(void **state)
{
    static const struct {
        const char *packages;
        bool sdk;
    } cases[] = {{"'kfp==2.1'", true},
                 {"kfp", true},
                 {"'kfp[all]'", true},
                 {"'git+https://h/kfp.git'", true},
                 {"'/wheels/kfp-2.1.whl'", true},
                 {"six pandas", false},
                 {"--index-url https://x/kfp six", false}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf script = {0};
        struct python_program p;

        buf_addf(&script, "pip install %s && \"$0\" \"$@\"", cases[i].packages);
        {
            const char *argv[] = {"sh", "-c", buf_str(&script), "true", NULL};

            assert_true(python_recognise((char *const *)(uintptr_t)argv, &p));
            if (python_wants_sdk(&p) != cases[i].sdk)
                fail_msg("%s", cases[i].packages);
        }
        python_program_done(&p);
        buf_done(&script);
    }
}

static void reads_images(void **state)
{
    static const struct {
        const char *image, *version;
        bool plain;
    } cases[] = {{"python:3.11", "3.11", true},
                 {"python:3.9-slim-bullseye", "3.9", true},
                 {"python:3.12.4", "3.12", true},
                 {"python:3", "", true},
                 {"python", "", true},
                 {"python@sha256:12", "", true},
                 {"", "", true},
                 {"public.ecr.aws/docker/library/python:3.12", "3.12", true},
                 {"registry.access.redhat.com/ubi9/python-311:latest", "3.11", true},
                 {"registry.redhat.io/ubi8/python-39@sha256:35", "3.9", true},
                 {"localhost:5000/python:3.10", "3.10", true},
                 {"pytorch/pytorch:1.7.1-cuda11.0", "", false},
                 {"my/python-tools:3.11", "", false},
                 {"python3-fun:1", "", false}};
    own(arena_free) struct arena *a = arena_new();
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *version = python_image_version(cases[i].image, a);

        if (strcmp(version, cases[i].version) != 0 ||
            python_image_is_plain(cases[i].image) != cases[i].plain)
            fail_msg("%s: %s, %d", cases[i].image, version, python_image_is_plain(cases[i].image));
    }
}

static void splits_words(void **state)
{
    static const struct {
        const char *script,
            *tokens; /* words by blank, quotes removed; $ where it expands; ; && … */
    } cases[] = {{"a 'b c' \"d e\"", "<a><b c><d e>"},
                 {"a\\ b 'it'\"'\"'s'", "<a b><it's>"},
                 {"a&&b||c;d\ne|f>>g", "<a>&&<b>||<c>;<d>;<e>|<f>>><g>"},
                 {"\"$x\" $(a (b) c)d `e f` ${g h}", "<$x><$d><$><$>"},
                 {"a # b 'c\nd", "<a>;<d>"},
                 {"a\\\nb \\\n c", "<ab><c>"},
                 {"'open", "-"},
                 {"$(open", "-"},
                 {"`open", "-"},
                 {"\"open", "-"}};
    own(arena_free) struct arena *a = arena_new();
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct shell_token *t = shell_split(cases[i].script, a);
        struct buf b = {0};

        for (; t && t->kind != SHELL_END; t++)
            if (t->kind == SHELL_OP)
                buf_adds(&b, t->raw);
            else
                buf_addf(&b, "<%s%s>", t->expands ? "$" : "", t->text);
        if (!t)
            buf_adds(&b, "-");
        assert_string_equal(buf_str(&b), cases[i].tokens);
        buf_done(&b);
    }
}

/* Nothing that a step sets may change what an import made ahead of it has done. */
static void imports_ahead_only_where_nothing_is_set(void **state)
{
    static const struct {
        const char *source;
        const char *env[3];
        bool ahead;
    } cases[] = {{"import numpy", {"HOME=/x", "KFP_POD_NAME=a"}, true},
                 {"import os; os.environ['A'] = '1'", {NULL}, false},
                 {"os.putenv('A', '1')", {NULL}, false},
                 {"import numpy", {"OMP_NUM_THREADS=1"}, false},
                 {"import keras", {"HOME=/x", "KERAS_BACKEND=torch"}, false},
                 {NULL, {NULL}, false}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            python_worker_ahead(cases[i].source, (char *const *)(uintptr_t)cases[i].env),
            cases[i].ahead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recognises),
        cmocka_unit_test(knows_the_sdk),
        cmocka_unit_test(reads_images),
        cmocka_unit_test(splits_words),
        cmocka_unit_test(imports_ahead_only_where_nothing_is_set),
    };

    return cmocka_run_group_tests_name("python", tests, NULL, NULL);
}
