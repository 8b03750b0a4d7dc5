#include "api/cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cel/zone.h"

enum { DAY_S = 86400, HOUR_S = 3600, YEARS = 5 };

struct field {
    const char *name;
    int min, max;
    const char *const *names; /* of min, min + 1, …; NULL: numbers alone */
};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                     "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const struct field fields[6] = {
    {"second", 0, 59, NULL},       {"minute", 0, 59, NULL},  {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL}, {"month", 1, 12, months}, {"day of week", 0, 6, weekdays},
};

/* ---- reading ---- */

static int wrong(const struct field *f, const char *text, size_t n, struct dh_err *err)
{
    return dh_fail(err, DH_INVALID,
                   "cron: '%.*s' is no %s: expected numbers from %d to %d, ranges, steps or *",
                   (int)(n > 60 ? 60 : n), text, f->name, f->min, f->max);
}

/* A number or a name; -1: neither. */
static int value_of(const struct field *f, const char *text, size_t n)
{
    int v = 0;

    for (int i = 0; f->names && f->names[i]; i++)
        if (n == 3 && !strncasecmp(text, f->names[i], 3))
            return f->min + i;
    if (n == 0 || n > 9)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        v = v * 10 + (text[i] - '0');
    }
    return v;
}

/* One of a list: a, a-b, a/n, a-b/n, with * for all. */
static int read_range(const struct field *f, const char *text, size_t n, uint64_t *bits, bool *any,
                      struct dh_err *err)
{
    const char *slash = memchr(text, '/', n);
    size_t n_range = slash ? (size_t)(slash - text) : n;
    const char *dash = memchr(text, '-', n_range);
    int from, to, step = 1;

    if (n_range == 1 && (*text == '*' || *text == '?')) {
        from = f->min;
        to = f->max;
        *any = *any || !slash;
    } else {
        size_t n_from = dash ? (size_t)(dash - text) : n_range;

        from = value_of(f, text, n_from);
        to = dash ? value_of(f, dash + 1, n_range - n_from - 1) : slash ? f->max : from;
    }
    if (slash) {
        const struct field steps = {.name = f->name, .min = 1, .max = 1000000};

        step = value_of(&steps, slash + 1, n - n_range - 1);
    }
    if (from < f->min || to > f->max || from > to || step < 1)
        return wrong(f, text, n, err);
    for (; from <= to; from += step < 100 ? step : 100)
        *bits |= (uint64_t)1 << from;
    return 0;
}

static int read_field(const struct field *f, const char *text, size_t n, uint64_t *bits, bool *any,
                      struct dh_err *err)
{
    *bits = 0;
    *any = false;
    while (n > 0) {
        const char *comma = memchr(text, ',', n);
        size_t one = comma ? (size_t)(comma - text) : n;

        if (read_range(f, text, one, bits, any, err) < 0)
            return -1;
        text += one + (comma != NULL);
        n -= one + (comma != NULL);
        if (comma && n == 0)
            return wrong(f, text - 1, 1, err);
    }
    return 0;
}

/* "1h30m", "90s", "1.5h", as Go writes durations; below a second there is none. */
static int read_every(const char *text, int64_t *ret, struct dh_err *err)
{
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"h", 3600}, {"m", 60}, {"s", 1}};
    const char *at = text;
    double total = 0;

    while (*at) {
        char *end;
        size_t i;
        double d;

        if (!isdigit((unsigned char)*at) && *at != '.')
            break;
        d = strtod(at, &end);
        for (i = 0; i < sizeof units / sizeof *units; i++)
            if (!strncmp(end, units[i].unit, strlen(units[i].unit)))
                break;
        if (end == at || i == sizeof units / sizeof *units)
            break;
        total += d * units[i].s;
        at = end + strlen(units[i].unit);
    }
    if (*at || at == text || total > 1e10)
        return dh_fail(err, DH_INVALID, "cron: '@every %.60s': expected a duration as 1h30m", text);
    *ret = total < 1 ? 1 : (int64_t)total;
    return 0;
}

static const char *named(const char *text)
{
    static const char *const names[][2] = {
        {"@yearly", "0 0 0 1 1 *"}, {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"},
        {"@weekly", "0 0 0 * * 0"}, {"@daily", "0 0 0 * * *"},    {"@midnight", "0 0 0 * * *"},
        {"@hourly", "0 0 * * * *"},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(text, names[i][0]))
            return names[i][1];
    return text;
}

static int wrong_form(const char *text, struct dh_err *err)
{
    return dh_fail(err, DH_INVALID,
                   "cron: '%.80s': expected six fields: second, minute, hour, day of month, month, "
                   "day of week; or @every 1h, @daily and the like",
                   text);
}

int cron_parse(const char *text, struct cron *ret, struct dh_err *err)
{
    struct cron cron = {0};
    uint64_t *const bits[6] = {&cron.second, &cron.minute, &cron.hour,
                               &cron.day,    &cron.month,  &cron.weekday};
    const char *at = named(text);
    bool any[6];
    int n = 0;

    if (!strncmp(at, "@every ", 7)) {
        if (read_every(at + 7, &cron.every_s, err) < 0)
            return -1;
        *ret = cron;
        return 0;
    }
    if (*at == '@')
        return wrong_form(text, err);
    for (at += strspn(at, " \t"); *at; n++) {
        size_t len = strcspn(at, " \t");

        if (n == 6)
            break;
        if (read_field(&fields[n], at, len, bits[n], &any[n], err) < 0)
            return -1;
        at += len;
        at += strspn(at, " \t");
    }
    if (n < 5 || *at)
        return wrong_form(text, err);
    if (n == 5 && read_field(&fields[5], "*", 1, bits[5], &any[5], err) < 0)
        return -1;
    cron.any_day = any[3];
    cron.any_weekday = any[5];
    *ret = cron;
    return 0;
}

/* ---- the next one ---- */

struct clock { /* a moment, and what the clock on the wall says */
    const char *zone;
    int64_t utc, local;
    int64_t hour; /* of utc that `offset` is for */
    int32_t offset;
    struct tm tm;
};

static int set(struct clock *c, int64_t utc, struct dh_err *err)
{
    time_t local;

    /* An offset changes at most with a quarter of an hour. */
    if (c->hour != utc / 900 + 1) {
        if (cel_zone_offset(c->zone, utc, &c->offset) < 0)
            return dh_fail(err, DH_INVALID, "there is no time zone '%.60s'", c->zone);
        c->hour = utc / 900 + 1;
    }
    c->utc = utc;
    c->local = utc + c->offset;
    local = (time_t)c->local;
    (void)gmtime_r(&local, &c->tm);
    return 0;
}

/* The next midnight; where the clock is put on in between, that is not 24 hours away. */
static int next_day(struct clock *c, struct dh_err *err)
{
    int day = c->tm.tm_mday;
    int64_t over;

    if (set(c, c->utc + DAY_S - c->local % DAY_S, err) < 0)
        return -1;
    over = c->local % DAY_S;
    if (over > 0 && over < DAY_S / 2 && c->tm.tm_mday != day) {
        struct clock before = *c;

        if (set(&before, c->utc - over, err) < 0)
            return -1;
        if (before.tm.tm_mday == c->tm.tm_mday)
            *c = before;
    }
    return 0;
}

static bool has(uint64_t bits, int value)
{
    return bits >> value & 1;
}

static bool day_fits(const struct cron *cron, const struct tm *tm)
{
    bool day = has(cron->day, tm->tm_mday), weekday = has(cron->weekday, tm->tm_wday);

    return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

int cron_next(const struct cron *cron, const char *zone, int64_t after_s, int64_t *ret,
              struct dh_err *err)
{
    struct clock c = {.zone = zone};
    int64_t end = after_s + (int64_t)YEARS * 366 * DAY_S;

    if (cron->every_s) {
        *ret = after_s + cron->every_s;
        return 0;
    }
    if (set(&c, after_s + 1, err) < 0)
        return -1;
    while (c.utc < end) {
        int rc = 0;

        if (!has(cron->month, c.tm.tm_mon + 1) || !day_fits(cron, &c.tm))
            rc = next_day(&c, err);
        else if (!has(cron->hour, c.tm.tm_hour))
            rc = set(&c, c.utc + HOUR_S - c.local % HOUR_S, err);
        else if (!has(cron->minute, c.tm.tm_min))
            rc = set(&c, c.utc + 60 - c.local % 60, err);
        else if (!has(cron->second, c.tm.tm_sec))
            rc = set(&c, c.utc + 1, err);
        else {
            *ret = c.utc;
            return 0;
        }
        if (rc < 0)
            return -1;
    }
    *ret = 0;
    return 0;
}
