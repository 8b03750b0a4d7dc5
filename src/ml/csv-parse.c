/* csv-parse - the rows of one chunk into the columns. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "ml/cpu.h"
#include "ml/csv-priv.h"

struct row {
    struct csv *csv;
    const struct csv_chunk *chunk;
    unsigned worker;
    struct buf scratch;
    csv_row *numbers;
};

void csv_error(struct csv *csv, const struct csv_chunk *chunk, const char *at, const char *fmt, ...)
{
    struct dh_err err;
    char text[512];
    va_list ap;
    uint64_t line = chunk->line0 + 1;
    const char *start = chunk->buf;
    for (const char *p = chunk->buf; p < at; p++)
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    dh_fail(&err, DH_INVALID, "%s:%llu:%llu: %s", csv->name, (unsigned long long)line,
            (unsigned long long)(at - start) + 1, text);
    csv_fail(csv, chunk->offset0 + (uint64_t)(at - chunk->buf), &err);
}

static const char *quoted_field(struct csv *csv, const struct csv_chunk *chunk, const char *p,
                                struct buf *scratch, const char **ret_s, size_t *ret_n)
{
    const char *end = chunk->buf + chunk->n;
    const char *from = p + 1;
    bool doubled = false;
    scratch->n = 0;
    for (p = from;; p += 2) {
        p = memchr(p, '"', (size_t)(end - p));
        if (!p) {
            csv_error(csv, chunk, from - 1, "the quote that opens here never ends");
            return NULL;
        }
        if (p[1] != '"')
            break;
        buf_add(scratch, from, (size_t)(p + 1 - from));
        doubled = true;
        from = p + 2;
    }
    *ret_s = from;
    *ret_n = (size_t)(p - from);
    if (doubled) {
        buf_add(scratch, from, (size_t)(p - from));
        *ret_s = buf_str(scratch);
        *ret_n = scratch->n;
    }
    p++;
    if (*p != csv->delimiter && *p != '\n' && !(*p == '\r' && p[1] == '\n')) {
        csv_error(csv, chunk, p, "a quoted field must be followed by '%c' or the end of the line",
                  csv->delimiter);
        return NULL;
    }
    return p;
}

const char *csv_field(struct csv *csv, const struct csv_chunk *chunk, const char *p,
                      struct buf *scratch, const char **ret_s, size_t *ret_n)
{
    const char *from = p;
    if (*p == '"')
        return quoted_field(csv, chunk, p, scratch, ret_s, ret_n);
    while (*p != csv->delimiter && *p != '\n') {
        if (*p == '"') {
            csv_error(csv, chunk, p,
                      "a quote inside a field that does not begin with one; "
                      "put the field in quotes and double the quotes in it");
            return NULL;
        }
        p++;
    }
    *ret_s = from;
    *ret_n = (size_t)(p - from);
    if (*p == '\n' && *ret_n && p[-1] == '\r') {
        --*ret_n;
        p--;
    }
    return p;
}

static int32_t category(struct row *r, size_t c, const char *at, const char *s, size_t n)
{
    struct csv_dict *dict = &r->csv->dicts[r->worker * r->csv->n_cols + c];
    uint32_t before = dict->n;
    int32_t code = csv_dict_code(dict, s, n);
    if (dict->n != before && memchr(s, 0, n))
        csv_error(r->csv, r->chunk, at, "a zero byte in a text");
    else if (dict->n != before && js_utf8_valid(s, n) < n)
        csv_error(r->csv, r->chunk, at, "a text that is not UTF-8");
    return code;
}

static bool number_of(enum ml_type type, const char *s, size_t n, double *ret)
{
    switch (type) {
    case ML_NUMBER:
        return num_text(s, n, ret);
    case ML_BOOL:
        return csv_bool(s, n, ret);
    case ML_DATE:
        return csv_date(s, n, ret);
    case ML_CATEGORY:
        break;
    }
    return false;
}

/* Any field, at leisure: quotes, missing values, types. */
static const char *any_cell(struct row *r, size_t c, uint64_t at_row, const char *p)
{
    struct csv *csv = r->csv;
    struct ml_column *col = &csv->frame->cols[c];
    const char *s = NULL;
    size_t n = 0;
    const char *end = csv_field(csv, r->chunk, p, &r->scratch, &s, &n);
    if (!end)
        return NULL;
    if (col->type == ML_CATEGORY) {
        bool missing = csv_is_missing(csv->missing, s, n);
        col->code[at_row] = missing ? -1 : category(r, c, p, s, n);
        return end;
    }
    double value = NAN;
    if (number_of(col->type, s, n, &value)) {
        col->num[at_row] = value;
        atomic_store_explicit(&csv->cols[c].fits, true, memory_order_relaxed);
        return end;
    }
    col->num[at_row] = NAN;
    unsigned kind = csv_kind_of(csv->missing, s, n);
    if (kind == KIND_MISSING)
        return end;
    if (csv->cols[c].said) {
        csv_error(csv, r->chunk, p, "'%.*s' in column '%s' is no %s", n < 60 ? (int)n : 60, s,
                  col->name, ml_type_name(col->type));
        return NULL;
    }
    atomic_fetch_or(&csv->cols[c].other, kind);
    return end;
}

/* Where field c ended at p: the start of the next field, the next row (*ret_row_end), or NULL. */
static const char *after_field(struct row *r, size_t c, const char *p)
{
    struct csv *csv = r->csv;
    bool last = c + 1 == csv->n_cols;
    if (*p == csv->delimiter && !last)
        return p + 1;
    if (last && *p == '\n')
        return p + 1;
    if (last && *p == '\r' && p[1] == '\n')
        return p + 2;
    if (*p == csv->delimiter) {
        csv_error(csv, r->chunk, p, "more than the %zu fields of the %s", csv->n_cols,
                  csv->options->no_header ? "first row" : "header");
    } else {
        csv_error(csv, r->chunk, p, "the row ends after %zu of %zu fields; '%s' is the next", c + 1,
                  csv->n_cols, csv->frame->cols[c + 1].name);
    }
    return NULL;
}

static const char *parse_row(struct row *r, uint64_t at_row, const char *p)
{
    struct csv *csv = r->csv;
    struct ml_column *cols = csv->frame->cols;
    const char delimiter = csv->delimiter;
    for (size_t c = 0; c < csv->n_cols; c++) {
        const char *end = NULL;
        p = r->numbers(cols, csv->n_cols, &c, at_row, p, delimiter);
        if (cols[c].type == ML_NUMBER) {
            end = num_fast(p, &cols[c].num[at_row]);
            if (end && *end == delimiter && c + 1 < csv->n_cols) {
                p = end + 1;
                continue;
            }
            if (end && *end != '\n' && *end != delimiter && !(*end == '\r' && end[1] == '\n'))
                end = NULL;
        }
        if (!end)
            end = any_cell(r, c, at_row, p);
        p = end ? after_field(r, c, end) : NULL;
        if (!p)
            return NULL;
    }
    return p;
}

static void note_piece(struct csv *csv, const struct csv_chunk *k, uint64_t kept, unsigned worker)
{
    pthread_mutex_lock(&csv->lock);
    DH_GROW(csv->pieces, csv->n_pieces, csv->cap_pieces);
    csv->pieces[csv->n_pieces++] = (struct csv_piece){k->row0, k->rows, kept, worker};
    pthread_mutex_unlock(&csv->lock);
}

void csv_parse_chunk(struct csv *csv, struct csv_chunk *k, unsigned worker)
{
    struct row r = {.csv = csv, .chunk = k, .worker = worker, .numbers = csv_row_portable};
#if CPU_X86
    if (cpu_level() >= CPU_AVX2)
        r.numbers = csv_row_avx2;
#endif
    const char *p = k->buf, *end = k->buf + k->n;
    uint64_t row = k->row0;
    pthread_rwlock_rdlock(&csv->grow);
    while (p < end) {
        if (*p == '\n' || (*p == '\r' && p[1] == '\n')) { /* a blank line is no row */
            p += *p == '\r' ? 2 : 1;
            continue;
        }
        if (csv->frame->row_at)
            csv->frame->row_at[row] = k->offset0 + (uint64_t)(p - k->buf);
        p = parse_row(&r, row, p);
        if (!p)
            break;
        row++;
    }
    pthread_rwlock_unlock(&csv->grow);
    buf_done(&r.scratch);
    note_piece(csv, k, row - k->row0, worker);
}
