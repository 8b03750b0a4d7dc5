/* approve - what tasks wait for a person, and the person's decision. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/edit.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/approval.h"

/* ---- approvals ---- */

static struct js *approval_json(const struct store_approval *p)
{
    struct js *v = js_object();
    own(js_free) struct js *asks = out_parse(p->asks, js_object());

    out_set_text(v, "run_id", p->run_uuid);
    js_set(v, "run", js_int(p->run_id));
    out_set_text(v, "run_name", p->run_name);
    out_set_text(v, "pipeline", p->pipeline);
    out_set_text(v, "task_id", p->task_uuid);
    out_set_text(v, "task", p->task_name);
    out_set_text(v, "message", js_get_text(asks, "message"));
    js_set(v, "parameters", js_ref(js_get(asks, "parameters")));
    out_set_time(v, "requested_at", p->requested_us);
    out_set_time(v, "deadline", p->deadline_us);
    out_set_text(v, "decision", p->decision);
    out_set_text(v, "who", p->who);
    out_set_text(v, "why", p->why);
    js_set(v, "answers", out_parse(p->answers, js_null()));
    out_set_time(v, "decided_at", p->decided_us);
    return v;
}

/* "decision (YES, NO)" of each parameter. */
static char *asked(const struct js *parameters)
{
    struct buf b = {0};

    for (js_each(parameters, it)) {
        const struct js *choices = js_get(it.value, "enum");

        buf_addf(&b, "%s%s", b.n ? "; " : "", it.key);
        for (size_t i = 0; i < js_n(choices); i++)
            buf_addf(&b, "%s%s", i ? ", " : " (", js_text(js_at(choices, i)));
        buf_adds(&b, js_n(choices) ? ")" : "");
    }
    buf_adds(&b, "");
    return buf_take(&b);
}

static void row(struct out_table *table, const struct store_approval *p, const struct js *v)
{
    own_mem char *since = out_time(p->requested_us);
    own_mem char *until = p->deadline_us ? out_time(p->deadline_us) : dh_strdup("");
    own_mem char *what = asked(js_get(v, "parameters"));

    out_cellf(table, "%lld/%s", (long long)p->run_id, p->task_name);
    out_cell(table, p->pipeline, OUT_PLAIN);
    out_cell(table, since, OUT_PLAIN);
    out_cell(table, until, OUT_PLAIN);
    out_cell(table, what, OUT_PLAIN);
    if (p->decision)
        out_cellf(table, "%s by %s", p->decision, p->who ? p->who : "");
    else
        out_cell(table, js_get_text(v, "message"), OUT_YELLOW);
}

static int run_approvals(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);
    own(js_free) struct js *list = js_array();
    struct store_approvals all = {0};
    struct store_run run = {0};

    if (cli_store(cli, &store, err) < 0 ||
        (cli_n(args) && (!store || store_run_find(store, cli_at(args, 0), a, &run, err) < 0)) ||
        (store && store_approval_list(store, run.id, cli_has(args, "all"), a, &all, err) < 0))
        return -1;
    out_column(table, "TASK", OUT_LEFT);
    out_column(table, "PIPELINE", OUT_LEFT);
    out_column(table, "SINCE", OUT_LEFT);
    out_column(table, "UNTIL", OUT_LEFT);
    out_column(table, "ASKS", OUT_LEFT);
    out_column(table, "", OUT_LEFT);
    for (size_t i = 0; i < all.n; i++) {
        struct js *v = approval_json(&all.items[i]);

        js_push(list, v);
        row(table, &all.items[i], v);
    }
    if (cli->json)
        out_json(list, stdout);
    else if (all.n)
        out_table_print(table, "");
    else
        fprintf(stderr, "nothing waits for approval\n");
    return CLI_DONE;
}

static const struct cli_option approvals_options[] = {
    {.name = "all", .letter = 'a', .help = "also those that were decided"},
    {.name = NULL},
};

const struct cli_command cmd_approvals = {
    .name = "approvals",
    .group = "Running",
    .summary = "list the tasks that wait for a person",
    .operands = "[RUN]",
    .max_operands = 1,
    .operand_kind = CLI_RUN,
    .options = approvals_options,
    .run = run_approvals,
};

/* ---- approve, reject ---- */

/* The one task that is named and waits; with a run alone, its only one. */
static int find(struct store *store, const char *text, struct arena *a, int64_t *ret,
                struct dh_err *err)
{
    own(record_free) struct record *record = NULL;
    own_place struct cli_place place = {0};
    struct record_tasks named = {0};
    struct store_approvals all;
    size_t n = 0;

    cli_place_split(text, &place);
    if (record_load(store, place.run, &record, err) < 0 ||
        (place.task && record_find_tasks(record, place.task, &named, err) < 0) ||
        store_approval_list(store, record->run.id, true, a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        bool fits = !place.task && !all.items[i].decision;

        for (size_t k = 0; k < named.n; k++)
            fits |= named.items[k]->id == all.items[i].task_id;
        if (!fits)
            continue;
        *ret = all.items[i].task_id;
        n++;
    }
    if (n == 1)
        return 0;
    if (!n)
        return dh_fail(err, DH_NOT_FOUND,
                       "%s: no such task waits for approval; 'dhow approvals' "
                       "lists them",
                       text);
    return dh_fail(err, DH_INVALID, "%s fits %zu tasks: name one", text, n);
}

static int read_answers(const struct cli_args *args, struct js *to, struct dh_err *err)
{
    const char *text, *value;

    for (size_t i = 0; (text = cli_get_at(args, "set", i)); i++) {
        own_mem char *name = NULL;

        if (cli_split_tag(text, &name, &value, err) < 0)
            return dh_while(err, "--set");
        js_set(to, name, js_str(value));
    }
    return 0;
}

static int run_approve(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(store_close) struct store *store = NULL;
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *given = js_object();
    const char *who = cli_get(args, "by") ? cli_get(args, "by") : getenv("USER");
    bool approve = !strcmp(cli->command->name, "approve");
    int64_t task = 0;

    if (read_answers(args, given, err) < 0 || cli_store_with(cli, "runs", &store, err) < 0 ||
        find(store, cli_at(args, 0), a, &task, err) < 0 ||
        approval_answer(store, task, approve, given, who, cli_get(args, "reason"), err) < 0)
        return -1;
    fprintf(stderr, "%s %s\n", cli_at(args, 0), approve ? "approved" : "rejected");
    return CLI_DONE;
}

static const struct cli_option approve_options[] = {
    {.name = "set",
     .value = "NAME=VALUE",
     .repeats = true,
     .help = "an answer that the task asks for; where it has choices, what means yes is the "
             "default"},
    {.name = "by", .value = "WHO", .help = "who decides (default: $USER); kept with it"},
    {.name = "reason", .value = "TEXT", .help = "why; kept with it"},
    {.name = NULL},
};

const struct cli_command cmd_approve = {
    .name = "approve",
    .group = "Running",
    .summary = "let a task go on that waits for a person",
    .operands = "RUN[/TASK]",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_TASK,
    .options = approve_options,
    .text = "A task waits for a person where its container's image is kfp://human-input, as the "
            "SDK's human_input compiles\n"
            "it. The answers are its output parameters. The run may be resumed later: the decision "
            "is kept.",
    .examples = "dhow approve last/gate --set decision=YES --by anna --reason 'metrics are fine'",
    .run = run_approve,
};

static const struct cli_option reject_options[] = {
    {.name = "by", .value = "WHO", .help = "who decides (default: $USER); kept with it"},
    {.name = "reason", .value = "TEXT", .help = "why; kept with it"},
    {.name = NULL},
};

const struct cli_command cmd_reject = {
    .name = "reject",
    .group = "Running",
    .summary = "fail a task that waits for a person",
    .operands = "RUN[/TASK]",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_TASK,
    .options = reject_options,
    .examples = "dhow reject 17/gate --by anna --reason 'recall is too low'",
    .run = run_approve,
};
