/* The schema of a file that is new: the migrations as one text, each column that a later one adds
 * written into the CREATE TABLE it belongs to. SQLite reads the whole schema again after each ALTER
 * TABLE, and with thirty of them that was half of what a first run cost. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/store-priv.h"

static const char alter[] = "ALTER TABLE ";
static const char add[] = " ADD COLUMN ";

/* Where a further column of `table` goes: before what its CREATE says of several columns, or at its
 * end. NULL: it is not made in this text. */
static const char *place(const char *text, const char *table, int n)
{
    own_mem char *head = dh_printf("CREATE TABLE %.*s(", n, table);
    const char *from = strstr(text, head), *end = from ? strstr(from, ");") : NULL;
    const char *constraint = from ? strstr(from, ", UNIQUE(") : NULL;

    return constraint && end && constraint < end ? constraint : end;
}

/* `statement` begins with ALTER TABLE. False: it is another ALTER, or of a table made elsewhere. */
static bool fold(struct buf *b, const char *statement, const char *end)
{
    const char *table = statement + strlen(alter), *column = strstr(table, add), *at;
    own_buf struct buf out = {0};
    struct buf old = *b;

    if (!column || column > end)
        return false;
    at = place(buf_str(b), table, (int)(column - table));
    if (!at)
        return false;
    column += strlen(add);
    buf_add(&out, b->p, (size_t)(at - b->p));
    buf_addf(&out, ", %.*s", (int)(end - column), column);
    buf_adds(&out, at);
    *b = out;
    out = old;
    return true;
}

char *store_schema_new(void)
{
    own_buf struct buf b = {0};

    for (int i = 0; i < store_n_migrations; i++) {
        const char *text = store_migrations[i], *at;

        while ((at = strstr(text, alter))) {
            const char *end = strchr(at, ';');

            buf_add(&b, text, (size_t)(at - text));
            if (!fold(&b, at, end))
                buf_add(&b, at, (size_t)(end + 1 - at));
            text = end + 1;
        }
        buf_adds(&b, text);
    }
    return buf_take(&b);
}
