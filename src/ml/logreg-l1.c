/* logreg-l1 - proximal Newton with coordinate descent, for few features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/logreg-priv.h"

enum { MAX_SWEEPS = 2000, MAX_HALVINGS = 40 };

static double penalty(const struct problem *q, const double *w)
{
    double sum = 0;
    for (size_t j = 0; j + 1 < q->p; j++)
        sum += fabs(w[j]);
    return q->l1 * sum;
}

/* The largest element of the least subgradient: 0 at the minimum. */
static double violation(const struct problem *q, const double *w, const double *grad)
{
    double most = fabs(grad[q->p - 1]);
    for (size_t j = 0; j + 1 < q->p; j++) {
        double g = w[j] > 0   ? fabs(grad[j] + q->l1)
                   : w[j] < 0 ? fabs(grad[j] - q->l1)
                              : fabs(grad[j]) - q->l1;
        most = g > most ? g : most;
    }
    return most;
}

/* min_d g'd + d'Hd/2 + l1 |w + d|_1, coordinate by coordinate; hd = H d is kept. */
static void descend(const struct problem *q, const double *w, const double *grad,
                    const double *hess, double *d, double *hd, double goal)
{
    const size_t p = q->p;
    memset(d, 0, p * sizeof *d);
    memset(hd, 0, p * sizeof *hd);
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
        double most = 0;
        for (size_t j = 0; j < p; j++) {
            double a = hess[j * p + j] > 1e-300 ? hess[j * p + j] : 1e-300;
            double b = grad[j] + hd[j], at = w[j] + d[j];
            double l1 = j + 1 < p ? q->l1 : 0;
            double z = at - b / a, next = z > l1 / a ? z - l1 / a : z < -l1 / a ? z + l1 / a : 0;
            double move = next - at;
            if (move == 0)
                continue;
            d[j] += move;
            most = fabs(move) * a > most ? fabs(move) * a : most;
            for (size_t k = 0; k < p; k++)
                hd[k] += move * (k < j ? hess[k * p + j] : hess[j * p + k]);
        }
        if (most <= goal)
            return;
    }
}

void logreg_coordinate(struct problem *q, struct solution *s)
{
    const size_t p = q->p;
    own_mem double *room = dh_zalloc(p * p + 5 * p, sizeof *room);
    double *grad = room, *d = room + p, *hd = room + 2 * p, *next = room + 3 * p,
           *other = room + 4 * p;
    double *hess = room + 5 * p, tol = (q->o->tol > 0 ? q->o->tol : 1e-10) * q->c * q->total;
    unsigned max_iter = q->o->max_iter ? q->o->max_iter : 200;
    double smooth = logreg_evaluate(q, s->w, grad, hess);
    s->solver = "coordinate-descent";
    for (;; s->iterations++) {
        progress_tell(q->task, "iteration", s->iterations, max_iter);
        s->value = smooth + penalty(q, s->w);
        s->norm = violation(q, s->w, grad);
        s->converged = s->norm <= tol;
        if (s->converged || s->iterations == max_iter)
            return;
        descend(q, s->w, grad, hess, d, hd, fmin(s->norm * 1e-3, tol * 1e3));
        double slope = -penalty(q, s->w), length = 1;
        for (size_t j = 0; j < p; j++) {
            slope += grad[j] * d[j];
            next[j] = s->w[j] + d[j];
        }
        slope += penalty(q, next);
        bool moved = false;
        for (int i = 0; i < MAX_HALVINGS && !moved; i++, length /= 2) {
            for (size_t j = 0; j < p; j++)
                next[j] = s->w[j] + length * d[j];
            double value = logreg_evaluate(q, next, other, NULL) + penalty(q, next);
            moved = value <= s->value + 1e-4 * length * slope + 1e-14 * fabs(s->value);
        }
        if (!moved) {
            s->converged = s->norm <= tol * 1e4;
            return;
        }
        memcpy(s->w, next, p * sizeof *next);
        smooth = logreg_evaluate(q, s->w, grad, hess);
    }
}
