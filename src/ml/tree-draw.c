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
                     unsigned depth, unsigned most)
{
    const struct node *n = &t->nodes[i];
    for (unsigned d = 0; d < depth; d++)
        buf_adds(b, "|   ");
    if (n->feature < 0) {
        add_answer(b, m, t, i);
        buf_addc(b, '\n');
        return;
    }
    if (depth >= most) {
        buf_adds(b, "…\n");
        return;
    }
    add_question(b, m, t, n);
    buf_addf(b, "%s\n", n->missing_left ? "  (or missing)" : "");
    add_text(b, m, t, (size_t)n->left, depth + 1, most);
    for (unsigned d = 0; d < depth; d++)
        buf_adds(b, "|   ");
    buf_adds(b, "else\n");
    add_text(b, m, t, (size_t)n->right, depth + 1, most);
}

char *ml_tree_text(const struct ml_model *m, size_t t, unsigned depth)
{
    struct buf b = {0};
    if (t >= m->n_trees)
        return NULL;
    add_text(&b, m, &m->trees[t], 0, 0, depth < ML_DRAW_DEPTH ? depth : ML_DRAW_DEPTH);
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

/* ---- a picture ---- */

enum { BOX_W = 190, BOX_H = 44, GAP_X = 16, GAP_Y = 40, EDGE = 12 };

struct svg {
    const struct ml_model *m;
    const struct tree *t;
    unsigned depth, most;
    double leaves; /* placed so far: leaves stand side by side, in the tree's order */
    struct buf lines, boxes;
};

static void add_escaped(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < ' ')
            buf_addc(b, ' '); /* XML has no way to write the others */
        else if (strchr("<>&\"", *s))
            buf_addf(b, "&#%d;", *s);
        else
            buf_addc(b, *s);
    }
}

static void add_line(struct svg *v, double x1, double y1, double x2, const char *word)
{
    double y2 = y1 + GAP_Y;
    buf_addf(&v->lines,
             "<line x1=\"%g\" y1=\"%g\" x2=\"%g\" y2=\"%g\"/>"
             "<text x=\"%g\" y=\"%g\">%s</text>\n",
             x1, y1, x2, y2, (x1 + x2) / 2, (y1 + y2) / 2 - 3, word);
}

static void add_box(struct svg *v, size_t i, bool cut, double x, double y)
{
    own_buf struct buf what = {0};
    const struct node *n = &v->t->nodes[i];
    bool leaf = n->feature < 0;
    if (leaf)
        add_answer(&what, v->m, v->t, i);
    else if (cut)
        buf_adds(&what, "…");
    else
        add_question(&what, v->m, v->t, n);
    buf_addf(&v->boxes, "<g transform=\"translate(%g,%g)\"><title>", x - BOX_W / 2.0, y);
    add_escaped(&v->boxes, buf_str(&what));
    buf_addf(&v->boxes,
             "</title><rect class=\"%s\" width=\"%d\" height=\"%d\" rx=\"%d\"/>"
             "<svg width=\"%d\" height=\"%d\"><text x=\"%g\" y=\"18\">",
             leaf ? "leaf" : "node", BOX_W, BOX_H, leaf ? 14 : 3, BOX_W, BOX_H, BOX_W / 2.0);
    add_escaped(&v->boxes, buf_str(&what));
    buf_addf(&v->boxes,
             "</text><text class=\"small\" x=\"%g\" y=\"35\">%llu rows, impurity %.4g</text>"
             "</svg></g>\n",
             BOX_W / 2.0, (unsigned long long)n->n, n->impurity);
}

/* Returns where the node's box has its middle. */
static double add_node(struct svg *v, size_t i, unsigned depth)
{
    const struct node *n = &v->t->nodes[i];
    double y = EDGE + depth * (double)(BOX_H + GAP_Y), x;
    bool cut = n->feature >= 0 && depth >= v->most;
    v->depth = depth > v->depth ? depth : v->depth;
    if (n->feature < 0 || cut) {
        x = EDGE + BOX_W / 2.0 + v->leaves++ * (BOX_W + GAP_X);
    } else {
        double left = add_node(v, (size_t)n->left, depth + 1);
        double right = add_node(v, (size_t)n->right, depth + 1);
        x = (left + right) / 2;
        add_line(v, x, y + BOX_H, left, n->missing_left ? "yes, missing" : "yes");
        add_line(v, x, y + BOX_H, right, "no");
    }
    add_box(v, i, cut, x, y);
    return x;
}

char *ml_tree_svg(const struct ml_model *m, size_t t, unsigned depth)
{
    struct svg v = {.m = m, .most = depth < ML_DRAW_DEPTH ? depth : ML_DRAW_DEPTH};
    struct buf b = {0};
    if (t >= m->n_trees)
        return NULL;
    v.t = &m->trees[t];
    add_node(&v, 0, 0);
    double width = 2 * EDGE + v.leaves * (BOX_W + GAP_X) - GAP_X;
    double height = 2 * EDGE + v.depth * (double)(BOX_H + GAP_Y) + BOX_H;
    buf_addf(&b,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
             "viewBox=\"0 0 %g %g\">\n<style>text{font:13px sans-serif;text-anchor:middle}"
             ".small,line+text{font-size:11px;fill:#555}line{stroke:#888}"
             "rect{fill:#fff;stroke:#444}.leaf{fill:#e8f2e8}</style>\n",
             width, height, width, height);
    buf_add(&b, v.lines.p ? v.lines.p : "", v.lines.n);
    buf_add(&b, v.boxes.p, v.boxes.n);
    buf_adds(&b, "</svg>\n");
    buf_done(&v.lines);
    buf_done(&v.boxes);
    return buf_take(&b);
}
