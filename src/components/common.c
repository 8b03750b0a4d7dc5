/* common - what several steps need. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "components/steps.h"

const char **step_list(const char *text)
{
    size_t n = 1, len = strlen(text);
    if (!len)
        return NULL;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    const char **list = dh_zalloc(1, (n + 1) * sizeof *list + len + 1);
    char *copy = (char *)(list + n + 1);
    memcpy(copy, text, len + 1);
    for (size_t i = 0; i < n; i++) {
        char *comma = strchr(copy, ',');
        list[i] = copy;
        if (comma) {
            *comma = 0;
            copy = comma + 1;
        }
    }
    return list;
}

int step_write(const char *path, const void *bytes, size_t n, struct dh_err *err)
{
    own_mem char *folder = dh_strdup(path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = 0;
        if (fs_mkdirs(folder, 0755, err) < 0)
            return -1;
    }
    return fs_write(path, bytes, n, 0644, err);
}

/* ---- progress ---- */

enum { EVERY_US = 1000000 };
static _Atomic int64_t next_us;

static void say_progress(void *user, const char *what, size_t done, size_t all)
{
    int64_t now = clock_now_us(), due = next_us;
    if (now >= due && atomic_compare_exchange_strong(&next_us, &due, now + EVERY_US))
        step_say(user, "%s %zu of %zu", what, done, all);
}

const struct ml_progress *step_progress(const struct step *s)
{
    static struct ml_progress progress = {.fn = say_progress};
    progress.user = (void *)(uintptr_t)s;
    next_us = clock_now_us() + EVERY_US;
    return &progress;
}

/* ---- CSV ---- */

struct csv_args {
    struct ml_csv_options options;
    const char **missing, **said;
    struct ml_csv_type *types;
};

static void csv_done(struct csv_args *a)
{
    free(a->missing);
    free(a->said);
    free(a->types);
}

static int type_of(char *text, struct ml_csv_type *ret, struct dh_err *err)
{
    char *word = strrchr(text, '=');
    const enum ml_type types[] = {ML_NUMBER, ML_BOOL, ML_DATE, ML_CATEGORY};
    for (size_t i = 0; word && i < sizeof types / sizeof *types; i++) {
        if (strcmp(word + 1, ml_type_name(types[i])) != 0)
            continue;
        *word = 0;
        *ret = (struct ml_csv_type){text, types[i]};
        return 0;
    }
    return dh_fail(err, DH_INVALID,
                   "--types '%s': expected COLUMN=number, COLUMN=boolean, COLUMN=date or "
                   "COLUMN=category",
                   text);
}

static int csv_types(const struct step *s, const struct ml_model *m, struct csv_args *a,
                     struct dh_err *err)
{
    size_t n_model = m ? ml_model_n_inputs(m) : 0, n = 0, n_said = 0;
    a->said = step_list(step_text(s, "types"));
    while (a->said && a->said[n_said])
        n_said++;
    a->types = dh_zalloc(n_model + n_said + 1, sizeof *a->types);
    for (size_t i = 0; i < n_model; i++) {
        struct ml_csv_type type = ml_model_input(m, i);
        if (type.type == ML_CATEGORY)
            a->types[n++] = type;
    }
    for (size_t i = 0; i < n_said; i++) /* the list is one block of ours */
        if (type_of((char *)(uintptr_t)a->said[i], &a->types[n++], err) < 0)
            return -1;
    a->options.types = a->types;
    a->options.n_types = n;
    a->options.types_may_lack = m != NULL;
    return 0;
}

static int csv_args(const struct step *s, const struct ml_model *m, struct csv_args *a,
                    struct dh_err *err)
{
    const char *delimiter = step_text(s, "delimiter");
    if (strcmp(delimiter, "tab") == 0)
        delimiter = "\t";
    if (strlen(delimiter) != 1)
        return dh_fail(err, DH_INVALID, "the delimiter '%s' is not one character", delimiter);
    a->options.delimiter = *delimiter;
    a->options.no_header = !step_bool(s, "header");
    if (step_given(s, "missing")) {
        own_mem char *with_empty = dh_printf(",%s", step_text(s, "missing"));
        a->missing = step_list(with_empty);
        a->options.missing = a->missing;
    }
    return csv_types(s, m, a, err);
}

int step_csv_read(const struct step *s, const char *name, const struct ml_model *m,
                  struct ml_frame **ret, struct dh_err *err)
{
    struct csv_args a = {0};
    int rc = csv_args(s, m, &a, err);
    if (rc == 0)
        rc = ml_csv_read(step_path(s, name), &a.options, ret, err);
    csv_done(&a);
    return rc;
}

int step_csv_parse(const struct step *s, const char *bytes, size_t n, const char *name,
                   struct ml_frame **ret, struct dh_err *err)
{
    struct csv_args a = {0};
    int rc = csv_args(s, NULL, &a, err);
    a.options.keep_rows = true;
    a.options.name = name;
    if (rc == 0)
        rc = ml_csv_parse(bytes, n, &a.options, ret, err);
    csv_done(&a);
    return rc;
}

bool metric_is_loss(const char *name)
{
    static const char *const losses[] = {"log_loss", "mean_squared_error",
                                         "root_mean_squared_error", "mean_absolute_error",
                                         "brier_score"};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (strcmp(name, losses[i]) == 0)
            return true;
    return false;
}
