/* csv-finish - what is done once all rows are in their columns. */
#include <math.h>
#include <stdlib.h>
#include "base/mem.h"
#include "ml/csv-priv.h"
#include "ml/frame-priv.h"
#include "ml/pool.h"

static int by_row(const void *a, const void *b)
{
    const struct csv_piece *x = a, *y = b;
    return (x->row0 > y->row0) - (x->row0 < y->row0);
}

struct level {
    const char *text;
    uint32_t dict, index;
};

static int by_text(const void *a, const void *b)
{
    const struct level *x = a, *y = b;
    return strcmp(x->text, y->text);
}

/* The threads' dictionaries of one column become one, sorted by bytes. */
static void merge_dicts(struct csv *csv, size_t c)
{
    struct ml_column *col = &csv->frame->cols[c];
    size_t total = 0, n = 0;
    for (unsigned w = 0; w < csv->threads; w++)
        total += csv->dicts[w * csv->n_cols + c].n;
    own_mem struct level *all = dh_zalloc(total + 1, sizeof *all);
    for (unsigned w = 0; w < csv->threads; w++) {
        struct csv_dict *d = &csv->dicts[w * csv->n_cols + c];
        d->to = dh_zalloc(d->n + 1u, sizeof *d->to);
        for (uint32_t i = 0; i < d->n; i++)
            all[n++] = (struct level){d->text[i], w, i};
    }
    qsort(all, n, sizeof *all, by_text);
    col->levels = dh_zalloc(total + 1, sizeof *col->levels);
    for (size_t i = 0; i < n; i++) {
        struct csv_dict *d = &csv->dicts[all[i].dict * csv->n_cols + c];
        if (!col->n_levels || strcmp(col->levels[col->n_levels - 1], all[i].text) != 0)
            col->levels[col->n_levels++] = take(&d->text[all[i].index]);
        d->to[all[i].index] = (int32_t)col->n_levels - 1;
    }
}

static void close_gaps(struct csv *csv, struct ml_column *col)
{
    uint64_t to = 0;
    for (size_t i = 0; i < csv->n_pieces; i++) {
        const struct csv_piece *p = &csv->pieces[i];
        if (to != p->row0 && col->num)
            memmove(col->num + to, col->num + p->row0, p->kept * sizeof *col->num);
        if (to != p->row0 && col->code)
            memmove(col->code + to, col->code + p->row0, p->kept * sizeof *col->code);
        to += p->kept;
    }
}

static void finish_column(void *ctx, size_t c, unsigned worker)
{
    struct csv *csv = ctx;
    struct ml_column *col = &csv->frame->cols[c];
    size_t n = csv->frame->n_rows;
    (void)worker;
    if (col->type == ML_CATEGORY) {
        merge_dicts(csv, c);
        for (size_t i = 0; i < csv->n_pieces; i++) {
            const struct csv_piece *p = &csv->pieces[i];
            const int32_t *to = csv->dicts[p->worker * csv->n_cols + c].to;
            for (uint64_t r = p->row0; r < p->row0 + p->kept; r++)
                if (col->code[r] >= 0)
                    col->code[r] = to[col->code[r]];
        }
    }
    close_gaps(csv, col);
    if (col->mapped) {
        size_t bytes = n * (col->code ? 4 : 8);
        void *cut =
            column_resize(col->code ? (void *)col->code : (void *)col->num, &col->mapped, 0, bytes);
        if (col->code)
            col->code = cut;
        else
            col->num = cut;
    }
    size_t missing = 0;
    if (col->code)
        for (size_t r = 0; r < n; r++)
            missing += col->code[r] < 0;
    else
        for (size_t r = 0; r < n; r++)
            missing += col->num[r] != col->num[r];
    col->n_missing = missing;
}

int csv_finish(struct csv *csv, struct pool *pool, struct dh_err *err)
{
    struct ml_frame *f = csv->frame;
    uint64_t rows = 0;
    if (csv->n_pieces)
        qsort(csv->pieces, csv->n_pieces, sizeof *csv->pieces, by_row);
    for (size_t i = 0; i < csv->n_pieces; i++) {
        const struct csv_piece *p = &csv->pieces[i];
        if (f->row_at && rows != p->row0)
            memmove(f->row_at + rows, f->row_at + p->row0, p->kept * sizeof *f->row_at);
        rows += p->kept;
    }
    if (!rows)
        return dh_fail(err, DH_INVALID, "%s: there is a header and no row", csv->name);
    f->n_rows = rows;
    if (f->row_at)
        f->row_at[rows] = csv->offset;
    pool_run(pool, csv->n_cols, finish_column, csv);
    return 0;
}
