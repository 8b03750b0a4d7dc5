/* What ML Metadata's views cannot compute, written with the rows that it is about. */
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/pb.h"
#include "store/mlmd.h"
#include "store/store-priv.h"

#define MAX_DAGS 10000 /* of one spec; those beyond have no total_dag_tasks and producers */

/* ---- structs ---- */

char *store_mlmd_struct(const struct js *object)
{
    own_buf struct buf proto = {0};
    struct buf text = {0};

    pb_put_struct(&proto, object);
    buf_adds(&text, MLMD_STRUCT);
    base64_put(&text, buf_str(&proto), proto.n);
    return buf_take(&text);
}

/* With every step: no tree, and two allocations. */
char *store_mlmd_parameters(const char *json)
{
    own_buf struct buf proto = {0};
    struct buf text = {0};

    if (!json || pb_put_json(&proto, json) < 0 || proto.n == 0)
        return NULL;
    buf_adds(&text, MLMD_STRUCT);
    base64_put(&text, proto.p, proto.n);
    return buf_take(&text);
}

char *store_mlmd_metadata(const char *json)
{
    own(js_free) struct js *object = NULL;
    own(js_free) struct js *structs = NULL;

    /* Most metadata is flat: seen without parsing it. */
    if (!json || json[0] != '{' || !strpbrk(json + 1, "[{") ||
        js_parse(json, strlen(json), &object, NULL) < 0)
        return NULL;
    structs = js_object();
    for (js_each(object, it)) {
        own(js_free) struct js *wrapped = NULL;
        own_mem char *text = NULL;

        if (!js_is(it.value, JS_ARRAY) && !js_is(it.value, JS_OBJECT))
            continue;
        wrapped = js_object();
        js_set(wrapped, js_is(it.value, JS_ARRAY) ? "list" : "struct", js_ref(it.value));
        text = store_mlmd_struct(wrapped);
        js_set(structs, it.key, js_str(text));
    }
    return js_n(structs) ? js_dump(structs, JS_COMPACT) : NULL;
}

/* ---- types and contexts ---- */

int store_mlmd_type(struct store *s, const char *type, struct dh_err *err)
{
    static const char *const known[] = {"system.Artifact",
                                        "system.Dataset",
                                        "system.Model",
                                        "system.Metrics",
                                        "system.ClassificationMetrics",
                                        "system.SlicedClassificationMetrics",
                                        "system.HTML",
                                        "system.Markdown"};
    int64_t id;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(type, known[i]))
            return 0;
    if (s->types && strmap_get(s->types, type))
        return 0;
    if (mlmd_type_put(s, MLMD_ARTIFACT, type, &id, err) < 0)
        return -1;
    if (!s->types)
        s->types = strmap_new();
    (void)strmap_put(s->types, type, s);
    return 0;
}

int store_mlmd_context(struct store *s, int64_t pipeline_id, int64_t run_id, struct dh_err *err)
{
    return db_run(s->db, err, "INSERT INTO mlmd_context(pipeline_id, run_id) VALUES (?, ?)",
                  DB_ID(pipeline_id), DB_ID(run_id));
}

/* ---- what a spec says of its DAGs ---- */

struct walk {
    struct store *s;
    const char *digest;
    const struct js *components;
    struct dh_err *err;
    size_t n;
};

/* {output: the message as JSON text}, as a struct. NULL: the DAG gives no parameters. */
static char *parameter_producers(const struct js *dag)
{
    const struct js *outputs = js_path(dag, "outputs", "parameters", NULL);
    own(js_free) struct js *texts = js_object();

    if (js_n(outputs) == 0)
        return NULL;
    for (js_each(outputs, it)) {
        own_mem char *text = js_dump(it.value, JS_COMPACT);

        js_set(texts, it.key, js_str(text));
    }
    return store_mlmd_struct(texts);
}

static const struct {
    const char *ours, *go;
} go_names[] = {{"artifactSelectors", "artifact_selectors"},
                {"producerSubtask", "producer_subtask"},
                {"outputArtifactKey", "output_artifact_key"}};

/* The same message as Go's encoding/json writes it: with the names of the .proto file. */
static struct js *as_go(const struct js *v)
{
    struct js *out;

    if (js_is(v, JS_ARRAY)) {
        out = js_array();
        for (size_t i = 0; i < js_n(v); i++)
            js_push(out, as_go(js_at(v, i)));
        return out;
    }
    if (!js_is(v, JS_OBJECT))
        return js_ref(v);
    out = js_object();
    for (size_t i = 0; i < sizeof go_names / sizeof *go_names; i++)
        if (js_get(v, go_names[i].ours))
            js_set(out, go_names[i].go, as_go(js_get(v, go_names[i].ours)));
    return out;
}

static char *artifact_producers(const struct js *dag)
{
    const struct js *outputs = js_path(dag, "outputs", "artifacts", NULL);
    own(js_free) struct js *out = js_object();
    own(js_free) struct js *keys = NULL;
    own_mem char *text = NULL;

    if (js_n(outputs) == 0)
        return NULL;
    /* Map keys come sorted, the members of a message in the order of its fields. */
    text = js_dump(outputs, JS_COMPACT | JS_SORTED);
    if (js_parse(text, strlen(text), &keys, NULL) < 0)
        return NULL;
    for (js_each(keys, it))
        js_set(out, it.key, as_go(it.value));
    return js_dump(out, JS_COMPACT);
}

static int walk_dag(struct walk *w, const struct js *component, struct buf *path, int depth)
{
    const struct js *dag = js_get(component, "dag"), *tasks = js_get(dag, "tasks");
    own_mem char *parameters = NULL;
    own_mem char *artifacts = NULL;
    size_t n = path->n;

    if (!dag || depth > LIMIT_NEST || w->n >= MAX_DAGS)
        return 0;
    if (depth > 0) { /* KFP's driver says none of it of the root */
        w->n++;
        parameters = parameter_producers(dag);
        artifacts = artifact_producers(dag);
        if (db_run(w->s->db, w->err,
                   "INSERT INTO mlmd_dag(spec_digest, scope_path, n_tasks, parameters, artifacts)"
                   " VALUES (?, ?, ?, ?, ?)",
                   DB_T(w->digest), DB_T(path->p), DB_I((int64_t)js_n(tasks)), DB_T(parameters),
                   DB_T(artifacts)) < 0)
            return -1;
    }
    for (js_each(tasks, it)) {
        const char *name = js_get_text(js_get(it.value, "componentRef"), "name");

        buf_addf(path, ".%s", it.key);
        if (name && walk_dag(w, js_get(w->components, name), path, depth + 1) < 0)
            return -1;
        path->n = n;
        path->p[n] = '\0';
    }
    return 0;
}

int store_mlmd_spec(struct store *s, const char *digest, const char *json, struct dh_err *err)
{
    own(js_free) struct js *spec = NULL;
    own_buf struct buf path = {0};
    const struct js *pipeline;
    struct walk w = {.s = s, .digest = digest, .err = err};

    if (js_parse(json, strlen(json), &spec, NULL) < 0)
        return 0; /* whoever runs it says what is wrong */
    /* With a platform spec, or the pipeline spec alone. */
    pipeline = js_get(spec, "pipeline_spec") ? js_get(spec, "pipeline_spec") : spec;
    w.components = js_get(pipeline, "components");
    buf_adds(&path, "root");
    return walk_dag(&w, js_get(pipeline, "root"), &path, 0);
}
