/* Any bytes as a CSV, plain and unpacked, by one thread and by two: nothing may crash or hang, what
 * fails must say why, and what is read must be sound and the same for both. The first byte chooses
 * the options. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "dhow/ml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_frame(const struct ml_frame *f, size_t n_bytes)
{
    if (!f->n_rows || !f->n_cols || f->n_rows > n_bytes + 1)
        abort();
    for (size_t c = 0; c < f->n_cols; c++) {
        const struct ml_column *col = &f->cols[c];
        size_t missing = 0;
        if ((uintptr_t)(col->num ? (void *)col->num : (void *)col->code) % 64)
            abort();
        for (size_t r = 0; r < f->n_rows; r++) {
            if (col->type != ML_CATEGORY) {
                missing += isnan(col->num[r]);
                continue;
            }
            if (col->code[r] >= (int32_t)col->n_levels)
                abort();
            missing += col->code[r] < 0;
        }
        if (missing != col->n_missing)
            abort();
        for (size_t l = 1; l < col->n_levels; l++)
            if (strcmp(col->levels[l - 1], col->levels[l]) >= 0)
                abort();
    }
    for (size_t r = 0; f->row_at && r < f->n_rows; r++)
        if (f->row_at[r] >= f->row_at[r + 1])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char delimiters[] = {',', ';', '\t', '|'};
    struct dh_err err = {0};
    if (n < 1)
        return 0;
    struct ml_csv_options o = {.delimiter = delimiters[data[0] & 3],
                               .no_header = data[0] & 4,
                               .keep_rows = data[0] & 8,
                               .threads = data[0] & 16 ? 2 : 1};
    own_mem char *plain = NULL;
    size_t n_plain = 0;
    const char *bytes = (const char *)data + 1;
    n--;
    if (ml_decompress(bytes, n, (size_t)1 << 20, &plain, &n_plain, &err) < 0 && !err.msg[0])
        abort();
    if (plain) {
        bytes = plain;
        n = n_plain;
    }
    own(ml_frame_free) struct ml_frame *f = NULL;
    if (ml_csv_parse(bytes, n, &o, &f, &err) < 0) {
        if (err.code != DH_INVALID || !err.msg[0])
            abort();
        return 0;
    }
    check_frame(f, n);
    own(ml_classes_free) struct ml_classes *k = NULL;
    if (ml_classes_of(f, f->n_cols - 1, &k, &err) == 0)
        for (size_t i = 0; i < k->n_rows; i++)
            if (k->code[i] < 0 || (size_t)k->code[i] >= k->n)
                abort();
    return 0;
}
