/* zone - how far a time zone is from UTC: offsets as text, and the machine's zoneinfo files (RFC
 * 8536).
 *
 * libc's own way needs the TZ variable, which is the whole process's; this one shares nothing. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cel/cel-priv.h"

#define FOLDER "/usr/share/zoneinfo"
#define LARGEST ((size_t)1 << 20)

static bool two_digits(const char *s, int *ret)
{
    if (!isdigit((unsigned char)s[0]) || !isdigit((unsigned char)s[1]))
        return false;
    *ret = (s[0] - '0') * 10 + (s[1] - '0');
    return true;
}

/* "+02:00", "-08:30", "02:00" */
static bool fixed(const char *s, int32_t *ret)
{
    int sign = *s == '-' ? -1 : 1, hours, minutes;

    s += *s == '-' || *s == '+';
    if (!two_digits(s, &hours) || s[2] != ':' || !two_digits(s + 3, &minutes) || s[5])
        return false;
    *ret = sign * (hours * 3600 + minutes * 60);
    return hours <= 23 && minutes <= 59;
}

static bool is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) || strlen(s) > 64 || strstr(s, "//"))
        return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("_+-/", *s))
            return false;
    }
    return s[-1] != '/';
}

static int64_t big_endian(const unsigned char *p, int n)
{
    uint64_t r = p[0] & 0x80 ? ~(uint64_t)0 : 0;

    for (int i = 0; i < n; i++)
        r = r << 8 | p[i];
    return (int64_t)r;
}

/* ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

/* A zone's short name, which says nothing. */
static bool abbreviation(const char **s)
{
    const char *start = *s;

    if (**s == '<') {
        while (**s && **s != '>')
            ++*s;
        return *(*s)++ == '>';
    }
    while (isalpha((unsigned char)**s))
        ++*s;
    return *s - start >= 3;
}

/* [+-]hh[:mm[:ss]] as seconds. */
static bool clock_time(const char **s, int32_t *ret)
{
    int sign = **s == '-' ? -1 : 1;
    int32_t unit = 3600;

    *s += **s == '-' || **s == '+';
    if (!isdigit((unsigned char)**s))
        return false;
    for (*ret = 0; unit > 0; unit /= 60) {
        int32_t n = 0;

        for (int i = 0; i < 3 && isdigit((unsigned char)**s); i++, ++*s)
            n = n * 10 + (**s - '0');
        *ret += sign * n * unit;
        if (**s != ':')
            break;
        ++*s;
    }
    return true;
}

static bool count(const char **s, int max, int *ret)
{
    for (*ret = 0; isdigit((unsigned char)**s) && *ret <= max; ++*s)
        *ret = *ret * 10 + (**s - '0');
    return *ret <= max;
}

/* "M3.5.0": the fifth (that is, last) Sunday of March. */
static bool nth_weekday(const char **s, int64_t year, int64_t *ret_days)
{
    int month, week, day;

    if (!count(s, 12, &month) || month < 1 || *(*s)++ != '.' || !count(s, 5, &week) || week < 1 ||
        *(*s)++ != '.' || !count(s, 6, &day))
        return false;
    *ret_days = cel_days(year, month, 1);
    *ret_days += ((day - (*ret_days + 4)) % 7 + 7) % 7 + (int64_t)(week - 1) * 7;
    while (*ret_days >= cel_days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1))
        *ret_days -= 7;
    return true;
}

/* "J60" counts from 1 and leaves 29 February out, "59" counts from 0. */
static bool nth_day(const char **s, int64_t year, int64_t *ret_days)
{
    int64_t first = cel_days(year, 1, 1);
    bool julian = **s == 'J', leap = cel_days(year, 3, 1) - first == 60;
    int day;

    *s += julian;
    if (!count(s, 365, &day))
        return false;
    *ret_days = first + day - (julian && !(leap && day >= 60));
    return true;
}

/* When a rule strikes in that year, in seconds of the zone's own clock since 1970. */
static bool rule(const char **s, int64_t year, int64_t *ret)
{
    int32_t at = 7200;
    int64_t days;

    if (**s == 'M') {
        ++*s;
        if (!nth_weekday(s, year, &days))
            return false;
    } else if (!nth_day(s, year, &days)) {
        return false;
    }
    if (**s == '/') {
        ++*s;
        if (!clock_time(s, &at))
            return false;
    }
    *ret = days * 86400 + at;
    return true;
}

/* Two rules: from the first one on daylight time holds, from the second one on standard time. */
static bool is_daylight(const char *s, int64_t sec, int32_t standard, int32_t daylight, bool *ret)
{
    int64_t start, end, year, local = sec + standard;
    int month, day;

    cel_civil(local / 86400 - (local % 86400 < 0), &year, &month, &day);
    if (*s++ != ',' || !rule(&s, year, &start) || *s++ != ',' || !rule(&s, year, &end) || *s)
        return false;
    start -= standard;
    end -= daylight;
    *ret = start < end ? sec >= start && sec < end : sec >= start || sec < end;
    return true;
}

static bool from_footer(const char *s, int64_t sec, int32_t *ret)
{
    int32_t standard, daylight;
    bool is;

    if (!abbreviation(&s) || !clock_time(&s, &standard))
        return false;
    *ret = standard = -standard;
    if (!*s)
        return true;
    daylight = standard + 3600;
    if (!abbreviation(&s))
        return false;
    if (*s != ',') {
        if (!clock_time(&s, &daylight))
            return false;
        daylight = -daylight;
    }
    if (!is_daylight(s, sec, standard, daylight, &is))
        return false;
    if (is)
        *ret = daylight;
    return true;
}

/* ---- the file ---- */

struct header {
    size_t n_utc, n_std, n_leap, n_times, n_types, n_text;
};

static size_t data_size(const struct header *h, size_t time)
{
    return h->n_times * (time + 1) + h->n_types * 6 + h->n_text + h->n_leap * (time + 4) +
           h->n_std + h->n_utc;
}

static bool read_header(const unsigned char *p, size_t n, struct header *h)
{
    size_t *const counts[] = {&h->n_utc,   &h->n_std,   &h->n_leap,
                              &h->n_times, &h->n_types, &h->n_text};

    if (n < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        *counts[i] = (size_t)(uint32_t)big_endian(p + 20 + 4 * i, 4);
        if (*counts[i] > LARGEST)
            return false;
    }
    return true;
}

/* The offset at `sec` from the body of a file of version 2 or later. */
static bool from_body(const unsigned char *p, size_t n, int64_t sec, int32_t *ret)
{
    struct header h;
    const unsigned char *times, *kinds, *types;
    size_t size, type = 0, lo = 0, hi;

    if (!read_header(p, n, &h) || h.n_types == 0)
        return false;
    size = data_size(&h, 8);
    times = p + 44;
    kinds = times + h.n_times * 8;
    types = kinds + h.n_times;
    if (n < 44 + size + 2 || p[44 + size] != '\n')
        return false;
    for (hi = h.n_times; lo < hi;) {
        size_t mid = (lo + hi) / 2;

        if (big_endian(times + mid * 8, 8) <= sec)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == h.n_times) {
        own_mem char *footer = dh_strndup((const char *)p + 45 + size, n - 45 - size);

        footer[strcspn(footer, "\n")] = '\0';
        if (*footer && from_footer(footer, sec, ret))
            return true;
    }
    if (lo > 0)
        type = kinds[lo - 1];
    if (type >= h.n_types)
        return false;
    *ret = (int32_t)big_endian(types + type * 6, 4);
    return true;
}

int cel_zone_offset(const char *zone, int64_t sec, int32_t *ret)
{
    own_mem char *path = NULL, *bytes = NULL;
    const unsigned char *p;
    struct header h;
    size_t n;

    if (strcmp(zone, "UTC") == 0 || !*zone) {
        *ret = 0;
        return 0;
    }
    if (fixed(zone, ret))
        return 0;
    if (!is_name(zone))
        return -1;
    path = fs_join(FOLDER, zone);
    if (!fs_exists(path) || fs_is_dir(path) || fs_read(path, LARGEST, &bytes, &n, NULL) < 0)
        return -1;
    p = (const unsigned char *)bytes;
    if (!read_header(p, n, &h) || p[4] < '2' || n < 44 + data_size(&h, 4))
        return -1;
    n -= 44 + data_size(&h, 4);
    return from_body(p + 44 + data_size(&h, 4), n, sec, ret) ? 0 : -1;
}
