#include "api/b64.h"

#include <stdint.h>
#include <string.h>

void b64_write(const void *bytes, size_t n, bool url, struct buf *to)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *set = url ? safe : plain;
    const unsigned char *s = bytes;

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)s[i] << 16 | (left > 1 ? (uint32_t)s[i + 1] << 8 : 0) |
                     (left > 2 ? s[i + 2] : 0U);

        buf_addc(to, set[v >> 18]);
        buf_addc(to, set[v >> 12 & 63]);
        if (left > 1 || !url)
            buf_addc(to, left > 1 ? set[v >> 6 & 63] : '=');
        if (left > 2 || !url)
            buf_addc(to, left > 2 ? set[v & 63] : '=');
    }
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

unsigned char *b64_read(const char *text, size_t n, struct arena *a, size_t *ret_n)
{
    unsigned char *to = arena_alloc(a, n / 4 * 3 + 4);
    uint32_t v = 0;
    int bits = 0;
    size_t len = 0;

    while (n > 0 && text[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        int d = digit(text[i]);

        if (d < 0)
            return NULL;
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[len++] = (unsigned char)(v >> bits);
        }
    }
    *ret_n = len;
    return bits == 6 ? NULL : to;
}
