/* Which commands are Python components: the forms in which the SDK, now and before, writes them.
 *
 *     sh -c SCRIPT PROGRAM...       SCRIPT installs packages, then runs "$0" "$@"
 *     sh -ec SCRIPT SOURCE ARGS     SCRIPT writes SOURCE into a file and runs the executor on it
 *     python3 -m …executor_main ARGS   the source is in the image
 *
 * The first may stand before either of the others, or before any command. A script that says
 * anything else than these is run as it is. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtime/python-priv.h"

struct reader {
    const struct shell_token *at;
    struct python_program *p;
    size_t cap;
    const char **env;
    size_t n_env, env_cap;
};

static bool is_op(const struct shell_token *t, const char *op)
{
    return t->kind == SHELL_OP && !strcmp(t->raw, op);
}

static bool is_raw(const struct shell_token *t, const char *raw)
{
    return t->kind == SHELL_WORD && !strcmp(t->raw, raw);
}

static bool is_any(const char *s, const char *const *of)
{
    for (; *of; of++)
        if (!strcmp(s, *of))
            return true;
    return false;
}

static bool is_python(const char *s)
{
    return is_any(s, (const char *const[]){"python3", "python", NULL});
}

/* NAME of NAME=value; 0: not an assignment. */
static size_t assignment(const struct shell_token *t)
{
    size_t n = strspn(t->raw, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return t->kind == SHELL_WORD && n && t->raw[n] == '=' ? n : 0;
}

/* ---- pip install ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Options of pip: 0 unknown, 1 of no matter here, 2 kept, 3 kept with a value. */
static int option_kind(const char *option)
{
    static const char *const idle[] = {"--quiet",
                                       "-q",
                                       "-qq",
                                       "-qqq",
                                       "--no-warn-script-location",
                                       "--user",
                                       "--disable-pip-version-check",
                                       "--no-cache-dir",
                                       "--break-system-packages",
                                       "--no-input",
                                       "--root-user-action=ignore",
                                       "--no-color",
                                       NULL},
                             *const plain[] = {"--no-deps",         "--pre",
                                               "--upgrade",         "-U",
                                               "--prefer-binary",   "--no-index",
                                               "--force-reinstall", "--no-build-isolation",
                                               "--use-pep517",      NULL},
                             *const valued[] = {
                                 "-i", "--index-url",  "--extra-index-url", "--trusted-host",
                                 "-f", "--find-links", "--only-binary",     "--no-binary",
                                 NULL};

    return is_any(option, idle) ? 1 : is_any(option, plain) ? 2 : is_any(option, valued) ? 3 : 0;
}

/* One word of the command, or two. -1: what it means is not known. */
static int install_word(struct reader *r, const char **options, size_t *n, const char **packages,
                        size_t *n_packages)
{
    const char *word = r->at->text, *equals = strchr(word, '=');
    int kind;

    if (r->at->expands || !*word)
        return -1;
    r->at++;
    if (*word != '-') {
        packages[(*n_packages)++] = word;
        return 0;
    }
    kind = option_kind(word);
    if (!kind && equals && word[1] == '-' &&
        option_kind(arena_strndup(r->p->arena, word, (size_t)(equals - word))) == 3)
        kind = 2;
    if (kind == 0)
        return -1;
    if (kind >= 2)
        options[(*n)++] = word;
    if (kind == 3) {
        if (r->at->kind != SHELL_WORD || r->at->expands)
            return -1;
        options[(*n)++] = r->at++->text;
    }
    return 0;
}

static bool read_install(struct reader *r)
{
    struct python_program *p = r->p;
    const struct shell_token *end = r->at;
    const char **options, **packages;
    size_t n = 0, n_packages = 0, max;

    while (end->kind == SHELL_WORD)
        end++;
    max = (size_t)(end - r->at) + 1;
    options = arena_alloc(p->arena, 2 * max * sizeof *options);
    packages = arena_alloc(p->arena, max * sizeof *packages);
    while (r->at->kind == SHELL_WORD)
        if (install_word(r, options, &n, packages, &n_packages) < 0)
            return false;
    qsort(packages, n_packages, sizeof *packages, by_text);
    memcpy(options + n, packages, n_packages * sizeof *packages);
    if (n_packages) {
        const char ***grown = arena_alloc(p->arena, (p->n_installs + 1) * sizeof *grown);

        if (p->n_installs)
            memcpy(grown, p->installs, p->n_installs * sizeof *grown);
        grown[p->n_installs++] = options;
        p->installs = grown;
    }
    return true;
}

/* ---- the script before the program ---- */

static bool take_assignment(struct reader *r)
{
    size_t n = assignment(r->at);

    if (!n)
        return false;
    if (r->at->expands) { /* the folder of the SDK's own venv */
        if (!is_raw(r->at, "tmp=$(mktemp -d)"))
            return false;
    } else if (!strncmp(r->at->raw, "PIP_", 4) &&
               strncmp(r->at->raw, "PIP_DISABLE_PIP_VERSION_CHECK=", n + 1) != 0) {
        DH_GROW(r->env, r->n_env, r->env_cap);
        r->env[r->n_env++] = r->at->text;
    }
    r->at++;
    return true;
}

static bool take_words(struct reader *r, const char *const *raw)
{
    const struct shell_token *at = r->at;

    for (; *raw; raw++, at++)
        if (!is_raw(at, *raw))
            return false;
    if (at->kind == SHELL_WORD)
        return false;
    r->at = at;
    return true;
}

static bool take_pip(struct reader *r)
{
    const struct shell_token *at = r->at;

    if (at->kind == SHELL_WORD && is_python(at->raw) && is_raw(at + 1, "-m") &&
        is_raw(at + 2, "pip"))
        at += 3;
    else if (is_raw(at, "pip") || is_raw(at, "pip3"))
        at++;
    else
        return false;
    if (!is_raw(at, "install"))
        return false;
    r->at = at + 1;
    return read_install(r);
}

/* One simple command. *ret_end: it was "$0" "$@". */
static bool take_command(struct reader *r, bool *ret_end)
{
    static const char *const end[] = {"\"$0\"", "\"$@\"", NULL};
    static const char *const venv[] = {
        "python3", "-m", "venv", "\"$tmp/venv\"", "--system-site-packages", NULL};
    static const char *const activate[] = {".", "\"$tmp/venv/bin/activate\"", NULL};

    if (is_raw(r->at, "export") && assignment(r->at + 1))
        r->at++;
    while (take_assignment(r)) {
    }
    if (r->at->kind != SHELL_WORD)
        return true;
    if (take_words(r, end)) {
        *ret_end = true;
        return true;
    }
    if (take_words(r, venv)) {
        r->p->inherits = true;
        return true;
    }
    return take_words(r, activate) || take_pip(r);
}

/* `if ! [ -x "$(command -v pip)" ]; then … fi`: an environment of ours has pip. */
static void skip_pip_check(struct reader *r)
{
    static const char *const check[] = {"if", "!", "[", "-x", "\"$(command -v pip)\"", "]", NULL};
    const struct shell_token *before = r->at;

    if (!take_words(r, check))
        return;
    while (r->at->kind != SHELL_END && !is_raw(r->at, "fi"))
        r->at++;
    if (r->at->kind == SHELL_END)
        r->at = before;
    else
        r->at++;
}

static bool read_commands(struct reader *r)
{
    bool end = false;

    while (is_op(r->at, ";"))
        r->at++;
    skip_pip_check(r);
    for (;;) {
        if (is_op(r->at, ";") || is_op(r->at, "&&") || is_op(r->at, "(") || is_op(r->at, ")"))
            r->at++;
        else if (is_op(r->at, "||")) /* the same again with --user */
            while (r->at->kind != SHELL_END && !is_op(r->at, ")"))
                r->at++;
        else if (r->at->kind == SHELL_END)
            return end;
        else if (r->at->kind == SHELL_OP || end || !take_command(r, &end))
            return false;
    }
}

static bool read_installs(const char *script, struct python_program *p)
{
    struct reader r = {.p = p};
    bool ok;

    r.at = shell_split(script, p->arena);
    ok = r.at && read_commands(&r);
    p->pip_env = arena_alloc(p->arena, (r.n_env + 1) * sizeof *p->pip_env);
    if (r.n_env)
        memcpy(p->pip_env, r.env, r.n_env * sizeof *r.env);
    free(r.env);
    return ok;
}

/* ---- the program ---- */

static bool is_executor(const char *module)
{
    static const char end[] = "executor_main";
    size_t n = strlen(module);

    return n > sizeof end && !strcmp(module + n - (sizeof end - 1), end) &&
           strspn(module, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.") == n;
}

static bool read_program(const char *script, struct python_program *p)
{
    static const char *const head[] = {"program_path=$(mktemp -d)",
                                       ";",
                                       "printf",
                                       "\"%s\"",
                                       "\"$0\"",
                                       ">",
                                       "\"$program_path/ephemeral_component.py\"",
                                       ";",
                                       NULL};
    static const char *const tail[] = {"--component_module_path",
                                       "\"$program_path/ephemeral_component.py\"", "\"$@\"", NULL};
    const struct shell_token *t = shell_split(script, p->arena);
    struct reader r = {.p = p};

    if (!t)
        return false;
    while (is_op(t, ";"))
        t++;
    for (const char *const *raw = head; *raw; raw++, t++) {
        if (strcmp(t->raw, *raw) != 0)
            return false;
        while (is_op(t, ";") && is_op(t + 1, ";"))
            t++;
    }
    p->runtime_flag = is_raw(t, "_KFP_RUNTIME=true");
    t += p->runtime_flag;
    if (t->kind != SHELL_WORD || !is_python(t->raw) || !is_raw(t + 1, "-m") ||
        t[2].kind != SHELL_WORD || !is_executor(t[2].raw))
        return false;
    p->module = t[2].raw;
    r.at = t + 3;
    if (!take_words(&r, tail))
        return false;
    while (is_op(r.at, ";"))
        r.at++;
    return r.at->kind == SHELL_END;
}

static bool is_shell(const char *s)
{
    return is_any(s, (const char *const[]){"sh", "/bin/sh", "bash", "/bin/bash", "/usr/bin/sh",
                                           "/usr/bin/bash", NULL});
}

static bool is_script(char *const *argv)
{
    return argv[0] && is_shell(argv[0]) && argv[1] &&
           is_any(argv[1], (const char *const[]){"-c", "-ec", "-ce", NULL}) && argv[2];
}

/* What follows the installation, or stands alone. */
static bool read_executor(struct python_program *p)
{
    char *const *argv = p->args;

    if (is_script(argv) && argv[3] && read_program(argv[2], p)) {
        p->source = argv[3];
        p->args += 4;
        return true;
    }
    if (argv[0] && is_python(argv[0]) && argv[1] && !strcmp(argv[1], "-m") && argv[2] &&
        is_executor(argv[2])) {
        p->module = argv[2];
        p->args += 3;
        return true;
    }
    p->module = NULL;
    p->runtime_flag = false;
    return false;
}

bool python_recognise(char *const *argv, struct python_program *ret)
{
    struct python_program p = {.arena = arena_new()};

    p.args = argv;
    if (is_script(argv) && argv[3] && read_installs(argv[2], &p)) {
        p.args = argv + 3;
    } else {
        p.n_installs = 0;
        p.inherits = false;
    }
    if (!read_executor(&p) && !p.n_installs) {
        python_program_done(&p);
        return false;
    }
    if (!p.pip_env)
        p.pip_env = arena_alloc(p.arena, sizeof *p.pip_env);
    *ret = p;
    return true;
}

void python_program_done(struct python_program *p)
{
    arena_free(p->arena);
    *p = (struct python_program){0};
}

bool python_wants_sdk(const struct python_program *p)
{
    for (size_t i = 0; i < p->n_installs; i++)
        for (const char **word = p->installs[i]; *word; word++)
            if (option_kind(*word) == 3)
                word += word[1] != NULL;
            else if (!strncmp(*word, "kfp", 3) || (**word != '-' && strstr(*word, "/kfp")) ||
                     strstr(*word, "kubeflow/pipelines"))
                return true;
    return false;
}

/* ---- images ---- */

/* python:3.11-slim → its tag; ubi9/python-311 → "311"; NULL: not an image of Python. */
static const char *version_part(const char *image)
{
    const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image;

    if (!strncmp(name, "python:", 7) || !strncmp(name, "python-3", 8))
        return name + 7;
    return !strcmp(name, "python") || !strncmp(name, "python@", 7) ? "" : NULL;
}

const char *python_image_version(const char *image, struct arena *a)
{
    const char *at = version_part(image);
    size_t major, minor;

    if (!at || *at != '3')
        return "";
    major = strspn(at, "0123456789");
    if (major == 1 && at[1] == '.') {
        minor = strspn(at + 2, "0123456789");
        return minor ? arena_strndup(a, at, 2 + minor) : "";
    }
    return major > 1 ? arena_printf(a, "3.%.*s", (int)major - 1, at + 1) : "";
}

bool python_image_is_plain(const char *image)
{
    return !*image || version_part(image);
}
