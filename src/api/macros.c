/* macros - what the parameters of a recurring run may say of the run. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/schedule.h"
#include "base/mem.h"

static struct tm utc(int64_t us)
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;

    (void)gmtime_r(&s, &tm);
    return tm;
}

/* Go's layouts say how Mon Jan 2 15:04:05 MST 2006 would look. */
static void add_go_layout(struct buf *to, const char *layout, size_t n, int64_t us)
{
    static const char *const words[][2] = {
        {"January", "%B"}, {"Jan", "%b"},      {"Monday", "%A"},     {"Mon", "%a"},  {"2006", "%Y"},
        {"Z07:00", "Z"},   {"-0700", "+0000"}, {"-07:00", "+00:00"}, {"MST", "UTC"}, {"PM", "%p"},
        {"15", "%H"},      {"01", "%m"},       {"02", "%d"},         {"03", "%I"},   {"04", "%M"},
        {"05", "%S"},      {"06", "%y"},       {"_2", "%e"},         {"1", "%-m"},   {"2", "%-d"},
        {"3", "%-I"},      {"4", "%-M"},       {"5", "%-S"},
    };
    struct tm tm = utc(us);

    while (n > 0) {
        size_t i, len = 0;
        char text[64];

        for (i = 0; i < sizeof words / sizeof *words; i++) {
            len = strlen(words[i][0]);
            if (len <= n && !strncmp(layout, words[i][0], len))
                break;
        }
        if (i == sizeof words / sizeof *words) {
            buf_addc(to, *layout);
            len = 1;
        } else if (words[i][1][0] == '%') {
            /* glibc knows "%-d": without a zero in front */
            buf_add(to, text, strftime(text, sizeof text, words[i][1], &tm));
        } else {
            buf_adds(to, words[i][1]);
        }
        layout += len;
        n -= len;
    }
}

static const char *const plain_layout = "20060102150405";
enum { MAX_MACRO = 300 }; /* bytes: a longer one is none, and is not looked for to the text's end */

static const char *find_end(const char *s, const char *end)
{
    return memmem(s, strnlen(s, MAX_MACRO), end, strlen(end));
}

/* "[[" of a macro at `s`: how long it is, with what it stands for in `to`; 0: it is none. */
static size_t expand_macro(const char *s, const struct macros *m, struct buf *to)
{
    static const struct {
        const char *name;
        bool scheduled;
    } times[] = {{"[[ScheduledTime", true}, {"[[CurrentTime", false}};
    const char *end = find_end(s, "]]");

    if (!end)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(times[i].name);
        int64_t us = times[i].scheduled ? m->scheduled_us : m->now_us;

        if (strncmp(s, times[i].name, n) != 0)
            continue;
        if (s + n == end)
            add_go_layout(to, plain_layout, strlen(plain_layout), us);
        else if (s[n] == '.')
            add_go_layout(to, s + n + 1, (size_t)(end - s) - n - 1, us);
        else
            return 0;
        return (size_t)(end - s) + 2;
    }
    if (!strncmp(s, "[[Index]]", 9))
        buf_addf(to, "%lld", (long long)m->index);
    else if (!strncmp(s, "[[RunUUID]]", 11))
        buf_adds(to, m->run_id);
    else
        return 0;
    return (size_t)(end - s) + 2;
}

/* {{$.scheduledTime.strftime('%Y-%m-%d')}} */
static size_t expand_strftime(const char *s, const struct macros *m, struct buf *to)
{
    static const char begin[] = "{{$.scheduledTime.strftime('";
    const char *format = s + sizeof begin - 1, *end;
    char text[256];
    struct tm tm = utc(m->scheduled_us);
    size_t n;

    if (strncmp(s, begin, sizeof begin - 1) != 0 || !(end = find_end(format, "')}}")))
        return 0;
    {
        own_mem char *copy = dh_strndup(format, (size_t)(end - format));

        n = strftime(text, sizeof text, copy, &tm);
    }
    buf_add(to, text, n);
    return (size_t)(end - s) + 4;
}

static struct js *expand_text(const char *s, const struct macros *m)
{
    own_buf struct buf b = {0};

    while (*s) {
        size_t n = *s == '[' && s[1] == '['   ? expand_macro(s, m, &b)
                   : *s == '{' && s[1] == '{' ? expand_strftime(s, m, &b)
                                              : 0;

        if (n == 0) {
            buf_addc(&b, *s);
            n = 1;
        }
        s += n;
    }
    return js_str(buf_str(&b));
}

struct js *macros_expand(const struct js *value, const struct macros *m)
{
    struct js *v;

    switch (js_kind(value)) {
    case JS_STRING:
        return expand_text(js_text(value), m);
    case JS_ARRAY:
        v = js_array();
        for (size_t i = 0; i < js_n(value); i++)
            js_push(v, macros_expand(js_at(value, i), m));
        return v;
    case JS_OBJECT:
        v = js_object();
        for (js_each(value, it))
            js_set(v, it.key, macros_expand(it.value, m));
        return v;
    case JS_NULL:
    case JS_BOOL:
    case JS_INT:
    case JS_REAL:
        break;
    }
    return js_copy(value);
}
