#include "base/xml.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/library.h"
#include "base/limits.h"
#include "base/mem.h"

static struct expat_calls {
    __typeof__(&XML_ParserCreate) create;
    __typeof__(&XML_ParserFree) free;
    __typeof__(&XML_SetUserData) set_user;
    __typeof__(&XML_SetElementHandler) set_elements;
    __typeof__(&XML_SetCharacterDataHandler) set_text;
    __typeof__(&XML_SetStartDoctypeDeclHandler) set_doctype;
    __typeof__(&XML_StopParser) stop;
    __typeof__(&XML_Parse) parse;
    __typeof__(&XML_GetErrorCode) code;
    __typeof__(&XML_ErrorString) words;
    __typeof__(&XML_GetCurrentLineNumber) line;
} expat;

static int load_expat(struct dh_err *err)
{
    static const struct library_call calls[] = {
        {"XML_ParserCreate", &expat.create},
        {"XML_ParserFree", &expat.free},
        {"XML_SetUserData", &expat.set_user},
        {"XML_SetElementHandler", &expat.set_elements},
        {"XML_SetCharacterDataHandler", &expat.set_text},
        {"XML_SetStartDoctypeDeclHandler", &expat.set_doctype},
        {"XML_StopParser", &expat.stop},
        {"XML_Parse", &expat.parse},
        {"XML_GetErrorCode", &expat.code},
        {"XML_ErrorString", &expat.words},
        {"XML_GetCurrentLineNumber", &expat.line}};

    return library_load("libexpat.so.1", "libexpat1", "S3", calls, sizeof calls / sizeof *calls,
                        err);
}

struct open_element {
    struct xml *element, *last; /* the last child so far */
    struct buf text;
};

struct parse {
    XML_Parser parser;
    struct arena *arena;
    struct xml *root;
    struct open_element open[LIMIT_XML_DEPTH];
    size_t depth, n_elements;
    const char *refused;
};

static void refuse(struct parse *p, const char *why)
{
    p->refused = why;
    (void)expat.stop(p->parser, XML_FALSE);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct parse *p = user;
    const char *colon = strrchr(name, ':');
    struct xml *x;
    (void)attributes;

    if (p->refused)
        return;
    if (p->depth == LIMIT_XML_DEPTH || ++p->n_elements > LIMIT_XML_ELEMENTS) {
        refuse(p, p->depth == LIMIT_XML_DEPTH ? "too deeply nested" : "too many elements");
        return;
    }
    x = arena_alloc(p->arena, sizeof *x);
    x->name = arena_strdup(p->arena, colon ? colon + 1 : name);
    x->text = "";
    if (p->depth == 0) {
        p->root = x;
    } else {
        struct open_element *up = &p->open[p->depth - 1];

        *(up->last ? &up->last->next : &up->element->child) = x;
        up->last = x;
    }
    p->open[p->depth++] = (struct open_element){.element = x};
}

static void on_text(void *user, const XML_Char *text, int n)
{
    struct parse *p = user;

    if (p->depth && !p->refused)
        buf_add(&p->open[p->depth - 1].text, text, (size_t)n);
}

static void on_end(void *user, const XML_Char *name)
{
    struct parse *p = user;
    struct open_element *e;
    (void)name;

    if (p->refused || !p->depth)
        return;
    e = &p->open[--p->depth];
    if (e->text.n && (!e->element->child || strspn(e->text.p, " \t\r\n") != e->text.n))
        e->element->text = arena_strndup(p->arena, e->text.p, e->text.n);
    buf_done(&e->text);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public_id, int internal)
{
    (void)name;
    (void)system;
    (void)public_id;
    (void)internal;
    refuse(user, "it has a document type");
}

int xml_parse(const char *text, size_t n, struct arena *arena, const struct xml **ret,
              struct dh_err *err)
{
    struct parse p = {.arena = arena};
    enum XML_Status status;
    int rc = 0;

    if (load_expat(err) < 0)
        return -1;
    if (n > LIMIT_XML_BYTES)
        return dh_fail(err, DH_INVALID, "an XML answer of %zu bytes; %zu at most", n,
                       LIMIT_XML_BYTES);
    p.parser = expat.create("UTF-8");
    if (!p.parser)
        abort();
    expat.set_user(p.parser, &p);
    expat.set_elements(p.parser, on_start, on_end);
    expat.set_text(p.parser, on_text);
    expat.set_doctype(p.parser, on_doctype);
    status = expat.parse(p.parser, text, (int)n, XML_TRUE);
    if (p.refused)
        rc = dh_fail(err, DH_INVALID, "XML: %s", p.refused);
    else if (status != XML_STATUS_OK || !p.root)
        rc = dh_fail(err, DH_INVALID, "XML line %lu: %s", (unsigned long)expat.line(p.parser),
                     expat.words(expat.code(p.parser)));
    expat.free(p.parser);
    while (p.depth)
        buf_done(&p.open[--p.depth].text);
    if (rc == 0)
        *ret = p.root;
    return rc;
}

const struct xml *xml_child(const struct xml *x, const char *name)
{
    for (x = x ? x->child : NULL; x; x = x->next)
        if (!strcmp(x->name, name))
            return x;
    return NULL;
}

const char *xml_text(const struct xml *x, const char *name)
{
    const struct xml *child = xml_child(x, name);

    return child ? child->text : "";
}

void xml_escape(struct buf *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '&')
            buf_adds(to, "&amp;");
        else if (*p == '<')
            buf_adds(to, "&lt;");
        else if (*p == '>')
            buf_adds(to, "&gt;");
        else if (*p == '\"')
            buf_adds(to, "&quot;");
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            buf_addf(to, "&#%d;", (unsigned char)*p);
        else
            buf_addc(to, *p);
    }
}
