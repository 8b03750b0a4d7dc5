/* SQLite's memory. Debian builds it without its own store of small pieces, and malloc is a fifth of
 * what reading the schema takes. So, while the process has one thread, small pieces are cut from
 * blocks and kept in a list for each size. With more threads all comes from malloc, and a piece of
 * ours that is given back then is not used again: there are only so many of them. Nor is a block
 * ever given back. */
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "store/db-sqlite-priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED true /* each piece is to be seen by itself */
#elif defined(__has_feature)
#define WATCHED __has_feature(address_sanitizer)
#else
#define WATCHED false
#endif

enum { STEP = 16, SMALL = 1024, BLOCK = 65536 };
#define OURS ((size_t)1) /* in the size of one that is cut from a block */

/* Before each piece; its own size with it. */
struct head {
    size_t size;
};
struct piece { /* one that has been given back */
    struct head head;
    struct piece *next;
};

static struct piece *given_back[SMALL / STEP + 1];
static char *block, *block_end;

static size_t with_head(int n)
{
    return ((size_t)n + sizeof(struct head) + STEP - 1) / STEP * STEP;
}

static struct head *cut(size_t size)
{
    struct piece *p = given_back[size / STEP];

    if (p) {
        given_back[size / STEP] = p->next;
        return &p->head;
    }
    if ((size_t)(block_end - block) < size) {
        char *more = malloc(BLOCK);

        if (!more)
            return NULL;
        block = more;
        block_end = more + BLOCK;
    }
    block += size;
    return (struct head *)(void *)(block - size);
}

static void *allocate(int n)
{
    size_t size = with_head(n);
    bool ours = size <= SMALL && __libc_single_threaded;
    struct head *h = ours ? cut(size) : malloc(size);

    if (!h)
        return NULL;
    h->size = size | (ours ? OURS : 0);
    return h + 1;
}

static void give_back(void *of)
{
    struct head *h = (struct head *)of - 1;
    struct piece *p = (struct piece *)h;

    if (!(h->size & OURS)) {
        free(h);
    } else if (__libc_single_threaded) {
        p->next = given_back[h->size / STEP];
        given_back[h->size / STEP] = p;
    }
}

static int size_of(void *of)
{
    const struct head *h = (struct head *)of - 1;

    return (int)((h->size & ~OURS) - sizeof *h);
}

static int round_up(int n)
{
    return (int)(with_head(n) - sizeof(struct head));
}

static void *reallocate(void *of, int n)
{
    struct head *h = (struct head *)of - 1;
    size_t size = with_head(n), had = (size_t)size_of(of);
    void *to;

    if (!(h->size & OURS)) {
        h = realloc(h, size);
        if (!h)
            return NULL;
        h->size = size;
        return h + 1;
    }
    if (size == (h->size & ~OURS))
        return of;
    to = allocate(n);
    if (to) {
        (void)memcpy(to, of, had < (size_t)n ? had : (size_t)n);
        give_back(of);
    }
    return to;
}

static int init(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void shut_down(void *unused)
{
    (void)unused;
}

void db_sqlite_memory(void)
{
    static const sqlite3_mem_methods methods = {.xMalloc = allocate,
                                                .xFree = give_back,
                                                .xRealloc = reallocate,
                                                .xSize = size_of,
                                                .xRoundup = round_up,
                                                .xInit = init,
                                                .xShutdown = shut_down};

    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* no counting of each, under a lock */
    if (!WATCHED)
        (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}
