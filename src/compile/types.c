/* types - which value may be given to which input. */
#include <string.h>

#include "compile/draft.h"

static const struct {
    const char *kfp, *words;
} names[] = {{"STRING", "a text"},
             {"NUMBER_INTEGER", "an integer"},
             {"NUMBER_DOUBLE", "a number"},
             {"BOOLEAN", "true or false"},
             {"LIST", "a list"},
             {"STRUCT", "a struct"},
             {"TASK_FINAL_STATUS", "a task's final status"},
             {"", "an artifact"}};

const char *draft_type_name(enum draft_type type)
{
    return names[type].kfp;
}

const char *draft_type_words(enum draft_type type)
{
    return names[type].words;
}

const char *draft_says(struct arena *a, enum draft_type type, const char *artifact, bool list)
{
    if (type != DRAFT_ARTIFACT)
        return draft_type_words(type);
    return arena_printf(a, list ? "a list of %s" : "a %s", artifact);
}

int draft_type_parse(const char *word, enum draft_type *ret)
{
    static const char *const words[] = {"text", "integer", "number", "bool",
                                        "list", "struct",  "status"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i], word)) {
            *ret = (enum draft_type)i;
            return 0;
        }
    return -1;
}

/* As the SDK: system.Artifact is any, and any takes one. */
static bool artifact_fits(const char *given, const char *wanted)
{
    static const char any[] = "system.Artifact";

    return !strcmp(given, wanted) || !strcmp(wanted, any) || !strcmp(given, any);
}

static bool fits(const struct draft_value *v, const struct draft_port *port)
{
    if ((v->type == DRAFT_ARTIFACT) != (port->type == DRAFT_ARTIFACT))
        return false;
    if (v->type == DRAFT_ARTIFACT)
        return v->list == port->list && artifact_fits(v->artifact, port->artifact);
    if (v->kind == DRAFT_FIELD && v->type == DRAFT_TEXT)
        return true; /* what it is, is known when it runs */
    return v->type == port->type || (v->type == DRAFT_INTEGER && port->type == DRAFT_NUMBER);
}

int draft_check_type(const struct draft_value *value, const struct draft_port *port,
                     struct draft_place at, const char *what, struct dh_err *err)
{
    struct arena *a;

    if (fits(value, port))
        return 0;
    a = arena_new();
    (void)draft_fail(err, at, "%s is %s; it is given %s%s", what,
                     draft_says(a, port->type, port->artifact, port->list),
                     draft_says(a, value->type, value->artifact, value->list),
                     value->kind == DRAFT_ITEM && value->group->items->kind != DRAFT_CONSTANT
                         ? ": say what the loop's list has in it"
                         : "");
    arena_free(a);
    return -1;
}
