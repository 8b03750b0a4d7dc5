/* What a script says about tables. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/own.h"
#include "store/db-dialect.h"
#include "store/db-token.h"

static struct db_table *table_named(struct db_tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->n; i++)
        if (!strcmp(tables->items[i].name, name))
            return &tables->items[i];
    return NULL;
}

static void table_done(struct db_table *table)
{
    free(table->name);
    for (size_t i = 0; i < table->n_key; i++)
        free(table->key[i]);
    for (size_t i = 0; i < table->n_references; i++) {
        free(table->references[i].column);
        free(table->references[i].table);
        free(table->references[i].to);
    }
}

/* `column` REFERENCES table(to), with the word at `i`. */
static void add_reference(struct db_table *table, const struct tokens *t, size_t column, size_t i)
{
    struct db_reference *r;

    if (table->n_references == sizeof table->references / sizeof *table->references ||
        i + 3 >= t->n)
        return;
    r = &table->references[table->n_references++];
    r->column = token_name(t, column);
    r->table = token_name(t, i + 1);
    r->to = token_name(t, i + 3);
}

static void add_key(struct db_table *table, const struct tokens *t, size_t column)
{
    if (table->n_key < sizeof table->key / sizeof *table->key)
        table->key[table->n_key++] = token_name(t, column);
}

static void item(struct db_table *table, const struct tokens *t, size_t from, size_t to)
{
    size_t paren = from;

    if (token_is(t, from, "PRIMARY") || token_is(t, from, "FOREIGN")) {
        while (paren < to && !token_is(t, paren, "("))
            paren++;
        for (size_t i = paren + 1; token_is(t, from, "PRIMARY") && i < tokens_close(t, paren);
             i += 2)
            add_key(table, t, i);
    }
    for (size_t i = from; i < to; i++) {
        if (token_is(t, i, "REFERENCES"))
            add_reference(table, t, token_is(t, from, "FOREIGN") ? paren + 1 : from, i);
        else if (i > from && token_is(t, i, "PRIMARY") && !token_is(t, from, "CONSTRAINT")) {
            add_key(table, t, from);
            table->has_id = token_is(t, from, "id") && token_is(t, from + 1, "INTEGER");
        }
    }
}

static void create(struct db_tables *tables, const struct tokens *t)
{
    struct db_table *table;
    size_t close = tokens_close(t, 3), from = 4;

    DH_GROW(tables->items, tables->n, tables->cap);
    table = &tables->items[tables->n++];
    *table = (struct db_table){.name = token_name(t, 2)};
    for (size_t i = 4; i <= close; i++) {
        if (token_is(t, i, "(")) {
            i = tokens_close(t, i);
        } else if (i == close || token_is(t, i, ",")) {
            item(table, t, from, i);
            from = i + 1;
        }
    }
}

static void alter(struct db_tables *tables, const struct tokens *t)
{
    own_mem char *name = token_name(t, 2);
    struct db_table *table = table_named(tables, name);

    if (!table)
        return;
    if (token_is(t, 3, "RENAME") && token_is(t, 4, "TO") && t->n > 5) {
        own_mem char *old = table->name;

        table->name = token_name(t, 5);
        for (size_t i = 0; i < tables->n; i++) /* references follow */
            for (size_t k = 0; k < tables->items[i].n_references; k++)
                if (!strcmp(tables->items[i].references[k].table, old)) {
                    free(tables->items[i].references[k].table);
                    tables->items[i].references[k].table = dh_strdup(table->name);
                }
    } else if (token_is(t, 3, "ADD") && token_is(t, 4, "COLUMN")) {
        item(table, t, 5, t->n);
    }
}

static void drop(struct db_tables *tables, const struct tokens *t)
{
    own_mem char *name = token_name(t, t->n - 1);
    struct db_table *table = table_named(tables, name);

    if (!table)
        return;
    table_done(table);
    tables->n--;
    memmove(table, table + 1, (size_t)(&tables->items[tables->n] - table) * sizeof *table);
}

void db_tables_read(struct db_tables *tables, const char *script)
{
    struct tokens t = {0};
    const char *at = script, *only;
    size_t n;

    while ((at = tokens_read(at, &t, &only, &n))) {
        if (t.n < 3 || !token_is(&t, 1, "TABLE"))
            continue;
        if (token_is(&t, 0, "CREATE"))
            create(tables, &t);
        else if (token_is(&t, 0, "ALTER"))
            alter(tables, &t);
        else if (token_is(&t, 0, "DROP"))
            drop(tables, &t);
    }
    tokens_done(&t);
}

void db_tables_done(struct db_tables *tables)
{
    for (size_t i = 0; i < tables->n; i++)
        table_done(&tables->items[i]);
    free(tables->items);
    *tables = (struct db_tables){0};
}
