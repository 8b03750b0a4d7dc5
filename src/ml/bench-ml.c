/* bench-ml - one measurement of the numeric core for bench/ml/run.py: bench-ml FILE.csv THREADS
 * WHAT; the last line of output is JSON. The label is the last column. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "dhow/ml.h"
#include "ml/pool.h"
#include "ml/model-priv.h"

struct bench {
    const char *path;
    unsigned threads;
    struct ml_frame *frame;
    struct js *out;
};

/* Wall time, and the processor time of all threads: what else the machine does is only in the
 * first. */
struct stopwatch {
    int64_t wall_us;
    clock_t processor;
};

static struct stopwatch start(void)
{
    return (struct stopwatch){clock_mono_us(), clock()};
}

static void stop(struct bench *b, struct stopwatch s)
{
    js_set(b->out, "processor", js_real((double)(clock() - s.processor) / CLOCKS_PER_SEC));
    js_set(b->out, "seconds", js_real((double)(clock_mono_us() - s.wall_us) / 1e6));
}

static void read_frame(struct bench *b)
{
    struct dh_err err;
    struct ml_csv_options o = {.threads = b->threads};
    struct stopwatch watch = start();
    if (ml_csv_read(b->path, &o, &b->frame, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    stop(b, watch);
}

/* ---- the limit: the file read into memory and each byte looked at ---- */

struct touch {
    int fd;
    size_t n, pieces;
    char *to;
    uint64_t sum[64];
};

static void touch_piece(void *ctx, size_t piece, unsigned worker)
{
    struct touch *t = ctx;
    size_t at = t->n * piece / t->pieces, end = t->n * (piece + 1) / t->pieces;
    for (size_t from = at; from < end;) {
        ssize_t got = pread(t->fd, t->to + from, end - from, (off_t)from);
        if (got <= 0)
            break;
        uint64_t sum = 0;
        for (ssize_t i = 0; i < got; i++)
            sum += (unsigned char)t->to[from + (size_t)i];
        t->sum[worker] += sum;
        from += (size_t)got;
    }
}

static void touch(struct bench *b)
{
    struct touch t = {.fd = open(b->path, O_RDONLY | O_CLOEXEC), .pieces = b->threads * 8};
    struct stat st;
    struct stopwatch watch = start();
    if (t.fd < 0 || fstat(t.fd, &st) < 0)
        exit(1);
    own(pool_free) struct pool *pool = pool_new(b->threads);
    t.n = (size_t)st.st_size;
    t.to = dh_alloc(t.n + 1);
    pool_run(pool, t.pieces, touch_piece, &t);
    stop(b, watch);
    js_set(b->out, "sum", js_int((int64_t)(t.sum[0] & 0xFFFF)));
    free(t.to);
    close(t.fd);
}

/* ---- training ---- */

static struct ml_model *train_once(struct bench *b, const char *what)
{
    struct ml_model *m = NULL;
    struct dh_err err = {0};
    struct ml_task task = {.frame = b->frame,
                           .target = b->frame->cols[b->frame->n_cols - 1].name,
                           .threads = b->threads};
    struct ml_tree_options tree = {.max_depth = 10,
                                   .histogram = strcmp(what, "histogram-tree") == 0};
    struct ml_forest_options forest = {.max_leaves = 255};
    /* the peer stops at 1e-4; we still go three digits further */
    struct ml_logreg_options logreg = {.tol = b->frame->n_rows > 100000 ? 1e-7 : 0};
    struct stopwatch watch = start();
    int rc = strcmp(what, "logreg") == 0     ? ml_train_logreg(&task, &logreg, &m, &err)
             : strcmp(what, "boosting") == 0 ? ml_train_boosting(&task, NULL, &m, &err)
             : strcmp(what, "forest") == 0   ? ml_train_forest(&task, &forest, &m, &err)
                                             : ml_train_tree(&task, &tree, &m, &err);
    stop(b, watch);
    if (rc < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return m;
}

/* What takes less than a millisecond is done again and again, and the best counts: a first time is
 * one of page faults. */
static struct ml_model *train(struct bench *b, const char *what)
{
    enum { SMALL = 10000, TIMES = 200 };
    double best = INFINITY;
    for (int i = 1; b->frame->n_rows < SMALL && i < TIMES; i++) {
        ml_model_free(train_once(b, what));
        double seconds = js_as_num(js_get(b->out, "seconds"), 0);
        best = seconds < best ? seconds : best;
    }
    struct ml_model *m = train_once(b, what);
    if (best < js_as_num(js_get(b->out, "seconds"), 0))
        js_set(b->out, "seconds", js_real(best));
    return m;
}

static void add_impurity(const struct tree *t, size_t i, size_t depth, double n, double sums[11])
{
    const struct node *node = &t->nodes[i];
    bool leaf = node->feature < 0;
    for (size_t d = depth; d < (leaf ? 11 : depth + 1); d++)
        sums[d] += node->impurity * node->weight / n;
    if (leaf)
        return;
    add_impurity(t, (size_t)node->left, depth + 1, n, sums);
    add_impurity(t, (size_t)node->right, depth + 1, n, sums);
}

static void say_quality(struct bench *b, const struct ml_model *m, const char *what)
{
    own_mem double *p = NULL;
    own_mem int32_t *code = NULL;
    own(ml_report_free) struct ml_report *r = NULL;
    struct dh_err err;
    js_set(b->out, "objective", js_copy(js_get(ml_model_training(m), "objective")));
    if (strcmp(what, "logreg") == 0) {
        struct js *list = js_array();
        for (size_t i = 0; i < m->n_design; i++)
            js_push(list, js_real(m->coef[i]));
        js_set(b->out, "coefficients", list);
    }
    if (strcmp(what, "tree") == 0) {
        double sums[11] = {0};
        struct js *list = js_array();
        add_impurity(&m->trees[0], 0, 0, (double)b->frame->n_rows, sums);
        for (size_t d = 0; d < 11; d++)
            js_push(list, js_real(sums[d]));
        js_set(b->out, "impurity", list);
    }
    if (ml_predict(m, b->frame, NULL, 0, b->threads, &p, &err) < 0 ||
        ml_target_codes(m, b->frame, &code, &err) < 0 ||
        ml_evaluate(code, p, b->frame->n_rows, ml_model_n_classes(m), ml_model_positive(m), &r,
                    &err) < 0)
        exit(1);
    js_set(b->out, "accuracy", js_real(r->accuracy));
    js_set(b->out, "roc_auc", js_real(r->roc_auc));
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-ml FILE.csv THREADS "
                        "csv|touch|logreg|tree|histogram-tree|boosting|forest\n");
        return 2;
    }
    struct bench b = {argv[1], (unsigned)strtoul(argv[2], NULL, 10), NULL, js_object()};
    struct rusage use;
    if (strcmp(argv[3], "touch") == 0) {
        touch(&b);
    } else {
        read_frame(&b);
        own(ml_model_free) struct ml_model *m =
            strcmp(argv[3], "csv") == 0 ? NULL : train(&b, argv[3]);
        getrusage(RUSAGE_SELF, &use);
        js_set(b.out, "peak_bytes", js_int((int64_t)use.ru_maxrss * 1024));
        js_set(b.out, "column_bytes", js_int((int64_t)(b.frame->n_rows * b.frame->n_cols * 8)));
        if (m)
            say_quality(&b, m, argv[3]);
        ml_frame_free(b.frame);
    }
    own_mem char *text = js_dump(b.out, JS_COMPACT);
    printf("%s\n", text);
    js_free(b.out);
    return 0;
}
