/* draft-words - the texts of a container's command and args. One that is a placeholder with parts
 * is an object: {"Concat": [...]}, {"IfPresent": {"InputName": "x", "Then": [...], "Else": [...]}}.
 * In the spec it is a text that holds its JSON. */
#include <stdlib.h>

#include "base/limits.h"
#include "compile/draft-read.h"

struct words {
    struct draft_place at;
    const struct draft_component *component;
    struct dh_err *err;
};

static int word(const struct words *w, const struct js *in, bool joined, int depth,
                struct js **ret);

static int list(const struct words *w, const struct js *in, bool joined, int depth, struct js **ret)
{
    own(js_free) struct js *to = js_array();

    if (!js_is(in, JS_ARRAY) || !js_n(in))
        return draft_fail(w->err, w->at, "'%s': a placeholder has no parts", w->component->name);
    for (size_t i = 0; i < js_n(in); i++) {
        struct js *one;

        if (word(w, js_at(in, i), joined, depth, &one) < 0)
            return -1;
        js_push(to, one);
    }
    *ret = take(&to);
    return 0;
}

/* What Then and Else give: inside of a Concat it is one text, elsewhere a list of arguments. */
static int branch(const struct words *w, const struct js *in, bool joined, int depth,
                  struct js **ret)
{
    if (!joined)
        return list(w, in, joined, depth, ret);
    if (js_is(in, JS_ARRAY) && js_n(in) != 1)
        return draft_fail(w->err, w->at,
                          "'%s': inside of a Concat, an IfPresent gives one text, not %zu",
                          w->component->name, js_n(in));
    return word(w, js_is(in, JS_ARRAY) ? js_at(in, 0) : in, joined, depth, ret);
}

static int if_present(const struct words *w, const struct js *in, bool joined, int depth,
                      struct js **ret)
{
    const char *name = js_get_text(in, "InputName");
    own(js_free) struct js *to = js_object();
    struct js *part;

    if (!name || !draft_port(&w->component->inputs, name))
        return draft_fail(w->err, w->at,
                          "'%s': an IfPresent asks for '%s', which is no input of it",
                          w->component->name, name ? name : "");
    js_set(to, "InputName", js_str(name));
    if (branch(w, js_get(in, "Then"), joined, depth, &part) < 0)
        return -1;
    js_set(to, "Then", part);
    if (js_get(in, "Else")) {
        if (branch(w, js_get(in, "Else"), joined, depth, &part) < 0)
            return -1;
        js_set(to, "Else", part);
    }
    *ret = take(&to);
    return 0;
}

/* A placeholder {{$.inputs.parameters['NAME']…}}, which begins at `at`, is of a port that is there.
 */
static int check_placeholder(const struct words *w, const char *at)
{
    static const struct {
        const char *begins;
        bool output, artifact;
    } kinds[] = {{"{{$.inputs.parameters[", false, false},
                 {"{{$.inputs.artifacts[", false, true},
                 {"{{$.outputs.parameters[", true, false},
                 {"{{$.outputs.artifacts[", true, true}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].begins), end;
        const struct draft_ports *ports =
            kinds[i].output ? &w->component->outputs : &w->component->inputs;
        bool found = false;

        if (strncmp(at, kinds[i].begins, n) != 0 || (at[n] != '\'' && at[n] != '"'))
            continue;
        end = strcspn(at + n + 1, "'\"");
        for (size_t k = 0; k < ports->n; k++)
            found |= strlen(ports->items[k].name) == end &&
                     !strncmp(ports->items[k].name, at + n + 1, end) &&
                     (ports->items[k].type == DRAFT_ARTIFACT) == kinds[i].artifact;
        if (!found)
            return draft_fail(w->err, w->at, "'%s' has no %s %s '%.*s', which its command names",
                              w->component->name, kinds[i].output ? "output" : "input",
                              kinds[i].artifact ? "artifact" : "parameter", (int)end, at + n + 1);
    }
    return 0;
}

static int check_text(const struct words *w, const char *text)
{
    if (*text == '\1')
        return draft_fail(w->err, w->at, "'%s': DHOW_OTHERWISE stands in a DHOW_IF_PRESENT",
                          w->component->name);
    for (const char *at = strstr(text, "{{$."); at; at = strstr(at + 1, "{{$."))
        if (check_placeholder(w, at) < 0)
            return -1;
    return 0;
}

static int word(const struct words *w, const struct js *in, bool joined, int depth, struct js **ret)
{
    const struct js *concat = js_get(in, "Concat"), *present = js_get(in, "IfPresent");
    struct js *part;
    int rc;

    if (js_is(in, JS_STRING)) {
        if (check_text(w, js_text(in)) < 0)
            return -1;
        *ret = js_str(js_text(in));
        return 0;
    }
    if (js_n(in) != 1 || (!concat && !present) || depth == LIMIT_NEST)
        return draft_fail(w->err, w->at,
                          "'%s': a command's word is a text, {Concat: [...]} or {IfPresent: "
                          "{InputName, Then, Else}}",
                          w->component->name);
    rc = concat ? list(w, concat, true, depth + 1, &part)
                : if_present(w, present, joined, depth + 1, &part);
    if (rc < 0)
        return -1;
    *ret = js_object();
    js_set(*ret, concat ? "Concat" : "IfPresent", part);
    return 0;
}

int draft_words(struct arena *a, struct draft_place at, const struct draft_component *component,
                const struct js *words, struct js **ret, struct dh_err *err)
{
    const struct words w = {at, component, err};

    *ret = draft_keep(a, js_array());
    for (size_t i = 0; i < js_n(words); i++) {
        struct js *one;
        char *text;

        if (word(&w, js_at(words, i), false, 0, &one) < 0)
            return -1;
        if (js_is(one, JS_OBJECT)) {
            text = js_dump(one, JS_PYTHON); /* as the SDK writes it */
            js_free(one);
            one = js_str(text);
            free(text);
        }
        js_push(*ret, one);
    }
    return 0;
}
