/* names - what Kubernetes and Argo take as names. */
#include <ctype.h>
#include <string.h>

#include "argo/argo-priv.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/mem.h"

#define NAME_MAX_CHARS 63 /* a Workflow's name is a label's value on its pods */
#define ID_CHARS 8

/* The part of a run's id that differs between runs: a UUID version 7 begins with the time. */
static const char *id_part(const char *run_id)
{
    return strlen(run_id) == ID_TEXT - 1 ? run_id + ID_TEXT - 1 - 12 : run_id;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Appends text in lower case; what is neither letter nor digit becomes one '-', none at the ends.
 */
static void add_clean(struct buf *b, const char *text, size_t max)
{
    for (; *text && b->n < max; text++) {
        char c = (char)tolower((unsigned char)*text);

        if (is_plain(c))
            buf_addc(b, c);
        else if (b->n && b->p[b->n - 1] != '-')
            buf_addc(b, '-');
    }
    while (b->n && b->p[b->n - 1] == '-')
        b->p[--b->n] = '\0';
}

char *argo_name(const char *pipeline, const char *run_id)
{
    struct buf b = {0};

    add_clean(&b, pipeline, NAME_MAX_CHARS - ID_CHARS - 1);
    buf_addf(&b, "%s%.*s", b.n ? "-" : "run-", ID_CHARS, id_part(run_id));
    return buf_take(&b);
}

char *argo_secret_name(const char *run_id)
{
    return dh_printf("dhow-run-%.*s", ID_CHARS, id_part(run_id));
}

char *argo_claim_name(const char *run_id, const char *scope, const char *iteration,
                      const char *suffix)
{
    char digest[DIGEST_TEXT];

    digest_bytes(scope, strlen(scope), digest);
    return dh_printf("%.*s-%.8s%s%s%s", ID_CHARS, id_part(run_id), digest, *iteration ? "-" : "",
                     iteration, suffix);
}

/* What `depends` would read as an operator or a value. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {"and",      "or",         "not",      "in",     "true",
                                        "false",    "nil",        "let",      "if",     "else",
                                        "contains", "startswith", "endswith", "matches"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(name, words[i]))
            return true;
    return false;
}

const char *name_clean(struct argo *a, const char *text, size_t max)
{
    own_buf struct buf b = {0};

    if (!isalpha((unsigned char)*text))
        buf_addc(&b, 't');
    add_clean(&b, text, max);
    if (is_reserved(buf_str(&b)))
        buf_adds(&b, "-task");
    return arena_strdup(a->arena, buf_str(&b));
}

const char *name_param(struct argo *a, const char *text)
{
    char *name = arena_strdup(a->arena, *text ? text : "p");

    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            *c = '-';
    return name;
}

const char *name_unique(struct argo *a, struct strmap *taken, const char *name)
{
    const char *one = name;

    for (int i = 2; strmap_get(taken, one); i++)
        one = arena_printf(a->arena, "%s-%d", name, i);
    (void)strmap_put(taken, one, (void *)one);
    return one;
}
