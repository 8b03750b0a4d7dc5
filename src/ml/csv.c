/* csv - the reader: header, types, threads, and what has to be put together after them. */
#include "ml/csv-priv.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/pool.h"

enum { SAMPLE_ROWS = 1000 };

void csv_fail(struct csv *csv, uint64_t offset, const struct dh_err *err)
{
    pthread_mutex_lock(&csv->lock);
    if (!csv->failed || offset < csv->failed_at) {
        csv->failed = true;
        csv->failed_at = offset;
        csv->err = *err;
    }
    pthread_mutex_unlock(&csv->lock);
}

/* ---- handing out (under csv->lock) ---- */

static void chunk_room(struct csv_chunk *k, size_t cap)
{
    if (k->cap >= cap)
        return;
    k->buf = dh_realloc(k->buf, cap + CSV_PAD, 1);
    k->cap = cap;
}

/* Reads until the chunk holds a whole row or the input ends. */
static int fill_chunk(struct csv *csv, struct csv_chunk *k, struct csv_scan *scan,
                      struct dh_err *err)
{
    chunk_room(k, csv->n_carry * 2 > CSV_CHUNK ? csv->n_carry * 2 : CSV_CHUNK);
    if (csv->n_carry)
        memcpy(k->buf, csv->carry, csv->n_carry);
    k->n = csv->n_carry;
    csv->n_carry = 0;
    for (;;) {
        while (!csv->at_end && k->n < k->cap - 1) {
            size_t got = 0;
            if (csv_source_read(csv->source, k->buf + k->n, k->cap - 1 - k->n, &got, err) < 0)
                return dh_while(err, "%s", csv->name);
            csv->at_end = got == 0;
            k->n += got;
        }
        if (csv->at_end && k->n && k->buf[k->n - 1] != '\n')
            k->buf[k->n++] = '\n'; /* the last line may lack its end */
        csv_scan(k->buf, k->n, scan);
        if (scan->end || csv->at_end)
            return 0;
        if (k->cap > CSV_MAX_ROW)
            return dh_fail(err, DH_INVALID, "%s: a row of more than %zu MB%s", csv->name,
                           CSV_MAX_ROW >> 20, scan->quoted ? " (is a quote not closed?)" : "");
        chunk_room(k, k->cap * 2);
    }
}

static void keep_carry(struct csv *csv, const char *p, size_t n)
{
    if (n > csv->cap_carry) {
        csv->cap_carry = n * 2;
        csv->carry = dh_realloc(csv->carry, csv->cap_carry, 1);
    }
    if (n)
        memcpy(csv->carry, p, n);
    csv->n_carry = n;
}

static void grow_columns(struct csv *csv, uint64_t rows)
{
    struct ml_frame *f = csv->frame;
    pthread_rwlock_wrlock(&csv->grow);
    for (size_t c = 0; c < csv->n_cols; c++) {
        struct ml_column *col = &f->cols[c];
        if (col->type == ML_CATEGORY)
            col->code = column_resize(col->code, &col->mapped, csv->cap_rows * 4, rows * 4);
        else
            col->num = column_resize(col->num, &col->mapped, csv->cap_rows * 8, rows * 8);
    }
    if (csv->options->keep_rows)
        f->row_at = dh_realloc(f->row_at, rows + 1, sizeof *f->row_at);
    csv->cap_rows = rows;
    pthread_rwlock_unlock(&csv->grow);
}

/* Under the lock: the next chunk's place among the rows. -1: failed. */
static int hand_out(struct csv *csv, struct csv_chunk *k, struct dh_err *err)
{
    struct csv_scan scan;
    if (csv->at_end && !csv->n_carry)
        return 0;
    if (fill_chunk(csv, k, &scan, err) < 0)
        return -1;
    if (csv->at_end && scan.quoted)
        scan.end = k->n; /* parsing will say where the quote opens */
    keep_carry(csv, k->buf + scan.end, k->n - scan.end);
    if (csv->n_carry) { /* line ends within quotes after the last whole row belong to the next chunk
                         */
        for (const char *p = csv->carry;
             (p = memchr(p, '\n', (size_t)(csv->carry + csv->n_carry - p))); p++)
            scan.lines--;
    }
    k->n = scan.end;
    memset(k->buf + k->n, 0, CSV_PAD);
    k->quotes = scan.quotes > 0;
    k->row0 = csv->rows;
    k->rows = scan.rows;
    k->line0 = csv->lines;
    k->offset0 = csv->offset;
    csv->rows += scan.rows;
    csv->lines += scan.lines;
    csv->offset += k->n;
    if (csv->rows > CSV_MAX_ROWS)
        return dh_fail(err, DH_INVALID, "%s: more than %llu rows", csv->name,
                       (unsigned long long)CSV_MAX_ROWS);
    return k->n > 0;
}

int csv_next_chunk(struct csv *csv, struct csv_chunk *k)
{
    struct dh_err err;
    pthread_mutex_lock(&csv->lock);
    if (csv->failed) {
        pthread_mutex_unlock(&csv->lock);
        return 0;
    }
    int got = hand_out(csv, k, &err);
    if (got > 0 && csv->cap_rows && csv->rows > csv->cap_rows)
        grow_columns(csv, csv->rows + csv->rows / 2);
    pthread_mutex_unlock(&csv->lock);
    if (got < 0)
        csv_fail(csv, csv->offset, &err);
    return got > 0;
}

/* ---- header and types ---- */

static int name_column(struct csv *csv, const struct csv_chunk *k, const char *at, size_t c,
                       const char *s, size_t n, struct strmap *names)
{
    struct ml_column *col = &csv->frame->cols[c];
    if (csv->options->no_header)
        col->name = dh_printf("column_%zu", c + 1);
    else
        col->name = dh_strndup(s, n);
    if (!*col->name) {
        free(col->name);
        col->name = dh_printf("column_%zu", c + 1);
    }
    if (js_utf8_valid(col->name, strlen(col->name)) < strlen(col->name)) {
        csv_error(csv, k, at, "a column's name that is not UTF-8");
        return -1;
    }
    if (strmap_put(names, col->name, col)) {
        csv_error(csv, k, at, "two columns are called '%s'", col->name);
        return -1;
    }
    return 0;
}

/* Counts and names the fields of the first row; *ret_end is just past it. */
static int read_header(struct csv *csv, const struct csv_chunk *k, const char *p,
                       const char **ret_end)
{
    own_buf struct buf scratch = {0};
    own(strmap_free) struct strmap *names = strmap_new();
    for (;;) {
        const char *s = NULL;
        size_t n = 0;
        const char *end = csv_field(csv, k, p, &scratch, &s, &n);
        if (!end)
            return -1;
        if (csv->n_cols >= CSV_MAX_COLS) {
            csv_error(csv, k, p, "more than %d columns", CSV_MAX_COLS);
            return -1;
        }
        csv->frame->cols = dh_realloc(csv->frame->cols, csv->n_cols + 1, sizeof *csv->frame->cols);
        csv->frame->cols[csv->n_cols] = (struct ml_column){0};
        csv->frame->n_cols = ++csv->n_cols;
        if (name_column(csv, k, p, csv->n_cols - 1, s, n, names) < 0)
            return -1;
        if (*end != csv->delimiter) {
            *ret_end = end + (*end == '\r') + 1;
            return 0;
        }
        p = end + 1;
    }
}

/* The type that fits all the kinds of cell seen. */
static enum ml_type type_of(unsigned kinds)
{
    switch (kinds & ~(unsigned)KIND_MISSING) {
    case 0:
    case KIND_NUMBER:
        return ML_NUMBER;
    case KIND_BOOL:
        return ML_BOOL;
    case KIND_DATE:
        return ML_DATE;
    default:
        return ML_CATEGORY;
    }
}

static void guess_types(struct csv *csv, const struct csv_chunk *k, const char *p)
{
    own_buf struct buf scratch = {0};
    own_mem unsigned *kinds = dh_zalloc(csv->n_cols, sizeof *kinds);
    const char *end = k->buf + k->n;
    for (unsigned row = 0; row < SAMPLE_ROWS && p < end; row++) {
        for (size_t c = 0; c < csv->n_cols && p; c++) {
            const char *s = NULL;
            size_t n = 0;
            p = *p == '\n' ? NULL : csv_field(csv, k, p, &scratch, &s, &n);
            if (!p)
                break;
            kinds[c] |= csv_kind_of(csv->missing, s, n);
            p += c + 1 < csv->n_cols && *p == csv->delimiter;
        }
        p = p ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        if (!p)
            break; /* parsing will meet the same place and say it */
        p++;
    }
    for (size_t c = 0; c < csv->n_cols; c++)
        if (!csv->cols[c].said)
            csv->cols[c].type = type_of(kinds[c]);
}

static int say_types(struct csv *csv, struct dh_err *err)
{
    for (size_t i = 0; i < csv->options->n_types; i++) {
        int64_t c = ml_frame_find(csv->frame, csv->options->types[i].name);
        if (c < 0 && csv->options->types_may_lack)
            continue;
        if (c < 0)
            return dh_fail(err, DH_INVALID, "%s: no column '%s', whose type was given", csv->name,
                           csv->options->types[i].name);
        csv->cols[c].said = true;
        csv->cols[c].type = csv->options->types[i].type;
    }
    return 0;
}

/* What else people have tables in, by its first bytes; NULL: none of these. */
static const char *other_format(const char *p, size_t n)
{
    static const struct {
        const char *bytes, *name;
    } formats[] = {{"PAR1\x15", "a Parquet file"},
                   {"PK\3\4", "a ZIP or Excel file"},
                   {"BZh91AY&SY", "packed by bzip2"},
                   {"\xFD"
                    "7zXZ",
                    "packed by xz"},
                   {"\xFF\xFE", "text in UTF-16"},
                   {"\xFE\xFF", "text in UTF-16"},
                   {"SQLite format 3", "an SQLite database"}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (n >= strlen(formats[i].bytes) &&
            memcmp(p, formats[i].bytes, strlen(formats[i].bytes)) == 0)
            return formats[i].name;
    return NULL;
}

/* Reads the first chunk and goes past header and byte order mark; what is left in csv->first are
 * rows. */
static int begin(struct csv *csv, bool again, struct dh_err *err)
{
    struct csv_chunk *k = &csv->first;
    if (!csv_next_chunk(csv, k)) {
        if (!csv->failed)
            return dh_fail(err, DH_INVALID, "%s: the file is empty", csv->name);
        return -1;
    }
    const char *p = k->buf, *end = k->buf + k->n;
    const char *other = other_format(p, k->n);
    if (other)
        return dh_fail(
            err, DH_INVALID,
            "%s: this is %s; what is read is CSV in UTF-8, plain or packed by gzip or zstd",
            csv->name, other);
    if (k->n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        p += 3;
    while (p < end && (*p == '\n' || *p == '\r'))
        p++;
    if (p == end)
        return dh_fail(err, DH_INVALID, "%s: the file has no header", csv->name);
    const char *rows = p;
    if (!again) {
        if (read_header(csv, k, p, &rows) < 0)
            return -1;
        csv->frame->header_bytes =
            csv->options->no_header ? (uint64_t)(p - k->buf) : (uint64_t)(rows - k->buf);
        csv->cols = dh_zalloc(csv->n_cols, sizeof *csv->cols);
        if (say_types(csv, err) < 0)
            return -1;
        guess_types(csv, k, csv->options->no_header ? p : rows);
    }
    size_t skip = csv->frame->header_bytes;
    for (size_t i = 0; i < skip; i++)
        k->line0 += k->buf[i] == '\n';
    memmove(k->buf, k->buf + skip, k->n - skip);
    k->n -= skip;
    memset(k->buf + k->n, 0, CSV_PAD);
    k->offset0 = skip;
    return 0;
}

/* ---- the passes ---- */

static void worker(void *ctx, size_t piece, unsigned w)
{
    struct csv *csv = ctx;
    struct csv_chunk mine = {0};
    struct csv_chunk *k = piece == 0 ? &csv->first : &mine;
    if (piece == 0 && k->n)
        csv_parse_chunk(csv, k, w);
    while (csv_next_chunk(csv, k))
        csv_parse_chunk(csv, k, w);
    free(mine.buf);
}

static void make_columns(struct csv *csv)
{
    struct csv_chunk *k = &csv->first;
    uint64_t bytes = csv_source_bytes(csv->source);
    uint64_t rows = csv->rows;
    if (!csv->at_end && k->n)
        rows += (uint64_t)((double)bytes / (double)k->n * (double)k->rows * 1.02);
    rows = rows < 1 ? 1 : rows > CSV_MAX_ROWS ? CSV_MAX_ROWS : rows;
    for (size_t c = 0; c < csv->n_cols; c++) {
        struct ml_column *col = &csv->frame->cols[c];
        column_release(col->num ? (void *)col->num : (void *)col->code, col->mapped);
        col->num = NULL;
        col->code = NULL;
        col->mapped = 0;
        col->type = csv->cols[c].type;
        atomic_store(&csv->cols[c].other, 0);
        atomic_store(&csv->cols[c].fits, false);
        if (col->type == ML_CATEGORY)
            col->code = column_alloc(rows * 4, &col->mapped);
        else
            col->num = column_alloc(rows * 8, &col->mapped);
    }
    if (csv->options->keep_rows)
        csv->frame->row_at = dh_realloc(csv->frame->row_at, rows + 1, sizeof *csv->frame->row_at);
    csv->cap_rows = rows;
}

static void drop_dicts(struct csv *csv)
{
    for (size_t i = 0; csv->dicts && i < csv->threads * csv->n_cols; i++)
        csv_dict_done(&csv->dicts[i]);
    free(csv->dicts);
    csv->dicts = NULL;
}

/* True: some column's type was wrong for a later row; it is right now, and all is to be read again.
 */
static bool mend_types(struct csv *csv)
{
    bool mended = false;
    for (size_t c = 0; c < csv->n_cols; c++) {
        unsigned other = atomic_load(&csv->cols[c].other);
        if (!other)
            continue;
        csv->cols[c].type = atomic_load(&csv->cols[c].fits) ? ML_CATEGORY : type_of(other);
        mended = true;
    }
    return mended;
}

static int passes(struct csv *csv, struct pool *pool, struct dh_err *err)
{
    for (bool again = false;; again = true) {
        if (again) {
            if (csv_source_rewind(csv->source, err) < 0)
                return -1;
            csv->rows = csv->lines = csv->offset = csv->n_carry = csv->n_pieces = 0;
            csv->at_end = false;
            csv->cap_rows = 0;
            drop_dicts(csv);
        }
        if (begin(csv, again, err) < 0)
            return csv->failed ? (*err = csv->err, -1) : -1;
        csv->dicts = dh_zalloc(csv->threads * csv->n_cols, sizeof *csv->dicts);
        make_columns(csv);
        pool_run(pool, csv->at_end && !csv->n_carry ? 1 : csv->threads, worker, csv);
        if (csv->failed) {
            *err = csv->err;
            return -1;
        }
        if (!mend_types(csv))
            return 0;
    }
}

static int read_all(struct csv *csv, struct ml_frame **ret, struct dh_err *err)
{
    own(pool_free) struct pool *pool = NULL;
    unsigned threads = csv->options->threads;
    if (csv_source_bytes(csv->source) < 4 * CSV_CHUNK)
        threads = 1;
    pool = pool_new(threads);
    csv->threads = pool_threads(pool);
    csv->delimiter = csv->options->delimiter ? csv->options->delimiter : ',';
    if (strchr("\"\n\r+-.", csv->delimiter) || isalnum((unsigned char)csv->delimiter))
        return dh_fail(err, DH_INVALID,
                       "the delimiter '%c' can stand in a number or a quoted field",
                       csv->delimiter);
    csv->missing = csv_missing_new(csv->options->missing);
    csv->frame = frame_new(0);
    pthread_mutex_init(&csv->lock, NULL);
    pthread_rwlock_init(&csv->grow, NULL);
    int rc = passes(csv, pool, err);
    if (rc == 0)
        rc = csv_finish(csv, pool, err);
    if (rc == 0)
        *ret = take(&csv->frame);
    drop_dicts(csv);
    ml_frame_free(csv->frame);
    csv_missing_free(csv->missing);
    free(csv->cols);
    free(csv->carry);
    free(csv->pieces);
    free(csv->first.buf);
    pthread_rwlock_destroy(&csv->grow);
    pthread_mutex_destroy(&csv->lock);
    return rc;
}

static const struct ml_csv_options no_options;

int ml_csv_read(const char *path, const struct ml_csv_options *options, struct ml_frame **ret,
                struct dh_err *err)
{
    own(csv_source_free) struct csv_source *source = NULL;
    struct csv csv = {.options = options ? options : &no_options};
    csv.name = csv.options->name ? csv.options->name : path;
    if (csv_source_open(path, &source, err) < 0)
        return -1;
    csv.source = source;
    return read_all(&csv, ret, err);
}

int ml_csv_parse(const char *bytes, size_t n, const struct ml_csv_options *options,
                 struct ml_frame **ret, struct dh_err *err)
{
    own(csv_source_free) struct csv_source *source = csv_source_memory(bytes, n);
    struct csv csv = {.options = options ? options : &no_options, .source = source};
    csv.name = csv.options->name ? csv.options->name : "CSV";
    return read_all(&csv, ret, err);
}
