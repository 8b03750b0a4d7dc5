/* s3-config - the profile files of ~/.aws. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/fs.h"
#include "base/mem.h"

#define CONFIG_MAX ((size_t)1 << 20)

const char *s3_profile_name(const char *asked)
{
    static const char *const names[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};

    if (asked)
        return asked;
    for (size_t i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return value;
    }
    return "default";
}

static void trim(const char **from, const char **end)
{
    while (*from < *end && isspace((unsigned char)**from))
        ++*from;
    while (*end > *from && isspace((unsigned char)(*end)[-1]))
        --*end;
}

static bool is_text(const char *from, const char *end, const char *text)
{
    size_t n = strlen(text);

    return (size_t)(end - from) == n && !strncmp(from, text, n);
}

/* Whether "[…]" opens the section: blanks inside do not count. */
static bool opens(const char *from, const char *end, const char *section)
{
    const char *close = memchr(from, ']', (size_t)(end - from));

    if (!close)
        return false;
    from++;
    trim(&from, &close);
    return is_text(from, close, section);
}

char *s3_ini_get(const char *text, const char *section, const char *name)
{
    bool in = false;

    for (const char *line = text, *next; *line; line = next) {
        const char *from = line, *end = line + strcspn(line, "\n"), *equals, *key_end, *value;
        bool nested = *line == ' ' || *line == '\t';

        next = *end ? end + 1 : end;
        trim(&from, &end);
        if (from == end || *from == '#' || *from == ';')
            continue;
        if (*from == '[') {
            in = opens(from, end, section);
            continue;
        }
        equals = memchr(from, '=', (size_t)(end - from));
        if (!in || nested || !equals)
            continue;
        key_end = equals;
        trim(&from, &key_end);
        value = equals + 1;
        trim(&value, &end);
        if (is_text(from, key_end, name))
            return dh_strndup(value, (size_t)(end - value));
    }
    return NULL;
}

static char *file_path(const char *variable, const char *name)
{
    const char *given = getenv(variable), *home = getenv("HOME");

    if (given && *given)
        return dh_strdup(given);
    return home && *home ? dh_printf("%s/.aws/%s", home, name) : NULL;
}

static char *get_from(const char *path, const char *section, const char *name)
{
    char *text = NULL, *value;
    size_t n;

    if (!path || fs_read(path, CONFIG_MAX, &text, &n, NULL) < 0)
        return NULL;
    value = s3_ini_get(text, section, name);
    explicit_bzero(text, n);
    free(text);
    return value;
}

char *s3_config_get(const char *section, const char *name)
{
    own_mem char *config = file_path("AWS_CONFIG_FILE", "config");

    return get_from(config, section, name);
}

char *s3_profile_get(const char *profile, const char *name)
{
    own_mem char *credentials = file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    own_mem char *config = file_path("AWS_CONFIG_FILE", "config");
    own_mem char *section =
        strcmp(profile, "default") ? dh_printf("profile %s", profile) : dh_strdup(profile);
    char *value = get_from(credentials, profile, name);

    return value ? value : get_from(config, section, name);
}
