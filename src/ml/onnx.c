/* onnx - a model as an ONNX graph: preparation, model, class labels. The file is protobuf, written
 * by hand: field numbers are those of onnx.proto3 (IR version 8), operators those of ai.onnx 17 and
 * ai.onnx.ml 3.
 *
 * Inputs: one for each of the model's columns, [N, 1], double (NaN is missing) or string ("" is
 * missing). Outputs: `label` [N] strings and `probabilities` [N, classes]; for a regression `value`
 * [N, 1]. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "ml/model-priv.h"

enum { T_FLOAT = 1, T_INT64 = 7, T_STRING = 8, T_DOUBLE = 11 };

/* ---- protobuf ---- */

static void varint(struct buf *b, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        buf_addc(b, (char)(v | 128));
    buf_addc(b, (char)v);
}

static void pb_int(struct buf *b, unsigned field, int64_t v)
{
    varint(b, field << 3);
    varint(b, (uint64_t)v);
}

static void pb_bytes(struct buf *b, unsigned field, const void *bytes, size_t n)
{
    varint(b, field << 3 | 2);
    varint(b, n);
    buf_add(b, bytes, n);
}

static void pb_text(struct buf *b, unsigned field, const char *s)
{
    pb_bytes(b, field, s, strlen(s));
}

/* A message made elsewhere; its buffer is emptied for the next. */
static void pb_message(struct buf *b, unsigned field, struct buf *message)
{
    pb_bytes(b, field, buf_str(message), message->n);
    buf_reset(message);
}

/* ---- graph ---- */

struct onnx {
    const struct ml_model *m;
    struct buf graph, node, attr, tensor, info;
    unsigned n_names;
};

static void tensor_raw(struct buf *t, const char *name, int type, const int64_t *dims,
                       size_t n_dims, const void *raw, size_t n)
{
    for (size_t i = 0; i < n_dims; i++)
        pb_int(t, 1, dims[i]);
    pb_int(t, 2, type);
    if (name)
        pb_text(t, 8, name);
    pb_bytes(t, 9, raw, n);
}

static void constant(struct onnx *o, const char *name, const double *v, int64_t rows, int64_t cols)
{
    int64_t dims[] = {rows, cols};
    tensor_raw(&o->tensor, name, T_DOUBLE, dims, 2, v, (size_t)(rows * cols) * sizeof *v);
    pb_message(&o->graph, 5, &o->tensor);
}

static void begin_node(struct onnx *o, const char *op, const char *domain)
{
    pb_text(&o->node, 4, op);
    if (*domain)
        pb_text(&o->node, 7, domain);
}

static void end_node(struct onnx *o)
{
    pb_message(&o->graph, 1, &o->node);
}

static void attr_int(struct onnx *o, const char *name, int64_t v)
{
    pb_text(&o->attr, 1, name);
    pb_int(&o->attr, 3, v);
    pb_int(&o->attr, 20, 2);
    pb_message(&o->node, 5, &o->attr);
}

static void attr_float(struct onnx *o, const char *name, float v)
{
    pb_text(&o->attr, 1, name);
    varint(&o->attr, 2 << 3 | 5);
    buf_add(&o->attr, &v, sizeof v);
    pb_int(&o->attr, 20, 1);
    pb_message(&o->node, 5, &o->attr);
}

static void attr_text(struct onnx *o, const char *name, const char *v)
{
    pb_text(&o->attr, 1, name);
    pb_text(&o->attr, 4, v);
    pb_int(&o->attr, 20, 3);
    pb_message(&o->node, 5, &o->attr);
}

static void attr_doubles(struct onnx *o, const char *name, const double *v, size_t n)
{
    int64_t dims = (int64_t)n;
    tensor_raw(&o->tensor, name, T_DOUBLE, &dims, 1, v, n * sizeof *v);
    pb_text(&o->attr, 1, name);
    pb_message(&o->attr, 5, &o->tensor);
    pb_int(&o->attr, 20, 4);
    pb_message(&o->node, 5, &o->attr);
}

static void attr_ints(struct onnx *o, const char *name, const int64_t *v, size_t n)
{
    pb_text(&o->attr, 1, name);
    for (size_t i = 0; i < n; i++)
        pb_int(&o->attr, 8, v[i]);
    pb_int(&o->attr, 20, 7);
    pb_message(&o->node, 5, &o->attr);
}

/* One node with one or two inputs and one output. */
static void simple(struct onnx *o, const char *op, const char *a, const char *b, const char *out)
{
    pb_text(&o->node, 1, a);
    if (b)
        pb_text(&o->node, 1, b);
    pb_text(&o->node, 2, out);
    begin_node(o, op, "");
    end_node(o);
}

static void value_info(struct onnx *o, unsigned field, const char *name, int type, int64_t cols)
{
    own_buf struct buf tensor = {0}, shape = {0}, dim = {0};
    pb_text(&dim, 2, "N");
    pb_message(&shape, 1, &dim);
    if (cols) {
        pb_int(&dim, 1, cols);
        pb_message(&shape, 1, &dim);
    }
    pb_int(&tensor, 1, type);
    pb_message(&tensor, 2, &shape);
    own_buf struct buf holder = {0};
    pb_message(&holder, 1, &tensor);
    pb_text(&o->info, 1, name);
    pb_message(&o->info, 2, &holder);
    pb_message(&o->graph, field, &o->info);
}

/* ---- columns ---- */

static void cast_double(struct onnx *o, const char *from, const char *to)
{
    pb_text(&o->node, 1, from);
    pb_text(&o->node, 2, to);
    begin_node(o, "Cast", "");
    attr_int(o, "to", T_DOUBLE);
    end_node(o);
}

static void concat(struct onnx *o, char *const *names, size_t n, const char *out)
{
    for (size_t i = 0; i < n; i++)
        pb_text(&o->node, 1, names[i]);
    pb_text(&o->node, 2, out);
    begin_node(o, "Concat", "");
    attr_int(o, "axis", 1);
    end_node(o);
}

/* Where x is NaN, the value learned in training. */
static void impute(struct onnx *o, const struct input *in, const char *from, const char *out)
{
    own_mem char *value = dh_printf("%s_value", out), *missing = dh_printf("%s_missing", out);
    constant(o, value, &in->impute, 1, 1);
    simple(o, "IsNaN", from, NULL, missing);
    pb_text(&o->node, 1, missing);
    pb_text(&o->node, 1, value);
    pb_text(&o->node, 1, from);
    pb_text(&o->node, 2, out);
    begin_node(o, "Where", "");
    end_node(o);
}

/* Strings to numbers: `v[l]` for level l, `other` for the rest; then as double. */
static void encode(struct onnx *o, const struct input *in, const float *v, float other,
                   const char *out)
{
    own_mem char *single = dh_printf("%s_single", out);
    pb_text(&o->node, 1, in->name);
    pb_text(&o->node, 2, single);
    begin_node(o, "LabelEncoder", "ai.onnx.ml");
    pb_text(&o->attr, 1, "keys_strings");
    for (size_t l = 0; l < in->n_levels; l++)
        pb_text(&o->attr, 9, in->levels[l]);
    pb_int(&o->attr, 20, 8);
    pb_message(&o->node, 5, &o->attr);
    pb_text(&o->attr, 1, "values_floats");
    for (size_t l = 0; l < in->n_levels; l++) {
        varint(&o->attr, 7 << 3 | 5);
        buf_add(&o->attr, &v[l], sizeof *v);
    }
    pb_int(&o->attr, 20, 6);
    pb_message(&o->node, 5, &o->attr);
    attr_float(o, "default_float", other);
    end_node(o);
    cast_double(o, single, out);
}

/* ---- linear ---- */

static void linear_columns(struct onnx *o)
{
    const struct ml_model *m = o->m;
    char **names = dh_zalloc(m->n_design, sizeof *names);
    own_mem double *mean = dh_zalloc(m->n_design, sizeof *mean),
                   *scale = dh_zalloc(m->n_design, sizeof *scale);
    size_t at = 0;
    for (size_t i = 0; i < m->n_inputs; i++) {
        const struct input *in = &m->inputs[i];
        if (in->type != ML_CATEGORY) {
            mean[at] = in->mean, scale[at] = in->scale;
            names[at] = dh_printf("x%zu_", at);
            impute(o, in, in->name, names[at++]);
            continue;
        }
        own_mem float *v = dh_zalloc(in->n_levels, sizeof *v);
        if (in->ordinal) {
            own_mem char *rank = dh_printf("rank%zu_", at);
            for (size_t l = 0; l < in->n_levels; l++)
                v[l] = (float)l;
            mean[at] = in->mean, scale[at] = in->scale;
            names[at] = dh_printf("x%zu_", at);
            encode(o, in, v, NAN, rank);
            impute(o, in, rank, names[at++]);
            continue;
        }
        for (size_t l = 0; l < in->n_levels; l++, at++) {
            scale[at] = 1;
            names[at] = dh_printf("x%zu_", at);
            v[l] = 1;
            encode(o, in, v, in->impute_code == (int32_t)l ? 1 : 0, names[at]);
            v[l] = 0;
        }
    }
    concat(o, names, at, "raw_");
    constant(o, "mean_", mean, 1, (int64_t)at);
    constant(o, "scale_", scale, 1, (int64_t)at);
    simple(o, "Sub", "raw_", "mean_", "centred_");
    simple(o, "Div", "centred_", "scale_", "features_");
    for (size_t i = 0; i < at; i++)
        free(names[i]);
    free(names);
}

static void linear(struct onnx *o)
{
    const struct ml_model *m = o->m;
    own_mem double *w = dh_alloc((m->n_out * m->n_design + 1) * sizeof *w);
    for (size_t c = 0; c < m->n_out; c++)
        for (size_t j = 0; j < m->n_design; j++)
            w[j * m->n_out + c] = m->coef[c * m->n_design + j];
    linear_columns(o);
    constant(o, "weights_", w, (int64_t)m->n_design, (int64_t)m->n_out);
    constant(o, "intercepts_", m->intercept, 1, (int64_t)m->n_out);
    simple(o, "MatMul", "features_", "weights_", "product_");
    simple(o, "Add", "product_", "intercepts_", "score_");
}

/* ---- trees ---- */

struct ensemble {
    int64_t *tree, *node, *feature, *yes, *no, *missing, *target_tree, *target_node, *target;
    double *value, *weight;
    size_t n, n_targets;
    char **columns; /* names of the tree's input columns */
    size_t n_columns, cap_columns;
};

/* A split on a category becomes a column of its own: 0 goes left, 1 goes right. */
static int64_t category_column(struct onnx *o, struct ensemble *e, const struct tree *t,
                               const struct node *n)
{
    const struct input *in = &o->m->inputs[n->feature];
    own_mem float *v = dh_zalloc(in->n_levels, sizeof *v);
    for (size_t l = 0; l < in->n_levels; l++)
        v[l] = t->cat_bits[n->cats + l / 64] >> (l % 64) & 1 ? 0 : 1;
    DH_GROW(e->columns, e->n_columns, e->cap_columns);
    e->columns[e->n_columns] = dh_printf("x%zu_", e->n_columns);
    encode(o, in, v, n->missing_left ? 0 : 1, e->columns[e->n_columns]);
    return (int64_t)e->n_columns++;
}

static void add_tree(struct onnx *o, struct ensemble *e, size_t k, const int64_t *column_of)
{
    const struct ml_model *m = o->m;
    const struct tree *t = &m->trees[k];
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct node *n = &t->nodes[i];
        size_t at = e->n++;
        e->tree[at] = (int64_t)k;
        e->node[at] = (int64_t)i;
        if (n->feature < 0) {
            e->feature[at] = -1;
            for (size_t c = 0; c < t->n_out; c++) {
                e->target_tree[e->n_targets] = (int64_t)k;
                e->target_node[e->n_targets] = (int64_t)i;
                e->target[e->n_targets] = (int64_t)(m->kind == MODEL_BOOSTING ? k % m->n_out : c);
                double share = m->kind == MODEL_BOOSTING ? 1 : (double)m->n_trees;
                e->weight[e->n_targets++] = t->value[i * t->n_out + c] / share;
            }
            continue;
        }
        e->feature[at] = n->n_cat_words ? category_column(o, e, t, n) : column_of[n->feature];
        e->value[at] = n->n_cat_words ? 0.5 : n->threshold;
        e->yes[at] = n->left;
        e->no[at] = n->right;
        e->missing[at] = n->missing_left;
    }
}

static void write_ensemble(struct onnx *o, struct ensemble *e, size_t n_out)
{
    pb_text(&o->node, 1, "features_");
    pb_text(&o->node, 2, "score_");
    begin_node(o, "TreeEnsembleRegressor", "ai.onnx.ml");
    attr_int(o, "n_targets", (int64_t)n_out);
    attr_text(o, "aggregate_function", "SUM");
    attr_text(o, "post_transform", "NONE");
    attr_ints(o, "nodes_treeids", e->tree, e->n);
    attr_ints(o, "nodes_nodeids", e->node, e->n);
    pb_text(&o->attr, 1, "nodes_modes");
    for (size_t i = 0; i < e->n; i++)
        pb_text(&o->attr, 9, e->feature[i] < 0 ? "LEAF" : "BRANCH_LEQ");
    pb_int(&o->attr, 20, 8);
    pb_message(&o->node, 5, &o->attr);
    for (size_t i = 0; i < e->n; i++)
        e->feature[i] = e->feature[i] < 0 ? 0 : e->feature[i];
    attr_ints(o, "nodes_featureids", e->feature, e->n);
    attr_ints(o, "nodes_truenodeids", e->yes, e->n);
    attr_ints(o, "nodes_falsenodeids", e->no, e->n);
    attr_ints(o, "nodes_missing_value_tracks_true", e->missing, e->n);
    attr_doubles(o, "nodes_values_as_tensor", e->value, e->n);
    attr_ints(o, "target_treeids", e->target_tree, e->n_targets);
    attr_ints(o, "target_nodeids", e->target_node, e->n_targets);
    attr_ints(o, "target_ids", e->target, e->n_targets);
    attr_doubles(o, "target_weights_as_tensor", e->weight, e->n_targets);
    if (o->m->kind == MODEL_BOOSTING)
        attr_doubles(o, "base_values_as_tensor", o->m->base, n_out);
    end_node(o);
}

static void trees(struct onnx *o)
{
    const struct ml_model *m = o->m;
    struct ensemble e = {0};
    size_t nodes = 0, n_out = m->kind == MODEL_BOOSTING ? m->n_out : model_n_p(m);
    for (size_t t = 0; t < m->n_trees; t++)
        nodes += m->trees[t].n_nodes;
    int64_t **ints[] = {&e.tree, &e.node, &e.feature, &e.yes, &e.no, &e.missing};
    int64_t **targets[] = {&e.target_tree, &e.target_node, &e.target};
    for (size_t i = 0; i < 6; i++)
        *ints[i] = dh_zalloc(nodes, sizeof **ints[i]);
    for (size_t i = 0; i < 3; i++)
        *targets[i] = dh_zalloc(nodes * m->trees[0].n_out, sizeof **targets[i]);
    e.value = dh_zalloc(nodes, sizeof *e.value);
    e.weight = dh_zalloc(nodes * m->trees[0].n_out, sizeof *e.weight);
    own_mem int64_t *column_of = dh_zalloc(m->n_inputs, sizeof *column_of);
    for (size_t i = 0; i < m->n_inputs; i++) {
        if (m->inputs[i].type == ML_CATEGORY)
            continue;
        DH_GROW(e.columns, e.n_columns, e.cap_columns);
        column_of[i] = (int64_t)e.n_columns;
        e.columns[e.n_columns++] = dh_strdup(m->inputs[i].name);
    }
    for (size_t t = 0; t < m->n_trees; t++)
        add_tree(o, &e, t, column_of);
    if (!e.n_columns) { /* trees of one leaf over texts only: any column will do */
        const double zero = 0;
        constant(o, "nothing_", &zero, 1, 1);
        DH_GROW(e.columns, e.n_columns, e.cap_columns);
        e.columns[e.n_columns++] = dh_strdup("nothing_");
    }
    concat(o, e.columns, e.n_columns, "features_");
    write_ensemble(o, &e, n_out);
    for (size_t i = 0; i < 6; i++)
        free(*ints[i]);
    for (size_t i = 0; i < 3; i++)
        free(*targets[i]);
    free(e.value);
    free(e.weight);
    for (size_t i = 0; i < e.n_columns; i++)
        free(e.columns[i]);
    free(e.columns);
}

/* ---- answers ---- */

static void probabilities(struct onnx *o)
{
    const struct ml_model *m = o->m;
    bool scores = m->kind == MODEL_LOGREG || m->kind == MODEL_BOOSTING;
    if (!scores) {
        simple(o, "Identity", "score_", NULL, "probabilities");
    } else if (m->n_out == 1) { /* 1 - p is the sigmoid of the negative: no digits are lost */
        char rest[] = "rest_", hit[] = "hit_";
        char *both[] = {rest, hit};
        simple(o, "Neg", "score_", NULL, "negative_");
        simple(o, "Sigmoid", "negative_", NULL, "rest_");
        simple(o, "Sigmoid", "score_", NULL, "hit_");
        concat(o, both, 2, "probabilities");
    } else {
        pb_text(&o->node, 1, "score_");
        pb_text(&o->node, 2, "probabilities");
        begin_node(o, "Softmax", "");
        attr_int(o, "axis", 1);
        end_node(o);
    }
}

static void label(struct onnx *o)
{
    const struct ml_model *m = o->m;
    const int64_t all = -1, one = 1;
    pb_int(&o->tensor, 1, 1);
    pb_int(&o->tensor, 1, (int64_t)m->n_classes);
    pb_int(&o->tensor, 2, T_STRING);
    for (size_t c = 0; c < m->n_classes; c++)
        pb_text(&o->tensor, 6, m->classes[c]);
    pb_text(&o->tensor, 8, "classes_");
    pb_message(&o->graph, 5, &o->tensor);
    tensor_raw(&o->tensor, "flat_", T_INT64, &one, 1, &all, sizeof all);
    pb_message(&o->graph, 5, &o->tensor);
    pb_text(&o->node, 1, "probabilities");
    pb_text(&o->node, 2, "index_");
    begin_node(o, "ArgMax", "");
    attr_int(o, "axis", 1);
    attr_int(o, "keepdims", 0);
    end_node(o);
    pb_text(&o->node, 1, "classes_");
    pb_text(&o->node, 1, "index_");
    pb_text(&o->node, 2, "named_");
    begin_node(o, "ArrayFeatureExtractor", "ai.onnx.ml");
    end_node(o);
    simple(o, "Reshape", "named_", "flat_", "label");
}

static void opset(struct buf *model, struct buf *entry, const char *domain, int64_t version)
{
    pb_text(entry, 1, domain);
    pb_int(entry, 2, version);
    pb_message(model, 8, entry);
}

int ml_model_write_onnx(const struct ml_model *m, const char *path, struct dh_err *err)
{
    struct onnx o = {.m = m};
    own_buf struct buf model = {0};
    bool linear_model = m->kind == MODEL_LOGREG;
    if (linear_model)
        linear(&o);
    else
        trees(&o);
    if (m->regression) {
        simple(&o, "Identity", "score_", NULL, "value");
    } else {
        probabilities(&o);
        label(&o);
    }
    pb_text(&o.graph, 2, model_kind_name(m->kind));
    for (size_t i = 0; i < m->n_inputs; i++)
        value_info(&o, 11, m->inputs[i].name,
                   m->inputs[i].type == ML_CATEGORY ? T_STRING : T_DOUBLE, 1);
    if (m->regression) {
        value_info(&o, 12, "value", T_FLOAT, 1);
    } else {
        value_info(&o, 12, "label", T_STRING, 0);
        value_info(&o, 12, "probabilities", linear_model ? T_DOUBLE : T_FLOAT,
                   (int64_t)m->n_classes);
    }
    pb_int(&model, 1, 8);
    pb_text(&model, 2, "dhow");
    pb_message(&model, 7, &o.graph);
    opset(&model, &o.info, "", 17);
    opset(&model, &o.info, "ai.onnx.ml", 3);
    buf_done(&o.graph);
    buf_done(&o.node);
    buf_done(&o.attr);
    buf_done(&o.tensor);
    buf_done(&o.info);
    return fs_write(path, model.p, model.n, 0644, err);
}
