/* lineage in other people's forms: our JSON, W3C PROV-JSON, OpenLineage, in-toto with SLSA. */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/lineage.h"
#include "cli/out.h"
#include "cli/record.h"
#include "cli/version.h"

#define PRODUCER "urn:dhow:engine"

/* ---- ours ---- */

static struct js *task_json(const struct lineage_task *t)
{
    struct js *v = js_object();

    out_set_text(v, "task_id", t->uuid);
    out_set_text(v, "name", t->name);
    out_set_text(v, "scope_path", t->scope_path);
    js_set(v, "iteration_index", t->iteration_index < 0 ? js_null() : js_int(t->iteration_index));
    out_set_text(v, "type", store_task_type_name(t->type));
    out_set_text(v, "state", store_state_name(t->state));
    out_set_text(v, "run_id", t->run_uuid);
    out_set_text(v, "run", t->run_name);
    out_set_text(v, "pipeline", t->pipeline);
    js_set(v, "parameters", out_parse(t->inputs, js_object()));
    out_set_time(v, "started_at", t->started_us);
    out_set_time(v, "finished_at", t->finished_us);
    return v;
}

static const char *uuid_of(const struct lineage *l, int64_t artifact)
{
    return lineage_artifact(l, artifact)->row.uuid;
}

static struct js *edge_json(const struct lineage *l, const struct lineage_edge *e)
{
    struct js *v = js_object();

    if (e->kind == LINEAGE_SAME) {
        js_set(v, "kind", js_str("same_uri"));
        out_set_text(v, "from", uuid_of(l, e->from));
        out_set_text(v, "artifact_id", uuid_of(l, e->artifact));
        return v;
    }
    js_set(v, "kind", js_str(e->kind == LINEAGE_MADE ? "made" : "used"));
    out_set_text(v, "artifact_id", uuid_of(l, e->artifact));
    out_set_text(v, "task_id", lineage_task(l, e->task)->uuid);
    out_set_text(v, "key", e->key);
    js_set(v, "index", js_int(e->index));
    return v;
}

struct js *lineage_json(const struct lineage *l)
{
    struct js *v = js_object(), *artifacts = js_array(), *tasks = js_array(), *edges = js_array();

    for (size_t i = 0; i < l->n_artifacts; i++) {
        const struct lineage_artifact *a = &l->artifacts[i];
        struct js *one = record_artifact_json(&a->row);

        js_set(one, "id", js_int(a->row.id));
        js_set(one, "up", a->up < 0 ? js_null() : js_int(a->up));
        js_set(one, "down", a->down < 0 ? js_null() : js_int(a->down));
        js_push(artifacts, one);
    }
    for (size_t i = 0; i < l->n_tasks; i++)
        js_push(tasks, task_json(&l->tasks[i]));
    for (size_t i = 0; i < l->n_edges; i++)
        js_push(edges, edge_json(l, &l->edges[i]));
    out_set_text(v, "artifact_id", l->artifacts[0].row.uuid);
    js_set(v, "artifacts", artifacts);
    js_set(v, "tasks", tasks);
    js_set(v, "edges", edges);
    js_set(v, "cut", js_bool(l->cut));
    return v;
}

/* ---- W3C PROV-JSON ---- */

static struct js *qualified(const char *name)
{
    struct js *v = js_object();

    js_set(v, "$", js_str(name));
    js_set(v, "type", js_str("prov:QUALIFIED_NAME"));
    return v;
}

static void set_if(struct js *v, const char *key, const char *text)
{
    if (text && *text)
        js_set(v, key, js_str(text));
}

static void set_moment(struct js *v, const char *key, int64_t us)
{
    char text[CLOCK_TEXT];

    set_if(v, key, clock_text(us, text));
}

static struct js *prov_entity(const struct store_artifact *a)
{
    own_mem char *type = dh_printf("kfp:%s", a->type);
    struct js *v = js_object();

    js_set(v, "prov:type", qualified(type));
    set_if(v, "prov:label", a->name);
    set_if(v, "prov:location", a->uri);
    set_if(v, "dhow:sha256", a->digest);
    if (a->size_bytes >= 0)
        js_set(v, "dhow:size", js_int(a->size_bytes));
    return v;
}

static struct js *prov_activity(const struct lineage_task *t)
{
    struct js *v = js_object();
    own_mem char *label = lineage_label(t);

    js_set(v, "prov:label", js_str(label));
    set_moment(v, "prov:startTime", t->started_us);
    set_moment(v, "prov:endTime", t->finished_us);
    set_if(v, "dhow:pipeline", t->pipeline);
    set_if(v, "dhow:run", t->run_uuid);
    set_if(v, "dhow:state", store_state_name(t->state));
    set_if(v, "dhow:parameters", t->inputs);
    set_if(v, "dhow:spec", t->spec_digest);
    return v;
}

/* A relation's two ends, and its role; its name is one of our own. */
static void relate(struct js *relations, const char *kind, const char *a_name, const char *a,
                   const char *b_name, const char *b, const char *role)
{
    own_mem char *id = dh_printf("_:%s%zu", kind, js_n(relations) + 1);
    struct js *v = js_object();

    js_set(v, a_name, js_str(a));
    js_set(v, b_name, js_str(b));
    set_if(v, "prov:role", role);
    js_set(relations, id, v);
}

static void prov_edges(const struct lineage *l, struct js *doc)
{
    struct js *used = js_object(), *made = js_object(), *derived = js_object();

    for (size_t i = 0; i < l->n_edges; i++) {
        const struct lineage_edge *e = &l->edges[i];
        own_mem char *entity = dh_printf("dhow:artifact-%s", uuid_of(l, e->artifact));
        own_mem char *activity =
            e->task ? dh_printf("dhow:task-%s", lineage_task(l, e->task)->uuid) : NULL;
        own_mem char *from = e->from ? dh_printf("dhow:artifact-%s", uuid_of(l, e->from)) : NULL;

        if (e->kind == LINEAGE_SAME)
            relate(derived, "d", "prov:generatedEntity", entity, "prov:usedEntity", from, NULL);
        else if (e->kind == LINEAGE_USED)
            relate(used, "u", "prov:activity", activity, "prov:entity", entity, e->key);
        else
            relate(made, "g", "prov:entity", entity, "prov:activity", activity, e->key);
    }
    js_set(doc, "used", used);
    js_set(doc, "wasGeneratedBy", made);
    js_set(doc, "wasDerivedFrom", derived);
}

struct js *lineage_prov(const struct lineage *l)
{
    struct js *doc = js_object(), *prefix = js_object(), *entities = js_object(),
              *activities = js_object(), *agents = js_object(), *agent = js_object(),
              *associated = js_object();

    js_set(prefix, "dhow", js_str("urn:dhow:"));
    js_set(prefix, "kfp", js_str("urn:kfp:"));
    js_set(doc, "prefix", prefix);
    js_set(agent, "prov:type", qualified("prov:SoftwareAgent"));
    js_set(agent, "dhow:version", js_str(DHOW_VERSION));
    js_set(agents, "dhow:dhow", agent);
    for (size_t i = 0; i < l->n_artifacts; i++) {
        own_mem char *id = dh_printf("dhow:artifact-%s", l->artifacts[i].row.uuid);

        js_set(entities, id, prov_entity(&l->artifacts[i].row));
    }
    for (size_t i = 0; i < l->n_tasks; i++) {
        own_mem char *id = dh_printf("dhow:task-%s", l->tasks[i].uuid);

        js_set(activities, id, prov_activity(&l->tasks[i]));
        relate(associated, "w", "prov:activity", id, "prov:agent", "dhow:dhow", NULL);
    }
    js_set(doc, "entity", entities);
    js_set(doc, "activity", activities);
    js_set(doc, "agent", agents);
    prov_edges(l, doc);
    js_set(doc, "wasAssociatedWith", associated);
    return doc;
}

/* ---- OpenLineage ---- */

/* The naming of data sets that OpenLineage lays down: s3://BUCKET + KEY, file + PATH. */
static struct js *dataset(const struct store_artifact *a)
{
    const char *uri = a->uri ? a->uri : "", *scheme = strstr(uri, "://"), *path;
    struct js *v = js_object(), *facets = js_object(), *version = js_object(), *type = js_object();

    if (scheme && strncmp(uri, "file://", 7) != 0) {
        path = strchr(scheme + 3, '/');
        js_set(v, "namespace", path ? js_strn(uri, (size_t)(path - uri)) : js_str(uri));
        js_set(v, "name", js_str(path && path[1] ? path + 1 : "/"));
    } else {
        js_set(v, "namespace", js_str("file"));
        js_set(v, "name", js_str(scheme ? scheme + 3 : uri));
    }
    if (a->digest) {
        js_set(version, "_producer", js_str(PRODUCER));
        js_set(version, "_schemaURL",
               js_str("https://openlineage.io/spec/facets/1-0-1/"
                      "DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"));
        js_set(version, "datasetVersion", js_str(a->digest));
        js_set(facets, "version", version);
    } else {
        js_free(version);
    }
    js_set(type, "_producer", js_str(PRODUCER));
    js_set(type, "_schemaURL",
           js_str("https://openlineage.io/spec/facets/1-0-0/"
                  "DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet"));
    js_set(type, "datasetType", js_str(a->type));
    js_set(facets, "datasetType", type);
    js_set(v, "facets", facets);
    return v;
}

static struct js *parent_facet(const struct lineage_task *t)
{
    struct js *parent = js_object(), *run = js_object(), *job = js_object();

    js_set(parent, "_producer", js_str(PRODUCER));
    js_set(parent, "_schemaURL",
           js_str("https://openlineage.io/spec/facets/1-0-1/"
                  "ParentRunFacet.json#/$defs/ParentRunFacet"));
    js_set(run, "runId", js_str(t->run_uuid));
    js_set(job, "namespace", js_str("dhow"));
    js_set(job, "name", js_str(t->pipeline ? t->pipeline : t->run_name));
    js_set(parent, "run", run);
    js_set(parent, "job", job);
    return parent;
}

static const char *event_type(enum store_state state)
{
    switch (state) {
    case STORE_SUCCEEDED:
    case STORE_CACHED:
        return "COMPLETE";
    case STORE_FAILED:
        return "FAIL";
    case STORE_RUNNING:
        return "RUNNING";
    default:
        return "ABORT";
    }
}

static struct js *event(const struct lineage *l, const struct lineage_task *t)
{
    struct js *v = js_object(), *run = js_object(), *job = js_object(), *facets = js_object(),
              *inputs = js_array(), *outputs = js_array();
    own_mem char *name =
        dh_printf("%s.%s", t->pipeline ? t->pipeline : "run",
                  strncmp(t->scope_path, "root.", 5) ? t->scope_path : t->scope_path + 5);
    int64_t at = t->finished_us ? t->finished_us : t->started_us ? t->started_us : t->created_us;

    for (size_t i = 0; i < l->n_edges; i++)
        if (l->edges[i].task == t->id)
            js_push(l->edges[i].kind == LINEAGE_USED ? inputs : outputs,
                    dataset(&lineage_artifact(l, l->edges[i].artifact)->row));
    js_set(v, "eventType", js_str(event_type(t->state)));
    set_moment(v, "eventTime", at);
    js_set(facets, "parent", parent_facet(t));
    js_set(run, "runId", js_str(t->uuid));
    js_set(run, "facets", facets);
    js_set(v, "run", run);
    js_set(job, "namespace", js_str("dhow"));
    js_set(job, "name", js_str(name));
    js_set(v, "job", job);
    js_set(v, "inputs", inputs);
    js_set(v, "outputs", outputs);
    js_set(v, "producer", js_str(PRODUCER));
    js_set(v, "schemaURL",
           js_str("https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"));
    return v;
}

struct js *lineage_openlineage(const struct lineage *l)
{
    struct js *events = js_array();

    /* Tasks were recorded in the order in which they began. */
    for (size_t i = 0; i < l->n_tasks; i++)
        js_push(events, event(l, &l->tasks[l->tasks_by_id[i]]));
    return events;
}

/* ---- in-toto, SLSA ---- */

/* Of a folder, the digest is that of its tree: no tool but ours would find the same. */
static struct js *digest_set(const struct store_artifact *a)
{
    const char *path = a->uri && !strncmp(a->uri, "file://", 7) ? a->uri + 7 : a->uri;
    struct js *v = js_object();
    struct stat st;

    js_set(v, path && stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "dhowTreeSha256" : "sha256",
           js_str(a->digest));
    return v;
}

static struct js *resource(const struct store_artifact *a, const char *name)
{
    struct js *v = js_object(), *annotations = js_object();

    set_if(v, "name", name ? name : a->name);
    if (a->uri && a->uri[0] == '/')
        js_set(v, "uri", js_strf("file://%s", a->uri));
    else
        set_if(v, "uri", a->uri);
    if (a->digest)
        js_set(v, "digest", digest_set(a));
    set_if(annotations, "type", a->type);
    set_if(annotations, "artifact_id", a->uuid);
    js_set(v, "annotations", annotations);
    return v;
}

static struct js *build_definition(const struct lineage *l, const struct lineage_task *t)
{
    struct js *v = js_object(), *given = js_object(), *dependencies = js_array();

    js_set(v, "buildType",
           js_str(t->type == STORE_IMPORTER ? "urn:dhow:import:v1" : "urn:dhow:pipeline-task:v1"));
    set_if(given, "pipeline", t->pipeline);
    set_if(given, "pipelineSpecSha256", t->spec_digest);
    set_if(given, "task", t->scope_path);
    if (t->iteration_index >= 0)
        js_set(given, "iteration", js_int(t->iteration_index));
    js_set(given, "parameters", out_parse(t->inputs, js_object()));
    js_set(v, "externalParameters", given);
    for (size_t i = 0; i < l->n_edges; i++)
        if (l->edges[i].task == t->id && l->edges[i].kind == LINEAGE_USED)
            js_push(dependencies,
                    resource(&lineage_artifact(l, l->edges[i].artifact)->row, l->edges[i].key));
    js_set(v, "resolvedDependencies", dependencies);
    return v;
}

static struct js *run_details(const struct lineage_task *t)
{
    struct js *v = js_object(), *builder = js_object(), *version = js_object(),
              *metadata = js_object();
    own_mem char *id = dh_printf("urn:uuid:%s", t->uuid);

    js_set(version, "dhow", js_str(DHOW_VERSION));
    js_set(builder, "id", js_str(PRODUCER));
    js_set(builder, "version", version);
    js_set(v, "builder", builder);
    js_set(metadata, "invocationId", js_str(id));
    set_moment(metadata, "startedOn", t->started_us);
    set_moment(metadata, "finishedOn", t->finished_us);
    js_set(v, "metadata", metadata);
    return v;
}

int lineage_slsa(const struct lineage *l, struct js **ret, struct dh_err *err)
{
    const struct store_artifact *a = &l->artifacts[0].row;
    const struct lineage_task *maker = NULL;
    struct js *v, *subjects, *predicate;

    for (size_t i = 0; i < l->n_edges && !maker; i++)
        if (l->edges[i].kind == LINEAGE_MADE && l->edges[i].artifact == a->id)
            maker = lineage_task(l, l->edges[i].task);
    if (!maker)
        return dh_fail(err, DH_INVALID, "artifact %lld: no task on the record made it",
                       (long long)a->id);
    if (!a->digest)
        return dh_fail(err, DH_INVALID,
                       "artifact %lld has no digest, and a statement is about bytes: its store was "
                       "not read when it was recorded",
                       (long long)a->id);
    v = js_object();
    subjects = js_array();
    predicate = js_object();
    js_push(subjects, resource(a, NULL));
    js_set(v, "_type", js_str("https://in-toto.io/Statement/v1"));
    js_set(v, "subject", subjects);
    js_set(v, "predicateType", js_str("https://slsa.dev/provenance/v1"));
    js_set(predicate, "buildDefinition", build_definition(l, maker));
    js_set(predicate, "runDetails", run_details(maker));
    js_set(v, "predicate", predicate);
    *ret = v;
    return 0;
}
