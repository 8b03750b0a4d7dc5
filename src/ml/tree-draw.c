/* tree-draw - a tree for people. */
#include <math.h>
#include <string.h>
#include "base/buf.h"
#include "ml/model-priv.h"

enum { MAX_NAMES = 6 };

static void add_question(struct buf *b, const struct ml_model *m, const struct tree *t,
                         const struct node *n)
{
    const struct input *in = &m->inputs[n->feature];
    if (!n->n_cat_words) {
        if (isinf(n->threshold))
            buf_addf(b, "%s is known", in->name);
        else
            buf_addf(b, "%s <= %.6g", in->name, n->threshold);
        return;
    }
    unsigned shown = 0;
    buf_addf(b, "%s in {", in->name);
    for (size_t l = 0; l < in->n_levels; l++) {
        if (!(t->cat_bits[n->cats + l / 64] >> (l % 64) & 1))
            continue;
        if (shown++ < MAX_NAMES)
            buf_addf(b, "%s%s", shown > 1 ? ", " : "", in->levels[l]);
    }
    buf_addf(b, "%s}", shown > MAX_NAMES ? ", …" : "");
}

static void add_answer(struct buf *b, const struct ml_model *m, const struct tree *t, size_t i)
{
    const double *value = t->value + i * t->n_out;
    if (m->regression || m->kind == MODEL_BOOSTING) {
        buf_addf(b, "%.6g", value[0]);
        return;
    }
    size_t best = 0;
    for (size_t c = 1; c < t->n_out; c++)
        best = value[c] > value[best] ? c : best;
    buf_addf(b, "%s (%.1f %% of %.6g)", m->classes[best], 100 * value[best], t->nodes[i].weight);
}

static void add_text(struct buf *b, const struct ml_model *m, const struct tree *t, size_t i,
                     unsigned depth)
{
    const struct node *n = &t->nodes[i];
    for (unsigned d = 0; d < depth; d++)
        buf_adds(b, "|   ");
    if (n->feature < 0) {
        add_answer(b, m, t, i);
        buf_addc(b, '\n');
        return;
    }
    add_question(b, m, t, n);
    buf_addf(b, "%s\n", n->missing_left ? "  (or missing)" : "");
    add_text(b, m, t, (size_t)n->left, depth + 1);
    for (unsigned d = 0; d < depth; d++)
        buf_adds(b, "|   ");
    buf_adds(b, "else\n");
    add_text(b, m, t, (size_t)n->right, depth + 1);
}

char *ml_tree_text(const struct ml_model *m, size_t t)
{
    struct buf b = {0};
    if (t >= m->n_trees)
        return NULL;
    add_text(&b, m, &m->trees[t], 0, 0);
    return buf_take(&b);
}

static void add_quoted(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc(b, '\\');
        buf_addc(b, *s);
    }
}

char *ml_tree_dot(const struct ml_model *m, size_t k)
{
    struct buf b = {0};
    if (k >= m->n_trees)
        return NULL;
    const struct tree *t = &m->trees[k];
    buf_adds(&b, "digraph tree {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < t->n_nodes; i++) {
        own_buf struct buf label = {0};
        const struct node *n = &t->nodes[i];
        if (n->feature < 0)
            add_answer(&label, m, t, i);
        else
            add_question(&label, m, t, n);
        buf_addf(&b, "  n%zu [label=\"", i);
        add_quoted(&b, buf_str(&label));
        buf_addf(&b, "\"%s];\n", n->feature < 0 ? ", style=rounded" : "");
        if (n->feature >= 0)
            buf_addf(&b, "  n%zu -> n%d [label=\"yes\"];\n  n%zu -> n%d [label=\"no\"];\n", i,
                     n->left, i, n->right);
    }
    buf_adds(&b, "}\n");
    return buf_take(&b);
}
