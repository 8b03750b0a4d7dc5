/* tree-prune - cost-complexity pruning: while the weakest link costs no more than alpha a leaf, cut
 * it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/tree-priv.h"

/* Risk and number of the leaves below each node; children come after their parents. */
static void sum_up(const struct tree *t, double total, double *risk, size_t *leaves)
{
    for (size_t i = t->n_nodes; i-- > 0;) {
        const struct node *n = &t->nodes[i];
        bool leaf = n->feature < 0;
        risk[i] = leaf ? n->impurity * n->weight / total : risk[n->left] + risk[n->right];
        leaves[i] = leaf ? 1 : leaves[n->left] + leaves[n->right];
    }
}

/* Nodes that can still be reached, in their old order. */
static void compact(struct tree *t)
{
    own_mem int32_t *to = dh_zalloc(t->n_nodes, sizeof *to);
    own_mem uint8_t *kept = dh_zalloc(t->n_nodes, 1);
    size_t n = 0;
    kept[0] = 1;
    for (size_t i = 0; i < t->n_nodes; i++) {
        if (!kept[i])
            continue;
        if (t->nodes[i].feature >= 0)
            kept[t->nodes[i].left] = kept[t->nodes[i].right] = 1;
        to[i] = (int32_t)n;
        t->nodes[n] = t->nodes[i];
        memmove(t->value + n * t->n_out, t->value + i * t->n_out, t->n_out * sizeof *t->value);
        n++;
    }
    for (size_t i = 0; i < n; i++)
        if (t->nodes[i].feature >= 0) {
            t->nodes[i].left = to[t->nodes[i].left];
            t->nodes[i].right = to[t->nodes[i].right];
        }
    t->n_nodes = n;
}

void tree_prune(struct tree *t, double alpha, double total)
{
    own_mem double *risk = dh_zalloc(t->n_nodes, sizeof *risk);
    own_mem size_t *leaves = dh_zalloc(t->n_nodes, sizeof *leaves);
    own_mem uint8_t *live = dh_zalloc(t->n_nodes, 1);
    for (;;) {
        size_t weakest = 0;
        double least = INFINITY;
        sum_up(t, total, risk, leaves);
        memset(live, 0, t->n_nodes);
        live[0] = 1;
        for (size_t i = 0; i < t->n_nodes; i++) {
            const struct node *n = &t->nodes[i];
            if (!live[i] || n->feature < 0)
                continue;
            live[n->left] = live[n->right] = 1;
            double link = (n->impurity * n->weight / total - risk[i]) / (double)(leaves[i] - 1);
            if (link < least) {
                least = link;
                weakest = i;
            }
        }
        if (!(least <= alpha))
            break;
        t->nodes[weakest].feature = -1;
    }
    compact(t);
}
