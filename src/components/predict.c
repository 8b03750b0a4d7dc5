/* predict - a model's answer for every row of a table. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "components/steps.h"

static const struct step_arg args[] = {
    {"model", STEP_INPUT, .type = "system.Model", .help = "the model, as JSON"},
    {"data", STEP_INPUT, .type = "system.Dataset",
     .help = "the rows, as CSV; further columns do not matter"},
    CSV_ARGS,
    {"threads", STEP_COUNT, .other = "0", .help = "0: as many as there are cores"},
    {"predictions", STEP_OUTPUT, .type = "system.Dataset",
     .help = "a CSV with `prediction` and, for classes, a column of probabilities each, in the "
             "rows' order"},
    {0}};

/* A field of RFC 4180. */
static void add_field(struct buf *b, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_adds(b, text);
        return;
    }
    buf_addc(b, '"');
    for (; *text; text++) {
        if (*text == '"')
            buf_addc(b, '"');
        buf_addc(b, *text);
    }
    buf_addc(b, '"');
}

static void add_header(struct buf *b, const struct ml_model *m)
{
    buf_adds(b, "prediction");
    for (size_t c = 0; c < ml_model_n_classes(m); c++) {
        own_mem char *name = dh_printf("probability_%s", ml_model_class(m, c));
        buf_addc(b, ',');
        add_field(b, name);
    }
    buf_addc(b, '\n');
}

static void add_row(struct buf *b, const struct ml_model *m, const double *p)
{
    size_t k = ml_model_n_classes(m), best = 0;
    if (ml_model_is_regression(m)) {
        js_write_num(p[0], b);
        buf_addc(b, '\n');
        return;
    }
    for (size_t c = 1; c < k; c++)
        best = p[c] > p[best] ? c : best;
    add_field(b, ml_model_class(m, best));
    for (size_t c = 0; c < k; c++) {
        buf_addc(b, ',');
        js_write_num(p[c], b);
    }
    buf_addc(b, '\n');
}

static int run(struct step *s, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    own(ml_frame_free) struct ml_frame *f = NULL;
    own_mem double *p = NULL;
    own_buf struct buf b = {0};
    if (ml_model_read_json(step_path(s, "model"), &m, err) < 0 ||
        step_csv_read(s, "data", m, &f, err) < 0)
        return -1;
    if (ml_predict(m, f, NULL, 0, (unsigned)step_integer(s, "threads"), &p, err) < 0)
        return -1;
    size_t width = ml_model_is_regression(m) ? 1 : ml_model_n_classes(m);
    add_header(&b, m);
    for (size_t i = 0; i < f->n_rows; i++)
        add_row(&b, m, p + i * width);
    step_metadata(s, "predictions", "rows", js_int((int64_t)f->n_rows));
    step_say(s, "%zu rows", f->n_rows);
    return step_write(step_path(s, "predictions"), b.p, b.n, err);
}

const struct step_spec step_predict = {"predict", "Applies a model to a batch of rows", NULL, args,
                                       run};
