/* csv-cell - what one field's text can be: missing, number, boolean, date, text. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include "base/mem.h"
#include "ml/csv-priv.h"

static const char *const usual_missing[] = {"",     "NA",   "N/A",  "NaN",  "nan",  "-nan",
                                            "-NaN", "n/a",  "null", "NULL", "Null", "None",
                                            "<NA>", "#N/A", "#NA",  ".",    "?",    NULL};

struct csv_missing {
    const char *const *texts;
    size_t longest;
    bool empty; /* the empty text is one of them */
};

struct csv_missing *csv_missing_new(const char *const *texts)
{
    struct csv_missing *set = dh_zalloc(1, sizeof *set);
    set->texts = texts ? texts : usual_missing;
    for (const char *const *t = set->texts; *t; t++) {
        size_t n = strlen(*t);
        set->longest = n > set->longest ? n : set->longest;
        set->empty |= n == 0;
    }
    return set;
}

struct csv_missing *csv_missing_free(struct csv_missing *set)
{
    free(set);
    return NULL;
}

bool csv_is_missing(const struct csv_missing *set, const char *s, size_t n)
{
    if (n == 0)
        return set->empty;
    if (n > set->longest)
        return false;
    for (const char *const *t = set->texts; *t; t++)
        if (strlen(*t) == n && memcmp(*t, s, n) == 0)
            return true;
    return false;
}

bool csv_bool(const char *s, size_t n, double *ret)
{
    if (n == 4 && strncasecmp(s, "true", 4) == 0)
        *ret = 1;
    else if (n == 5 && strncasecmp(s, "false", 5) == 0)
        *ret = 0;
    else
        return false;
    return true;
}

static bool digits(const char *s, size_t n, int *ret)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (s[i] - '0');
    }
    *ret = v;
    return true;
}

/* Days since 1970-01-01 of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* What may stand after the minutes: :SS, .fraction, Z or ±hh:mm. */
static bool time_rest(const char *s, const char *end, double *seconds)
{
    int v = 0, hour = 0, minute = 0;
    if (end - s >= 3 && *s == ':' && digits(s + 1, 2, &v) && v < 61) {
        *seconds += v;
        s += 3;
        if (s < end && *s == '.') {
            double unit = 0.1;
            for (s++; s < end && *s >= '0' && *s <= '9'; s++, unit /= 10)
                *seconds += (*s - '0') * unit;
        }
    }
    if (s == end || (end - s == 1 && *s == 'Z'))
        return true;
    bool zone = end - s == 6 && (*s == '+' || *s == '-') && digits(s + 1, 2, &hour) &&
                s[3] == ':' && digits(s + 4, 2, &minute) && hour < 24 && minute < 60;
    if (zone)
        *seconds -= (*s == '-' ? -60 : 60) * (hour * 60 + minute);
    return zone;
}

/* ISO 8601: YYYY-MM-DD, then optionally T or a blank and HH:MM[:SS[.f]][Z|±hh:mm]. */
bool csv_date(const char *s, size_t n, double *ret)
{
    int year, month, day, hour, minute;
    if (n < 10 || s[4] != '-' || s[7] != '-' || !digits(s, 4, &year) || !digits(s + 5, 2, &month) ||
        !digits(s + 8, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    double seconds = (double)days_of(year, month, day) * 86400;
    if (n > 10) {
        if (n < 16 || (s[10] != 'T' && s[10] != ' ') || s[13] != ':' || !digits(s + 11, 2, &hour) ||
            !digits(s + 14, 2, &minute) || hour > 23 || minute > 59)
            return false;
        seconds += hour * 3600 + minute * 60;
        if (!time_rest(s + 16, s + n, &seconds))
            return false;
    }
    *ret = seconds;
    return true;
}

unsigned csv_kind_of(const struct csv_missing *set, const char *s, size_t n)
{
    double ignored;
    if (csv_is_missing(set, s, n))
        return KIND_MISSING;
    if (num_text(s, n, &ignored))
        return KIND_NUMBER;
    if (csv_bool(s, n, &ignored))
        return KIND_BOOL;
    if (csv_date(s, n, &ignored))
        return KIND_DATE;
    return KIND_TEXT;
}

/* ---- dictionaries ---- */

static uint32_t hash(const char *s, size_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ n;
    for (; n >= 8; s += 8, n -= 8)
        h = (h ^ num_load8(s)) * 0xD6E8FEB86659FD93u, h ^= h >> 32;
    uint64_t rest = 0;
    for (size_t i = 0; i < n; i++)
        rest |= (uint64_t)(unsigned char)s[i] << (8 * i);
    h = (h ^ rest) * 0xD6E8FEB86659FD93u;
    return (uint32_t)(h ^ h >> 32);
}

static void dict_rehash(struct csv_dict *d)
{
    d->n_slots = d->n_slots ? d->n_slots * 2 : 64;
    free(d->slot);
    d->slot = dh_zalloc(d->n_slots, sizeof *d->slot);
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t at = hash(d->text[i], d->len[i]) & (d->n_slots - 1);
        while (d->slot[at])
            at = (at + 1) & (d->n_slots - 1);
        d->slot[at] = i + 1;
    }
}

int32_t csv_dict_code(struct csv_dict *d, const char *s, size_t n)
{
    if (d->n * 2 >= d->n_slots)
        dict_rehash(d);
    uint32_t at = hash(s, n) & (d->n_slots - 1);
    for (; d->slot[at]; at = (at + 1) & (d->n_slots - 1)) {
        uint32_t i = d->slot[at] - 1;
        if (d->len[i] == n && memcmp(d->text[i], s, n) == 0)
            return (int32_t)i;
    }
    if (d->n >= d->cap) {
        d->cap = d->cap ? d->cap * 2 : 16;
        d->text = dh_realloc(d->text, d->cap, sizeof *d->text);
        d->len = dh_realloc(d->len, d->cap, sizeof *d->len);
    }
    d->text[d->n] = dh_alloc(n + 1);
    memcpy(d->text[d->n], s, n);
    d->text[d->n][n] = 0;
    d->len[d->n] = (uint32_t)n;
    d->slot[at] = ++d->n;
    return (int32_t)d->n - 1;
}

void csv_dict_done(struct csv_dict *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        free(d->text[i]);
    free(d->text);
    free(d->len);
    free(d->slot);
    free(d->to);
    *d = (struct csv_dict){0};
}
