#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

char *clock_text(int64_t us, char to[CLOCK_TEXT])
{
    time_t seconds = (time_t)(us / 1000000);
    int fraction = (int)(us % 1000000);
    struct tm tm;
    size_t n;

    to[0] = '\0';
    if (us <= 0 || !gmtime_r(&seconds, &tm))
        return to;
    n = strftime(to, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    if (fraction == 0)
        (void)snprintf(to + n, CLOCK_TEXT - n, "Z");
    else if (fraction % 1000 == 0)
        (void)snprintf(to + n, CLOCK_TEXT - n, ".%03dZ", fraction / 1000);
    else
        (void)snprintf(to + n, CLOCK_TEXT - n, ".%06dZ", fraction);
    return to;
}

int clock_parse(const char *text, int64_t *ret_us)
{
    struct tm tm = {0};
    int64_t fraction = 0, scale = 100000, offset = 0;
    const char *s = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    if (!s)
        return -1;
    if (*s == '.') {
        const char *start = ++s;

        for (; *s >= '0' && *s <= '9'; s++, scale /= 10)
            fraction += (*s - '0') * scale;
        if (s == start)
            return -1;
    }
    if (*s == 'Z' || *s == 'z') {
        s++;
    } else if (*s == '+' || *s == '-') {
        unsigned h, m;
        int used = 0;

        if (sscanf(s + 1, "%2u:%2u%n", &h, &m, &used) != 2 || used != 5 || h > 23 || m > 59)
            return -1;
        offset = (int64_t)(h * 60 + m) * 60 * (*s == '-' ? -1 : 1);
        s += 6;
    } else {
        return -1;
    }
    if (*s)
        return -1;
    *ret_us = ((int64_t)timegm(&tm) - offset) * 1000000 + fraction;
    return 0;
}

char *clock_duration(int64_t us, char to[CLOCK_TEXT])
{
    int64_t s = us / 1000000;

    if (us < 0)
        us = 0;
    if (us < 1000)
        (void)snprintf(to, CLOCK_TEXT, "%d us", (int)us);
    else if (us < 10000)
        (void)snprintf(to, CLOCK_TEXT, "%.1f ms", (double)us / 1e3);
    else if (us < 1000000)
        (void)snprintf(to, CLOCK_TEXT, "%d ms", (int)(us / 1000));
    else if (s < 60)
        (void)snprintf(to, CLOCK_TEXT, "%.1f s", (double)us / 1e6);
    else if (s < 3600)
        (void)snprintf(to, CLOCK_TEXT, "%d m %02d s", (int)(s / 60), (int)(s % 60));
    else
        (void)snprintf(to, CLOCK_TEXT, "%lld h %02d m", (long long)(s / 3600), (int)(s / 60 % 60));
    return to;
}

int clock_parse_span(const char *text, int64_t *ret_us)
{
    static const struct {
        char unit;
        double us;
    } units[] = {{'s', 1e6}, {'m', 60e6}, {'h', 3600e6}, {'d', 86400e6}};
    char *end;
    double n = strtod(text, &end);

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end != text && *end == units[i].unit && !end[1] && n >= 0 &&
            n * units[i].us < 8.64e17) {
            *ret_us = (int64_t)(n * units[i].us);
            return 0;
        }
    return -1;
}
