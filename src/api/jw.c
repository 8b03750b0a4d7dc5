#include "api/jw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/utf8.h"
#include "base/clock.h"
#include "base/js.h"

static void separate(struct jw *w)
{
    if (w->comma)
        buf_addc(w->to, ',');
    w->comma = true;
}

void jw_begin(struct jw *w, char bracket)
{
    separate(w);
    buf_addc(w->to, bracket);
    w->comma = false;
}

void jw_end(struct jw *w, char bracket)
{
    buf_addc(w->to, bracket);
    w->comma = true;
}

void jw_key(struct jw *w, const char *key)
{
    separate(w);
    buf_addc(w->to, '"');
    buf_adds(w->to, key);
    buf_add(w->to, "\":", 2);
    w->comma = false;
}

static void escape(struct jw *w, unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        buf_addc(w->to, '\\');
        buf_addc(w->to, (char)c);
        break;
    case '\n':
        buf_add(w->to, "\\n", 2);
        break;
    case '\t':
        buf_add(w->to, "\\t", 2);
        break;
    case '\r':
        buf_add(w->to, "\\r", 2);
        break;
    default:
        buf_addf(w->to, "\\u%04x", c);
    }
}

void jw_strn(struct jw *w, const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + n, *plain = s;

    separate(w);
    buf_addc(w->to, '"');
    while (s < end) {
        size_t len = utf8_sequence(s, (size_t)(end - s));

        if (len > 1 || (len == 1 && *s >= 0x20 && *s != '"' && *s != '\\')) {
            s += len;
            continue;
        }
        buf_add(w->to, plain, (size_t)(s - plain));
        if (len == 1)
            escape(w, *s);
        else
            buf_adds(w->to, "\xef\xbf\xbd");
        plain = ++s;
    }
    buf_add(w->to, plain, (size_t)(s - plain));
    buf_addc(w->to, '"');
}

void jw_str(struct jw *w, const char *text)
{
    if (text)
        jw_strn(w, text, strlen(text));
    else
        jw_raw(w, NULL);
}

void jw_int(struct jw *w, int64_t i)
{
    char text[24];
    char *at = text + sizeof text;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;

    separate(w);
    do
        *--at = (char)('0' + u % 10);
    while ((u /= 10) > 0);
    if (i < 0)
        *--at = '-';
    buf_add(w->to, at, (size_t)(text + sizeof text - at));
}

void jw_num(struct jw *w, double d)
{
    separate(w);
    js_write_num(d, w->to);
}

void jw_bool(struct jw *w, bool b)
{
    jw_raw(w, b ? "true" : "false");
}

void jw_raw(struct jw *w, const char *json)
{
    separate(w);
    buf_adds(w->to, json && *json ? json : "null");
}

/* ---- members ---- */

void jw_begin_in(struct jw *w, const char *key, char bracket)
{
    jw_key(w, key);
    jw_begin(w, bracket);
}

void jw_text(struct jw *w, const char *key, const char *text)
{
    jw_key(w, key);
    jw_str(w, text);
}

void jw_number(struct jw *w, const char *key, int64_t i)
{
    jw_key(w, key);
    jw_int(w, i);
}

void jw_flag(struct jw *w, const char *key, bool b)
{
    jw_key(w, key);
    jw_bool(w, b);
}

void jw_json(struct jw *w, const char *key, const char *json, const char *other)
{
    jw_key(w, key);
    jw_raw(w, json ? json : other);
}

void jw_time(struct jw *w, const char *key, int64_t us)
{
    char text[CLOCK_TEXT];

    jw_text(w, key, us > 0 ? clock_text(us, text) : NULL);
}

void jw_opt(struct jw *w, const char *key, const char *text)
{
    if (text && *text)
        jw_text(w, key, text);
}

void jw_opt_json(struct jw *w, const char *key, const char *json)
{
    if (json && *json && strcmp(json, "{}") != 0 && strcmp(json, "null") != 0)
        jw_json(w, key, json, NULL);
}

void jw_opt_int(struct jw *w, const char *key, int64_t i)
{
    if (i)
        jw_number(w, key, i);
}

void jw_opt_int64(struct jw *w, const char *key, int64_t i)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lld", (long long)i);
    if (i)
        jw_text(w, key, text);
}

void jw_opt_true(struct jw *w, const char *key, bool b)
{
    if (b)
        jw_flag(w, key, true);
}

/* "2026-11-23T18:20:00Z": lists are full of times, and strftime is not quick. */
static void write_seconds(int64_t at_s, struct buf *to)
{
    int64_t days = at_s / 86400, left = at_s % 86400;
    int64_t z = days + 719468, era = z / 146097, of_era = z - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * of_year + 2) / 153, day = of_year - (153 * m + 2) / 5 + 1;
    int64_t month = m < 10 ? m + 3 : m - 9, year = year_of_era + era * 400 + (month <= 2);
    char text[] = "\"0000-00-00T00:00:00Z\"";
    const struct {
        int at;
        int64_t value;
    } parts[] = {{1, year / 100},   {3, year % 100},      {6, month},     {9, day},
                 {12, left / 3600}, {15, left / 60 % 60}, {18, left % 60}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        text[parts[i].at] = (char)('0' + parts[i].value / 10 % 10);
        text[parts[i].at + 1] = (char)('0' + parts[i].value % 10);
    }
    buf_add(to, text, sizeof text - 1);
}

void jw_seconds(struct jw *w, const char *key, int64_t us)
{
    jw_key(w, key);
    separate(w);
    write_seconds(us > 0 && us / 1000000 < 253402300800 ? us / 1000000 : 0, w->to);
}
