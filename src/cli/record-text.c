/* record-text - a run as text for people. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "cli/out.h"
#include "cli/record.h"

/* FRESH_US: a run that was just submitted is about to be taken up. */
enum { NOTE_WIDTH = 140, VALUE_WIDTH = 160, FRESH_US = 10000000 };

/* "RUNTIME" → "", "CONDITION_BRANCH" → "condition branch": a step is the usual thing. */
static char *type_words(enum store_task_type type)
{
    char *words = dh_strdup(type == STORE_RUNTIME ? "" : store_task_type_name(type));

    for (char *c = words; *c; c++)
        *c = (char)(*c == '_' ? ' ' : *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return words;
}

static char *note(const struct store_task *task)
{
    const char *reason = task->state_reason ? task->state_reason : "";
    own_buf struct buf b = {0};

    if (task->exit_code > 0 && strncmp(reason, "exit code", 9) != 0)
        buf_addf(&b, "exit code %lld", (long long)task->exit_code);
    if (task->attempts > 1)
        buf_addf(&b, "%s%lld attempts", b.n ? ", " : "", (long long)task->attempts);
    if (*reason)
        buf_addf(&b, "%s%s", b.n ? ": " : "", reason);
    return out_text(buf_str(&b), NOTE_WIDTH);
}

/* Iterations of a big loop that ended well say nothing that the loop's own line does not. */
static bool folded(const struct record *record, const struct store_task *task)
{
    while (task->type != STORE_LOOP_ITERATION) {
        task = record_task_by_id(record, task->parent_task_id);
        if (!task)
            return false;
    }
    return task->iteration_index >= 10 && store_state_good(task->state);
}

void record_print_tasks(const struct record *record, FILE *to, bool color)
{
    own(out_table_free) struct out_table *table = out_table_new(to, color);
    const struct store_task **tree = record_tree(record);
    size_t n_folded = 0;

    out_column(table, "TASK", OUT_LEFT);
    out_column(table, "STATE", OUT_LEFT);
    out_column(table, "TOOK", OUT_RIGHT);
    out_column(table, "", OUT_LEFT);
    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = tree[i];
        bool ran = task->state != STORE_CACHED && task->state != STORE_SKIPPED;
        own_mem char *took = out_duration(ran ? task->started_us : 0, task->finished_us);
        own_mem char *type = type_words(task->type);
        own_mem char *why = note(task);
        own_mem char *name = NULL;

        if (task->type == STORE_ROOT)
            continue;
        if (record->tasks.n > 200 && folded(record, task)) {
            n_folded++;
            continue;
        }
        name = task->type == STORE_LOOP_ITERATION
                   ? dh_printf("%*s[%lld]", 2 * record_depth(record, task), "",
                               (long long)task->iteration_index)
                   : dh_printf("%*s%s", 2 * record_depth(record, task), "", task->name);
        out_cell(table, name, OUT_PLAIN);
        out_cell_state(table, store_state_name(task->state));
        out_cell(table, took, OUT_PLAIN);
        out_cell(table, *why ? why : type, OUT_PLAIN);
    }
    if (out_n_rows(table))
        out_table_print(table, "  ");
    if (n_folded)
        fprintf(to, "  … and %zu more of loops, all well (--output json has them)\n", n_folded);
}

/* ---- metrics: a row a task, a column a metric ---- */

static struct record_metric *find_metric(const struct record_metrics *all, size_t from, size_t to,
                                         const char *name)
{
    for (size_t i = from; i < to; i++)
        if (!strcmp(all->items[i].name, name))
            return &all->items[i];
    return NULL;
}

/* The names, each with a number of decimals that suits all of its values: 0 or 6. */
static void metric_columns(const struct record_metrics *all, struct strmap *columns)
{
    static char whole, broken;

    for (size_t i = 0; i < all->n; i++) {
        const struct record_metric *m = &all->items[i];
        bool is_whole =
            m->number > -1e15 && m->number < 1e15 && m->number == (double)(int64_t)m->number;

        if (strmap_n(columns) < 12 || strmap_get(columns, m->name))
            strmap_put(columns, m->name,
                       is_whole && strmap_get(columns, m->name) != &broken ? &whole : &broken);
    }
    for (size_t c = 0; c < strmap_n(columns); c++) {
        void *kind;
        const char *name = strmap_at(columns, c, &kind);

        if (kind == &whole)
            strmap_put(columns, name, columns);
    }
}

static void metric_row(struct out_table *table, const struct record *record,
                       const struct record_metrics *all, size_t from, size_t to,
                       const struct strmap *columns)
{
    own_mem char *label = record_label(record, all->items[from].task);

    out_cell(table, label, OUT_PLAIN);
    for (size_t c = 0; c < strmap_n(columns); c++) {
        void *whole;
        const char *name = strmap_at(columns, c, &whole);
        const struct record_metric *m = find_metric(all, from, to, name);

        if (m)
            out_cellf(table, "%.*f", whole == columns ? 0 : 6, m->number);
        else
            out_cell(table, "", OUT_PLAIN);
    }
}

void record_print_metrics(const struct record *record, FILE *to, bool color)
{
    own(out_table_free) struct out_table *table = out_table_new(to, color);
    own(strmap_free) struct strmap *columns = strmap_new();
    struct record_metrics all;

    record_metrics(record, &all);
    metric_columns(&all, columns);
    out_column(table, "METRICS", OUT_LEFT);
    for (size_t c = 0; c < strmap_n(columns); c++)
        out_column(table, strmap_at(columns, c, NULL), OUT_RIGHT);
    for (size_t from = 0, end; from < all.n; from = end) {
        for (end = from; end < all.n && all.items[end].task == all.items[from].task; end++)
            ;
        if (out_n_rows(table) < 50)
            metric_row(table, record, &all, from, end, columns);
    }
    if (out_n_rows(table)) {
        (void)fputc('\n', to);
        out_table_print(table, "  ");
    }
    free(all.items);
}

/* ---- the summary ---- */

static void print_task_outputs(const struct record *record, FILE *to, bool color)
{
    own(out_table_free) struct out_table *table = out_table_new(to, color);

    out_column(table, "STEP", OUT_LEFT);
    out_column(table, "OUTPUT", OUT_LEFT);
    out_column(table, "VALUE", OUT_LEFT);
    for (size_t i = 0; i < record->tasks.n && out_n_rows(table) < 40; i++) {
        const struct store_task *task = &record->tasks.items[i];
        own(js_free) struct js *outputs = out_parse(task->outputs, js_object());
        const char *key = record_path(record, task);

        if (!record_is_leaf(task))
            continue;
        for (js_each(outputs, it)) {
            own_mem char *value = out_value(it.value, VALUE_WIDTH);

            out_cell(table, key, OUT_PLAIN);
            out_cell(table, it.key, OUT_PLAIN);
            out_cell(table, value, OUT_PLAIN);
            key = "";
        }
    }
    if (out_n_rows(table)) {
        (void)fputc('\n', to);
        out_table_print(table, "  ");
    }
}

/* The branches of conditions: which was taken, which was not and why. What else was skipped follows
 * from something that failed or was skipped: named in one line. */
static void print_branches(const struct record *record, FILE *to, bool color)
{
    own_buf struct buf vain = {.max = 300};
    bool any = false;

    for (size_t i = 0; i < record->tasks.n; i++) {
        const struct store_task *task = &record->tasks.items[i];
        const struct store_task *parent = record_task_by_id(record, task->parent_task_id);
        const char *state = store_state_name(task->state);
        own_mem char *name = NULL;

        if (parent && parent->state == STORE_SKIPPED)
            continue;
        name = record_label(record, task);
        if (task->type != STORE_CONDITION) {
            if (task->state == STORE_SKIPPED)
                buf_addf(&vain, "%s%s", vain.n ? ", " : "", name);
            continue;
        }
        if (!any)
            fprintf(to, "\n  %sBRANCHES%s\n", out_on(color, OUT_BOLD), out_off(color));
        any = true;
        fprintf(to, "  %s%s %s%s: %s%s\n", out_on(color, out_state_style(state)),
                out_state_mark(state), name, out_off(color),
                task->state == STORE_SKIPPED ? "not taken: " : "taken",
                task->state == STORE_SKIPPED && task->state_reason ? task->state_reason : "");
    }
    if (vain.n)
        fprintf(to, "\n  %sdid not run:%s %s%s\n", out_on(color, OUT_DIM), out_off(color), vain.p,
                vain.truncated ? "…" : "");
}

void record_print_tail(const char *tail, FILE *to, bool color)
{
    while (tail && *tail) {
        size_t n = strcspn(tail, "\n");
        own_mem char *line = dh_strndup(tail, n);
        own_mem char *clean = out_text(line, 0);

        fprintf(to, "    %s| %s%s\n", out_on(color, OUT_DIM), clean, out_off(color));
        tail += n + (tail[n] == '\n');
    }
}

void record_print_error(const struct record *record, FILE *to, bool color)
{
    own(js_free) struct js *error = out_parse(record->run.error, js_null());
    const char *task = js_get_text(error, "task"), *message = js_get_text(error, "message");

    if (!message)
        return;
    fprintf(to, "\n  %sFAILED%s %s%s%s\n", out_on(color, OUT_RED), out_off(color), task ? task : "",
            task ? ": " : "", message);
    record_print_tail(js_get_text(error, "log_tail"), to, color);
}

static void print_counts(const struct record *record, FILE *to)
{
    static const struct {
        enum store_state state;
        const char *word;
    } order[] = {{STORE_SUCCEEDED, "succeeded"}, {STORE_CACHED, "cached"},
                 {STORE_FAILED, "failed"},       {STORE_SKIPPED, "skipped"},
                 {STORE_CANCELED, "canceled"},   {STORE_RUNNING, "running"},
                 {STORE_PENDING, "pending"}};
    size_t counts[STORE_N_STATES] = {0}, n = 0;
    const char *sep = "";

    for (size_t i = 0; i < record->tasks.n; i++) {
        if (record_is_leaf(&record->tasks.items[i])) {
            counts[record->tasks.items[i].state]++;
            n++;
        }
    }
    fprintf(to, "%zu step%s%s", n, n == 1 ? "" : "s", n ? ": " : "");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (counts[order[i].state]) {
            fprintf(to, "%s%zu %s", sep, counts[order[i].state], order[i].word);
            sep = ", ";
        }
    }
}

static const struct store_task *first_failed(const struct record *record)
{
    for (size_t i = 0; i < record->tasks.n; i++)
        if (record->tasks.items[i].state == STORE_FAILED && record_is_leaf(&record->tasks.items[i]))
            return &record->tasks.items[i];
    return NULL;
}

bool record_is_live(const struct store_run *run)
{
    enum store_owner_state owner = store_owner_state(&run->owner);

    if (run->state == STORE_PENDING && clock_now_us() - run->created_us < FRESH_US)
        return true;
    return !store_state_ended(run->state) &&
           (owner == STORE_OWNER_ALIVE || owner == STORE_OWNER_ELSEWHERE);
}

void record_tell_still(const struct store_run *run)
{
    fprintf(stderr, "run %lld stands still: nobody runs it ('dhow resume %lld' goes on)\n",
            (long long)run->id, (long long)run->id);
}

/* The program as it was called, so that a line can be copied: "dhow", "build/dhow". */
static void print_hint(FILE *to, const char *arguments, const char *what)
{
    fprintf(to, "  %s %s   %s\n", program_invocation_name, arguments, what);
}

static void print_next(const struct record *record, FILE *to, bool color)
{
    const struct store_task *failed = first_failed(record);
    long long run = (long long)record->run.id;
    own_mem char *show = dh_printf("show %lld", run);
    own_mem char *explain = dh_printf("explain %lld", run);
    own_mem char *retry = dh_printf("retry %lld", run);
    own_mem char *resume = dh_printf("resume %lld", run);
    own_mem char *logs =
        failed ? dh_printf("logs %lld/%s", run, failed->name) : dh_printf("logs %lld", run);

    fprintf(to, "\n  %sNEXT%s\n", out_on(color, OUT_BOLD), out_off(color));
    if (failed) {
        print_hint(to, logs, "the failed step's whole log");
        print_hint(to, retry, "runs what failed, and what follows from it");
    } else if (!store_state_ended(record->run.state)) {
        print_hint(to, resume, "goes on where it stopped");
    } else if (record->run.state == STORE_CANCELED) {
        print_hint(to, retry, "runs what was stopped, and what follows from it");
    }
    print_hint(to, show, "its tasks, parameters and artifacts; with /TASK one of them");
    if (!failed) {
        print_hint(to, logs, "what its steps wrote");
        print_hint(to, explain, "why each step ran, or did not");
        print_hint(to, "runs", "all runs; 'compare RUN RUN' puts some side by side");
    }
}

void record_print_summary(const struct record *record, FILE *to, bool color)
{
    const struct store_run *run = &record->run;
    const char *state = store_state_name(run->state);
    own_mem char *took = out_duration(run->started_us, run->finished_us);

    fprintf(to, "\n%s%s %s%s  run %lld of %s, %s, ", out_on(color, out_state_style(state)),
            out_state_mark(state), state, out_off(color), (long long)run->id,
            run->pipeline ? run->pipeline : "a pipeline", took);
    print_counts(record, to);
    (void)fputc('\n', to);
    record_print_metrics(record, to, color);
    print_task_outputs(record, to, color);
    print_branches(record, to, color);
    record_print_error(record, to, color);
    print_next(record, to, color);
}
