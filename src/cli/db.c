/* db - the record as a whole: checked, saved, moved to another database. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "store/db-url.h"
#include "store/whole.h"

/* Work of more than a second says how far it is. */
struct teller {
    int64_t start_us, last_us;
    bool terminal, shown;
};

static void tell(void *user, const char *what, int64_t done, int64_t of)
{
    struct teller *t = user;
    int64_t now = clock_mono_us();

    if (now - t->start_us < 1000000 || now - t->last_us < (t->terminal ? 200000 : 5000000))
        return;
    t->last_us = now;
    t->shown = true;
    if (of > 0)
        fprintf(stderr, "%s%s: %lld of %lld rows%s", t->terminal ? "\r" : "", what, (long long)done,
                (long long)of, t->terminal ? "" : "\n");
    else
        fprintf(stderr, "%s%s: %lld rows%s", t->terminal ? "\r" : "", what, (long long)done,
                t->terminal ? "" : "\n");
}

static struct js *report_json(const struct whole_report *r)
{
    struct js *v = js_object(), *tables = js_array(), *faults = js_array();

    out_set_text(v, "database", r->place);
    js_set(v, "schema", js_int(r->schema));
    for (size_t i = 0; i < r->n_tables; i++) {
        struct js *t = js_object();

        out_set_text(t, "name", r->tables[i].name);
        js_set(t, "rows", js_int(r->tables[i].rows));
        if (*r->tables[i].digest)
            out_set_text(t, "digest", r->tables[i].digest);
        js_push(tables, t);
    }
    for (size_t i = 0; i < r->n_faults; i++)
        js_push(faults, js_str(r->faults[i]));
    js_set(v, "tables", tables);
    js_set(v, "sound", js_bool(r->n_faults == 0));
    js_set(v, "faults", faults);
    return v;
}

static int64_t rows_of(const struct whole_report *r)
{
    int64_t n = 0;

    for (size_t i = 0; i < r->n_tables; i++)
        n += r->tables[i].rows;
    return n;
}

static void print_tables(const struct cli *cli, const struct whole_report *r)
{
    own(out_table_free) struct out_table *table = out_table_new(stdout, cli->color);

    out_column(table, "TABLE", OUT_LEFT);
    out_column(table, "ROWS", OUT_RIGHT);
    for (size_t i = 0; i < r->n_tables; i++) {
        if (r->tables[i].rows == 0)
            continue;
        out_cell(table, r->tables[i].name, OUT_PLAIN);
        out_cellf(table, "%lld", (long long)r->tables[i].rows);
    }
    if (out_n_rows(table))
        out_table_print(table, "");
}

static int print(const struct cli *cli, const struct teller *t, const struct whole_report *r,
                 const char *done)
{
    if (t->shown && t->terminal)
        fprintf(stderr, "\n");
    if (cli->json) {
        own(js_free) struct js *v = report_json(r);

        out_json(v, stdout);
    } else {
        print_tables(cli, r);
        for (size_t i = 0; i < r->n_faults; i++)
            printf("%s✗%s %s\n", out_on(cli->color, OUT_RED), out_off(cli->color), r->faults[i]);
        if (r->n_faults == 0)
            fprintf(stderr, "%s %s: schema %d, %lld rows\n", r->place, done, r->schema,
                    (long long)rows_of(r));
    }
    return r->n_faults ? CLI_RUN_FAILED : CLI_DONE;
}

static int save(const char *place, const char *given, const struct whole_progress *progress,
                struct arena *a, struct whole_report *report, struct dh_err *err)
{
    own_mem char *file = NULL;

    if (given) {
        if (db_url_is(given))
            return dh_fail(err, DH_INVALID,
                           "a backup is a file; 'dhow db move' copies to a server");
        file = fs_absolute(given);
    } else {
        char time[CLOCK_TEXT];

        (void)clock_text(clock_now_us(), time);
        for (char *p = time; *p; p++)
            if (*p == ':' || *p == '.')
                *p = '-';
        file = dh_printf("dhow-%.19s.db", time);
    }
    return whole_save(place, file, progress, a, report, err);
}

static int move(const char *place, const char *to, const struct whole_progress *progress,
                struct arena *a, struct whole_report *report, struct dh_err *err)
{
    own_mem char *target = NULL;

    if (!to)
        return dh_fail(err, DH_INVALID,
                       "move: where to? dhow db move postgresql://…, mysql://… or a file");
    target = store_place("", to);
    /* As with --db: other processes could read it. */
    if (db_url_is(to))
        memset((char *)(uintptr_t)to, '*', strlen(to));
    return whole_move(place, target, progress, a, report, err);
}

static int run_db(struct cli *cli, const struct cli_args *args, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own_mem char *home = NULL;
    own_mem char *place = NULL;
    struct teller teller = {.start_us = clock_mono_us(), .terminal = isatty(STDERR_FILENO)};
    const struct whole_progress progress = {.tell = tell, .user = &teller};
    const char *verb = cli_at(args, 0), *operand = cli_n(args) > 1 ? cli_at(args, 1) : NULL;
    struct whole_report report = {0};
    int rc;

    if (cli_home(cli, &home, err) < 0)
        return -1;
    place = store_place(home, cli->db);
    if (!store_exists(place))
        return dh_fail(err, DH_NOT_FOUND, "there is no record: nothing has been run in %s yet",
                       home);
    if (!strcmp(verb, "check") && operand)
        return dh_fail(err, DH_INVALID, "too many arguments: '%s'", operand);
    if (!strcmp(verb, "check"))
        rc = whole_check(place, &progress, a, &report, err);
    else if (!strcmp(verb, "backup"))
        rc = save(place, operand, &progress, a, &report, err);
    else if (!strcmp(verb, "move"))
        rc = move(place, operand, &progress, a, &report, err);
    else
        return dh_fail(err, DH_INVALID, "'%s': expected check, backup or move", verb);
    if (rc < 0)
        return -1;
    rc = print(cli, &teller, &report,
               !strcmp(verb, "check")    ? "is sound"
               : !strcmp(verb, "backup") ? "is saved"
                                         : "has the whole record, read back and compared");
    if (!cli->json && !strcmp(verb, "move"))
        fprintf(stderr, "from now on: --db or DHOW_DB with this address; the old one is as it was, "
                        "and can go\n");
    return rc;
}

const struct cli_command cmd_db = {
    .name = "db",
    .group = "This machine",
    .summary = "check, save or move the record",
    .operands = "check | backup [FILE] | move URL",
    .min_operands = 1,
    .max_operands = 2,
    .text =
        "check reads all of the record: pages, references, states, texts. backup copies it as it "
        "is "
        "at this moment\n"
        "into a new SQLite file, while runs go on; that file is a record: --db FILE. move copies "
        "it "
        "to another database\n"
        "(a server's, or a file), which must be empty, reads it back, compares every table and "
        "only "
        "then keeps it.\n"
        "\n"
        "The record is at --db, at $DHOW_DB, or dhow.db in the home. Before a newer dhow changes "
        "the schema, it leaves\n"
        "a copy: dhow.db.vN, or tables dhow_vN_… of a server.",
    .examples = "dhow db check --output json\n"
                "dhow db backup before-upgrade.db\n"
                "dhow db move postgresql://me@db.example/dhow",
    .run = run_db,
};
