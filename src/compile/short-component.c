/* short-component - inputs, outputs and components of the short form.
 *
 *     inputs: {data: system.Dataset, rate: 0.1, epochs: integer, label: {type: text, default: y,
 * help: …}}
 *
 * A type is a word (text, integer, number, bool, list, struct, status), an artifact's type, or
 * [type] for a list of these; anything else is a default, whose type it has. */
#include "base/mem.h"
#include "compile/draft-read.h"
#include "compile/short.h"

static bool take_word(struct draft_port *port, const char *word)
{
    const char *dot = strchr(word, '.');

    if (draft_type_parse(word, &port->type) == 0) {
        port->optional = port->type == DRAFT_FINAL_STATUS;
        return true;
    }
    if (!dot || dot == word || !dot[1] || strpbrk(word, " \t/:"))
        return false;
    port->type = DRAFT_ARTIFACT;
    port->artifact = word;
    return true;
}

static int take_default(struct short_reader *r, const struct doc_node *node, bool typed,
                        struct draft_port *port)
{
    struct js *v = draft_keep(r->a, doc_to_js(node));
    enum draft_type type = draft_type_of(v);

    if (port->type == DRAFT_ARTIFACT && typed)
        return short_fail(r, node, "an artifact ('%s') has no default", port->name);
    if (js_is(v, JS_NULL)) {
        port->optional = true;
        return 0;
    }
    if (typed && type != port->type && !(port->type == DRAFT_NUMBER && type == DRAFT_INTEGER))
        return short_fail(r, node, "the default of '%s' is %s: expected %s", port->name,
                          draft_type_words(type), draft_type_words(port->type));
    if (!typed)
        port->type = type;
    if (type == DRAFT_LIST && js_n(v))
        port->item = draft_type_of(js_at(v, 0));
    port->default_value = v;
    port->optional = true;
    return 0;
}

static int take_map(struct short_reader *r, const struct doc_node *map, struct draft_port *port)
{
    const char *type, *help;
    const struct doc_node *given = doc_get(map, "default"), *optional = doc_get(map, "optional");

    if (short_keys(r, map, port->name, "type", "default", "help", "optional", NULL) < 0 ||
        short_text(r, map, "type", &type) < 0 || short_text(r, map, "help", &help) < 0)
        return -1;
    if (!type && !given)
        return short_fail(r, map, "'%s' has neither a type nor a default", port->name);
    if (type && !take_word(port, type))
        return short_fail(r, doc_get(map, "type"),
                          "'%s' is no type: expected text, integer, number, bool, list, struct, "
                          "status, or an artifact's as system.Model",
                          type);
    port->help = help ? help : "";
    port->optional |= optional && optional->kind == DOC_BOOL && optional->boolean;
    return given ? take_default(r, given, type != NULL, port) : 0;
}

static int take_port(struct short_reader *r, const struct doc_node *node, bool output,
                     struct draft_port *port)
{
    if (node->kind == DOC_MAP && (doc_get(node, "type") || doc_get(node, "default")))
        return take_map(r, node, port);
    if (node->kind == DOC_STRING && node->plain && take_word(port, node->text))
        return 0;
    if (node->kind == DOC_LIST && node->n == 1 && node->items[0].kind == DOC_STRING &&
        node->items[0].plain && take_word(port, node->items[0].text) &&
        port->type != DRAFT_FINAL_STATUS) {
        port->list = port->type == DRAFT_ARTIFACT;
        port->item = port->type;
        port->type = port->list ? DRAFT_ARTIFACT : DRAFT_LIST;
        return 0;
    }
    if (output)
        return short_fail(r, node, "output '%s': expected a type", port->name);
    return take_default(r, node, false, port);
}

int short_ports(struct short_reader *r, const struct doc_node *map, bool output,
                struct draft_ports *to)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct doc_node *key = doc_key(map, i);
        struct draft_port port = {.help = ""};

        if (key->kind != DOC_STRING || !*key->text)
            return short_fail(r, key, "a name has to be a text");
        if (output && draft_output_name(short_at(r, key), key->text, r->err) < 0)
            return -1;
        port.name = key->text;
        if (take_port(r, doc_value(map, i), output, &port) < 0)
            return -1;
        DRAFT_PUSH(r->a, to->items, to->n, to->cap, port);
    }
    return 0;
}

/* ---- components ---- */

static int take_words(struct short_reader *r, const struct doc_node *map, const char *key,
                      const struct draft_component *c, struct js **ret)
{
    const struct doc_node *list = doc_get(map, key);

    if (list && list->kind != DOC_LIST)
        return short_fail(r, list, "'%s' has to be a list of texts", key);
    for (size_t i = 0; list && i < list->n; i++)
        if (list->items[i].kind != DOC_STRING && list->items[i].kind != DOC_MAP)
            return short_fail(r, &list->items[i], "'%s' has to be a list of texts", key);
    return draft_words(r->a, short_at(r, list ? list : map), c,
                       list ? draft_keep(r->a, doc_to_js(list)) : NULL, ret, r->err);
}

static int take_env(struct short_reader *r, const struct doc_node *map, struct js **ret)
{
    const struct doc_node *env;

    *ret = draft_keep(r->a, js_array());
    if (short_map(r, map, "env", &env) < 0)
        return -1;
    for (size_t i = 0; env && i < env->n; i++) {
        struct js *one = js_object();
        const struct doc_node *value = doc_value(env, i);

        js_set(one, "name", js_str(doc_key(env, i)->text));
        js_set(one, "value", js_str(value->kind == DOC_STRING ? value->text : ""));
        js_push(*ret, one);
        if (value->kind != DOC_STRING || doc_key(env, i)->kind != DOC_STRING)
            return short_fail(r, value, "a variable's value has to be a text (in quotes)");
    }
    return 0;
}

static int take_container(struct short_reader *r, const struct doc_node *map,
                          struct draft_component *c)
{
    const struct doc_node *inputs, *outputs;

    if (short_keys(r, map, c->name, "image", "command", "args", "env", "inputs", "outputs", "help",
                   NULL) < 0 ||
        short_text(r, map, "image", &c->image) < 0 || short_text(r, map, "help", &c->help) < 0 ||
        short_map(r, map, "inputs", &inputs) < 0 || short_map(r, map, "outputs", &outputs) < 0 ||
        take_env(r, map, &c->env) < 0)
        return -1;
    if (!c->image)
        return short_fail(r, map, "component '%s' has no image", c->name);
    c->help = c->help ? c->help : "";
    if ((inputs && short_ports(r, inputs, false, &c->inputs) < 0) ||
        (outputs && short_ports(r, outputs, true, &c->outputs) < 0))
        return -1;
    return take_words(r, map, "command", c, &c->command) < 0
               ? -1
               : take_words(r, map, "args", c, &c->args);
}

int short_components(struct short_reader *r, const struct doc_node *map)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct doc_node *key = doc_key(map, i), *node = doc_value(map, i);
        struct draft_component *c = arena_alloc(r->a, sizeof *c);

        if (key->kind != DOC_STRING)
            return short_fail(r, key, "a component's name has to be a text");
        *c = (struct draft_component){
            .at = short_at(r, key), .name = key->text, .help = "", .kind = DRAFT_CONTAINER};
        if (node->kind == DOC_STRING) {
            if (draft_load_all(r->a, c, r->folder, node->text, r->err) < 0)
                return -1;
        } else if (node->kind != DOC_MAP) {
            return short_fail(r, node, "component '%s': expected a map, or a file's name", c->name);
        } else if (take_container(r, node, c) < 0) {
            return -1;
        }
        (void)strmap_put(r->components, c->name, c);
    }
    return 0;
}
