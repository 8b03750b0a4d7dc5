/* model-json - the readable form of a model, and back. What is read is checked before it is used:
 * every index in range, every tree a tree, every number where one must be. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "base/mem.h"
#include "ml/model-priv.h"

enum { FORMAT_VERSION = 1, MAX_LEVELS = 10000000, PRETTY_NODES = 2000 };
#define MAX_MODEL_BYTES ((size_t)2 << 30)

/* ---- writing ---- */

static struct js *number(double d)
{
    return isnan(d) ? js_null() : js_real(d);
}

static struct js *numbers(const double *v, size_t n)
{
    struct js *a = js_array();
    for (size_t i = 0; i < n; i++)
        js_push(a, js_real(v[i]));
    return a;
}

static struct js *texts(char *const *v, size_t n)
{
    struct js *a = js_array();
    for (size_t i = 0; i < n; i++)
        js_push(a, js_str(v[i]));
    return a;
}

static struct js *input_json(const struct input *in)
{
    struct js *o = js_object();
    js_set(o, "name", js_str(in->name));
    js_set(o, "type", js_str(ml_type_name(in->type)));
    if (in->type == ML_CATEGORY) {
        js_set(o, "levels", texts(in->levels, in->n_levels));
        if (!in->ordinal) {
            js_set(o, "impute",
                   in->impute_code < 0 ? js_null() : js_str(in->levels[in->impute_code]));
            return o;
        }
        js_set(o, "encoding", js_str("ordinal"));
    }
    js_set(o, "impute", number(in->impute));
    js_set(o, "mean", js_real(in->mean));
    js_set(o, "scale", js_real(in->scale));
    return o;
}

static struct js *cats_json(const struct ml_model *m, const struct tree *t, const struct node *n)
{
    if (n->feature < 0 || !n->n_cat_words)
        return js_null();
    const struct input *in = &m->inputs[n->feature];
    struct js *a = js_array();
    for (size_t l = 0; l < in->n_levels; l++)
        if (t->cat_bits[n->cats + l / 64] >> (l % 64) & 1)
            js_push(a, js_str(in->levels[l]));
    return a;
}

static struct js *tree_json(const struct ml_model *m, const struct tree *t)
{
    static const char *const keys[] = {"feature",  "threshold", "categories", "missing_left",
                                       "left",     "right",     "samples",    "weight",
                                       "impurity", "value"};
    struct js *o = js_object();
    struct js *a[10];
    for (size_t k = 0; k < 10; k++)
        js_set(o, keys[k], a[k] = js_array());
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct node *n = &t->nodes[i];
        bool leaf = n->feature < 0;
        js_push(a[0], leaf ? js_null() : js_str(m->inputs[n->feature].name));
        js_push(a[1], leaf || n->n_cat_words ? js_null() : js_real(n->threshold));
        js_push(a[2], cats_json(m, t, n));
        js_push(a[3], leaf ? js_null() : js_bool(n->missing_left));
        js_push(a[4], leaf ? js_null() : js_int(n->left));
        js_push(a[5], leaf ? js_null() : js_int(n->right));
        js_push(a[6], js_int((int64_t)n->n));
        js_push(a[7], js_real(n->weight));
        js_push(a[8], js_real(n->impurity));
        js_push(a[9], numbers(t->value + i * t->n_out, t->n_out));
    }
    return o;
}

static struct js *model_json(const struct ml_model *m)
{
    struct js *o = js_object();
    js_set(o, "format", js_str("dhow.model"));
    js_set(o, "version", js_int(FORMAT_VERSION));
    js_set(o, "kind", js_str(model_kind_name(m->kind)));
    js_set(o, "task", js_str(m->regression ? "regression" : "classification"));
    js_set(o, "target", js_str(m->target));
    if (!m->regression) {
        js_set(o, "classes", texts(m->classes, m->n_classes));
        js_set(o, "positive", js_str(m->classes[m->positive]));
    }
    struct js *inputs = js_array();
    for (size_t i = 0; i < m->n_inputs; i++)
        js_push(inputs, input_json(&m->inputs[i]));
    js_set(o, "inputs", inputs);
    if (m->kind == MODEL_LOGREG) {
        struct js *rows = js_array();
        for (size_t c = 0; c < m->n_out; c++)
            js_push(rows, numbers(m->coef + c * m->n_design, m->n_design));
        js_set(o, "coefficients", rows);
        js_set(o, "intercepts", numbers(m->intercept, m->n_out));
    } else {
        struct js *trees = js_array();
        for (size_t t = 0; t < m->n_trees; t++)
            js_push(trees, tree_json(m, &m->trees[t]));
        js_set(o, "trees", trees);
    }
    if (m->kind == MODEL_BOOSTING)
        js_set(o, "base", numbers(m->base, m->n_out));
    js_set(o, "training", m->training ? js_ref(m->training) : js_object());
    return o;
}

int ml_model_write_json(const struct ml_model *m, const char *path, struct dh_err *err)
{
    own(js_free) struct js *o = model_json(m);
    own_buf struct buf b = {0};
    size_t nodes = 0;
    for (size_t t = 0; t < m->n_trees; t++)
        nodes += m->trees[t].n_nodes;
    js_write(o, nodes > PRETTY_NODES ? JS_COMPACT : JS_PRETTY, &b);
    buf_addc(&b, '\n');
    return fs_write(path, buf_str(&b), b.n, 0644, err);
}

/* ---- reading ---- */

static int bad(struct dh_err *err, const char *what)
{
    return dh_fail(err, DH_INVALID, "no sound model file: %s", what);
}

static bool get_number(const struct js *v, double *ret)
{
    const char *text = js_text(v);
    *ret = NAN;
    if (js_is(v, JS_NULL))
        return true;
    if (text && strcmp(text, "Infinity") == 0)
        *ret = INFINITY;
    else if (text && strcmp(text, "-Infinity") == 0)
        *ret = -INFINITY;
    else if (js_is_num(v))
        *ret = js_as_num(v, NAN);
    else
        return false;
    return true;
}

static int get_finite(const struct js *array, double *to, size_t n, const char *what,
                      struct dh_err *err)
{
    if (!js_is(array, JS_ARRAY) || js_n(array) != n)
        return dh_fail(err, DH_INVALID, "no sound model file: '%s' must be a list of %zu numbers",
                       what, n);
    for (size_t i = 0; i < n; i++)
        if (!get_number(js_at(array, i), &to[i]) || !isfinite(to[i]))
            return dh_fail(err, DH_INVALID,
                           "no sound model file: element %zu of '%s' is no finite number", i, what);
    return 0;
}

static int get_texts(const struct js *array, char ***ret, size_t *ret_n, struct dh_err *err)
{
    size_t n = js_n(array);
    if (!js_is(array, JS_ARRAY) || n > MAX_LEVELS)
        return bad(err, "a list of texts is missing or too long");
    *ret = dh_zalloc(n + 1, sizeof **ret);
    for (size_t i = 0; i < n; i++) {
        const char *s = js_text(js_at(array, i));
        if (!s)
            return bad(err, "a text is expected in a list");
        (*ret)[(*ret_n)++] = dh_strdup(s);
    }
    return 0;
}

static int32_t text_index(char *const *v, size_t n, const char *s)
{
    for (size_t i = 0; s && i < n; i++)
        if (strcmp(v[i], s) == 0)
            return (int32_t)i;
    return -1;
}

static int read_input(const struct js *o, struct input *in, struct dh_err *err)
{
    const char *name = js_get_text(o, "name"), *type = js_get_text(o, "type");
    const enum ml_type types[] = {ML_NUMBER, ML_BOOL, ML_DATE, ML_CATEGORY};
    size_t t = 0;
    if (!name || !type)
        return bad(err, "an input needs 'name' and 'type'");
    in->name = dh_strdup(name);
    while (t < 4 && strcmp(ml_type_name(types[t]), type) != 0)
        t++;
    if (t == 4)
        return dh_fail(err, DH_INVALID, "no sound model file: input '%s' has the unknown type '%s'",
                       name, type);
    in->type = types[t];
    in->scale = 1;
    in->impute_code = -1;
    if (in->type == ML_CATEGORY) {
        if (get_texts(js_get(o, "levels"), &in->levels, &in->n_levels, err) < 0)
            return -1;
        const char *encoding = js_get_text(o, "encoding");
        in->ordinal = encoding && strcmp(encoding, "ordinal") == 0;
        in->impute_code = text_index(in->levels, in->n_levels, js_get_text(o, "impute"));
        if (!in->ordinal)
            return 0;
    }
    if (!get_number(js_get(o, "impute"), &in->impute) ||
        !get_number(js_get(o, "mean"), &in->mean) || !get_number(js_get(o, "scale"), &in->scale) ||
        !isfinite(in->mean) || !(in->scale > 0) || isinf(in->scale) || isinf(in->impute))
        return dh_fail(err, DH_INVALID,
                       "no sound model file: mean, scale or impute of input '%s' is wrong", name);
    return 0;
}

static int read_inputs(const struct js *o, struct ml_model *m, struct dh_err *err)
{
    const struct js *a = js_get(o, "inputs");
    size_t n = js_n(a);
    if (!js_is(a, JS_ARRAY) || !n)
        return bad(err, "'inputs' must be a list");
    m->inputs = dh_zalloc(n, sizeof *m->inputs);
    for (size_t i = 0; i < n; i++) {
        struct input *in = &m->inputs[m->n_inputs++];
        if (read_input(js_at(a, i), in, err) < 0)
            return -1;
        m->n_design += model_input_width(in);
    }
    return 0;
}

static int read_linear(const struct js *o, struct ml_model *m, struct dh_err *err)
{
    const struct js *rows = js_get(o, "coefficients");
    m->n_out = js_n(rows);
    if (m->regression || m->n_out != (m->n_classes == 2 ? 1 : m->n_classes))
        return bad(err,
                   "'coefficients' needs one list, or one a class where there are more than two");
    m->coef = dh_zalloc(m->n_out * m->n_design + 1, sizeof *m->coef);
    m->intercept = dh_zalloc(m->n_out, sizeof *m->intercept);
    for (size_t c = 0; c < m->n_out; c++)
        if (get_finite(js_at(rows, c), m->coef + c * m->n_design, m->n_design, "coefficients",
                       err) < 0)
            return -1;
    for (size_t i = 0; i < m->n_inputs; i++)
        if ((m->inputs[i].type != ML_CATEGORY || m->inputs[i].ordinal) &&
            isnan(m->inputs[i].impute))
            return bad(err, "an input of a linear model needs 'impute'");
    return get_finite(js_get(o, "intercepts"), m->intercept, m->n_out, "intercepts", err);
}

static int read_cats(const struct ml_model *m, const struct js *levels, struct tree *t,
                     struct node *n, struct dh_err *err)
{
    const struct input *in = &m->inputs[n->feature];
    n->cats = (uint32_t)t->n_cat_words;
    n->n_cat_words = (uint32_t)(in->n_levels + 63) / 64;
    if (!js_is(levels, JS_ARRAY) || !in->n_levels)
        return bad(err, "a split of a category needs 'categories'");
    for (uint32_t i = 0; i < n->n_cat_words; i++) {
        DH_GROW(t->cat_bits, t->n_cat_words, t->cap_cat_words);
        t->cat_bits[t->n_cat_words++] = 0;
    }
    for (size_t i = 0; i < js_n(levels); i++) {
        int32_t l = text_index(in->levels, in->n_levels, js_text(js_at(levels, i)));
        if (l < 0)
            return bad(err, "a split names a category that its input does not have");
        t->cat_bits[n->cats + (uint32_t)l / 64] |= (uint64_t)1 << (l % 64);
    }
    return 0;
}

static int32_t input_index(const struct ml_model *m, const char *name, size_t hint)
{
    if (hint < m->n_inputs && strcmp(m->inputs[hint].name, name) == 0)
        return (int32_t)hint;
    for (size_t i = 0; i < m->n_inputs; i++)
        if (strcmp(m->inputs[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

static int read_node(const struct js *o, size_t i, size_t n, const struct ml_model *m,
                     struct tree *t, struct dh_err *err)
{
    int32_t at = tree_add(t);
    struct node *node = &t->nodes[at];
    const char *feature = js_text(js_at(js_get(o, "feature"), i));
    node->n = (uint64_t)js_as_int(js_at(js_get(o, "samples"), i), 0);
    node->weight = js_as_num(js_at(js_get(o, "weight"), i), 0);
    node->impurity = js_as_num(js_at(js_get(o, "impurity"), i), 0);
    if (get_finite(js_at(js_get(o, "value"), i), t->value + i * t->n_out, t->n_out, "value", err) <
        0)
        return -1;
    if (!feature)
        return 0;
    int64_t left = js_as_int(js_at(js_get(o, "left"), i), -1),
            right = js_as_int(js_at(js_get(o, "right"), i), -1);
    if (left <= (int64_t)i || right <= (int64_t)i || left >= (int64_t)n || right >= (int64_t)n)
        return dh_fail(err, DH_INVALID,
                       "no sound model file: node %zu's children must come after it", i);
    node->left = (int32_t)left;
    node->right = (int32_t)right;
    node->feature = input_index(m, feature, 0);
    node->missing_left = js_truth(js_at(js_get(o, "missing_left"), i));
    if (node->feature < 0)
        return dh_fail(err, DH_INVALID,
                       "no sound model file: node %zu splits on '%.80s', which is no input", i,
                       feature);
    if (m->inputs[node->feature].type == ML_CATEGORY)
        return read_cats(m, js_at(js_get(o, "categories"), i), t, node, err);
    if (!get_number(js_at(js_get(o, "threshold"), i), &node->threshold) || isnan(node->threshold))
        return dh_fail(err, DH_INVALID, "no sound model file: node %zu has no threshold", i);
    return 0;
}

/* Each node but the first is one node's child; children come after it: so it is a tree. */
static int check_tree(const struct tree *t, struct dh_err *err)
{
    own_mem uint8_t *seen = dh_zalloc(t->n_nodes, 1);
    size_t n = 1;
    for (size_t i = 0; i < t->n_nodes; i++) {
        const struct node *node = &t->nodes[i];
        if (node->feature < 0)
            continue;
        if (seen[node->left]++ || seen[node->right]++)
            return dh_fail(err, DH_INVALID,
                           "no sound model file: node %zu has a child that another node has", i);
        n += 2;
    }
    return n == t->n_nodes ? 0 : bad(err, "a node is no node's child");
}

static int read_trees(const struct js *o, struct ml_model *m, struct dh_err *err)
{
    const struct js *trees = js_get(o, "trees");
    size_t n = js_n(trees);
    if (!js_is(trees, JS_ARRAY) || !n || n > 1000000 || (m->kind == MODEL_TREE && n != 1))
        return bad(err, "'trees' must be a list of trees");
    m->trees = dh_zalloc(n, sizeof *m->trees);
    for (size_t t = 0; t < n; t++) {
        const struct js *tree = js_at(trees, t);
        size_t nodes = js_n(js_get(tree, "feature"));
        if (!nodes || nodes > INT32_MAX)
            return bad(err, "a tree has no node");
        m->trees[t].n_out = m->kind == MODEL_BOOSTING ? 1 : model_n_p(m);
        m->n_trees++;
        for (size_t i = 0; i < nodes; i++)
            if (read_node(tree, i, nodes, m, &m->trees[t], err) < 0)
                return -1;
        if (check_tree(&m->trees[t], err) < 0)
            return -1;
    }
    return 0;
}

static int read_head(const struct js *o, struct ml_model *m, struct dh_err *err)
{
    const char *kind = js_get_text(o, "kind"), *task = js_get_text(o, "task"),
               *target = js_get_text(o, "target");
    const char *format = js_get_text(o, "format");
    if (!format || strcmp(format, "dhow.model") != 0)
        return bad(err, "'format' is not \"dhow.model\"");
    if (js_get_int(o, "version", 0) != FORMAT_VERSION)
        return bad(err, "its version is not 1, the one that this program reads");
    if (!kind || !task || !target)
        return bad(err, "'kind', 'task' and 'target' are needed");
    m->kind = MODEL_LOGREG;
    while (m->kind <= MODEL_BOOSTING && strcmp(model_kind_name(m->kind), kind) != 0)
        if (m->kind++ == MODEL_BOOSTING)
            return dh_fail(err, DH_INVALID, "no sound model file: unknown kind '%.80s'", kind);
    m->regression = strcmp(task, "regression") == 0;
    m->target = dh_strdup(target);
    if (m->regression)
        return 0;
    if (get_texts(js_get(o, "classes"), &m->classes, &m->n_classes, err) < 0)
        return -1;
    int32_t positive = text_index(m->classes, m->n_classes, js_get_text(o, "positive"));
    if (m->n_classes < 2 || m->n_classes > 1000 || positive < 0)
        return bad(err, "'classes' needs 2 to 1000 names and 'positive' one of them");
    m->positive = (size_t)positive;
    return 0;
}

int ml_model_parse_json(const char *text, size_t n, struct ml_model **ret, struct dh_err *err)
{
    own(js_free) struct js *o = NULL;
    own(ml_model_free) struct ml_model *m = dh_zalloc(1, sizeof *m);
    if (js_parse(text, n, &o, err) < 0)
        return -1;
    if (read_head(o, m, err) < 0 || read_inputs(o, m, err) < 0)
        return -1;
    if ((m->kind == MODEL_LOGREG ? read_linear(o, m, err) : read_trees(o, m, err)) < 0)
        return -1;
    if (m->kind == MODEL_BOOSTING) {
        m->n_out = m->regression || m->n_classes == 2 ? 1 : m->n_classes;
        if (m->n_out > sizeof m->base / sizeof *m->base || m->n_trees % m->n_out)
            return bad(err, "boosted trees do not fit the number of classes");
        if (get_finite(js_get(o, "base"), m->base, m->n_out, "base", err) < 0)
            return -1;
    }
    m->training = js_ref(js_get(o, "training"));
    *ret = take(&m);
    return 0;
}

int ml_model_read_json(const char *path, struct ml_model **ret, struct dh_err *err)
{
    own_mem char *text = NULL;
    size_t n = 0;
    if (fs_read(path, MAX_MODEL_BYTES, &text, &n, err) < 0)
        return -1;
    return ml_model_parse_json(text, n, ret, err) < 0 ? dh_while(err, "%s", path) : 0;
}
