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

/* `n` digits of `value` to `to`. */
static void put_digits(char *to, int n, int64_t value)
{
    while (n-- > 0) {
        to[n] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Days to a date as in "chrono-compatible low-level date algorithms": lists are full of times, and
 * strftime is not quick. */
char *clock_seconds(int64_t s, char to[CLOCK_SECONDS])
{
    int64_t left = s % 86400, z = s / 86400 + 719468, era = z / 146097, of_era = z - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * of_year + 2) / 153, month = m < 10 ? m + 3 : m - 9;

    memcpy(to, "0000-00-00T00:00:00", CLOCK_SECONDS);
    put_digits(to, 4, year_of_era + era * 400 + (month <= 2));
    put_digits(to + 5, 2, month);
    put_digits(to + 8, 2, of_year - (153 * m + 2) / 5 + 1);
    put_digits(to + 11, 2, left / 3600);
    put_digits(to + 14, 2, left / 60 % 60);
    put_digits(to + 17, 2, left % 60);
    return to;
}

char *clock_text(int64_t us, char to[CLOCK_TEXT])
{
    int64_t fraction = us % 1000000;
    char *end = to + CLOCK_SECONDS - 1;

    to[0] = '\0';
    if (us <= 0 || us / 1000000 > CLOCK_LAST_S)
        return to;
    clock_seconds(us / 1000000, to);
    if (fraction) {
        *end++ = '.';
        put_digits(end, fraction % 1000 ? 6 : 3, fraction % 1000 ? fraction : fraction / 1000);
        end += fraction % 1000 ? 6 : 3;
    }
    memcpy(end, "Z", 2);
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
