/* native-write - tasks, artifacts and links of runs that are told from outside. */
#include <stdlib.h>
#include <string.h>

#include "api/api-priv.h"
#include "api/native.h"
#include "api/runs.h"
#include "api/ui.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/catalog.h"
#include "store/mlmd.h"

enum { EVENT_INPUT = 3, EVENT_OUTPUT = 4, MOST_AT_ONCE = 10000 };

/* A whole request is written, or nothing of it. */
static int in_one(struct req *r, req_handler *fn, struct dh_err *err)
{
    int rc;

    if (store_begin(r->store, err) < 0)
        return -1;
    rc = fn(r, err);
    if (rc == 0)
        rc = store_commit(r->store, err);
    if (rc < 0)
        store_rollback(r->store);
    return rc;
}

static int told_run(struct req *r, const char *uuid, struct store_run *ret, struct dh_err *err)
{
    if (run_find(r, uuid, ret, err) < 0)
        return -1;
    if (mlmd_is_told(ret))
        return 0;
    return req_fail(r, err, GRPC_FAILED_PRECONDITION,
                    "run %s is executed by this server, which alone writes what it does: tasks and "
                    "artifacts are written of runs that ML Metadata's clients tell of",
                    uuid);
}

static int told_task(struct req *r, const char *uuid, struct store_task *ret,
                     struct store_run *ret_run, struct dh_err *err)
{
    if (ui_task_find(r, uuid, ret, ret_run, err) < 0)
        return -1;
    return told_run(r, ret_run->uuid, ret_run, err);
}

static int needed(struct req *r, const struct js *from, const char *key, const char **ret,
                  struct dh_err *err)
{
    if (req_text(r, from, key, ret, err) < 0)
        return -1;
    return *ret && **ret ? 0 : dh_fail(err, DH_INVALID, "%s is required", key);
}

static int object_of(struct req *r, const struct js *from, const char *key, struct js **ret,
                     struct dh_err *err)
{
    (void)r;
    *ret = req_member(from, key);
    return js_is(*ret, JS_OBJECT) ? 0 : dh_fail(err, DH_INVALID, "%s is required", key);
}

/* ---- tasks ---- */

/* {"parameters": [{"parameter_key", "value"}]} over what is there: the later one of a name wins.
 * Artifacts are linked, not set. */
static int merge_parameters(struct req *r, const struct js *io, const char **text,
                            struct dh_err *err)
{
    const struct js *list = req_member(io, "parameters");
    own(js_free) struct js *all = NULL;
    own_mem char *dump = NULL;

    if (js_n(list) == 0)
        return 0;
    if (*text && js_parse(*text, strlen(*text), &all, err) < 0)
        return -1;
    if (!all)
        all = js_object();
    for (size_t i = 0; i < js_n(list); i++) {
        const struct js *one = js_at(list, i);
        const char *key;

        if (needed(r, one, "parameter_key", &key, err) < 0)
            return -1;
        js_set(all, key, js_ref(req_member(one, "value")));
    }
    dump = js_dump(all, JS_COMPACT);
    *text = arena_strdup(r->arena, dump);
    return 0;
}

static int read_state(struct req *r, const struct js *from, enum store_state *ret,
                      struct dh_err *err)
{
    const char *name;

    if (req_text(r, from, "state", &name, err) < 0)
        return -1;
    if (!name || strstr(name, "UNSPECIFIED"))
        return 0;
    return store_state_parse(name, ret) < 0 ? dh_fail(err, DH_INVALID, "state: '%s' is none", name)
                                            : 0;
}

static int read_type(struct req *r, const struct js *from, enum store_task_type *ret,
                     struct dh_err *err)
{
    const char *name;

    if (req_text(r, from, "type", &name, err) < 0)
        return -1;
    return name && store_task_type_parse(name, ret) < 0
               ? dh_fail(err, DH_INVALID, "type: '%s' is none", name)
               : 0;
}

static int read_time(struct req *r, const struct js *from, const char *key, int64_t *ret,
                     struct dh_err *err)
{
    const char *text;

    if (req_text(r, from, key, &text, err) < 0)
        return -1;
    return text && clock_parse(text, ret) < 0
               ? dh_fail(err, DH_INVALID, "%s: '%s' is no time as in RFC 3339", key, text)
               : 0;
}

/* int64 in JSON: a text or a number. */
static int64_t whole(const struct js *from, const char *key, int64_t other)
{
    const struct js *v = req_member(from, key);

    return js_text(v) ? strtoll(js_text(v), NULL, 10) : js_as_int(v, other);
}

static void set_text(const char **to, const char *text)
{
    if (text)
        *to = text;
}

/* What the body says of a task, over what `t` has. */
static int read_task(struct req *r, const struct js *from, struct store_task *t, struct dh_err *err)
{
    const struct js *attributes = req_member(from, "type_attributes"),
                    *metadata = req_member(from, "status_metadata"),
                    *error = req_member(from, "error");
    const char *shown, *fingerprint, *message = NULL;

    if (req_text(r, from, "display_name", &shown, err) < 0 ||
        req_text(r, from, "cache_fingerprint", &fingerprint, err) < 0 ||
        (metadata && req_text(r, metadata, "message", &message, err) < 0) ||
        read_state(r, from, &t->state, err) < 0 ||
        read_time(r, from, "start_time", &t->started_us, err) < 0 ||
        read_time(r, from, "end_time", &t->finished_us, err) < 0 ||
        merge_parameters(r, req_member(from, "inputs"), &t->inputs, err) < 0 ||
        merge_parameters(r, req_member(from, "outputs"), &t->outputs, err) < 0)
        return -1;
    set_text(&t->display_name, shown);
    set_text(&t->cache_fingerprint, fingerprint);
    if (metadata)
        t->state_reason = message;
    if (js_get_text(error, "message")) {
        own(js_free) struct js *ours = js_object();
        own_mem char *dump = NULL;

        js_set(ours, "task", js_str(t->name));
        js_set(ours, "message", js_str(js_get_text(error, "message")));
        dump = js_dump(ours, JS_COMPACT);
        t->error = arena_strdup(r->arena, dump);
    }
    t->iteration_index = whole(attributes, "iteration_index", t->iteration_index);
    t->iteration_count = whole(attributes, "iteration_count", t->iteration_count);
    if (t->state != STORE_PENDING && !t->started_us)
        t->started_us = clock_now_us();
    if (!store_state_ended(t->state))
        t->finished_us = 0;
    else if (!t->finished_us)
        t->finished_us = clock_now_us();
    return 0;
}

static int read_place(struct req *r, const struct js *from, struct store_task *t, bool *ret_named,
                      struct dh_err *err)
{
    const char *parent, *scope;
    struct store_task up = {.scope_path = "root"};
    struct store_run of_parent;

    if (req_text(r, from, "parent_task_id", &parent, err) < 0 ||
        req_text(r, from, "scope_path", &scope, err) < 0 ||
        (parent && *parent && ui_task_find(r, parent, &up, &of_parent, err) < 0))
        return -1;
    if (up.id && up.run_id != t->run_id)
        return dh_fail(err, DH_INVALID, "parent_task_id: that task is of another run");
    t->parent_task_id = up.id;
    *ret_named = scope && *scope;
    t->scope_path = *ret_named ? scope
                    : t->type == STORE_ROOT
                        ? "root"
                        : arena_printf(r->arena, "%s.%s", up.scope_path, t->name);
    return 0;
}

/* The same place of the same run is the same task: a client that asks again gets it again. */
static int find_same(struct req *r, const struct store_task *like, struct store_task *ret,
                     struct dh_err *err)
{
    struct store_tasks tasks;

    if (store_task_list(r->store, like->run_id, r->arena, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++) {
        const struct store_task *t = &tasks.items[i];

        if (t->type == like->type && t->iteration_index == like->iteration_index &&
            t->parent_task_id == like->parent_task_id && !strcmp(t->scope_path, like->scope_path)) {
            *ret = *t;
            return 0;
        }
    }
    return 1;
}

static int create_task(struct req *r, struct dh_err *err)
{
    const char *run_id;
    struct store_run run;
    char uuid[ID_TEXT];
    bool named = false;
    int rc = 1;
    struct store_task t = {.type = STORE_RUNTIME,
                           .iteration_index = -1,
                           .iteration_count = -1,
                           .exit_code = -1,
                           .attempts = 1,
                           .state = STORE_PENDING,
                           .created_us = clock_now_us()};

    if (needed(r, r->json, "run_id", &run_id, err) < 0 ||
        needed(r, r->json, "name", &t.name, err) < 0 || told_run(r, run_id, &run, err) < 0 ||
        read_type(r, r->json, &t.type, err) < 0 ||
        read_time(r, r->json, "create_time", &t.created_us, err) < 0)
        return -1;
    t.run_id = run.id;
    t.display_name = t.name;
    if (read_place(r, r->json, &t, &named, err) < 0 || read_task(r, r->json, &t, err) < 0)
        return -1;
    if (named || t.type == STORE_ROOT)
        rc = find_same(r, &t, &t, err);
    if (rc == 1) {
        t.uuid = id_new(uuid);
        rc = store_task_insert(r->store, &t, &t.id, err);
    }
    return rc < 0 ? -1 : native_task_write(r, &t, run.uuid, req_json(r), err);
}

static int update_task(struct req *r, const char *uuid, const struct js *body, struct jw *w,
                       struct dh_err *err)
{
    const char *in_body;
    struct store_task t;
    struct store_run run;

    if (req_text(r, body, "task_id", &in_body, err) < 0)
        return -1;
    if (in_body && *in_body && strcmp(in_body, uuid) != 0)
        return dh_fail(err, DH_INVALID, "task_id is not that of the path");
    if (told_task(r, uuid, &t, &run, err) < 0 || read_task(r, body, &t, err) < 0 ||
        mlmd_task_set(r->store, &t, err) < 0)
        return -1;
    return native_task_write(r, &t, run.uuid, w, err);
}

static int update_one(struct req *r, struct dh_err *err)
{
    return update_task(r, r->param[0], r->json, req_json(r), err);
}

static int update_all(struct req *r, struct dh_err *err)
{
    struct js *tasks;
    struct jw *w = req_json(r);

    if (object_of(r, r->json, "tasks", &tasks, err) < 0)
        return -1;
    if (js_n(tasks) == 0 || js_n(tasks) > MOST_AT_ONCE)
        return dh_fail(err, DH_INVALID, "tasks: from 1 to %d at once", MOST_AT_ONCE);
    jw_begin(w, '{');
    jw_begin_in(w, "tasks", '{');
    for (js_each(tasks, it)) {
        if (!js_is(it.value, JS_OBJECT))
            return dh_fail(err, DH_INVALID, "tasks: %s is no object", it.key);
        jw_str(w, it.key);
        buf_addc(w->to, ':');
        w->comma = false;
        if (update_task(r, it.key, it.value, w, err) < 0)
            return -1;
    }
    jw_end(w, '}');
    jw_end(w, '}');
    return 0;
}

int native_tasks_create(struct req *r, struct dh_err *err)
{
    return in_one(r, create_task, err);
}

int native_tasks_update(struct req *r, struct dh_err *err)
{
    return in_one(r, update_one, err);
}

int native_tasks_update_all(struct req *r, struct dh_err *err)
{
    return in_one(r, update_all, err);
}

/* ---- links ---- */

static int link_put(struct req *r, int64_t artifact, int64_t task, const char *type,
                    const char *key, struct dh_err *err)
{
    const struct mlmd_event event = {.artifact = artifact,
                                     .execution = task,
                                     .type = strstr(type, "INPUT") ? EVENT_INPUT : EVENT_OUTPUT,
                                     .key = key};

    return mlmd_event_put(r->store, &event, err) == 0 ? 0 : -1;
}

static int create_link(struct req *r, const struct js *from, struct jw *w, struct dh_err *err)
{
    const char *artifact_id, *task_id, *run_id, *type, *key;
    struct js *producer;
    struct store_artifact artifact;
    struct store_task task;
    struct store_run run;

    if (needed(r, from, "artifact_id", &artifact_id, err) < 0 ||
        needed(r, from, "task_id", &task_id, err) < 0 ||
        needed(r, from, "run_id", &run_id, err) < 0 || needed(r, from, "type", &type, err) < 0 ||
        object_of(r, from, "producer", &producer, err) < 0 || needed(r, from, "key", &key, err) < 0)
        return -1;
    if (!strcmp(type, "UNSPECIFIED"))
        return dh_fail(err, DH_INVALID, "type is required");
    if (told_task(r, task_id, &task, &run, err) < 0 ||
        ui_artifact_find(r, artifact_id, &artifact, err) < 0)
        return -1;
    if (strcmp(run.uuid, run_id) != 0)
        return dh_fail(err, DH_INVALID, "run_id must match the task's run_id");
    if (link_put(r, artifact.id, task.id, type, key, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_text(w, "id", arena_printf(r->arena, "%s/%s/%s", task.uuid, key, artifact.uuid));
    jw_text(w, "artifact_id", artifact.uuid);
    jw_text(w, "run_id", run.uuid);
    jw_text(w, "task_id", task.uuid);
    jw_text(w, "type", type);
    jw_key(w, "producer");
    js_write(producer, JS_COMPACT, w->to);
    w->comma = true;
    jw_text(w, "key", key);
    jw_end(w, '}');
    return 0;
}

/* ---- artifacts ---- */

static int read_artifact_type(struct req *r, const struct js *from, const char **ret,
                              struct dh_err *err)
{
    const char *type;

    if (needed(r, from, "type", &type, err) < 0)
        return -1;
    for (size_t i = 0; native_types[i][0]; i++)
        if (!strcmp(native_types[i][1], type)) {
            *ret = native_types[i][0];
            return 0;
        }
    return dh_fail(err, DH_INVALID, "type: '%s' is no type of artifacts", type);
}

/* A metric's number is a member of its metadata, as steps write them. */
static int read_metadata(struct req *r, const struct js *from, struct store_artifact *a,
                         struct dh_err *err)
{
    const struct js *metadata = req_member(from, "metadata"),
                    *number = req_member(from, "number_value");
    own(js_free) struct js *all = metadata ? js_copy(metadata) : js_object();
    own_mem char *dump = NULL;
    bool metric = !strcmp(a->type, "system.Metrics");

    if (!js_is(all, JS_OBJECT))
        return dh_fail(err, DH_INVALID, "metadata: expected an object");
    if (metric && !js_is_num(number))
        return dh_fail(err, DH_INVALID, "number_value is required for a Metric artifact");
    if (!metadata && strstr(a->type, "ClassificationMetrics"))
        return dh_fail(err, DH_INVALID, "metadata is required for an artifact of type %s", a->type);
    if (metric)
        js_set(all, a->name, js_ref(number));
    dump = js_dump(all, JS_COMPACT);
    a->metadata = arena_strdup(r->arena, dump);
    return 0;
}

static int create_artifact(struct req *r, const struct js *from, struct jw *w, struct dh_err *err)
{
    const char *run_id, *task_id, *key, *given;
    struct js *artifact;
    struct store_task task;
    struct store_run run;
    char uuid[ID_TEXT];
    struct store_artifact a = {
        .uuid = id_new(uuid), .size_bytes = -1, .created_us = clock_now_us()};

    if (object_of(r, from, "artifact", &artifact, err) < 0 ||
        req_text(r, artifact, "artifact_id", &given, err) < 0)
        return -1;
    if (given && *given)
        return dh_fail(err, DH_INVALID, "artifact_id should not be set on create");
    if (read_artifact_type(r, artifact, &a.type, err) < 0 ||
        needed(r, artifact, "name", &a.name, err) < 0 ||
        needed(r, from, "run_id", &run_id, err) < 0 ||
        needed(r, from, "task_id", &task_id, err) < 0 ||
        needed(r, from, "producer_key", &key, err) < 0 ||
        req_text(r, artifact, "uri", &a.uri, err) < 0 || read_metadata(r, artifact, &a, err) < 0 ||
        told_task(r, task_id, &task, &run, err) < 0)
        return -1;
    if (strcmp(run.uuid, run_id) != 0)
        return dh_fail(err, DH_INVALID, "the task is of another run");
    if (store_artifact_insert(r->store, &a, &a.id, err) < 0 ||
        link_put(r, a.id, task.id, "OUTPUT", key, err) < 0)
        return -1;
    native_artifact_write(&a, w);
    return 0;
}

/* ---- one, or a list of them ---- */

typedef int maker(struct req *r, const struct js *from, struct jw *w, struct dh_err *err);

static int make_all(struct req *r, const char *key, maker *make, struct dh_err *err)
{
    const struct js *list = req_member(r->json, key);
    struct jw *w = req_json(r);

    if (!js_is(list, JS_ARRAY) || js_n(list) == 0 || js_n(list) > MOST_AT_ONCE)
        return dh_fail(err, DH_INVALID, "%s: from 1 to %d at once", key, MOST_AT_ONCE);
    jw_begin(w, '{');
    jw_begin_in(w, key, '[');
    for (size_t i = 0; i < js_n(list); i++)
        if (make(r, js_at(list, i), w, err) < 0)
            return dh_while(err, "%s[%zu]", key, i);
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}

static int artifact_one(struct req *r, struct dh_err *err)
{
    return create_artifact(r, r->json, req_json(r), err);
}

static int artifact_all(struct req *r, struct dh_err *err)
{
    return make_all(r, "artifacts", create_artifact, err);
}

static int link_one(struct req *r, struct dh_err *err)
{
    const struct js *from = req_member(r->json, "artifact_task");

    return create_link(r, from ? from : r->json, req_json(r), err);
}

static int link_all(struct req *r, struct dh_err *err)
{
    return make_all(r, "artifact_tasks", create_link, err);
}

int native_artifacts_create(struct req *r, struct dh_err *err)
{
    return in_one(r, artifact_one, err);
}

int native_artifacts_create_all(struct req *r, struct dh_err *err)
{
    return in_one(r, artifact_all, err);
}

int native_links_create(struct req *r, struct dh_err *err)
{
    return in_one(r, link_one, err);
}

int native_links_create_all(struct req *r, struct dh_err *err)
{
    return in_one(r, link_all, err);
}
