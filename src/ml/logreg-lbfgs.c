/* logreg-lbfgs - any number of classes and features; only gradients are needed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/logreg-priv.h"

enum { MEMORY = 20, MAX_HALVINGS = 50 };

/* ---- softmax loss and gradient of one tile: tile p x TILE, score n_out x TILE ---- */

static double softmax_tile(const struct problem *q, const double *tile, size_t at, size_t n,
                           double *score, double *grad)
{
    const size_t p = q->p, k = q->n_out;
    double loss = 0;
    for (size_t c = 0; c < k; c++) {
        double *to = score + c * TILE;
        memset(to, 0, n * sizeof *to);
        for (size_t j = 0; j < p; j++) {
            const double w = q->w[c * p + j], *x = tile + j * TILE;
            for (size_t i = 0; i < n; i++)
                to[i] += w * x[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        double top = score[i], sum = 0, weight = q->weight[at + i];
        size_t truth = (size_t)q->code[at + i];
        for (size_t c = 1; c < k; c++)
            top = score[c * TILE + i] > top ? score[c * TILE + i] : top;
        double own_score = score[truth * TILE + i] - top;
        for (size_t c = 0; c < k; c++)
            sum += score[c * TILE + i] = exp(score[c * TILE + i] - top);
        loss += weight * (log(sum) - own_score);
        for (size_t c = 0; c < k; c++)
            score[c * TILE + i] = weight * (score[c * TILE + i] / sum - (c == truth));
    }
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; j < p; j++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += score[c * TILE + i] * tile[j * TILE + i];
            grad[c * p + j] += sum;
        }
    return loss;
}

static void softmax_slab(void *ctx, size_t slab, unsigned worker)
{
    struct problem *q = ctx;
    const size_t from = slab * q->slab_rows;
    const size_t to = from + q->slab_rows < q->n ? from + q->slab_rows : q->n;
    double *mine = q->slab + slab * q->slab_size, *tile = q->work[worker],
           *score = tile + q->p * TILE;
    memset(mine, 0, q->slab_size * sizeof *mine);
    for (size_t i = 0; i < TILE; i++)
        tile[(q->p - 1) * TILE + i] = q->o->no_intercept ? 0 : 1;
    for (size_t at = from; at < to; at += TILE) {
        size_t n = to - at < TILE ? to - at : TILE;
        design_tile(&q->design, at, n, tile, TILE);
        mine[0] += softmax_tile(q, tile, at, n, score, mine + 1);
    }
}

static double softmax(struct problem *q, const double *w, double *grad)
{
    const size_t n = q->n_out * q->p;
    double loss = 0, square = 0;
    q->w = w;
    pool_run(q->pool, q->n_slabs, softmax_slab, q);
    memset(grad, 0, n * sizeof *grad);
    for (size_t s = 0; s < q->n_slabs; s++) {
        const double *from = q->slab + s * q->slab_size;
        loss += from[0];
        for (size_t j = 0; j < n; j++)
            grad[j] += from[1 + j];
    }
    for (size_t j = 0; j < n; j++) {
        double l2 = j % q->p + 1 < q->p ? q->l2 : 0;
        grad[j] = q->c * grad[j] + l2 * w[j];
        square += l2 * w[j] * w[j];
    }
    return q->c * loss + square / 2;
}

/* ---- the solver ---- */

struct lbfgs {
    struct problem *q;
    size_t n;
    double *grad, *pseudo, *step, *next, *next_grad;
    double *s[MEMORY], *y[MEMORY], rho[MEMORY];
    size_t kept;
};

static double strength(const struct lbfgs *b, size_t j)
{
    return j % b->q->p + 1 < b->q->p ? b->q->l1 : 0;
}

static double value_at(struct lbfgs *b, const double *w, double *grad)
{
    double value = b->q->n_out == 1 ? logreg_evaluate(b->q, w, grad, NULL) : softmax(b->q, w, grad);
    for (size_t j = 0; b->q->l1 > 0 && j < b->n; j++)
        value += strength(b, j) * fabs(w[j]);
    return value;
}

/* The least subgradient: what steepest descent follows where |w| has a corner. */
static void pseudo_gradient(const struct lbfgs *b, const double *w, const double *grad, double *to)
{
    for (size_t j = 0; j < b->n; j++) {
        double l = strength(b, j), g = grad[j];
        if (w[j] != 0)
            to[j] = g + (w[j] > 0 ? l : -l);
        else
            to[j] = g + l < 0 ? g + l : g - l > 0 ? g - l : 0;
    }
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* step = -H pseudo, by the two loops. */
static void direction(struct lbfgs *b)
{
    double alpha[MEMORY];
    size_t m = b->kept < MEMORY ? b->kept : MEMORY;
    for (size_t j = 0; j < b->n; j++)
        b->step[j] = -b->pseudo[j];
    for (size_t k = 0; k < m; k++) {
        size_t i = (b->kept - 1 - k) % MEMORY;
        alpha[i] = b->rho[i] * dot(b->s[i], b->step, b->n);
        for (size_t j = 0; j < b->n; j++)
            b->step[j] -= alpha[i] * b->y[i][j];
    }
    if (m) {
        size_t i = (b->kept - 1) % MEMORY;
        double scale = 1 / (b->rho[i] * dot(b->y[i], b->y[i], b->n));
        for (size_t j = 0; j < b->n; j++)
            b->step[j] *= scale;
    }
    for (size_t k = m; k-- > 0;) {
        size_t i = (b->kept - 1 - k) % MEMORY;
        double beta = b->rho[i] * dot(b->y[i], b->step, b->n);
        for (size_t j = 0; j < b->n; j++)
            b->step[j] += (alpha[i] - beta) * b->s[i][j];
    }
    for (size_t j = 0; b->q->l1 > 0 && j < b->n; j++) /* stay in the orthant of steepest descent */
        if (b->step[j] * b->pseudo[j] >= 0)
            b->step[j] = 0;
}

static void remember(struct lbfgs *b, const double *w)
{
    size_t i = b->kept % MEMORY;
    for (size_t j = 0; j < b->n; j++) {
        b->s[i][j] = b->next[j] - w[j];
        b->y[i][j] = b->next_grad[j] - b->grad[j];
    }
    double sy = dot(b->s[i], b->y[i], b->n);
    if (sy <= 1e-14 * dot(b->y[i], b->y[i], b->n))
        return;
    b->rho[i] = 1 / sy;
    b->kept++;
}

/* Backtracking; with an L1 part no coordinate may cross zero. */
static bool search(struct lbfgs *b, const double *w, double *value)
{
    double length = b->kept ? 1 : 1 / fmax(1, sqrt(dot(b->pseudo, b->pseudo, b->n)));
    double noise = 1e-15 * fabs(*value);
    for (int i = 0; i < MAX_HALVINGS; i++, length /= 2) {
        double gain = 0;
        for (size_t j = 0; j < b->n; j++) {
            double x = w[j] + length * b->step[j];
            double side = w[j] != 0 ? w[j] : -b->pseudo[j];
            if (strength(b, j) > 0 && x * side < 0)
                x = 0;
            b->next[j] = x;
            gain += b->pseudo[j] * (x - w[j]);
        }
        double next = value_at(b, b->next, b->next_grad);
        if (next <= *value + 1e-4 * gain + noise) {
            *value = next;
            return true;
        }
    }
    return false;
}

static void iterate(struct lbfgs *b, struct solution *s)
{
    double tol = (b->q->o->tol > 0 ? b->q->o->tol : 1e-10) * b->q->c * b->q->total;
    unsigned max_iter = b->q->o->max_iter ? b->q->o->max_iter : 5000;
    s->value = value_at(b, s->w, b->grad);
    bool fresh = false; /* the memory has just been dropped */
    for (;; s->iterations++) {
        progress_tell(b->q->task, "iteration", s->iterations, max_iter);
        pseudo_gradient(b, s->w, b->grad, b->pseudo);
        s->norm = logreg_largest(b->pseudo, b->n);
        s->converged = s->norm <= tol;
        if (s->converged || s->iterations == max_iter)
            return;
        direction(b);
        if (!search(b, s->w, &s->value)) {
            if (fresh) {
                s->converged = s->norm <= tol * 1e4;
                return;
            }
            b->kept = 0;
            fresh = true;
            continue;
        }
        fresh = false;
        remember(b, s->w);
        memcpy(s->w, b->next, b->n * sizeof *s->w);
        memcpy(b->grad, b->next_grad, b->n * sizeof *b->grad);
    }
}

void logreg_lbfgs(struct problem *q, struct solution *s)
{
    struct lbfgs b = {.q = q, .n = q->n_out * q->p};
    own_mem double *room = dh_zalloc((5 + 2 * MEMORY) * b.n, sizeof *room);
    double **to[] = {&b.grad, &b.pseudo, &b.step, &b.next, &b.next_grad};
    for (size_t i = 0; i < 5; i++)
        *to[i] = room + i * b.n;
    for (size_t i = 0; i < MEMORY; i++) {
        b.s[i] = room + (5 + 2 * i) * b.n;
        b.y[i] = room + (6 + 2 * i) * b.n;
    }
    s->solver = q->l1 > 0 ? "owl-qn" : "l-bfgs";
    iterate(&b, s);
}
