/* The steps beyond the limit, in the order in which they came. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "runtime/shepherd-priv.h"

size_t queue_n(const struct shepherd_queue *q)
{
    return q->n - q->at;
}

void queue_put(struct shepherd_queue *q, const struct shepherd_header *header, char *body)
{
    DH_GROW(q->items, q->n, q->cap);
    q->items[q->n++] = (struct shepherd_waiting){*header, body};
}

bool queue_next(struct shepherd_queue *q, struct shepherd_waiting *ret)
{
    if (q->at == q->n)
        return false;
    *ret = q->items[q->at++];
    if (q->at == q->n)
        q->at = q->n = 0;
    return true;
}

bool queue_drop(struct shepherd_queue *q, uint64_t id)
{
    for (size_t i = q->at; i < q->n; i++)
        if (q->items[i].header.id == id) {
            free(q->items[i].body);
            memmove(&q->items[i], &q->items[i + 1], (--q->n - i) * sizeof *q->items);
            return true;
        }
    return false;
}

void queue_done(struct shepherd_queue *q)
{
    while (q->at < q->n)
        free(q->items[q->at++].body);
    free(q->items);
}
