/* old-schema PLACE - for tests: a record as the first dhow has left it, with a run in it. */
#include <stdio.h>

#include "store/store-priv.h"

int main(int argc, char **argv)
{
    own(db_close) struct db *db = NULL;
    struct dh_err err;

    if (argc == 2 && db_open(argv[1], DB_CREATE, 10000, &db, &err) == 0 &&
        store_migrate(db, store_migrations, 1, &err) == 0 &&
        db_run(db, &err,
               "INSERT INTO run(uuid, display_name, state, created_us, cache_mode)"
               " VALUES (?, ?, ?, ?, ?)",
               DB_T("01900000-0000-7000-8000-00000000000a"), DB_T("old"), DB_T("SUCCEEDED"),
               DB_I(1), DB_T("on")) == 0)
        return 0;
    (void)fprintf(stderr, "old-schema: %s\n", argc == 2 ? err.msg : "PLACE");
    return 1;
}
