/* download - data in, checked and split. */
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "components/steps.h"

#define MAX_UNPACKED ((size_t)32 << 30)

static const struct step_arg args[] = {
    {"source", STEP_TEXT,
     .help =
         "where the CSV is: a path (relative to the pipeline file), file://, http://, https://, "
         "s3://, minio:// or gs:// (keys from the step's environment); gzip and zstd are unpacked"},
    {"sha256", STEP_TEXT, .other = "", .help = "the SHA-256 that the source must have"},
    {"label", STEP_TEXT, .other = "",
     .help = "the column whose classes are to be shared out evenly"},
    {"test-size", STEP_NUMBER, .other = "0.2", .help = "the share of rows for the test set"},
    {"seed", STEP_INTEGER, .other = "0", .help = "of the shuffle"},
    CSV_ARGS,
    {"train", STEP_OUTPUT, .type = "system.Dataset", .help = "the rows to learn from, as CSV"},
    {"test", STEP_OUTPUT, .type = "system.Dataset", .help = "the rows to evaluate on, as CSV"},
    {0}};

struct data {
    char *bytes;
    size_t n;
    char sha256[DIGEST_TEXT];
    struct ml_frame *frame;
    uint8_t *fold;
};

static int fetch(const struct step *s, struct data *d, struct dh_err *err)
{
    const char *source = step_text(s, "source"), *want = step_text(s, "sha256");
    if (source_fetch(source, &d->bytes, &d->n, err) < 0)
        return -1;
    digest_bytes(d->bytes, d->n, d->sha256);
    if (*want && strcasecmp(want, d->sha256) != 0)
        return dh_fail(err, DH_INVALID,
                       "%s has SHA-256 %s, but %s is expected: it is not the file that was meant",
                       source, d->sha256, want);
    char *plain = NULL;
    size_t n = 0;
    if (ml_decompress(d->bytes, d->n, MAX_UNPACKED, &plain, &n, err) < 0)
        return dh_while(err, "%s", source);
    if (plain) {
        free(d->bytes);
        d->bytes = plain;
        d->n = n;
    }
    return 0;
}

static int split(const struct step *s, struct data *d, struct dh_err *err)
{
    own(ml_classes_free) struct ml_classes *classes = NULL;
    const char *label = step_text(s, "label"), *source = step_text(s, "source");
    if (step_csv_parse(s, d->bytes, d->n, source, &d->frame, err) < 0)
        return -1;
    if (*label) {
        int64_t c = ml_frame_find(d->frame, label);
        if (c < 0)
            return dh_fail(err, DH_INVALID, "%s has no column '%s' to be the label", source, label);
        if (ml_classes_of(d->frame, (size_t)c, &classes, err) < 0)
            return -1;
    }
    d->fold = dh_zalloc(d->frame->n_rows, 1);
    return ml_split(classes ? classes->code : NULL, classes ? classes->n : 1, d->frame->n_rows,
                    step_number(s, "test-size"), (uint64_t)step_integer(s, "seed"), d->fold, err);
}

/* The header and the rows of one side, byte for byte as they came. */
static int write_side(struct step *s, const struct data *d, const char *output, uint8_t side,
                      struct dh_err *err)
{
    own_buf struct buf b = {0};
    const struct ml_frame *f = d->frame;
    int64_t rows = 0;
    buf_add(&b, d->bytes, f->header_bytes);
    for (size_t i = 0; i < f->n_rows; i++) {
        if (d->fold[i] != side)
            continue;
        uint64_t end = f->row_at[i + 1] < d->n ? f->row_at[i + 1] : d->n;
        buf_add(&b, d->bytes + f->row_at[i], end - f->row_at[i]);
        if (b.p[b.n - 1] != '\n')
            buf_addc(&b, '\n');
        rows++;
    }
    step_metadata(s, output, "rows", js_int(rows));
    step_metadata(s, output, "columns", js_int((int64_t)f->n_cols));
    step_metadata(s, output, "source", js_str(step_text(s, "source")));
    step_metadata(s, output, "source_sha256", js_str(d->sha256));
    step_metadata(s, output, "format", js_str("csv"));
    step_say(s, "%s: %lld rows", output, (long long)rows);
    return step_write(step_path(s, output), b.p, b.n, err);
}

static int run(struct step *s, struct dh_err *err)
{
    struct data d = {0};
    int rc = fetch(s, &d, err);
    if (rc == 0)
        rc = split(s, &d, err);
    if (rc == 0)
        rc = write_side(s, &d, "train", 0, err);
    if (rc == 0)
        rc = write_side(s, &d, "test", 1, err);
    ml_frame_free(d.frame);
    free(d.fold);
    free(d.bytes);
    return rc;
}

const struct step_spec step_download_data = {
    "download-data", "Fetches a CSV, checks its SHA-256 and splits it into train and test", NULL,
    args, run};
