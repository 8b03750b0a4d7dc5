/* The fields of each kind of list, and what they are in SQL. */
#include <string.h>

#include "store/page-priv.h"

/* As catalog_name has it. */
#define SHOWN_NAME(t)                                                                              \
    "CASE WHEN " t ".namespace <> '' AND substr(" t ".name, 1, length(" t ".namespace)) = " t      \
    ".namespace AND substr(" t ".name, length(" t ".namespace) + 1, 1) = '/'"                      \
    " THEN substr(" t ".name, length(" t ".namespace) + 2) ELSE " t ".name END"

static const struct page_field experiment_fields[] = {
    {"created_at", "e.created_us", TIME},
    {"id", "e.uuid", TEXT},
    {"experiment_id", "e.uuid", TEXT},
    {"name", SHOWN_NAME("e"), TEXT},
    {"display_name", SHOWN_NAME("e"), TEXT},
    {"description", "coalesce(e.description, '')", TEXT},
    {"namespace", "coalesce(e.namespace, '')", TEXT},
    {"last_run_created_at",
     "coalesce((SELECT max(created_us) FROM run WHERE experiment_id = e.id), 0)", TIME},
    {"storage_state", "e.archived", ARCHIVED},
    {NULL, NULL, TEXT},
};
static const struct page_field pipeline_fields[] = {
    {"created_at", "p.created_us", TIME},
    {"id", "p.uuid", TEXT},
    {"pipeline_id", "p.uuid", TEXT},
    {"name", SHOWN_NAME("p"), TEXT},
    {"display_name", "coalesce(p.display_name, " SHOWN_NAME("p") ")", TEXT},
    {"description", "coalesce(p.description, '')", TEXT},
    {"namespace", "coalesce(p.namespace, '')", TEXT},
    {NULL, NULL, TEXT},
};
static const struct page_field version_fields[] = {
    {"created_at", "v.created_us", TIME},
    {"id", "v.uuid", TEXT},
    {"pipeline_version_id", "v.uuid", TEXT},
    {"pipeline_id", "(SELECT uuid FROM pipeline WHERE id = v.pipeline_id)", TEXT},
    {"name", "v.name", TEXT},
    {"display_name", "coalesce(v.display_name, v.name)", TEXT},
    {"description", "coalesce(v.description, '')", TEXT},
    {"status", "'READY'", TEXT},
    {"pipeline_spec", "(SELECT json FROM spec WHERE digest = v.spec_digest)", TEXT},
    {NULL, NULL, TEXT},
};
static const struct page_field run_fields[] = {
    {"created_at", "r.created_us", TIME},
    {"id", "r.uuid", TEXT},
    {"run_id", "r.uuid", TEXT},
    {"name", "r.display_name", TEXT},
    {"display_name", "r.display_name", TEXT},
    {"finished_at", "r.finished_us", TIME},
    {"scheduled_at", "coalesce(r.scheduled_us, r.created_us)", TIME},
    {"description", "coalesce(r.description, '')", TEXT},
    {"storage_state", "r.archived", ARCHIVED},
    {"state", "r.state", STATE},
    {"status", "r.state", STATE},
    {"state_history", "r.state", STATE},
    {"namespace", "coalesce(r.namespace, '')", TEXT},
    {"experiment_id", "(SELECT uuid FROM experiment WHERE id = r.experiment_id)", TEXT},
    {"runtime_details", "coalesce(r.parameters, '')", TEXT},
    {"recurring_run_id", "(SELECT uuid FROM schedule WHERE id = r.schedule_id)", TEXT},
    /* The server's own, by number: for lists of one experiment, pipeline, version, schedule. */
    {"#experiment", "r.experiment_id", NUMBER},
    {"#pipeline", "r.pipeline_id", NUMBER},
    {"#version", "r.pipeline_version_id", NUMBER},
    {"#schedule", "r.schedule_id", NUMBER},
    {"#archived", "r.archived", NUMBER},
    {NULL, NULL, TEXT},
};
static const struct page_field schedule_fields[] = {
    {"created_at", "c.created_us", TIME},
    {"id", "c.uuid", TEXT},
    {"recurring_run_id", "c.uuid", TEXT},
    {"name", "c.display_name", TEXT},
    {"display_name", "c.display_name", TEXT},
    {"updated_at", "c.updated_us", TIME},
    {"description", "coalesce(c.description, '')", TEXT},
    {"namespace", "coalesce(c.namespace, '')", TEXT},
    {"status", "c.enabled", ENABLED},
    {"#experiment", "c.experiment_id", NUMBER},
    {"#pipeline", "c.pipeline_id", NUMBER},
    {"#enabled", "c.enabled", NUMBER},
    {NULL, NULL, TEXT},
};

static const struct page_field task_fields[] = {
    {"created_at", "t.created_us", TIME},
    {"create_time", "t.created_us", TIME},
    {"start_time", "t.started_us", TIME},
    {"end_time", "t.finished_us", TIME},
    {"id", "t.uuid", TEXT},
    {"task_id", "t.uuid", TEXT},
    {"name", "t.name", TEXT},
    {"display_name", "coalesce(t.display_name, t.name)", TEXT},
    {"type", "t.type", TEXT},
    {"state", "t.state", STATE},
    {"status", "t.state", STATE},
    {"cache_fingerprint", "t.cache_fingerprint", DIGEST},
    {"run_id", "(SELECT uuid FROM run WHERE id = t.run_id)", TEXT},
    {"namespace", "coalesce((SELECT namespace FROM run WHERE id = t.run_id), '')", TEXT},
    {"#id", "t.id", NUMBER},
    {"#run", "t.run_id", NUMBER},
    {"#parent", "t.parent_task_id", NUMBER},
    {NULL, NULL, TEXT},
};
static const struct page_field artifact_fields[] = {
    {"created_at", "a.created_us", TIME},
    {"id", "a.uuid", TEXT},
    {"artifact_id", "a.uuid", TEXT},
    {"name", "coalesce(a.name, '')", TEXT},
    {"uri", "coalesce(a.uri, '')", TEXT},
    /* Of the run that made it. */
    {"namespace",
     "coalesce((SELECT r.namespace FROM artifact_task l JOIN task t ON t.id = l.task_id"
     " JOIN run r ON r.id = t.run_id WHERE l.artifact_id = a.id AND l.type = 'OUTPUT'"
     " ORDER BY l.id LIMIT 1), '')",
     TEXT},
    {"#id", "a.id", NUMBER},
    {NULL, NULL, TEXT},
};

const struct page_list page_lists[PAGE_KINDS] = {
    [PAGE_EXPERIMENTS] = {" FROM experiment e", "e.id", "1 = 1", NULL, experiment_fields},
    [PAGE_PIPELINES] = {" FROM pipeline p", "p.id", "p.uploaded = 1", "pipeline", pipeline_fields},
    [PAGE_VERSIONS] = {" FROM pipeline_version v", "v.id", "v.uploaded = 1", "version",
                       version_fields},
    [PAGE_RUNS] = {" FROM run r", "r.id", "(r.queue IS NULL OR r.queue <> 'delete')", NULL,
                   run_fields},
    [PAGE_SCHEDULES] = {" FROM schedule c", "c.id", "1 = 1", NULL, schedule_fields},
    [PAGE_TASKS] = {" FROM task t", "t.id", "1 = 1", NULL, task_fields},
    [PAGE_ARTIFACTS] = {" FROM artifacts a", "a.id", "a.state = 'LIVE'", NULL, artifact_fields},
};

const struct page_field *page_field(enum page_kind kind, const char *key)
{
    for (const struct page_field *f = page_lists[kind].fields; f->key; f++)
        if (!strcmp(f->key, key))
            return f;
    return NULL;
}

/* The last value of a metric. Its name stands in the statement, which says it several times: so it
 * is one that needs no quoting in any database. */
static bool is_metric(enum page_kind kind, const char *key)
{
    const char *name = key + 7;

    return kind == PAGE_RUNS && !strncmp(key, "metric:", 7) && *name && strlen(name) < 200 &&
           !strpbrk(name, "'\"\\`?");
}

const struct page_field *page_sort(enum page_kind kind, const char *key, struct arena *a)
{
    struct page_field *f;

    if (!is_metric(kind, key))
        return page_field(kind, key);
    f = arena_alloc(a, sizeof *f);
    f->key = key;
    f->type = REAL;
    f->sql = arena_printf(a,
                          "(SELECT m.number_value FROM run_metric m WHERE m.run_id = r.id"
                          " AND m.name = '%s' ORDER BY m.time_us DESC, m.id DESC LIMIT 1)",
                          key + 7);
    return f;
}

bool page_has_key(enum page_kind kind, const char *key)
{
    return page_field(kind, key) != NULL || is_metric(kind, key);
}
