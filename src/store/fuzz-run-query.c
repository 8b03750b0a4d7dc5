/* Any bytes as a condition and as an order: read or refused with a message, never a crash; and what
 * was read has as many values as question marks, balanced brackets, and none of the text in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/run-query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct run_query *q)
{
    size_t marks = 0;
    int open = 0;

    for (const char *c = buf_str(&q->sql); *c; c++) {
        marks += *c == '?';
        open += (*c == '(') - (*c == ')');
        if (open < 0 || *c == '\'' || *c == '"' || *c == ';')
            abort();
    }
    if (marks != q->n || open != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    own_mem char *text = dh_strndup((const char *)data, n);

    for (int sort = 0; sort < 2; sort++) {
        own(arena_free) struct arena *a = arena_new();
        own_run_query struct run_query q = {.arena = a};
        struct dh_err err = {0};

        if ((sort ? run_query_sort(&q, text, &err) : run_query_where(&q, text, &err)) < 0) {
            if (err.code != DH_INVALID || !err.msg[0])
                abort();
            continue;
        }
        run_query_end(&q, 10, 0);
        check(&q);
    }
    return 0;
}
