/* record-artifact - what a step made: artifacts, the metrics among them, and models that ask to be
 * registered. */
#include <string.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "registry/registry.h"

static int put_metrics(struct run *run, const struct job *job, const struct js *a,
                       struct dh_err *err)
{
    if (strcmp(js_get_text(a, "type"), "system.Metrics") != 0)
        return 0;
    for (js_each(js_get(a, "metadata"), it)) {
        struct store_metric metric = {.run_id = run->id,
                                      .task_id = job->task,
                                      .artifact_id = js_get_int(a, "row", 0),
                                      .name = it.key,
                                      .number = js_as_num(it.value, 0),
                                      .step = -1,
                                      .time_us = clock_now_us()};

        if (js_is_num(it.value) && store_metric_insert(run->engine->store, &metric, err) < 0)
            return -1;
    }
    return 0;
}

/* dhow.model_name in a Model's metadata registers it; dhow.model_version, dhow.aliases (array or
 * text with commas) say as what. */
static int register_model(struct run *run, const struct job *job, const struct js *a,
                          struct dh_err *err)
{
    const struct js *metadata = js_get(a, "metadata"), *aliases = js_get(metadata, "dhow.aliases");
    const char *name = js_get_text(metadata, "dhow.model_name"), *list[16], *held;
    own(arena_free) struct arena *arena = NULL;
    own_mem char *text = NULL;
    struct store_model_version version = {.model = name,
                                          .version = js_get_text(metadata, "dhow.model_version"),
                                          .artifact_id = js_get_int(a, "row", 0),
                                          .run_id = run->id,
                                          .task_id = job->task,
                                          .created_us = clock_now_us()},
                               done;
    size_t n = 0;

    if (!name || !*name)
        return 0;
    if (version.version && !*version.version)
        version.version = NULL;
    arena = arena_new();
    text = js_dump(metadata, JS_COMPACT);
    version.metadata = text;
    for (size_t i = 0; i < js_n(aliases) && n < 16; i++)
        if (js_text(js_at(aliases, i)))
            list[n++] = js_text(js_at(aliases, i));
    if (js_text(aliases)) {
        char *copy = arena_strdup(arena, js_text(aliases)), *save = NULL;

        for (char *s = strtok_r(copy, ", ", &save); s && n < 16; s = strtok_r(NULL, ", ", &save))
            list[n++] = s;
    }
    if (registry_register(run->engine->store, &version, list, n, arena, &done, &held, err) == 0) {
        if (held) /* the version is there; a person may give it the alias */
            run_note(run, held);
        return 0;
    }
    if (err->code != DH_IO)
        err->code = DH_FAILED;
    return dh_while(err, "registering model '%s'", name);
}

static int put_artifact(struct run *run, const struct job *job, const char *key, struct js *a,
                        struct dh_err *err)
{
    own_mem char *metadata =
        js_n(js_get(a, "metadata")) ? js_dump(js_get(a, "metadata"), JS_COMPACT) : NULL;
    char uuid[ID_TEXT];
    struct store_artifact row = {.uuid = id_new(uuid),
                                 .type = js_get_text(a, "type"),
                                 .name = js_get_text(a, "name"),
                                 .uri = js_get_text(a, "uri"),
                                 .digest = js_get_text(a, "digest"),
                                 .size_bytes = js_get_int(a, "size", -1),
                                 .metadata = metadata,
                                 .created_us = clock_now_us()};
    int64_t id;

    js_set(a, "producer", js_int(job->task));
    js_set(a, "producer_key", js_str(key));
    if (js_get_int(a, "row", 0)) /* an importer found it in the record */
        return 0;
    if (store_artifact_insert(run->engine->store, &row, &id, err) < 0)
        return -1;
    js_set(a, "artifact_id", js_str(uuid));
    js_set(a, "row", js_int(id));
    if (put_metrics(run, job, a, err) < 0)
        return -1;
    return strcmp(row.type, "system.Model") ? 0 : register_model(run, job, a, err);
}

static bool is_same(const struct store_artifact *row, const struct js *a)
{
    const char *digest = js_get_text(a, "digest");
    own(js_free) struct js *metadata = NULL;

    if (row->state == STORE_DELETED || !row->digest != !digest ||
        (digest && strcmp(digest, row->digest) != 0))
        return false;
    if (row->metadata && js_parse(row->metadata, strlen(row->metadata), &metadata, NULL) < 0)
        return false;
    return js_n(metadata) == 0 ? js_n(js_get(a, "metadata")) == 0
                               : js_equal(metadata, js_get(a, "metadata"));
}

int record_find_imported(struct run *run, struct js *a, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    struct store_artifact_filter filter = {
        .type = js_get_text(a, "type"), .uri = js_get_text(a, "uri"), .limit = 20};
    struct store_artifact_rows rows;

    if (store_artifact_list(run->engine->store, &filter, arena, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.n; i++)
        if (is_same(&rows.items[i].artifact, a)) {
            js_set(a, "row", js_int(rows.items[i].artifact.id));
            js_set(a, "artifact_id", js_str(rows.items[i].artifact.uuid));
            break;
        }
    return 0;
}

int record_success(struct run *run, struct job *job, struct dh_err *err)
{
    const struct js *parameters = js_get(job->outputs, "parameters");
    own_mem char *text = js_n(parameters) ? js_dump(parameters, JS_COMPACT) : NULL;
    struct store_task_finish finish = {
        .state = STORE_SUCCEEDED, .outputs = text, .exit_code = 0, .now_us = clock_now_us()};
    struct store_attempt attempt = {.task_id = job->task,
                                    .number = job->attempt,
                                    .state = STORE_SUCCEEDED,
                                    .log_path = job->spec.log,
                                    .started_us = job->started_us,
                                    .finished_us = finish.now_us};

    for (js_each(js_get(job->outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            struct js *a = js_at(it.value, i);
            struct store_link link = {
                .task_id = job->task, .type = STORE_OUTPUT, .key = it.key, .index = (int64_t)i};

            if (put_artifact(run, job, it.key, a, err) < 0)
                return -1;
            link.artifact_id = js_get_int(a, "row", 0);
            if (store_artifact_link(run->engine->store, &link, err) < 0)
                return -1;
        }
    /* One attempt that succeeded says no more than the task's own row. */
    if (job->attempt > 1 && store_attempt_put(run->engine->store, &attempt, err) < 0)
        return -1;
    return store_task_finish(run->engine->store, job->task, &finish, err);
}
