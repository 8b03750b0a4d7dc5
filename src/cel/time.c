/* time - timestamps and durations: text, arithmetic, parts. */
#include <inttypes.h>
#include <string.h>

#include "cel/cel-priv.h"

#define NS 1000000000
#define FIRST_SEC (-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SEC 253402300799    /* 9999-12-31T23:59:59Z */

/* ---- the calendar (proleptic Gregorian); eras of 400 years that begin in March ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t cel_days(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2), era = floor_div(y, 400), of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void cel_civil(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468, era = floor_div(z, 146097), d = z - era * 146097;
    int64_t year = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t of_year = d - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;

    *ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

/* ---- text ---- */

/* n digits at *s, which moves on; -1: they are not there. */
static int number(const char **s, int n)
{
    int r = 0;

    for (int i = 0; i < n; i++, ++*s) {
        if (**s < '0' || **s > '9')
            return -1;
        r = r * 10 + (**s - '0');
    }
    return r;
}

static bool skip(const char **s, const char *one_of)
{
    if (!**s || !strchr(one_of, **s))
        return false;
    ++*s;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* ".5", ".123456789", in nanoseconds; digits after the ninth are dropped. -1: no digits. */
static int32_t fraction(const char **s)
{
    int32_t ns = 0, unit = NS / 10;
    const char *start;

    if (!skip(s, ".,"))
        return 0;
    for (start = *s; **s >= '0' && **s <= '9'; ++*s, unit /= 10)
        ns += (**s - '0') * unit;
    return *s == start ? -1 : ns;
}

/* "Z", "+01:30"; seconds east of UTC. */
static bool offset(const char **s, int *ret)
{
    int sign = **s == '-' ? -1 : 1, hours, minutes;

    *ret = 0;
    if (skip(s, "Z"))
        return true;
    if (!skip(s, "+-"))
        return false;
    hours = number(s, 2);
    if (hours < 0 || hours > 23 || !skip(s, ":"))
        return false;
    minutes = number(s, 2);
    *ret = sign * (hours * 3600 + minutes * 60);
    return minutes >= 0 && minutes <= 59;
}

/* "2026-11-23" and "18:20:00": three numbers of given widths; *ret gets them. */
static bool three(const char **s, int first_width, const char *between, int *ret)
{
    for (int i = 0; i < 3; i++) {
        if (i && !skip(s, between))
            return false;
        ret[i] = number(s, i ? 2 : first_width);
        if (ret[i] < 0)
            return false;
    }
    return true;
}

int cel_timestamp_parse(const char *s, int64_t *ret_sec, int32_t *ret_nsec)
{
    int date[3], at[3], east;
    int32_t nsec;

    if (!three(&s, 4, "-", date) || date[1] < 1 || date[1] > 12 || date[2] < 1 ||
        date[2] > month_days(date[0], date[1]))
        return -1;
    if (!skip(&s, "T") || !three(&s, 2, ":", at) || at[0] > 23 || at[1] > 59 || at[2] > 59)
        return -1;
    nsec = fraction(&s);
    if (nsec < 0 || !offset(&s, &east) || *s)
        return -1;
    *ret_sec =
        cel_days(date[0], date[1], date[2]) * 86400 + at[0] * 3600 + at[1] * 60 + at[2] - east;
    *ret_nsec = nsec;
    return 0;
}

struct cel_val cel_timestamp(struct cel_ctx *ctx, int64_t sec, int64_t nsec)
{
    if (__builtin_add_overflow(sec, floor_div(nsec, NS), &sec))
        return cel_error(ctx, "timestamp overflow");
    nsec -= floor_div(nsec, NS) * NS;
    if (sec < FIRST_SEC || sec > LAST_SEC)
        return cel_error(ctx, "timestamp overflow: the years are 0001 to 9999");
    return (struct cel_val){.kind = CEL_TIMESTAMP, .t = {sec, (int32_t)nsec}};
}

struct cel_val cel_timestamp_text(struct cel_ctx *ctx, struct cel_val v)
{
    int64_t days = floor_div(v.t.sec, 86400), year;
    int of_day = (int)(v.t.sec - days * 86400), month, day, n = 9;
    int32_t nsec = v.t.nsec;

    cel_civil(days, &year, &month, &day);
    for (; n > 0 && nsec % 10 == 0; n--)
        nsec /= 10;
    if (n == 0)
        return cel_textf(ctx, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
                         of_day / 3600, of_day / 60 % 60, of_day % 60);
    return cel_textf(ctx, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%0*" PRId32 "Z", year, month, day,
                     of_day / 3600, of_day / 60 % 60, of_day % 60, n, nsec);
}

/* ns, us, µs (two code points), ms, s, m, h. 0: none of them. */
static int64_t unit(const char **s)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},       {"us", 1000}, {"\u00b5s", 1000},       {"\u03bcs", 1000},
                 {"ms", 1000000}, {"s", NS},    {"m", (int64_t)60 * NS}, {"h", (int64_t)3600 * NS}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].name);

        if (strncmp(*s, units[i].name, n) == 0) {
            *s += n;
            return units[i].ns;
        }
    }
    return 0;
}

/* One number with its unit, "1.5h", added to *total, which counts downwards: -2^63 is a duration.
 */
static bool part(const char **s, int64_t *total)
{
    int64_t whole = 0, of = 0, scale = 1, ns;
    bool any = false;

    for (; **s >= '0' && **s <= '9'; ++*s, any = true) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, **s - '0', &whole))
            return false;
    }
    if (skip(s, ".")) {
        for (; **s >= '0' && **s <= '9'; ++*s, any = true) {
            if (scale < 1000000000000000) {
                of = of * 10 + (**s - '0');
                scale *= 10;
            }
        }
    }
    ns = any ? unit(s) : 0;
    if (!ns || __builtin_mul_overflow(whole, -ns, &whole))
        return false;
    whole -= (int64_t)((double)of * ((double)ns / (double)scale));
    return !__builtin_add_overflow(*total, whole, total);
}

int cel_duration_parse(const char *s, int64_t *ret_ns)
{
    bool negative = *s == '-';
    int64_t total = 0;

    (void)skip(&s, "+-");
    if (strcmp(s, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    do {
        if (!part(&s, &total))
            return -1;
    } while (*s);
    if (!negative && total == INT64_MIN)
        return -1;
    *ret_ns = negative ? total : -total;
    return 0;
}

/* ---- arithmetic ---- */

struct cel_val cel_add_time(struct cel_ctx *ctx, const struct cel_val *a)
{
    return cel_timestamp(ctx, a[0].t.sec + a[1].i / NS, a[0].t.nsec + a[1].i % NS);
}

struct cel_val cel_add_time_swapped(struct cel_ctx *ctx, const struct cel_val *a)
{
    return cel_add_time(ctx, (const struct cel_val[]){a[1], a[0]});
}

struct cel_val cel_sub_time(struct cel_ctx *ctx, const struct cel_val *a)
{
    return cel_timestamp(ctx, a[0].t.sec - a[1].i / NS, a[0].t.nsec - a[1].i % NS);
}

struct cel_val cel_sub_times(struct cel_ctx *ctx, const struct cel_val *a)
{
    int64_t ns;

    if (__builtin_mul_overflow(a[0].t.sec - a[1].t.sec, NS, &ns) ||
        __builtin_add_overflow(ns, a[0].t.nsec - a[1].t.nsec, &ns))
        return cel_error(ctx, "return error for overflow");
    return cel_duration(ns);
}

/* ---- parts ---- */

struct parts {
    int64_t year;
    int month, day, of_day;
    int64_t days;
};

/* a[1] is the zone, where one was given. */
static bool parts_of(struct cel_ctx *ctx, const struct cel_val *a, struct parts *ret)
{
    int32_t east = 0;
    int64_t sec;

    if (a[1].kind == CEL_STRING) {
        if (!cel_charge(ctx, 500) || strlen(a[1].s.p) != a[1].s.n ||
            cel_zone_offset(a[1].s.p, a[0].t.sec, &east) < 0)
            return false;
    }
    sec = a[0].t.sec + east;
    ret->days = floor_div(sec, 86400);
    ret->of_day = (int)(sec - ret->days * 86400);
    cel_civil(ret->days, &ret->year, &ret->month, &ret->day);
    return true;
}

static struct cel_val no_zone(struct cel_ctx *ctx, const struct cel_val *a)
{
    return cel_error(ctx,
                     "unknown time zone '%.*s': use a name like 'Europe/Berlin', 'UTC' or an "
                     "offset like '+02:00'",
                     a[1].s.n > 60 ? 60 : (int)a[1].s.n, a[1].s.p);
}

#define PART(name, value)                                                                          \
    struct cel_val name(struct cel_ctx *ctx, const struct cel_val *a)                              \
    {                                                                                              \
        struct parts p;                                                                            \
                                                                                                   \
        return parts_of(ctx, a, &p) ? cel_int(value) : no_zone(ctx, a);                            \
    }

PART(cel_get_year, p.year)
PART(cel_get_month, p.month - 1)
PART(cel_get_date, p.day)
PART(cel_get_day_of_month, p.day - 1)
PART(cel_get_day_of_week, ((p.days + 4) % 7 + 7) % 7)
PART(cel_get_day_of_year, p.days - cel_days(p.year, 1, 1))
PART(cel_get_hours, p.of_day / 3600)
PART(cel_get_minutes, p.of_day / 60 % 60)
PART(cel_get_seconds, p.of_day % 60)
PART(cel_get_ms, a[0].t.nsec / 1000000)

#define WHOLE(name, unit_ns)                                                                       \
    struct cel_val name(struct cel_ctx *ctx, const struct cel_val *a)                              \
    {                                                                                              \
        (void)ctx;                                                                                 \
        return cel_int(a[0].i / (unit_ns));                                                        \
    }

WHOLE(cel_duration_hours, (int64_t)3600 * NS)
WHOLE(cel_duration_minutes, (int64_t)60 * NS)
WHOLE(cel_duration_seconds, NS)
WHOLE(cel_duration_ms, 1000000)
