/* draft-read - lines of JSON, a line a call of dhow/pipeline.h, into a draft. */
#include "compile/draft-reader.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

const char *reader_text(const struct reader *r, const char *key)
{
    const char *text = js_get_text(r->line, key);

    return text ? arena_strdup(r->a, text) : NULL;
}

int reader_wrong(struct reader *r, const char *what)
{
    return draft_fail(r->err, r->at, "this line of the program's output is wrong: %s", what);
}

int reader_put_at(struct reader *r, int64_t id, char kind, void *thing)
{
    if (id < 1 || id > 50000000)
        return reader_wrong(r, "id");
    if ((size_t)id >= r->cap) {
        size_t cap = r->cap ? r->cap : 256;

        while (cap <= (size_t)id)
            cap *= 2;
        r->things = dh_realloc(r->things, cap, sizeof *r->things);
        r->kinds = dh_realloc(r->kinds, cap, 1);
        memset(r->kinds + r->cap, 0, cap - r->cap);
        r->cap = cap;
    }
    r->things[id] = thing;
    r->kinds[id] = kind;
    return 0;
}

int reader_put(struct reader *r, char kind, void *thing)
{
    return reader_put_at(r, js_get_int(r->line, "id", -1), kind, thing);
}

void *reader_find(struct reader *r, int64_t id, char kind, const char *what)
{
    if (id >= 1 && (size_t)id < r->cap && r->kinds[id] == kind)
        return r->things[id];
    (void)draft_fail(r->err, r->at, "%s is not given, or is not one", what);
    return NULL;
}

struct draft_value *reader_value(struct reader *r, const char *key)
{
    return reader_find(r, js_get_int(r->line, key, 0), 'v', "a value");
}

struct draft_task *reader_task(struct reader *r, const char *key)
{
    return reader_find(r, js_get_int(r->line, key, 0), 't', "a task");
}

int reader_json(struct reader *r, const char *key, struct js **ret)
{
    const char *text = js_get_text(r->line, key);
    struct dh_err why;

    *ret = NULL;
    if (!text)
        return 0;
    if (js_parse(text, strlen(text), ret, &why) < 0)
        return draft_fail(r->err, r->at, "no JSON: %s: %.60s", why.msg, text);
    draft_keep(r->a, *ret);
    return 0;
}

/* ---- the end ---- */

static int op_main(struct reader *r)
{
    int64_t id = js_get_int(r->line, "component", -1);

    if (id < 0 || (size_t)id >= r->n_components || r->components[id]->kind != DRAFT_PIPELINE)
        return reader_wrong(r, "main");
    r->draft->main = r->components[id];
    return 0;
}

/* ---- values ---- */

static int op_constant(struct reader *r)
{
    struct draft_value *v = draft_value_new(r->a, r->at, NULL, DRAFT_CONSTANT);

    if (reader_json(r, "json", &v->constant) < 0)
        return -1;
    if (!v->constant)
        v->constant = draft_keep(r->a, js_ref(js_get(r->line, "value")));
    if (js_get_bool(r->line, "real"))
        v->constant = draft_keep(r->a, js_real(js_as_num(v->constant, 0)));
    if (js_is(v->constant, JS_NULL))
        return reader_wrong(r, "constant");
    v->type = draft_type_of(v->constant);
    return reader_put(r, 'v', v);
}

static void take_port(struct draft_value *v, const struct draft_port *port)
{
    v->name = port->name;
    v->type = port->type;
    v->artifact = port->artifact;
    v->list = port->list;
    v->item = port->item;
}

static int op_input(struct reader *r)
{
    const char *name = js_get_text(r->line, "name");
    const struct draft_port *port = name ? draft_port(&r->p->component->inputs, name) : NULL;
    struct draft_value *v;

    if (!port)
        return reader_wrong(r, "input");
    v = draft_value_new(r->a, r->at, r->p, DRAFT_INPUT);
    take_port(v, port);
    return reader_put(r, 'v', v);
}

/* {name: number, …}: what a task gives */
static int take_outputs(struct reader *r, struct draft_task *task)
{
    for (js_each(js_get(r->line, "outputs"), it)) {
        const struct draft_port *port = draft_port(&task->component->outputs, it.key);
        struct draft_value *v;

        if (!port)
            return reader_wrong(r, "outputs");
        v = draft_value_new(r->a, r->at, r->p, DRAFT_OUTPUT);
        v->task = task;
        take_port(v, port);
        if (reader_put_at(r, js_as_int(it.value, -1), 'v', v) < 0)
            return -1;
    }
    return 0;
}

static int op_field(struct reader *r)
{
    struct draft_value *v = draft_value_new(r->a, r->at, r->p, DRAFT_FIELD),
                       *of = reader_value(r, "of");
    const char *name = reader_text(r, "name");

    if (!of || !name || draft_value_field(v, of, name, r->err) < 0)
        return of && name ? -1 : reader_wrong(r, "field");
    return reader_put(r, 'v', v);
}

/* The same list, of which it is known what is in it. */
static int op_list_of(struct reader *r)
{
    struct draft_value *of = reader_value(r, "of"), *v;
    const char *word = js_get_text(r->line, "type");

    if (!of || !word)
        return of ? reader_wrong(r, "listOf") : -1;
    v = arena_alloc(r->a, sizeof *v);
    *v = *of;
    v->at = r->at;
    if (of->type != DRAFT_LIST)
        return draft_fail(r->err, r->at, "a list of %s: the value is no list", word);
    if (draft_type_parse(word, &v->item) < 0)
        return draft_fail(r->err, r->at,
                          "'%s' is no type: expected text, integer, number, bool, list or struct",
                          word);
    return reader_put(r, 'v', v);
}

static int op_collected(struct reader *r)
{
    struct draft_value *v = draft_value_new(r->a, r->at, r->p, DRAFT_COLLECTED),
                       *of = reader_value(r, "of");

    if (!of || draft_value_collected(v, of, r->err) < 0)
        return -1;
    return reader_put(r, 'v', v);
}

static int read_values(struct reader *r, struct draft_value *v)
{
    const struct js *list = js_get(r->line, "values");

    v->n_values = js_n(list);
    v->values = arena_alloc(r->a, (v->n_values + 1) * sizeof *v->values);
    for (size_t i = 0; i < v->n_values; i++) {
        v->values[i] = reader_find(r, js_as_int(js_at(list, i), 0), 'v', "a value");
        if (!v->values[i])
            return -1;
    }
    return 0;
}

static int op_one_of(struct reader *r)
{
    struct draft_value *v = draft_value_new(r->a, r->at, r->p, DRAFT_ONE_OF);

    if (read_values(r, v) < 0 || draft_value_one_of(r->a, v, r->err) < 0)
        return -1;
    return reader_put(r, 'v', v);
}

static int op_format(struct reader *r)
{
    struct draft_value *v = draft_value_new(r->a, r->at, r->p, DRAFT_FORMAT);

    v->type = DRAFT_TEXT;
    v->format = reader_text(r, "format");
    if (!v->format || read_values(r, v) < 0)
        return v->format ? -1 : reader_wrong(r, "format");
    return reader_put(r, 'v', v);
}

/* ---- tasks ---- */

static int op_task(struct reader *r)
{
    int64_t id = js_get_int(r->line, "component", -1);
    struct draft_task *task;

    if (id < 0 || (size_t)id >= r->n_components)
        return reader_wrong(r, "task");
    if (r->components[id]->pipeline == r->p)
        return draft_fail(r->err, r->at, "the pipeline '%s' runs itself", r->components[id]->name);
    task = draft_task_new(r->a, r->at, r->p, r->components[id]);
    for (js_each(js_get(r->line, "inputs"), it)) {
        struct draft_value *v = reader_find(r, js_as_int(it.value, 0), 'v', "an input's value");

        if (!v || draft_task_input(r->a, task, arena_strdup(r->a, it.key), v, r->err) < 0)
            return -1;
    }
    if (draft_task_check(task, r->err) < 0 || take_outputs(r, task) < 0)
        return -1;
    return reader_put(r, 't', task);
}

static int op_importer(struct reader *r)
{
    struct draft_component *c = arena_alloc(r->a, sizeof *c);
    struct draft_value *uri = reader_value(r, "uri");
    const char *type = reader_text(r, "type");
    struct draft_port in = {.name = "uri", .type = DRAFT_TEXT, .help = ""},
                      out = {
                          .name = "artifact", .type = DRAFT_ARTIFACT, .artifact = type, .help = ""};
    struct draft_task *task;

    if (!uri || !type)
        return uri ? reader_wrong(r, "importer") : -1;
    *c = (struct draft_component){.at = r->at,
                                  .name = "importer",
                                  .help = "",
                                  .kind = DRAFT_IMPORTER,
                                  .artifact = type,
                                  .reimport = js_get_bool(r->line, "reimport")};
    if (reader_json(r, "metadata", &c->metadata) < 0)
        return -1;
    DRAFT_PUSH(r->a, c->inputs.items, c->inputs.n, c->inputs.cap, in);
    DRAFT_PUSH(r->a, c->outputs.items, c->outputs.n, c->outputs.cap, out);
    task = draft_task_new(r->a, r->at, r->p, c);
    if (draft_task_input(r->a, task, "uri", uri, r->err) < 0 || take_outputs(r, task) < 0)
        return -1;
    return reader_put(r, 't', task);
}

/* ---- blocks ---- */

static int op_compare(struct reader *r)
{
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    struct draft_condition *c = arena_alloc(r->a, sizeof *c);
    const char *op = js_get_text(r->line, "operator");

    for (size_t i = 0; op && i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i], op))
            c->op = ops[i];
    if (!c->op)
        return reader_wrong(r, "operator");
    c->left = reader_value(r, "left");
    c->right = c->left ? reader_value(r, "right") : NULL;
    if (!c->right)
        return -1;
    return reader_put(r, 'c', c);
}

/* `made` is filled by the call whose answer is rc. */
static int put_group(struct reader *r, int rc, struct draft_group *const *made)
{
    struct draft_group *g = *made;

    if (rc < 0)
        return -1;
    if (g->kind != DRAFT_LOOP)
        return reader_put(r, 'g', g); /* no value */
    return reader_put(r, 'v', draft_item(r->a, r->at, r->p, g));
}

static int op_branch(struct reader *r)
{
    const char *op = js_get_text(r->line, "op"), *name = reader_text(r, "name");
    int64_t id = js_get_int(r->line, "condition", 0);
    const struct draft_condition *c = NULL;
    struct draft_group *g = NULL;

    if (strcmp(op, "else") != 0) {
        c = reader_find(r, id, 'c', "the condition");
        if (!c)
            return -1;
    }
    if (!strcmp(op, "if"))
        return put_group(r, draft_if(r->a, r->at, r->p, c, name, &g, r->err), &g);
    return put_group(
        r, draft_else(r->a, r->at, r->p, c ? DRAFT_ELIF : DRAFT_ELSE, c, name, &g, r->err), &g);
}

static int op_for(struct reader *r)
{
    struct draft_value *items = reader_value(r, "items");
    struct draft_group *g = NULL;

    if (!items)
        return -1;
    return put_group(r,
                     draft_loop(r->a, r->at, r->p, items,
                                (int)js_get_int(r->line, "parallelism", 0), reader_text(r, "name"),
                                &g, r->err),
                     &g);
}

static int op_exit_handler(struct reader *r)
{
    struct draft_task *task = reader_task(r, "task");
    struct draft_group *g = NULL;

    if (!task)
        return -1;
    return put_group(
        r, draft_exit_handler(r->a, r->at, r->p, task, reader_text(r, "name"), &g, r->err), &g);
}

static int op_end(struct reader *r)
{
    int rc = draft_group_end(r->p, r->err);

    return rc > 0 ? reader_wrong(r, "end") : rc;
}

/* ---- the lines ---- */

static const struct op {
    const char *name;
    int (*call)(struct reader *r);
    bool inside; /* of a pipeline */
} ops[] = {
    {"constant", op_constant, false},
    {"component", op_component, false},
    {"pipeline", op_pipeline, false},
    {"main", op_main, false},
    {"pipelineEnd", op_pipeline_end, true},
    {"input", op_input, true},
    {"field", op_field, true},
    {"listOf", op_list_of, true},
    {"collected", op_collected, true},
    {"oneOf", op_one_of, true},
    {"format", op_format, true},
    {"task", op_task, true},
    {"importer", op_importer, true},
    {"after", op_after, true},
    {"retry", op_retry, true},
    {"set", op_set, true},
    {"env", op_env, true},
    {"named", op_named, true},
    {"metadata", op_metadata, true},
    {"kubernetes", op_kubernetes, true},
    {"pipelineConfig", op_pipeline_config, true},
    {"pipelineRoot", op_pipeline_root, true},
    {"pipelineName", op_pipeline_name, true},
    {"compare", op_compare, true},
    {"if", op_branch, true},
    {"elif", op_branch, true},
    {"else", op_branch, true},
    {"for", op_for, true},
    {"exitHandler", op_exit_handler, true},
    {"end", op_end, true},
};

static int read_line(struct reader *r)
{
    const char *op = js_get_text(r->line, "op");

    for (size_t i = 0; op && i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i].name, op))
            return ops[i].inside && !r->p ? reader_wrong(r, op) : ops[i].call(r);
    return reader_wrong(r, op ? op : "op");
}

static int read_lines(struct reader *r, const char *name, const char *lines, size_t n)
{
    size_t at = 0;

    for (int number = 1; at < n; number++) {
        const char *end = memchr(lines + at, '\n', n - at);
        size_t length = end ? (size_t)(end - lines) - at : n - at;
        own(js_free) struct js *line = NULL;
        struct dh_err why;
        const char *file;
        int rc;

        if (js_parse(lines + at, length, &line, &why) < 0)
            return dh_fail(r->err, DH_INVALID,
                           "%s: line %d of what it wrote to its standard output is not dhow's: %s",
                           name, number, why.msg);
        file = js_get_text(line, "file");
        r->at = (struct draft_place){arena_strdup(r->a, file && *file ? file : name),
                                     (int)js_get_int(line, "line", 0), 0};
        r->line = line;
        rc = read_line(r);
        if (rc < 0)
            return -1;
        at += length + 1;
    }
    if (!r->draft->main)
        return dh_fail(r->err, DH_INVALID, "%s: no pipeline: a program ends with DHOW_MAIN(NAME)",
                       name);
    return 0;
}

int draft_read(struct draft *to, const char *name, const char *lines, size_t n, const char *folder,
               struct dh_err *err)
{
    struct reader r = {.draft = to, .a = to->arena, .folder = folder, .err = err};
    int rc = read_lines(&r, name, lines, n);

    free(r.things);
    free(r.kinds);
    return rc;
}
