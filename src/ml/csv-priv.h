#pragma once
/* csv-priv - the parts of the CSV reader (inside src/ml only).
 *
 * One lock hands out the input in chunks of whole rows (csv-source.c); each thread then parses its
 * chunk into the columns at the rows that the chunk was given (csv-parse.c). What a row's place
 * depends on, the number of line ends outside quotes, is counted while handing out. */
#include <pthread.h>
#include <stdatomic.h>
#include "base/buf.h"
#include "base/strmap.h"
#include "dhow/ml.h"
#include "ml/num.h"

enum { CSV_CHUNK = 256 << 10, CSV_PAD = 64, CSV_MAX_COLS = 100000 };
#define CSV_MAX_ROW ((size_t)1 << 30)
#define CSV_MAX_ROWS ((uint64_t)UINT32_MAX)

/* ---- source: bytes in order, unpacked ---- */
struct csv_source;
int csv_source_open(const char *path, struct csv_source **ret, struct dh_err *err);
struct csv_source *csv_source_memory(const char *bytes, size_t n);
struct csv_source *csv_source_free(struct csv_source *source);
OWN_DEFINE(struct csv_source *, csv_source_free)
int csv_source_rewind(struct csv_source *source, struct dh_err *err);
/* Fills up to `cap` bytes; *ret_n == 0 is the end. */
int csv_source_read(struct csv_source *source, char *to, size_t cap, size_t *ret_n,
                    struct dh_err *err);
uint64_t csv_source_bytes(const struct csv_source *source); /* a guess of the unpacked size */

/* ---- scanning: line ends and quotes (one build of csv-scan.c for each kind of machine) ---- */
struct csv_scan {
    uint64_t rows;   /* line ends outside quotes */
    uint64_t lines;  /* all line ends */
    size_t end;      /* just past the last line end outside quotes; 0: none */
    bool quoted;     /* a quote is open at the end */
    uint64_t quotes; /* how many quotes there are */
};
void csv_scan(const char *p, size_t n, struct csv_scan *scan);

/* Numbers that end at a delimiter, from column *at on: stores them, sets *at to the column where it
 * stopped (the last one at most) and returns that field's start. */
typedef const char *csv_row(struct ml_column *cols, size_t n_cols, size_t *at, uint64_t row,
                            const char *p, char delimiter);
csv_row csv_row_portable, csv_row_avx2;

/* ---- chunks ---- */
struct csv_chunk {
    char *buf;
    size_t cap,
        n; /* n bytes of whole rows, each ended by \n; CSV_PAD bytes after them are readable */
    uint64_t row0;    /* the first row's index, were there no blank lines */
    uint64_t rows;    /* an upper bound: blank lines count */
    uint64_t line0;   /* line ends before it */
    uint64_t offset0; /* bytes before it */
    bool quotes;      /* has a quote at all */
};

/* ---- cells ---- */
enum csv_kind { KIND_MISSING = 1, KIND_NUMBER = 2, KIND_BOOL = 4, KIND_DATE = 8, KIND_TEXT = 16 };
struct csv_missing; /* the set of texts that mean "missing" */
struct csv_missing *csv_missing_new(const char *const *texts);
struct csv_missing *csv_missing_free(struct csv_missing *set);
bool csv_is_missing(const struct csv_missing *set, const char *s, size_t n);
unsigned csv_kind_of(const struct csv_missing *set, const char *s,
                     size_t n); /* a set of csv_kind */
bool csv_bool(const char *s, size_t n, double *ret);
bool csv_date(const char *s, size_t n, double *ret);

/* ---- dictionaries: the texts of one category column as one thread met them ---- */
struct csv_dict {
    char **text;
    uint32_t *len;
    uint32_t *slot; /* 0: free, else index + 1 */
    uint32_t n, cap, n_slots;
    int32_t *to; /* code here → code in the column */
};
int32_t csv_dict_code(struct csv_dict *dict, const char *s, size_t n);
void csv_dict_done(struct csv_dict *dict);

/* ---- the reader ---- */
struct csv_col {
    enum ml_type type;
    bool said;         /* by the caller: a value of another type is an error */
    atomic_uint other; /* kinds of the cells that did not fit */
    atomic_bool fits;  /* some cell did */
};

struct csv_piece {
    uint64_t row0, rows, kept; /* kept < rows where there were blank lines */
    unsigned worker;
};

struct csv {
    const struct ml_csv_options *options;
    const char *name;
    char delimiter;
    struct csv_source *source;
    struct csv_missing *missing;
    struct ml_frame *frame;
    struct csv_col *cols;
    size_t n_cols;
    unsigned threads;
    struct csv_dict *dicts; /* threads x n_cols */

    pthread_mutex_t lock; /* guards from here to `first` */
    char *carry;
    size_t n_carry, cap_carry;
    uint64_t rows, lines, offset;
    bool at_end;
    bool failed;
    uint64_t failed_at; /* byte offset of the earliest error */
    struct dh_err err;
    struct csv_piece *pieces;
    size_t n_pieces, cap_pieces;
    struct csv_chunk first; /* read for header and types; worker 0 starts with it */

    pthread_rwlock_t grow; /* held for reading while the columns are written to */
    uint64_t cap_rows;
};

/* 1: a chunk; 0: the end (or somebody failed). Waits its turn. */
int csv_next_chunk(struct csv *csv, struct csv_chunk *chunk);
void csv_parse_chunk(struct csv *csv, struct csv_chunk *chunk, unsigned worker);
/* Notes an error at `at` inside the chunk; the earliest of the file wins. */
void csv_error(struct csv *csv, const struct csv_chunk *chunk, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void csv_fail(struct csv *csv, uint64_t offset, const struct dh_err *err);

/* One field at p: *ret_s, *ret_n its text without quotes (in `scratch` when quotes had to go);
 * returns its end (the delimiter or line end after it), or NULL with an error noted. */
const char *csv_field(struct csv *csv, const struct csv_chunk *chunk, const char *p,
                      struct buf *scratch, const char **ret_s, size_t *ret_n);

/* After the passes: gaps closed, dictionaries made one, missing values counted, arrays cut to size.
 */
struct pool;
int csv_finish(struct csv *csv, struct pool *pool, struct dh_err *err);
