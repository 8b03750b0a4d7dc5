/* store: every call, on one connection. */
#include "store/catalog.h"
#include "store/test-store.h"

static void names_and_back(void **state)
{
    enum store_state st;
    enum store_task_type type;
    (void)state;

    for (int i = 0; i < STORE_N_STATES; i++) {
        assert_int_equal(store_state_parse(store_state_name((enum store_state)i), &st), 0);
        assert_int_equal(st, i);
        assert_int_equal(store_state_ended(st), i > STORE_RUNNING);
    }
    for (int i = 0; i < STORE_N_TASK_TYPES; i++) {
        assert_int_equal(
            store_task_type_parse(store_task_type_name((enum store_task_type)i), &type), 0);
        assert_int_equal(type, i);
    }
    assert_int_equal(store_state_parse("succeeded", &st), -1);
    assert_int_equal(store_task_type_parse("", &type), -1);
}

static void experiments(void **state)
{
    struct home *h = *state;
    struct store_experiments list;
    struct store_experiment e, same;
    int64_t a, b, again;
    struct dh_err err;

    OK(store_experiment_put(h->s, "a", &a, &err));
    OK(store_experiment_put(h->s, "b'; DROP TABLE run; --", &b, &err));
    OK(store_experiment_put(h->s, "a", &again, &err));
    assert_int_equal(a, again);
    assert_int_not_equal(a, b);
    OK(store_experiment_find(h->s, "a", h->a, &e, &err));
    assert_int_equal(e.n_runs, 0);
    assert_int_equal(e.last_run_us, 0);
    OK(store_experiment_find(h->s, e.uuid, h->a, &same, &err));
    assert_int_equal(same.id, a);
    {
        char uuid[ID_TEXT];
        struct store_run run = {
            .uuid = id_new(uuid), .display_name = "r", .experiment_id = a, .created_us = INT64_MAX};
        int64_t id;

        OK(store_run_insert(h->s, &run, &id, &err));
    }
    OK(store_experiment_list(h->s, h->a, &list, &err));
    assert_int_equal(list.n, 2);
    assert_string_equal(list.items[0].name, "a"); /* used last */
    assert_int_equal(list.items[0].n_runs, 1);
    assert_int_equal(list.items[0].last_run_us, INT64_MAX);
    assert_string_equal(list.items[1].name, "b'; DROP TABLE run; --");
    REFUSED(store_experiment_find(h->s, "c", h->a, &e, &err), DH_NOT_FOUND, "'c'");
    REFUSED(store_experiment_put(h->s, "", &a, &err), DH_INVALID, "name");
}

static void pipelines(void **state)
{
    struct home *h = *state;
    struct store_pipeline_versions versions;
    struct store_pipelines list;
    struct store_pipeline p;
    int64_t p1, p2, v1, v2, v;
    const char *json;
    struct dh_err err;

    OK(store_spec_put(h->s, "d1", "{\"x\":1}", &err));
    OK(store_spec_put(h->s, "d1", "{\"x\":1}", &err));
    OK(store_spec_put(h->s, "d2", "{}", &err));
    OK(store_spec_get(h->s, "d1", h->a, &json, &err));
    assert_string_equal(json, "{\"x\":1}");
    REFUSED(store_spec_get(h->s, "d9", h->a, &json, &err), DH_NOT_FOUND, "d9");

    OK(store_pipeline_put(h->s, "p", NULL, "d1", &p1, &v1, &err));
    OK(store_pipeline_put(h->s, "p", NULL, "d1", &p2, &v, &err));
    assert_int_equal(p1, p2);
    assert_int_equal(v1, v);
    OK(store_pipeline_put(h->s, "p", "3", "d2", NULL, &v2, &err));
    assert_int_not_equal(v1, v2);
    OK(store_pipeline_put(h->s, "p", "3", "d2", NULL, &v, &err));
    assert_int_equal(v, v2);
    REFUSED(store_pipeline_put(h->s, "p", "3", "d1", NULL, &v, &err), DH_EXISTS, "'3'");
    /* The next number is taken by hand: the one after it. */
    OK(store_spec_put(h->s, "d3", "[]", &err));
    OK(store_pipeline_put(h->s, "p", NULL, "d3", NULL, &v, &err));
    OK(store_pipeline_version_list(h->s, p1, h->a, &versions, &err));
    assert_int_equal(versions.n, 3);
    assert_string_equal(versions.items[0].name, "4");
    assert_string_equal(versions.items[0].spec_digest, "d3");
    assert_string_equal(versions.items[2].name, "1");
    assert_string_equal(versions.items[2].pipeline, "p");
    REFUSED(store_pipeline_put(h->s, "q", NULL, "unknown", NULL, NULL, &err), DH_NOT_FOUND, "'q'");
    REFUSED(store_pipeline_find(h->s, "q", h->a, &p, &err), DH_NOT_FOUND, "'q'"); /* undone */
    OK(store_pipeline_find(h->s, "p", h->a, &p, &err));
    assert_int_equal(p.n_versions, 3);
    OK(store_pipeline_list(h->s, h->a, &list, &err));
    assert_int_equal(list.n, 1);
}

/* ---- runs ---- */

static void a_run_keeps_all_its_fields(void **state)
{
    struct home *h = *state;
    int64_t experiment, pipeline, version, id;
    struct store_owner owner = {.pid = 77, .host = "host", .token = "a:b:c"};
    struct store_run in = {.uuid = "01900000-0000-7000-8000-00000000000a",
                           .display_name = "run é",
                           .spec_digest = "d",
                           .parameters = "{\"p\":[1,2.5,null]}",
                           .pipeline_root = "/root",
                           .cache_mode = "read",
                           .options = "{\"jobs\":4}",
                           .created_us = 5};
    struct store_run r;
    struct dh_err err;
    bool cancel;

    OK(store_experiment_put(h->s, "e", &experiment, &err));
    OK(store_spec_put(h->s, "d", "{}", &err));
    OK(store_pipeline_put(h->s, "p", NULL, "d", &pipeline, &version, &err));
    in.experiment_id = experiment;
    in.pipeline_id = pipeline;
    in.pipeline_version_id = version;
    OK(store_run_insert(h->s, &in, &id, &err));
    REFUSED(store_run_insert(h->s, &in, &id, &err), DH_EXISTS, in.uuid);
    OK(store_run_get(h->s, id, h->a, &r, &err));
    assert_string_equal(r.uuid, in.uuid);
    assert_string_equal(r.display_name, "run é");
    assert_string_equal(r.experiment, "e");
    assert_string_equal(r.pipeline, "p");
    assert_string_equal(r.pipeline_version, "1");
    assert_string_equal(r.spec_digest, "d");
    assert_string_equal(r.parameters, in.parameters);
    assert_string_equal(r.pipeline_root, "/root");
    assert_string_equal(r.cache_mode, "read");
    assert_string_equal(r.options, in.options);
    assert_int_equal(r.state, STORE_PENDING);
    assert_null(r.outputs);
    assert_null(r.error);
    assert_int_equal(r.created_us, 5);
    assert_int_equal(r.started_us, 0);
    assert_int_equal(r.owner.pid, 0);

    OK(store_run_request_cancel(h->s, id, 6, &err)); /* before anybody runs it: a claim clears it */
    assert_int_equal(store_run_claim(h->s, id, 0, &owner, 10, &err), 0);
    assert_int_equal(store_run_claim(h->s, id, 0, &owner, 11, &err), STORE_RUN_TAKEN);
    OK(store_run_get(h->s, id, h->a, &r, &err));
    assert_int_equal(r.state, STORE_RUNNING);
    assert_int_equal(r.generation, 1);
    assert_int_equal(r.owner.pid, 77);
    assert_string_equal(r.owner.host, "host");
    assert_string_equal(r.owner.token, "a:b:c");
    assert_int_equal(r.started_us, 10);
    OK(store_run_cancel_requested(h->s, id, &cancel, &err));
    assert_false(cancel);
    OK(store_run_request_cancel(h->s, id, 12, &err));
    OK(store_run_request_cancel(h->s, id, 13, &err));
    OK(store_run_cancel_requested(h->s, id, &cancel, &err));
    assert_true(cancel);
    OK(store_run_finish(h->s, id, STORE_CANCELED, "{\"o\":1}", "{\"task\":\"t\"}", 20, &err));
    OK(store_run_get(h->s, id, h->a, &r, &err));
    assert_int_equal(r.state, STORE_CANCELED);
    assert_string_equal(r.outputs, "{\"o\":1}");
    assert_string_equal(r.error, "{\"task\":\"t\"}");
    assert_int_equal(r.finished_us, 20);
    assert_int_equal(r.cancel_requested_us, 12);
    assert_int_equal(r.owner.pid, 0);
    /* Taken up again. */
    assert_int_equal(store_run_claim(h->s, id, 1, &owner, 30, &err), 0);
    OK(store_run_get(h->s, id, h->a, &r, &err));
    assert_int_equal(r.started_us, 10);
    assert_int_equal(r.finished_us, 0);
    assert_null(r.error);
    assert_null(r.outputs);
    OK(store_spec_put(h->s, "d2", "[]", &err));
    OK(store_run_set_spec(h->s, id, "d2", &err));
    OK(store_run_get(h->s, id, h->a, &r, &err));
    assert_string_equal(r.spec_digest, "d2");
    REFUSED(store_run_set_spec(h->s, id, "unknown", &err), DH_NOT_FOUND, "");
    REFUSED(store_run_set_spec(h->s, 99, "d2", &err), DH_NOT_FOUND, "99");
    REFUSED(store_run_get(h->s, 99, h->a, &r, &err), DH_NOT_FOUND, "run 99");
    REFUSED(store_run_finish(h->s, 99, STORE_FAILED, NULL, NULL, 1, &err), DH_NOT_FOUND, "99");
    REFUSED(store_run_request_cancel(h->s, 99, 1, &err), DH_NOT_FOUND, "99");
}

static void a_run_is_found_by_any_name(void **state)
{
    static const char a[] = "01900000-aaaa-7000-8000-000000000001";
    static const char b[] = "01900000-aaab-7000-8000-000000000002";
    struct home *h = *state;
    struct store_run r;
    struct dh_err err;

    REFUSED(store_run_find(h->s, "last", h->a, &r, &err), DH_NOT_FOUND, "no run yet");
    add_run(h->s, a, "one", 100);
    add_run(h->s, b, "two", 50); /* made earlier, inserted later: as an import does */
    add_run(h->s, NULL, "same", 10);
    add_run(h->s, NULL, "same", 11);
    add_run(h->s, NULL, "cafe", 12);
    const struct {
        const char *name;
        int code;
        const char *text; /* the display name, or what the message says */
    } cases[] = {
        {"last", 0, "one"},
        {"latest", 0, "one"},
        {"1", 0, "one"},
        {"2", 0, "two"},
        {a, 0, "one"},
        {"01900000-AAAB-7000-8000-000000000002", 0, "two"},
        {"01900000-aaab", 0, "two"},
        {"01900000-aaaa-7000-8000-00000000000", 0, "one"},
        {"two", 0, "two"},
        {"cafe", 0, "cafe"}, /* looks like a prefix, is a name */
        {"01900000", DH_INVALID, "fits several runs"},
        {"01900000-aaa", DH_INVALID, a},
        {"same", DH_INVALID, "'same' fits several"},
        {"019", DH_NOT_FOUND, "'019'"},
        {"99", DH_NOT_FOUND, "'99'"},
        {"nobody", DH_NOT_FOUND, "no run 'nobody'"},
        {"", DH_NOT_FOUND, "no run ''"},
        {"%", DH_NOT_FOUND, "no run '%'"},
        {"00000000-0000-0000-0000-000000000000", DH_NOT_FOUND, "no run"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = store_run_find(h->s, cases[i].name, h->a, &r, &err);

        if (cases[i].code == 0 && (rc != 0 || strcmp(r.display_name, cases[i].text) != 0))
            fail_msg("%s: %d %s", cases[i].name, rc, rc ? err.msg : r.display_name);
        if (cases[i].code != 0 &&
            (rc != -1 || (int)err.code != cases[i].code || !strstr(err.msg, cases[i].text)))
            fail_msg("%s: %d %s", cases[i].name, rc, err.msg);
    }
}

static void runs_come_in_pages(void **state)
{
    struct home *h = *state;
    struct store_run_filter filter = {.state = -1, .limit = 7};
    struct store_runs page;
    struct dh_err err;
    int64_t last_created = INT64_MAX, last_id = INT64_MAX;
    size_t seen = 0;

    /* Several of one time, and not in order. */
    for (int i = 0; i < 40; i++)
        add_run(h->s, NULL, "r", 1 + i * 7 % 40 / 3);
    OK(store_run_set_archived(h->s, 5, true, &err));
    OK(store_run_finish(h->s, 6, STORE_FAILED, NULL, NULL, 1, &err));
    do {
        OK(store_run_list(h->s, &filter, h->a, &page, &err));
        for (size_t i = 0; i < page.n; i++, seen++) {
            const struct store_run *r = &page.items[i];

            assert_true(r->created_us < last_created ||
                        (r->created_us == last_created && r->id < last_id));
            assert_int_not_equal(r->id, 5);
            last_created = filter.after_created_us = r->created_us;
            last_id = filter.after_id = r->id;
        }
        assert_int_equal(page.more, page.n == 7 && seen < 39);
    } while (page.more);
    assert_int_equal(seen, 39);

    filter = (struct store_run_filter){.state = STORE_FAILED};
    OK(store_run_list(h->s, &filter, h->a, &page, &err));
    assert_int_equal(page.n, 1);
    assert_int_equal(page.items[0].id, 6);
    filter = (struct store_run_filter){.state = -1, .archived_too = true};
    OK(store_run_list(h->s, &filter, h->a, &page, &err));
    assert_int_equal(page.n, 40);
    filter = (struct store_run_filter){.state = -1, .experiment = "none"};
    OK(store_run_list(h->s, &filter, h->a, &page, &err));
    assert_int_equal(page.n, 0);
    filter = (struct store_run_filter){.state = -1, .pipeline = "none"};
    OK(store_run_list(h->s, &filter, h->a, &page, &err));
    assert_int_equal(page.n, 0);
    assert_false(page.more);
}

static void a_deleted_run_leaves_artifacts_and_models(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "gone", 1), other = add_run(h->s, NULL, "stays", 2);
    int64_t task = add_task(h->s, run, 0, "t"), user = add_task(h->s, other, 0, "u");
    int64_t artifact = add_artifact(h->s, "system.Model", "file:///m", "d");
    struct store_model_version v = {
        .model = "m", .artifact_id = artifact, .run_id = run, .task_id = task};
    struct store_metric metric = {
        .run_id = run, .task_id = task, .artifact_id = artifact, .name = "x", .number = 1};
    struct store_link in = {.artifact_id = artifact,
                            .task_id = user,
                            .type = STORE_INPUT,
                            .key = "model",
                            .producer_task_id = task,
                            .producer_key = "out"};
    struct store_task_finish cached = {
        .state = STORE_CACHED, .exit_code = -1, .cached_from_id = task, .now_us = 5};
    struct store_model_version found;
    struct store_linkeds links;
    struct store_task t;
    struct dh_err err;

    add_link(h->s, artifact, task, STORE_OUTPUT, "out", 0);
    OK(store_artifact_link(h->s, &in, &err));
    OK(store_metric_insert(h->s, &metric, &err));
    OK(store_model_register(h->s, &v, NULL, 0, h->a, &found, &err));
    OK(store_task_finish(h->s, user, &cached, &err));
    OK(store_run_delete(h->s, run, &err));
    REFUSED(store_task_get(h->s, task, h->a, &t, &err), DH_NOT_FOUND, "task");
    OK(store_artifacts_of_task(h->s, user, STORE_INPUT, h->a, &links, &err));
    assert_int_equal(links.n, 1);
    assert_int_equal(links.items[0].link.producer_task_id, 0);
    OK(store_artifact_links(h->s, artifact, STORE_OUTPUT, h->a, &links, &err));
    assert_int_equal(links.n, 0);
    OK(store_model_find(h->s, "m", NULL, h->a, &found, &err));
    assert_int_equal(found.run_id, 0);
    assert_null(found.run_uuid);
    assert_int_equal(found.artifact_id, artifact);
    OK(store_task_get(h->s, user, h->a, &t, &err));
    assert_int_equal(t.state, STORE_CACHED);
    assert_null(t.cached_from);
    REFUSED(store_run_delete(h->s, run, &err), DH_NOT_FOUND, "run");
    assert_true(add_run(h->s, NULL, "new", 3) > other); /* a number is never given twice */
}

/* ---- tasks ---- */

static void a_task_lives(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), parent = add_task(h->s, run, 0, "loop"), id;
    struct store_task in = {.uuid = "01900000-0000-7000-8000-00000000000b",
                            .run_id = run,
                            .parent_task_id = parent,
                            .name = "train",
                            .display_name = "Train",
                            .scope_path = "root.loop.train",
                            .type = STORE_LOOP_ITERATION,
                            .iteration_index = 0,
                            .iteration_count = -1,
                            .exit_code = -1,
                            .created_us = 5};
    struct store_task_start start = {.attempts = 1,
                                     .inputs = "{\"a\":1}",
                                     .cache_fingerprint = "f",
                                     .folder = "/f",
                                     .log_path = "/f/log",
                                     .iteration_count = 3,
                                     .now_us = 10};
    struct store_task_finish finish = {.state = STORE_FAILED,
                                       .state_reason = "exit code 7",
                                       .error = "{}",
                                       .exit_code = 7,
                                       .now_us = 20};
    struct store_task t, same;
    struct dh_err err;

    OK(store_task_insert(h->s, &in, &id, &err));
    OK(store_task_get(h->s, id, h->a, &t, &err));
    assert_int_equal(t.state, STORE_PENDING);
    assert_int_equal(t.type, STORE_LOOP_ITERATION);
    assert_int_equal(t.parent_task_id, parent);
    assert_string_equal(t.display_name, "Train");
    assert_int_equal(t.iteration_index, 0);
    assert_int_equal(t.iteration_count, -1);
    assert_int_equal(t.exit_code, -1);
    assert_null(t.inputs);
    OK(store_task_start(h->s, id, &start, &err));
    OK(store_task_set_pid(h->s, id, 123, "token", &err));
    OK(store_task_get(h->s, id, h->a, &t, &err));
    assert_int_equal(t.state, STORE_RUNNING);
    assert_string_equal(t.inputs, "{\"a\":1}");
    assert_string_equal(t.cache_fingerprint, "f");
    assert_string_equal(t.folder, "/f");
    assert_string_equal(t.log_path, "/f/log");
    assert_int_equal(t.iteration_count, 3);
    assert_int_equal(t.started_us, 10);
    assert_int_equal(t.pid, 123);
    assert_string_equal(t.pid_token, "token");
    OK(store_task_finish(h->s, id, &finish, &err));
    OK(store_task_find(h->s, in.uuid, h->a, &t, &err));
    assert_int_equal(t.state, STORE_FAILED);
    assert_int_equal(t.exit_code, 7);
    assert_string_equal(t.state_reason, "exit code 7");
    assert_int_equal(t.pid, 0);
    /* Again: what the first attempt left is kept or forgotten as the header says. */
    start = (struct store_task_start){.attempts = 2, .iteration_count = -1, .now_us = 30};
    OK(store_task_start(h->s, id, &start, &err));
    OK(store_task_get(h->s, id, h->a, &t, &err));
    assert_int_equal(t.attempts, 2);
    assert_int_equal(t.started_us, 10);
    assert_int_equal(t.finished_us, 0);
    assert_int_equal(t.exit_code, -1);
    assert_null(t.error);
    assert_string_equal(t.inputs, "{\"a\":1}");
    assert_int_equal(t.iteration_count, 3);
    finish = (struct store_task_finish){.state = STORE_CACHED,
                                        .outputs = "{\"o\":2}",
                                        .exit_code = -1,
                                        .cached_from_id = parent,
                                        .now_us = 40};
    OK(store_task_finish(h->s, id, &finish, &err));
    OK(store_task_get(h->s, id, h->a, &t, &err));
    OK(store_task_get(h->s, parent, h->a, &same, &err));
    assert_string_equal(t.cached_from, same.uuid);
    assert_string_equal(t.outputs, "{\"o\":2}");
    REFUSED(store_task_start(h->s, 99, &start, &err), DH_NOT_FOUND, "task 99");
    REFUSED(store_task_finish(h->s, 99, &finish, &err), DH_NOT_FOUND, "task 99");
    in.run_id = 99;
    in.uuid = "01900000-0000-7000-8000-00000000000c";
    REFUSED(store_task_insert(h->s, &in, &id, &err), DH_NOT_FOUND, "root.loop.train");
}

static int count_until(const struct store_task *task, void *user, struct dh_err *err)
{
    int *left = user;

    (void)err;
    assert_non_null(task->uuid);
    return --*left == 0 ? 5 : 0;
}

static void tasks_of_a_run(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), other = add_run(h->s, NULL, "o", 1), ids[50];
    struct store_tasks list;
    struct dh_err err;
    int left = 1000;

    for (int i = 0; i < 50; i++) {
        char name[20];

        (void)snprintf(name, sizeof name, "t%d", i);
        ids[i] = add_task(h->s, run, i > 1 ? ids[i / 2] : 0, name);
        add_task(h->s, other, 0, name);
    }
    OK(store_task_list(h->s, run, h->a, &list, &err));
    assert_int_equal(list.n, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(list.items[i].id, ids[i]);
    assert_string_equal(list.items[49].scope_path, "root.t49");
    assert_int_equal(store_task_each(h->s, run, count_until, &left, &err), 0);
    assert_int_equal(left, 950);
    left = 10;
    assert_int_equal(store_task_each(h->s, run, count_until, &left, &err), 5);
    OK(store_task_delete(h->s, ids[2], &err)); /* 2; 4 5; 8-11; 16-23; 32-47 */
    OK(store_task_list(h->s, run, h->a, &list, &err));
    assert_int_equal(list.n, 50 - 31);
    OK(store_task_list(h->s, 99, h->a, &list, &err));
    assert_int_equal(list.n, 0);
}

static void a_task_is_reset(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), task = add_task(h->s, run, 0, "t");
    int64_t artifact = add_artifact(h->s, "system.Model", "u", NULL);
    struct store_attempt attempt = {
        .task_id = task, .number = 1, .state = STORE_RUNNING, .exit_code = -1, .started_us = 1};
    struct store_metric metric = {.run_id = run, .task_id = task, .name = "x", .number = 1};
    struct store_attempts attempts;
    struct store_metrics metrics;
    struct store_linkeds links;
    struct store_task t;
    struct dh_err err;

    OK(store_attempt_put(h->s, &attempt, &err));
    attempt = (struct store_attempt){.task_id = task,
                                     .number = 1,
                                     .state = STORE_FAILED,
                                     .exit_code = 7,
                                     .reason = "exit code 7",
                                     .log_path = "/log",
                                     .started_us = 1,
                                     .finished_us = 2};
    OK(store_attempt_put(h->s, &attempt, &err));
    attempt.number = 2;
    OK(store_attempt_put(h->s, &attempt, &err));
    finish_task(h->s, task, "f", 100);
    add_link(h->s, artifact, task, STORE_OUTPUT, "out", 0);
    OK(store_metric_insert(h->s, &metric, &err));
    OK(store_task_reset(h->s, task, &err));
    OK(store_task_get(h->s, task, h->a, &t, &err));
    assert_int_equal(t.state, STORE_PENDING);
    assert_int_equal(t.started_us, 0);
    assert_int_equal(t.exit_code, -1);
    assert_int_equal(t.attempts, 1);
    OK(store_artifacts_of_task(h->s, task, STORE_OUTPUT, h->a, &links, &err));
    assert_int_equal(links.n, 0);
    OK(store_metric_list(h->s, run, h->a, &metrics, &err));
    assert_int_equal(metrics.n, 0);
    OK(store_attempt_list(h->s, task, h->a, &attempts, &err));
    assert_int_equal(attempts.n, 2);
    assert_int_equal(attempts.items[0].state, STORE_FAILED);
    assert_int_equal(attempts.items[0].exit_code, 7);
    assert_string_equal(attempts.items[0].reason, "exit code 7");
    assert_int_equal(attempts.items[1].number, 2);
    REFUSED(store_task_reset(h->s, 99, &err), DH_NOT_FOUND, "task 99");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, home_open, home_close)
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_back),
        T(experiments),
        T(pipelines),
        T(a_run_keeps_all_its_fields),
        T(a_run_is_found_by_any_name),
        T(runs_come_in_pages),
        T(a_deleted_run_leaves_artifacts_and_models),
        T(a_task_lives),
        T(tasks_of_a_run),
        T(a_task_is_reset),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
