#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spec/doc-priv.h"
#include "spec/spec-priv.h"

void doc_build_done(struct doc_build *b)
{
    free(b->stack);
    b->stack = NULL;
}

int doc_fail(const struct doc_build *b, size_t line, size_t column, const char *fmt, ...)
{
    char what[600];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(what, sizeof what, fmt, ap) < 0)
        what[0] = '\0';
    va_end(ap);
    return dh_fail(b->err, DH_INVALID, "%s:%zu:%zu: %s", b->name, line, column, what);
}

bool doc_at_key(const struct doc_build *b)
{
    const struct doc_frame *f;

    if (b->depth == 0)
        return false;
    f = &b->frames[b->depth - 1];
    return f->map && (b->n - f->base) % 2 == 0;
}

int doc_push(struct doc_build *b, struct doc_node node)
{
    if (++b->n_nodes > LIMIT_YAML_NODES)
        return doc_fail(b, node.line, node.column, "more than %d values in one file",
                        LIMIT_YAML_NODES);
    DH_GROW(b->stack, b->n, b->cap);
    b->stack[b->n++] = node;
    return 0;
}

const char *doc_text(struct doc_build *b, const char *s, size_t n)
{
    b->n_bytes += n;
    return arena_strndup(b->text, s, n);
}

int doc_open(struct doc_build *b, bool map, uint32_t line, uint32_t column, const char *anchor)
{
    if (b->depth == b->max_depth)
        return doc_fail(b, line, column, "nested deeper than %zu levels", b->max_depth);
    b->frames[b->depth++] = (struct doc_frame){.base = b->n,
                                               .nodes = b->n_nodes,
                                               .bytes = b->n_bytes,
                                               .line = line,
                                               .column = column,
                                               .map = map,
                                               .anchor = anchor};
    return 0;
}

/* The stack position of a key that stands twice among `n` pairs, or SIZE_MAX. Hashed, as a
 * generated pipeline may have a hundred thousand tasks in one map. */
static size_t find_twice(const struct doc_node *items, size_t n)
{
    own_mem uint32_t *slots = NULL;
    size_t n_slots = 16;

    while (n_slots < n * 2)
        n_slots *= 2;
    slots = dh_zalloc(n_slots, sizeof *slots);
    for (size_t i = 0; i < n; i++) {
        size_t at = spec_hash(items[2 * i].text) & (n_slots - 1);

        for (; slots[at]; at = (at + 1) & (n_slots - 1))
            if (strcmp(items[2 * (slots[at] - 1)].text, items[2 * i].text) == 0)
                return 2 * i;
        slots[at] = (uint32_t)i + 1;
    }
    return SIZE_MAX;
}

static int check_keys(const struct doc_build *b, const struct doc_node *items, size_t n)
{
    size_t twice = SIZE_MAX;

    if (n > 8) {
        twice = find_twice(items, n);
    } else {
        for (size_t i = 1; i < n && twice == SIZE_MAX; i++)
            for (size_t j = 0; j < i; j++)
                if (strcmp(items[2 * i].text, items[2 * j].text) == 0)
                    twice = 2 * i;
    }
    if (twice == SIZE_MAX)
        return 0;
    return doc_fail(b, items[twice].line, items[twice].column,
                    "the key '%.100s' comes twice in one map", items[twice].text);
}

int doc_close(struct doc_build *b, struct doc_frame *ret_frame)
{
    struct doc_frame f = b->frames[--b->depth];
    size_t n = b->n - f.base;
    struct doc_node node = {.kind = f.map ? DOC_MAP : DOC_LIST, .line = f.line, .column = f.column};

    if (f.map && n && check_keys(b, b->stack + f.base, n / 2) < 0)
        return -1;
    node.n = (uint32_t)(f.map ? n / 2 : n);
    if (n) {
        node.items = arena_alloc(b->nodes, n * sizeof node);
        memcpy(node.items, b->stack + f.base, n * sizeof node);
    }
    b->n = f.base;
    *ret_frame = f;
    return doc_push(b, node);
}

const struct doc_node *doc_get(const struct doc_node *map, const char *key)
{
    if (map->kind != DOC_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(doc_key(map, i)->text, key) == 0)
            return doc_value(map, i);
    return NULL;
}

struct js *doc_to_js(const struct doc_node *node)
{
    struct js *v;

    switch ((enum doc_kind)node->kind) {
    case DOC_NULL:
        return js_null();
    case DOC_BOOL:
        return js_bool(node->boolean);
    case DOC_INT:
        return js_int(node->integer);
    case DOC_REAL:
        return js_real(node->real);
    case DOC_STRING:
        return js_strn(node->text, node->n);
    case DOC_LIST:
        v = js_array();
        for (size_t i = 0; i < node->n; i++)
            js_push(v, doc_to_js(&node->items[i]));
        return v;
    case DOC_MAP:
        v = js_object();
        for (size_t i = 0; i < node->n; i++)
            js_set(v, doc_key(node, i)->text, doc_to_js(doc_value(node, i)));
        return v;
    }
    return js_null();
}

char *doc_say(const struct doc_node *node, char to[DOC_SAY])
{
    switch ((enum doc_kind)node->kind) {
    case DOC_NULL:
        (void)snprintf(to, DOC_SAY, "null");
        break;
    case DOC_BOOL:
        (void)snprintf(to, DOC_SAY, "the boolean %s", node->boolean ? "true" : "false");
        break;
    case DOC_INT:
        (void)snprintf(to, DOC_SAY, "the number %lld", (long long)node->integer);
        break;
    case DOC_REAL:
        (void)snprintf(to, DOC_SAY, "the number %.15g", node->real);
        break;
    case DOC_STRING:
        if (node->n > 40)
            (void)snprintf(to, DOC_SAY, "the string \"%.37s...\"", node->text);
        else
            (void)snprintf(to, DOC_SAY, "the string \"%s\"", node->text);
        break;
    case DOC_LIST:
        (void)snprintf(to, DOC_SAY, "a list");
        break;
    case DOC_MAP:
        (void)snprintf(to, DOC_SAY, "a map");
        break;
    }
    return to;
}
