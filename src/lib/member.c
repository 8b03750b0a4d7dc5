/* member - one member of a line of JSON, without memory of its own. */
#include <stdlib.h>
#include <string.h>

#include "lib/lib-priv.h"

/* Past the string that begins at `p` (a quote); NULL: it does not end. */
static const char *past_string(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : NULL;
}

/* The UTF-8 of \uXXXX, cut to what fits; surrogates become '?'. */
static size_t unescape(const char *hex, char *to, size_t room)
{
    char digits[5] = {hex[0], hex[1], hex[2], hex[3], 0};
    unsigned long c = strtoul(digits, NULL, 16);

    if (c < 0x80 || (c >= 0xD800 && c <= 0xDFFF)) {
        if (room)
            *to = c < 0x80 ? (char)c : '?';
        return room ? 1 : 0;
    }
    if (c < 0x800 && room >= 2) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c >= 0x800 && room >= 3) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    return 0;
}

static void copy_string(const char *p, char *to, size_t size)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;

    for (p++; *p && *p != '"' && n + 1 < size; p++) {
        const char *name;

        if (*p != '\\') {
            to[n++] = *p;
            continue;
        }
        p++;
        name = *p ? strchr(names, *p) : NULL;
        if (name) {
            to[n++] = values[name - names];
        } else if (*p == 'u' && strlen(p) > 4) {
            n += unescape(p + 1, to + n, size - 1 - n);
            p += 4;
        }
    }
    while (n && ((unsigned char)to[n - 1] & 0xC0) == 0x80 && n + 1 >= size)
        n--; /* no half of a character at the cut */
    to[n] = '\0';
}

static int copy_value(const char *p, char *to, size_t size)
{
    size_t n = strcspn(p, ",}");

    if (*p == '"') {
        copy_string(p, to, size);
        return 1;
    }
    if (!strncmp(p, "null", 4))
        return 0;
    if (n >= size)
        n = size - 1;
    memcpy(to, p, n);
    to[n] = '\0';
    return 1;
}

int lib_member(const char *json, const char *key, char *to, size_t size)
{
    size_t n = strlen(key);
    int depth = 0;

    *to = '\0';
    for (const char *p = json; p && *p;) {
        if (*p == '"') {
            const char *end = past_string(p);

            if (end && depth == 1 && (size_t)(end - p) == n + 2 && !memcmp(p + 1, key, n) &&
                *end == ':')
                return copy_value(end + 1, to, size);
            p = end;
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    }
    return 0;
}
