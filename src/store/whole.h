#pragma once
/* whole - the record as a whole: checked, saved, moved to another database.
 *
 * It knows tables from the text of the schema alone. It never changes a record that it reads, and
 * never leaves half of one behind. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/digest.h"
#include "base/err.h"

struct whole_progress {
    /* `of` rows in all, of all tables; <0: not known. May be NULL. */
    void (*tell)(void *user, const char *what, int64_t done, int64_t of);
    void *user;
};

struct whole_table {
    const char *name;
    int64_t rows;
    char digest[DIGEST_TEXT]; /* of its rows in order; "" where it was not read */
};
struct whole_report {
    const char *place; /* without a password */
    int schema;
    struct whole_table *tables;
    size_t n_tables;
    const char **faults; /* what is wrong, a line each */
    size_t n_faults;
};

/* Reads all of it: the file's pages, each reference, each JSON text that must be one, each state;
 * counts rows. What is wrong is in the report; <0: it could not be read. Strings live in `a`. */
int whole_check(const char *place, const struct whole_progress *progress, struct arena *a,
                struct whole_report *ret, struct dh_err *err);

/* A copy of one moment in a new SQLite file, while others write. All or nothing. DH_EXISTS. */
int whole_save(const char *place, const char *file, const struct whole_progress *progress,
               struct arena *a, struct whole_report *ret, struct dh_err *err);

/* Copies the record to `to`, which must be empty or not there; reads it back and compares each
 * table's rows and digest before anything is committed. Writers of `from` wait meanwhile. `from`
 * stays as it is. DH_EXISTS: there is something in `to`; DH_FAILED: a run is under way. */
int whole_move(const char *from, const char *to, const struct whole_progress *progress,
               struct arena *a, struct whole_report *ret, struct dh_err *err);
