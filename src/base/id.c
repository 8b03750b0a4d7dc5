#include "base/id.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

static void random_bytes(unsigned char *to, size_t n)
{
    static atomic_uint_fast64_t counter;

    if (getrandom(to, n, 0) == (ssize_t)n)
        return;
    /* No entropy source: still unique on this machine, by process, time and a counter. */
    for (size_t i = 0; i < n; i++) {
        uint64_t x = (uint64_t)clock_mono_us() ^ ((uint64_t)getpid() << 40) ^
                     atomic_fetch_add(&counter, 0x9e3779b97f4a7c15ULL);

        x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9ULL;
        to[i] = (unsigned char)(x >> 32);
    }
}

char *id_new(char to[ID_TEXT])
{
    /* 48 bits of milliseconds, then a 12-bit sub-millisecond counter that only grows (RFC 9562, 6.2
     * method 3). */
    static atomic_uint_fast64_t last;
    static const char hex[] = "0123456789abcdef";
    uint64_t us = (uint64_t)clock_now_us();
    uint64_t tick = (us / 1000 << 12) | (us % 1000 * 4096 / 1000), seen = atomic_load(&last);
    unsigned char b[16];
    char *p = to;

    do {
        if (tick <= seen)
            tick = seen + 1;
    } while (!atomic_compare_exchange_weak(&last, &seen, tick));
    random_bytes(b + 8, 8);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(tick >> (52 - 8 * i));
    b[6] = (unsigned char)(0x70 | ((tick >> 8) & 0x0f));
    b[7] = (unsigned char)tick;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
    return to;
}

bool id_is_uuid(const char *text)
{
    if (!text || strlen(text) != ID_TEXT - 1)
        return false;
    for (int i = 0; i < ID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}
