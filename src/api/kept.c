#include "api/kept.h"

#include <stdlib.h>
#include <string.h>

#include "api/api-priv.h"
#include "api/req.h"
#include "api/route.h"
#include "base/mem.h"

enum { N_KEPT = 16, MOST_BYTES = 256 * 1024, MOST_KEY = 2048 };

struct answer {
    char *key; /* who may see what; the path and the query, as they were sent */
    char *body;
    size_t n;
    int64_t version;
};

struct kept {
    struct answer answers[N_KEPT];
    size_t next;
};

struct kept *kept_new(void)
{
    return dh_zalloc(1, sizeof(struct kept));
}

static void drop(struct answer *a)
{
    free(a->key);
    free(a->body);
    *a = (struct answer){0};
}

struct kept *kept_free(struct kept *kept)
{
    for (size_t i = 0; kept && i < N_KEPT; i++)
        drop(&kept->answers[i]);
    free(kept);
    return NULL;
}

/* NULL: answers of this request are not kept. The request's. Its last line is what was sent, which
 * has no line's end in it: whatever namespaces are called, no two requests have one key. */
static const char *key_of(const struct req *r)
{
    if (!(r->route->flags & ROUTE_KEPT) || !r->user || strlen(r->raw) > MOST_KEY)
        return NULL;
    return arena_printf(r->arena, "%d %s\n%s", (int)r->user->usual,
                        r->user->namespaces ? r->user->namespaces : "*", r->raw);
}

static struct answer *find(struct kept *kept, const char *key)
{
    for (size_t i = 0; key && i < N_KEPT; i++)
        if (kept->answers[i].key && !strcmp(kept->answers[i].key, key))
            return &kept->answers[i];
    return NULL;
}

bool kept_answer(struct kept *kept, struct req *r)
{
    const struct answer *a = find(kept, key_of(r));

    if (!a || a->version != store_stamp(r->store))
        return false;
    buf_add(&r->out, a->body, a->n);
    return true;
}

void kept_put(struct kept *kept, const struct req *r)
{
    const char *key = key_of(r);
    int64_t version;
    struct answer *a;

    if (!key || r->status != 200 || r->out.n == 0 || r->out.n > MOST_BYTES ||
        (version = store_stamp(r->store)) == 0)
        return;
    a = find(kept, key);
    if (!a)
        a = &kept->answers[kept->next++ % N_KEPT];
    drop(a);
    *a = (struct answer){.key = dh_strdup(key),
                         .body = memcpy(dh_alloc(r->out.n), r->out.p, r->out.n),
                         .n = r->out.n,
                         .version = version};
}
