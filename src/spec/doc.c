/* The YAML reader: libyaml's events become nodes. */
#include "spec/doc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "spec/doc-priv.h"

struct anchor { /* what an alias stands for, and how much it would be if written out */
    struct doc_node node;
    size_t nodes, bytes;
};

struct reader {
    yaml_parser_t parser;
    struct doc_build b;
    struct strmap *anchors; /* of this document; struct anchor in the nodes' arena */
    struct doc *doc;
};

static uint32_t line_of(yaml_mark_t m)
{
    return (uint32_t)m.line + 1;
}

static uint32_t column_of(yaml_mark_t m)
{
    return (uint32_t)m.column + 1;
}

static void keep_anchor(struct reader *r, const char *name, size_t nodes, size_t bytes)
{
    struct anchor *a = arena_alloc(r->b.nodes, sizeof *a);

    *a = (struct anchor){r->b.stack[r->b.n - 1], nodes, bytes};
    strmap_put(r->anchors, name, a);
}

static int read_alias(struct reader *r, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    const struct anchor *a = strmap_get(r->anchors, name);
    struct doc_build *b = &r->b;
    uint32_t line = line_of(e->start_mark), column = column_of(e->start_mark);
    struct doc_node node;

    if (!a)
        return doc_fail(b, line, column,
                        "alias '*%.60s' has no anchor '&%.60s' that ends before it", name, name);
    b->alias_nodes += a->nodes;
    b->alias_bytes += a->bytes;
    if (b->alias_nodes > LIMIT_YAML_ALIAS_NODES || b->alias_bytes > LIMIT_PIPELINE_BYTES)
        return doc_fail(b, line, column,
                        "aliases would expand to more than %d values or %zu MB: refused",
                        LIMIT_YAML_ALIAS_NODES, LIMIT_PIPELINE_BYTES >> 20);
    if (doc_at_key(b) && (a->node.kind != DOC_STRING))
        return doc_fail(b, line, column, "a key must be a string");
    b->n_nodes += a->nodes - 1;
    b->n_bytes += a->bytes;
    node = a->node;
    node.line = line;
    node.column = column;
    return doc_push(b, node);
}

/* Which tag is asked for: the letter of "!!int", "!!float", … or 0 for none, '?' for one not known.
 */
static char tag_letter(const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    static const char *const known[] = {"str", "int", "float", "bool", "null"};

    if (!tag || !*tag)
        return 0;
    if (strcmp(tag, "!") == 0)
        return 's';
    if (strncmp(tag, prefix, sizeof prefix - 1) != 0)
        return '?';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(tag + sizeof prefix - 1, known[i]) == 0)
            return known[i][0];
    return '?';
}

static int apply_tag(struct reader *r, const yaml_event_t *e, char tag, struct doc_node *node)
{
    const char *s = (const char *)e->data.scalar.value;
    bool ok = true;

    if (tag == 0 || tag == 's')
        return 0;
    doc_plain(r->b.text, s, e->data.scalar.length, node);
    if (tag == 'f' && node->kind == DOC_INT) {
        node->kind = DOC_REAL;
        node->real = (double)node->integer;
    }
    ok = (tag == 'i' && node->kind == DOC_INT) || (tag == 'f' && node->kind == DOC_REAL) ||
         (tag == 'b' && node->kind == DOC_BOOL) || (tag == 'n' && node->kind == DOC_NULL);
    if (ok)
        return 0;
    return doc_fail(&r->b, node->line, node->column, "the tag '%.80s' does not fit this value",
                    e->data.scalar.tag);
}

static int read_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *s = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    char tag = tag_letter((const char *)e->data.scalar.tag);
    struct doc_node node = {.line = line_of(e->start_mark), .column = column_of(e->start_mark)};

    if (tag == '?')
        return doc_fail(&r->b, node.line, node.column, "the tag '%.80s' is not allowed",
                        e->data.scalar.tag);
    if (memchr(s, '\0', n))
        return doc_fail(&r->b, node.line, node.column, "text may not contain a NUL character");
    if (doc_at_key(&r->b) || !e->data.scalar.plain_implicit || tag == 's') {
        node.kind = DOC_STRING;
        node.plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node.n = (uint32_t)n;
        node.text = arena_strndup(r->b.text, s, n);
    } else {
        doc_plain(r->b.text, s, n, &node);
    }
    r->b.n_bytes += n;
    if (!doc_at_key(&r->b) && apply_tag(r, e, tag, &node) < 0)
        return -1;
    if (doc_push(&r->b, node) < 0)
        return -1;
    if (e->data.scalar.anchor)
        keep_anchor(r, (const char *)e->data.scalar.anchor, 1, n);
    return 0;
}

static int read_start(struct reader *r, const yaml_event_t *e, bool map)
{
    const char *tag = (const char *)(map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
    const char *anchor =
        (const char *)(map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor);
    uint32_t line = line_of(e->start_mark), column = column_of(e->start_mark);

    if (doc_at_key(&r->b))
        return doc_fail(&r->b, line, column, "a key must be a string, not a %s",
                        map ? "map" : "list");
    if (tag && strcmp(tag, map ? YAML_MAP_TAG : YAML_SEQ_TAG) != 0)
        return doc_fail(&r->b, line, column, "the tag '%.80s' is not allowed", tag);
    return doc_open(&r->b, map, line, column, anchor ? arena_strdup(r->b.nodes, anchor) : NULL);
}

static bool has_key(const struct doc_build *b, size_t from, const char *key)
{
    for (size_t i = from; i < b->n; i += 2)
        if (strcmp(b->stack[i].text, key) == 0)
            return true;
    return false;
}

/* Members of `map` that the innermost map does not have are added to it. */
static int merge_one(struct reader *r, const struct doc_node *at, const struct doc_node *map)
{
    struct doc_build *b = &r->b;
    size_t base = b->frames[b->depth - 1].base;

    if (map->kind != DOC_MAP)
        return doc_fail(b, at->line, at->column, "'<<' must name a map or a list of maps");
    for (size_t i = 0; i < map->n; i++) {
        b->alias_nodes += (b->n - base) / 64 + 1; /* has_key's work is bounded with it */
        if (b->alias_nodes > LIMIT_YAML_ALIAS_NODES)
            return doc_fail(b, at->line, at->column, "'<<' would merge too many members: refused");
        if (has_key(b, base, doc_key(map, i)->text))
            continue;
        if (doc_push(b, *doc_key(map, i)) < 0 || doc_push(b, *doc_value(map, i)) < 0)
            return -1;
    }
    return 0;
}

/* YAML 1.1's merge key: `<<: *other` takes over the members that are not given beside it. */
static int merge(struct reader *r)
{
    struct doc_build *b = &r->b;
    size_t base = b->frames[b->depth - 1].base, end = b->n;
    size_t at = SIZE_MAX;
    struct doc_node key, value;

    for (size_t i = base; i < end && at == SIZE_MAX; i += 2)
        if (b->stack[i].plain && b->stack[i].n == 2 && strcmp(b->stack[i].text, "<<") == 0)
            at = i;
    if (at == SIZE_MAX)
        return 0;
    key = b->stack[at];
    value = b->stack[at + 1];
    memmove(b->stack + at, b->stack + at + 2, (end - at - 2) * sizeof key);
    b->n -= 2;
    if (value.kind != DOC_LIST)
        return merge_one(r, &key, &value);
    for (size_t i = 0; i < value.n; i++)
        if (merge_one(r, &key, &value.items[i]) < 0)
            return -1;
    return 0;
}

static int read_end(struct reader *r)
{
    struct doc_frame f;

    if (r->b.frames[r->b.depth - 1].map && merge(r) < 0)
        return -1;
    if (doc_close(&r->b, &f) < 0)
        return -1;
    if (f.anchor)
        keep_anchor(r, f.anchor, r->b.n_nodes - f.nodes, r->b.n_bytes - f.bytes);
    return 0;
}

static int read_document_end(struct reader *r)
{
    if (r->doc->n == DOC_MAX_DOCUMENTS)
        return doc_fail(&r->b, 1, 1, "more than %d documents in one file", DOC_MAX_DOCUMENTS);
    r->doc->documents[r->doc->n++] = r->b.stack[0];
    r->b.n = 0;
    strmap_free(r->anchors);
    r->anchors = strmap_new();
    return 0;
}

static int read_event(struct reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, e);
    case YAML_SCALAR_EVENT:
        return read_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return read_start(r, e, false);
    case YAML_MAPPING_START_EVENT:
        return read_start(r, e, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return read_end(r);
    case YAML_DOCUMENT_END_EVENT:
        return read_document_end(r);
    default:
        return 0;
    }
}

/* Encoding errors come with a byte offset, all others with a mark. */
static int fail_parser(const struct reader *r, const char *bytes, size_t n)
{
    const yaml_parser_t *p = &r->parser;
    size_t line = p->problem_mark.line + 1, column = p->problem_mark.column + 1;

    if (p->error == YAML_MEMORY_ERROR)
        return dh_fail(r->b.err, DH_IO, "memory is out");
    if (p->error == YAML_READER_ERROR) {
        size_t end = p->problem_offset < n ? p->problem_offset : n;

        line = column = 1;
        for (size_t i = 0; i < end; i++) {
            column++;
            if (bytes[i] == '\n') {
                line++;
                column = 1;
            }
        }
    }
    if (p->context)
        return doc_fail(&r->b, line, column, "not YAML: %s, %s (line %zu)", p->problem, p->context,
                        p->context_mark.line + 1);
    return doc_fail(&r->b, line, column, "not YAML: %s", p->problem ? p->problem : "unreadable");
}

static int read_events(struct reader *r, const char *bytes, size_t n)
{
    bool more = true;

    while (more) {
        yaml_event_t e;
        int rc;

        if (!yaml_parser_parse(&r->parser, &e))
            return fail_parser(r, bytes, n);
        more = e.type != YAML_STREAM_END_EVENT;
        rc = read_event(r, &e);
        yaml_event_delete(&e);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int read_yaml(struct arena *nodes, struct arena *text, const char *name, const char *bytes,
                     size_t n, struct doc *ret, struct dh_err *err)
{
    struct doc doc = {.documents = arena_alloc(nodes, DOC_MAX_DOCUMENTS * sizeof(struct doc_node))};
    own_mem struct reader *r = dh_zalloc(1, sizeof *r);
    int rc;

    r->b = (struct doc_build){
        .nodes = nodes, .text = text, .name = name, .err = err, .max_depth = LIMIT_YAML_DEPTH};
    r->doc = &doc;
    if (!yaml_parser_initialize(&r->parser))
        return dh_fail(err, DH_IO, "%s: no memory for the YAML parser", name);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)bytes, n);
    r->anchors = strmap_new();
    rc = read_events(r, bytes, n);
    strmap_free(r->anchors);
    doc_build_done(&r->b);
    yaml_parser_delete(&r->parser);
    if (rc == 0)
        *ret = doc;
    return rc;
}

int doc_read(struct arena *nodes, struct arena *text, const char *name, const char *bytes, size_t n,
             struct doc *ret, struct dh_err *err)
{
    size_t len = strlen(name), at = 0;

    if (n > LIMIT_PIPELINE_BYTES)
        return dh_fail(err, DH_INVALID, "%s: %zu bytes; a pipeline may have %zu", name, n,
                       LIMIT_PIPELINE_BYTES);
    while (at < n && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    if (at < n && bytes[at] == '{') {
        bool json = len > 5 && strcmp(name + len - 5, ".json") == 0;

        /* A YAML file may begin with '{' too: its own reader then has the last word. */
        if (doc_read_json(nodes, text, name, bytes, n, ret, err) == 0)
            return 0;
        if (json)
            return -1;
    }
    return read_yaml(nodes, text, name, bytes, n, ret, err);
}
