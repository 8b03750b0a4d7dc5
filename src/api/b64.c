#include "api/b64.h"

#include <string.h>

#include "base/base64.h"

void b64_write(const void *bytes, size_t n, bool url, struct buf *to)
{
    size_t at = to->n;

    base64_put(to, bytes, n);
    if (!url)
        return;
    while (to->n > at && to->p[to->n - 1] == '=')
        to->p[--to->n] = '\0';
    for (; at < to->n; at++)
        to->p[at] = to->p[at] == '+' ? '-' : to->p[at] == '/' ? '_' : to->p[at];
}

unsigned char *b64_read(const char *text, size_t n, struct arena *a, size_t *ret_n)
{
    own_buf struct buf bytes = {0};
    char *plain = arena_strndup(a, text, n);

    for (size_t i = 0; i < n; i++)
        plain[i] = plain[i] == '-' ? '+' : plain[i] == '_' ? '/' : plain[i];
    if (memchr(text, '\0', n) || base64_get(&bytes, plain, n) < 0)
        return NULL;
    *ret_n = bytes.n;
    return (unsigned char *)arena_strndup(a, buf_str(&bytes), bytes.n);
}
