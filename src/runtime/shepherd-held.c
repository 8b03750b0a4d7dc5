/* What has happened, in memory that the engine and its shepherd share. The shepherd alone writes to
 * it; the engine reads it when the shepherd is no more. */
#include <sys/mman.h>

#include "runtime/shepherd-priv.h"

int held_new(struct shepherd_held **ret, struct dh_err *err)
{
    void *p = mmap(NULL, sizeof **ret, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return dh_fail_errno(err, "cannot share memory");
    *ret = p;
    return 0;
}

struct shepherd_held *held_free(struct shepherd_held *h)
{
    if (h)
        (void)munmap(h, sizeof *h);
    return NULL;
}

void held_put(struct shepherd_held *h, const struct shepherd_event *event)
{
    h->events[h->n % SHEPHERD_HELD] = *event;
    h->n++;
}

size_t held_since(const struct shepherd_held *h, uint64_t from,
                  struct shepherd_event to[SHEPHERD_HELD])
{
    size_t n = 0;

    for (uint64_t i = from; i < h->n; i++)
        to[n++] = h->events[i % SHEPHERD_HELD];
    return n;
}
