/* base64 - RFC 4648's standard alphabet. */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *to, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        char four[4];

        if (i + 1 < n)
            v |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < n)
            v |= p[i + 2];
        four[0] = digits[v >> 18];
        four[1] = digits[v >> 12 & 63];
        four[2] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        four[3] = i + 2 < n ? digits[v & 63] : '=';
        buf_add(to, four, sizeof four);
    }
}

int base64_get(struct buf *to, const char *text, size_t n)
{
    uint32_t v = 0;
    int bits = 0;

    for (size_t pad = 0; pad < 2 && n && text[n - 1] == '='; pad++)
        n--;
    if (n % 4 == 1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const char *at = text[i] ? strchr(digits, text[i]) : NULL;

        if (!at)
            return -1;
        v = v << 6 | (uint32_t)(at - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_addc(to, (char)(v >> bits & 0xff));
        }
    }
    return 0;
}
