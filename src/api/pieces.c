#include "api/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog.h"

enum { PAGE = 200 };

struct pieces {
    struct req *r; /* lives until the answer is sent; its `out` is what is being sent */
    const struct store_run *run;
    const struct pieces_writer *writer;
    struct pieces_above *above; /* by id: parents come before their children */
    size_t n, cap, sent;
    int64_t after;
    bool over;
};

int pieces_wanted(struct req *r, const struct store_run *run, bool *ret, struct dh_err *err)
{
    return catalog_run_has_tasks(r->store, run->id, PIECES_FROM + 1, ret, err);
}

static const struct pieces_above *above_of(const struct pieces *p, int64_t id)
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t at = (low + high) / 2;

        if (p->above[at].id == id)
            return &p->above[at];
        if (p->above[at].id < id)
            low = at + 1;
        else
            high = at;
    }
    return NULL;
}

static const char *key_of(const struct store_task *t, const struct pieces_above *above,
                          struct arena *a)
{
    if (!above)
        return t->type == STORE_ROOT ? "root" : t->name;
    return t->type == STORE_LOOP_ITERATION
               ? arena_printf(a, "%s[%lld]", above->key, (long long)t->iteration_index)
               : arena_printf(a, "%s.%s", above->key, t->name);
}

static int write_one(struct pieces *p, const struct store_task *t, struct dh_err *err)
{
    const struct pieces_above *above = above_of(p, t->parent_task_id);
    const char *key = key_of(t, above, p->r->arena);

    if (p->writer->task(p->r, p->run, t, above, key, &p->r->jw, err) < 0)
        return -1;
    p->after = t->id;
    if (t->type == STORE_RUNTIME || t->type == STORE_IMPORTER)
        return 0;
    DH_GROW(p->above, p->n, p->cap);
    p->above[p->n++] = (struct pieces_above){t->id, dh_strdup(t->uuid), dh_strdup(key)};
    return 0;
}

static int write_page(struct pieces *p, struct dh_err *err)
{
    struct store_tasks tasks;

    if (catalog_tasks_after(p->r->store, p->run->id, p->after, PAGE, p->r->arena, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++)
        if (write_one(p, &tasks.items[i], err) < 0)
            return -1;
    p->over = tasks.n < PAGE;
    if (p->over)
        p->writer->end(p->r, p->run, &p->r->jw);
    return 0;
}

/* The page's strings go with it. */
static int next_page(struct pieces *p)
{
    struct arena *whole = p->r->arena;
    struct dh_err ignored;
    int rc;

    buf_reset(&p->r->out);
    p->sent = 0;
    if (store_begin_read(p->r->store, &ignored) < 0)
        return -1;
    p->r->arena = arena_new();
    rc = write_page(p, &ignored);
    arena_free(p->r->arena);
    p->r->arena = whole;
    store_rollback(p->r->store);
    return rc;
}

static ssize_t read_pieces(void *ctx, char *to, size_t max)
{
    struct pieces *p = ctx;
    struct buf *out = &p->r->out;
    size_t n;

    while (p->sent == out->n) {
        if (p->over)
            return REQ_STREAM_END;
        if (next_page(p) < 0)
            return REQ_STREAM_BROKEN;
    }
    n = out->n - p->sent < max ? out->n - p->sent : max;
    (void)memcpy(to, out->p + p->sent, n);
    p->sent += n;
    return (ssize_t)n;
}

static void free_pieces(void *ctx)
{
    struct pieces *p = ctx;

    for (size_t i = 0; i < p->n; i++) {
        free(p->above[i].uuid);
        free(p->above[i].key);
    }
    free(p->above);
    free(p);
}

int pieces_answer(struct req *r, const struct store_run *run, const struct pieces_writer *writer)
{
    struct pieces *p = dh_zalloc(1, sizeof *p);
    struct store_run *kept = arena_alloc(r->arena, sizeof *kept);

    *kept = *run;
    p->r = r;
    p->run = kept;
    p->writer = writer;
    r->stream = (struct req_stream){.ctx = p, .read = read_pieces, .free = free_pieces};
    return 0;
}
