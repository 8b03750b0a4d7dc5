/* short-value - `${…}`: inputs, outputs, items; texts with these in them; comparisons. */
#include <ctype.h>
#include <stdlib.h>

#include "compile/short.h"

void short_name_add(struct short_reader *r, const char *name, struct draft_value *value,
                    struct draft_task *task)
{
    struct short_name *n = arena_alloc(r->a, sizeof *n);

    *n = (struct short_name){name, value, task, r->names};
    r->names = n;
}

static const struct short_name *find_name(const struct short_reader *r, const char *name)
{
    const struct short_name *n = r->names;

    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    return n;
}

/* An output of a task in a loop that is not around the block that is open. */
static bool is_to_collect(const struct short_reader *r, const struct draft_task *task)
{
    for (const struct draft_group *g = task->parent; g; g = g->parent) {
        const struct draft_group *around = r->p->open;

        while (around && around != g)
            around = around->parent;
        if (around)
            return false;
        if (g->kind == DRAFT_LOOP)
            return true;
    }
    return false;
}

static int output_of(struct short_reader *r, const struct doc_node *at, struct draft_task *task,
                     const char *output, struct draft_value **ret)
{
    const struct draft_ports *ports = &task->component->outputs;
    const struct draft_port *port = output          ? draft_port(ports, output)
                                    : ports->n == 1 ? &ports->items[0]
                                                    : NULL;
    struct draft_value *v = draft_value_new(r->a, short_at(r, at), r->p, DRAFT_OUTPUT), *all;

    if (!port && output)
        return short_fail(r, at, "'%s' has no output '%s'", task->name, output);
    if (!port)
        return short_fail(r, at, "'%s' has %zu outputs: say which, as ${%s.NAME}", task->name,
                          ports->n, task->name);
    v->task = task;
    v->name = port->name;
    v->type = port->type;
    v->artifact = port->artifact;
    v->list = port->list;
    v->item = port->item;
    *ret = v;
    if (!is_to_collect(r, task))
        return 0;
    all = draft_value_new(r->a, v->at, r->p, DRAFT_COLLECTED);
    *ret = all;
    return draft_value_collected(all, v, r->err);
}

static int one_name(struct short_reader *r, const struct doc_node *at, char *text,
                    struct draft_value **ret)
{
    char *dot = strchr(text, '.');
    const struct short_name *n;
    struct draft_value *field;

    if (dot)
        *dot = '\0';
    n = find_name(r, text);
    if (!n)
        return short_fail(r, at, "there is no '%s' here: neither an input nor a task above", text);
    if (n->task)
        return output_of(r, at, n->task, dot ? dot + 1 : NULL, ret);
    *ret = n->value;
    if (!dot)
        return 0;
    field = draft_value_new(r->a, short_at(r, at), r->p, DRAFT_FIELD);
    *ret = field;
    return draft_value_field(field, n->value, dot + 1, r->err);
}

static char *trim(char *text)
{
    size_t n;

    text += strspn(text, " \t\n");
    n = strlen(text);
    while (n && strchr(" \t\n", text[n - 1]))
        text[--n] = '\0';
    return text;
}

/* "a.x", or "a.x | b.x": of the branch that was taken */
static int reference(struct short_reader *r, const struct doc_node *at, char *text,
                     struct draft_value **ret)
{
    struct draft_value *v = NULL, **values = NULL;
    size_t n = 0, cap = 0;
    char *rest = NULL;

    for (char *one = strtok_r(text, "|", &rest); one; one = strtok_r(NULL, "|", &rest)) {
        if (one_name(r, at, trim(one), &v) < 0)
            return -1;
        DRAFT_PUSH(r->a, values, n, cap, v);
    }
    if (n == 0)
        return short_fail(r, at, "${} is empty");
    *ret = values[0];
    if (n == 1)
        return 0;
    v = draft_value_new(r->a, short_at(r, at), r->p, DRAFT_ONE_OF);
    v->values = values;
    v->n_values = n;
    *ret = v;
    return draft_value_one_of(r->a, v, r->err);
}

static struct draft_value *constant(struct short_reader *r, const struct doc_node *at,
                                    struct js *value)
{
    struct draft_value *v = draft_value_new(r->a, short_at(r, at), NULL, DRAFT_CONSTANT);

    v->constant = draft_keep(r->a, value);
    v->type = draft_type_of(value);
    return v;
}

/* Text between references: "{}" in it is no place for one. */
static void plain(struct short_reader *r, struct draft_value *format, size_t *cap,
                  const struct doc_node *at, const char *text, size_t n)
{
    const char *end = text + n;

    while ((text = strstr(text, "{}")) && text < end) {
        struct draft_value *braces = constant(r, at, js_str("{}"));

        DRAFT_PUSH(r->a, format->values, format->n_values, *cap, braces);
        text += 2;
    }
}

/* A text: a reference by itself, a constant, or both mixed. "$${" is "${". */
static int text_value(struct short_reader *r, const struct doc_node *at, const char *text,
                      struct draft_value **ret)
{
    struct draft_value *format = draft_value_new(r->a, short_at(r, at), r->p, DRAFT_FORMAT),
                       *v = NULL;
    const char *made = "";
    size_t cap = 0, references = 0;

    format->type = DRAFT_TEXT;
    for (const char *open; (open = strstr(text, "${"));) {
        const char *close = strchr(open, '}');

        if (open > text && open[-1] == '$') {
            made = arena_printf(r->a, "%s%.*s{", made, (int)(open - text), text);
            text = open + 2;
            continue;
        }
        if (!close)
            return short_fail(r, at, "'${' without '}'");
        if (reference(r, at, arena_strndup(r->a, open + 2, (size_t)(close - open) - 2), &v) < 0)
            return -1;
        if (!*made && open == text && !close[1]) {
            *ret = v;
            return 0;
        }
        plain(r, format, &cap, at, text, (size_t)(open - text));
        made = arena_printf(r->a, "%s%.*s{}", made, (int)(open - text), text);
        references++;
        DRAFT_PUSH(r->a, format->values, format->n_values, cap, v);
        text = close + 1;
    }
    if (!references) {
        *ret = constant(r, at, js_strf("%s%s", made, text));
        return 0;
    }
    plain(r, format, &cap, at, text, strlen(text));
    format->format = arena_printf(r->a, "%s%s", made, text);
    *ret = format;
    return 0;
}

int short_value(struct short_reader *r, const struct doc_node *node, struct draft_value **ret)
{
    if (node->kind == DOC_STRING)
        return text_value(r, node, node->text, ret);
    if (node->kind == DOC_NULL)
        return short_fail(r, node, "a value is missing");
    *ret = constant(r, node, doc_to_js(node));
    return 0;
}

/* ---- comparisons ---- */

/* A side: ${…}, a number, true, false, 'text', "text". */
static int side(struct short_reader *r, const struct doc_node *at, char *text,
                struct draft_value **ret)
{
    size_t n = strlen(text);
    struct js *v;

    if (!strncmp(text, "${", 2))
        return text_value(r, at, text, ret);
    if (n >= 2 && (*text == '\'' || *text == '"') && text[n - 1] == *text) {
        *ret = constant(r, at, js_strn(text + 1, n - 2));
        return 0;
    }
    if (js_parse(text, n, &v, NULL) < 0)
        return short_fail(r, at, "'%s': expected ${…}, a number, true, false, or a text in quotes",
                          text);
    *ret = constant(r, at, v);
    return 0;
}

int short_condition(struct short_reader *r, const struct doc_node *node,
                    struct draft_condition *ret)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};
    char *text, *found = NULL;

    if (node->kind != DOC_STRING)
        return short_fail(r, node, "'when' has to be a text, as ${task.output} >= 0.9");
    text = arena_strdup(r->a, node->text);
    *ret = (struct draft_condition){0};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        char *at = strstr(text, ops[i]);

        if (at && (!found || at < found)) {
            found = at;
            ret->op = ops[i];
        }
    }
    if (!found)
        return short_fail(r, node,
                          "'%s' compares nothing: expected A == B, !=, <, <=, >, >=", text);
    *found = '\0';
    if (side(r, node, trim(text), &ret->left) < 0)
        return -1;
    return side(r, node, trim(found + strlen(ret->op)), &ret->right);
}
