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
        size_t len;

        if (*s >= 0x20 && *s < 0x80 && *s != '"' && *s != '\\') { /* nearly all there is */
            s++;
            continue;
        }
        len = utf8_sequence(s, (size_t)(end - s));
        if (len > 1) {
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

void jw_seconds(struct jw *w, const char *key, int64_t us)
{
    char text[CLOCK_SECONDS];

    jw_key(w, key);
    separate(w);
    buf_addc(w->to, '"');
    buf_add(w->to, clock_seconds(us > 0 && us / 1000000 <= CLOCK_LAST_S ? us / 1000000 : 0, text),
            CLOCK_SECONDS - 1);
    buf_add(w->to, "Z\"", 2);
}
