/* logreg - binary logistic regression by Newton's method with a Cholesky solve: Nocedal and Wright,
 * "Numerical Optimization" (2006), chapter 3; the objective is scikit-learn's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ml/cpu.h"
#include "ml/logreg-priv.h"

enum { SLAB_ROWS = 16384, MAX_SLABS = 128, MAX_HALVINGS = 40 };

bool cholesky_solve(double *a, size_t n, double *b)
{
    for (size_t j = 0; j < n; j++) { /* A = U'U, row by row of U */
        double *row = a + j * n;
        double d = row[j];
        if (!(d > 0) || !isfinite(d))
            return false;
        double inv = 1 / sqrt(d);
        for (size_t k = j; k < n; k++)
            row[k] *= inv;
        for (size_t i = j + 1; i < n; i++) {
            double f = row[i];
            double *to = a + i * n;
            for (size_t k = i; k < n; k++)
                to[k] -= f * row[k];
        }
    }
    for (size_t j = 0; j < n; j++) {
        b[j] /= a[j * n + j];
        for (size_t k = j + 1; k < n; k++)
            b[k] -= a[j * n + k] * b[j];
    }
    for (size_t j = n; j-- > 0;) {
        for (size_t k = j + 1; k < n; k++)
            b[j] -= a[j * n + k] * b[k];
        b[j] /= a[j * n + j];
    }
    return true;
}

static void run_slab(void *ctx, size_t slab, unsigned worker)
{
    struct problem *q = ctx;
    const size_t p = q->p, from = slab * q->slab_rows;
    const size_t to = from + q->slab_rows < q->n ? from + q->slab_rows : q->n;
    double *mine = q->slab + slab * q->slab_size;
    double *tile = q->work[worker], *work = tile + p * TILE;
    struct pass out = {.grad = mine + 1, .hess = q->want_hess ? mine + 1 + p : NULL};
    memset(mine, 0, (1 + p + (q->want_hess ? p * p : 0)) * sizeof *mine);
    for (size_t i = 0; i < TILE; i++)
        tile[(p - 1) * TILE + i] = q->o->no_intercept ? 0 : 1;
    for (size_t at = from; at < to; at += TILE * q->stride) {
        size_t n = to - at < TILE ? to - at : TILE;
        double weight[TILE], sign[TILE];
        design_tile(&q->design, at, n, tile, TILE);
        memcpy(sign, q->sign + at, n * sizeof *sign);
        memcpy(weight, q->weight + at, n * sizeof *weight);
        for (size_t i = n; i < (n + 7) / 8 * 8; i++) {
            sign[i] = 1;
            weight[i] = 0;
            for (size_t j = 0; j + 1 < p; j++)
                tile[j * TILE + i] = 0;
        }
        struct kernel_in in = {tile, n, p, q->w, sign, weight};
        q->kernel(&in, work, &out);
    }
    mine[0] = out.loss;
}

/* The objective at w with gradient and, where `hess` is given, Hessian. */
double logreg_evaluate(struct problem *q, const double *w, double *grad, double *hess)
{
    const size_t p = q->p, size = q->slab_size;
    q->w = w;
    q->want_hess = hess != NULL;
    pool_run(q->pool, q->n_slabs, run_slab, q);
    double loss = 0, penalty = 0;
    memset(grad, 0, p * sizeof *grad);
    if (hess)
        memset(hess, 0, p * p * sizeof *hess);
    for (size_t s = 0; s < q->n_slabs; s++) {
        const double *from = q->slab + s * size;
        loss += from[0];
        for (size_t j = 0; j < p; j++)
            grad[j] += from[1 + j];
        for (size_t j = 0; hess && j < p * p; j++)
            hess[j] += from[1 + p + j];
    }
    double ridge = q->l2, c = q->c * (double)q->stride; /* a part of the tiles stands for all */
    for (size_t j = 0; j < p; j++) {
        double r = j + 1 < p ? ridge : 0;
        grad[j] = c * grad[j] + r * w[j];
        penalty += r * w[j] * w[j];
        for (size_t k = j; hess && k < p; k++)
            hess[j * p + k] = c * hess[j * p + k] + (j == k ? r : 0);
    }
    if (q->o->no_intercept) {
        grad[p - 1] = 0;
        if (hess)
            hess[p * p - 1] = 1;
    }
    return c * loss + penalty / 2;
}

double logreg_largest(const double *v, size_t n)
{
    double m = 0;
    for (size_t i = 0; i < n; i++)
        m = fabs(v[i]) > m ? fabs(v[i]) : m;
    return m;
}

/* The Newton step, with as much of a ridge as a singular Hessian needs. */
static void newton_step(const double *hess, const double *grad, size_t p, double *scratch,
                        double *step)
{
    double mean = 0;
    for (size_t j = 0; j < p; j++)
        mean += hess[j * p + j] / (double)p;
    for (double ridge = 0;; ridge = ridge > 0 ? ridge * 100 : (mean > 0 ? mean : 1) * 1e-12) {
        memcpy(scratch, hess, p * p * sizeof *scratch);
        for (size_t j = 0; j < p; j++) {
            scratch[j * p + j] += ridge;
            step[j] = -grad[j];
        }
        if (cholesky_solve(scratch, p, step))
            return;
    }
}

struct state {
    double *w, *grad, *hess, *step, *scratch, *next_w, *next_grad, *next_hess;
    double value, norm;
    unsigned iterations;
    bool converged;
};

/* Goes along the step as far as the objective falls enough (Armijo). False: it cannot fall further.
 */
static bool advance(struct problem *q, struct state *s, bool want_hess)
{
    double slope = 0;
    for (size_t j = 0; j < q->p; j++)
        slope += s->grad[j] * s->step[j];
    double length = 1, noise = 1e-14 * fabs(s->value);
    for (int i = 0; i < MAX_HALVINGS; i++, length /= 2) {
        for (size_t j = 0; j < q->p; j++)
            s->next_w[j] = s->w[j] + length * s->step[j];
        double value = logreg_evaluate(q, s->next_w, s->next_grad, want_hess ? s->next_hess : NULL);
        bool enough = value <= s->value + 1e-4 * length * slope;
        /* so near that the objective's digits are used up: the gradient decides */
        bool level = fabs(value - s->value) <= noise &&
                     logreg_largest(s->next_grad, q->p) < logreg_largest(s->grad, q->p);
        if (!enough && !level)
            continue;
        s->value = value;
        double *t = s->w;
        s->w = s->next_w, s->next_w = t;
        t = s->grad, s->grad = s->next_grad, s->next_grad = t;
        if (want_hess)
            t = s->hess, s->hess = s->next_hess, s->next_hess = t;
        return true;
    }
    return false;
}

/* With `keep` a Hessian serves for as long as each step with it shrinks the gradient to a tenth:
 * near the minimum it hardly changes, and the gradient alone costs a fraction. */
static void newton(struct problem *q, struct state *s, double tol, bool keep)
{
    unsigned max_iter = q->o->max_iter ? q->o->max_iter : 200;
    s->value = logreg_evaluate(q, s->w, s->grad, s->hess);
    s->norm = logreg_largest(s->grad, q->p);
    for (;; s->iterations++) {
        progress_tell(q->task, "iteration", s->iterations, max_iter);
        s->converged = s->norm <= tol;
        if (s->converged || s->iterations >= max_iter)
            return;
        newton_step(s->hess, s->grad, q->p, s->scratch, s->step);
        bool moved = advance(q, s, !keep);
        double norm = moved ? logreg_largest(s->grad, q->p) : s->norm;
        if (keep && (!moved || norm > s->norm / 10) && norm > tol) { /* too old */
            s->value = logreg_evaluate(q, s->w, s->grad, s->hess);
            keep = moved;
        } else if (!moved) { /* at the limit of what doubles can tell */
            s->converged = s->norm <= tol * 1e4;
            return;
        }
        s->norm = norm;
    }
}

enum { SAMPLE_FROM = 100000, SAMPLE_STRIDE = 16 };

/* Many rows: first the minimum of every sixteenth tile, which is near that of all. */
static void newton_from_sample(struct problem *q, struct state *s)
{
    double tol = (q->o->tol > 0 ? q->o->tol : 1e-10) * q->c * q->total;
    bool many = q->n >= SAMPLE_FROM;
    if (many) {
        q->stride = SAMPLE_STRIDE;
        newton(q, s, 1e-5 * q->c * q->total, false);
        q->stride = 1;
    }
    newton(q, s, tol, many);
}

static newton_kernel *best_kernel(void)
{
#if CPU_X86
    if (cpu_level() == CPU_AVX512)
        return newton_kernel_avx512;
    if (cpu_level() == CPU_AVX2)
        return newton_kernel_avx2;
#endif
    return newton_kernel_portable;
}

static void newton_solve(struct problem *q, struct solution *found)
{
    const size_t p = q->p;
    own_mem double *room = dh_zalloc(3 * p * p + 5 * p, sizeof *room);
    struct state s = {.w = room};
    double *at = room + p;
    double **vectors[] = {&s.grad, &s.step, &s.next_w, &s.next_grad};
    for (size_t i = 0; i < 4; i++, at += p)
        *vectors[i] = at;
    s.hess = at, s.next_hess = at + p * p, s.scratch = at + 2 * p * p;
    newton_from_sample(q, &s);
    memcpy(found->w, s.w, p * sizeof *s.w);
    found->value = s.value;
    found->norm = s.norm;
    found->iterations = s.iterations;
    found->converged = s.converged;
    found->solver = "newton-cholesky";
}

enum { NEWTON_FEATURES = 600 };

static enum ml_solver choose_solver(const struct problem *q)
{
    if (q->n_out > 1 || q->p > NEWTON_FEATURES)
        return ML_LBFGS;
    return q->l1 > 0 ? ML_COORDINATE : ML_NEWTON;
}

static void say(const struct problem *q, const struct solution *s, struct ml_model *m)
{
    const size_t p = q->p;
    m->n_out = q->n_out;
    m->coef = dh_zalloc(q->n_out * p, sizeof *m->coef);
    m->intercept = dh_zalloc(q->n_out, sizeof *m->intercept);
    for (size_t c = 0; c < q->n_out; c++) {
        memcpy(m->coef + c * (p - 1), s->w + c * p, (p - 1) * sizeof *m->coef);
        m->intercept[c] = q->o->no_intercept ? 0 : s->w[c * p + p - 1];
    }
    m->training = js_object();
    js_set(m->training, "solver", js_str(s->solver));
    js_set(m->training, "iterations", js_int(s->iterations));
    js_set(m->training, "converged", js_bool(s->converged));
    js_set(m->training, "gradient_norm", js_real(s->norm / (q->c * q->total)));
    js_set(m->training, "objective", js_real(s->value));
    js_set(m->training, "rows", js_int((int64_t)q->n));
}

static int solve(struct problem *q, enum ml_solver solver, struct ml_model *m, struct dh_err *err)
{
    const size_t p = q->p;
    own_mem double *w = dh_zalloc(q->n_out * p, sizeof *w);
    struct solution s = {.w = w};
    q->slab_rows = SLAB_ROWS;
    if (q->n / SLAB_ROWS > MAX_SLABS)
        q->slab_rows = (q->n / MAX_SLABS + TILE) / TILE * TILE;
    q->n_slabs = (q->n + q->slab_rows - 1) / q->slab_rows;
    q->slab_size = 1 + (solver == ML_LBFGS ? q->n_out * p : p + p * p);
    q->slab = dh_alloc(q->n_slabs * q->slab_size * sizeof *q->slab);
    q->work = dh_zalloc(pool_threads(q->pool), sizeof *q->work);
    for (unsigned i = 0; i < pool_threads(q->pool); i++)
        q->work[i] = dh_alloc((2 * p + 4 + 2 * q->n_out) * TILE * sizeof **q->work);
    if (solver == ML_LBFGS)
        logreg_lbfgs(q, &s);
    else if (solver == ML_COORDINATE)
        logreg_coordinate(q, &s);
    else
        newton_solve(q, &s);
    for (unsigned i = 0; i < pool_threads(q->pool); i++)
        free(q->work[i]);
    free(q->work);
    free(q->slab);
    if (q->l1 + q->l2 == 0 && s.value < 1e-7 * q->c * q->total)
        return dh_fail(err, DH_INVALID,
                       "the classes of '%s' are perfectly separable: without a penalty the "
                       "coefficients grow without "
                       "bound; choose a penalty",
                       m->target);
    for (size_t i = 0; i < q->n_out * p; i++)
        if (!isfinite(w[i]))
            return dh_fail(err, DH_INVALID,
                           "the coefficients are not finite: the features' scale is too extreme");
    say(q, &s, m);
    return 0;
}

static int train(const struct sample *s, const struct ml_logreg_options *o, struct ml_model *m,
                 struct dh_err *err)
{
    struct problem q = {.task = s->task,
                        .o = o,
                        .n = s->n,
                        .p = m->n_design + 1,
                        .c = o->c != 0 ? o->c : 1,
                        .total = s->total,
                        .stride = 1,
                        .n_out = s->n_classes == 2 ? 1 : s->n_classes,
                        .code = s->code};
    double ratio = o->penalty == ML_L1 ? 1 : o->penalty == ML_ELASTIC_NET ? o->l1_ratio : 0;
    q.l1 = o->penalty == ML_NO_PENALTY ? 0 : ratio;
    q.l2 = o->penalty == ML_NO_PENALTY ? 0 : 1 - ratio;
    enum ml_solver solver = o->solver == ML_SOLVER_AUTO ? choose_solver(&q) : o->solver;
    if (solver == ML_NEWTON && (q.n_out > 1 || q.l1 > 0))
        return dh_fail(
            err, DH_INVALID,
            "the Newton solver takes two classes and no L1 part; leave the solver to auto");
    if (solver == ML_COORDINATE && q.n_out > 1)
        return dh_fail(err, DH_INVALID,
                       "the coordinate solver takes two classes; leave the solver to auto");
    if (design_make(m, s->task->frame, s->rows, s->n, &q.design, err) < 0)
        return -1;
    own(pool_free) struct pool *pool = pool_new(s->n * q.p < 500000 ? 1 : s->task->threads);
    own_mem double *sign = dh_alloc(s->n * sizeof *sign);
    own_mem double *weight = dh_alloc(s->n * sizeof *weight);
    for (size_t i = 0; i < s->n; i++) {
        sign[i] = s->code[i] == 1 ? 1 : -1;
        weight[i] = s->weight ? s->weight[i] : 1;
    }
    q.pool = pool;
    q.sign = sign;
    q.weight = weight;
    q.kernel = best_kernel();
    int rc = solve(&q, solver, m, err);
    design_done(&q.design);
    return rc;
}

static const struct ml_logreg_options defaults;

int ml_train_logreg(const struct ml_task *task, const struct ml_logreg_options *options,
                    struct ml_model **ret, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;
    const struct ml_logreg_options *o = options ? options : &defaults;
    struct sample s = {0};
    if (task->regression)
        return dh_fail(err, DH_INVALID, "logistic regression predicts classes, not numbers");
    if (o->c < 0 || !isfinite(o->c))
        return dh_fail(err, DH_INVALID, "C is %g: it must be finite and above 0", o->c);
    if (!(o->l1_ratio >= 0 && o->l1_ratio <= 1))
        return dh_fail(err, DH_INVALID, "l1_ratio is %g: it is between 0 and 1", o->l1_ratio);
    if (!(o->tol >= 0 && o->tol < 1))
        return dh_fail(err, DH_INVALID, "tol is %g: it is at least 0 and below 1", o->tol);
    int rc = sample_make(task, MODEL_LOGREG, &s, &m, err);
    struct prep_options prep = {.impute = true, .scale = !o->no_scale};
    if (rc == 0)
        rc = prep_fit(&s, &prep, m, err);
    if (rc == 0)
        rc = train(&s, o, m, err);
    sample_done(&s);
    if (rc == 0)
        *ret = take(&m);
    return rc;
}
