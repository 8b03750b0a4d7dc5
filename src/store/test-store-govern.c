/* What governs models, tasks that wait for a person, and what is told to those who watch. */
#include <string.h>

#include "base/js.h"
#include "store/catalog.h"
#include "store/pods.h"
#include "store/test-store.h"

static void add_version(struct home *h, const char *model, const char *version, const char *alias,
                        struct store_model_version *ret)
{
    struct store_model_version v = {.model = model, .version = version, .created_us = 5};
    const char *aliases[] = {alias};
    struct dh_err err;

    OK(store_model_register(h->s, &v, aliases, alias ? 1 : 0, h->a, ret, &err));
}

static void models(void **state)
{
    struct home *h = *state;
    struct store_model_version v;
    struct store_model m;
    struct dh_err err;
    const char *json;

    OK(store_model_create(h->s, "m", "first", &err));
    REFUSED(store_model_create(h->s, "m", NULL, &err), DH_EXISTS, "there already");
    REFUSED(store_model_create(h->s, "a/b", NULL, &err), DH_INVALID, "slashes");
    OK(store_model_get(h->s, "m", h->a, &m, &err));
    assert_int_equal(m.n_versions, 0);
    assert_null(m.latest);
    OK(store_model_set_rules(h->s, "m", "[{\"alias\":\"x\"}]", &err));
    OK(store_model_set_description(h->s, "m", "second", &err));
    OK(store_tag_set(h->s, STORE_TAG_MODEL, m.id, "k", "v", &err));
    add_version(h, "m", NULL, "champion", &v);
    assert_null(v.stage);
    assert_null(v.approval);
    OK(store_model_version_set_stage(h->s, v.id, "Production", &err));
    OK(store_model_version_decide(h->s, v.id, true, "anna", "fine", 77, &err));
    OK(store_model_version_set_description(h->s, v.id, "text", &err));
    OK(store_tag_set(h->s, STORE_TAG_MODEL_VERSION, v.id, "k", "v", &err));
    OK(store_model_rename(h->s, "m", "n", &err));
    REFUSED(store_model_rename(h->s, "m", "o", &err), DH_NOT_FOUND, "no model 'm'");
    OK(store_model_find(h->s, "n", "champion", h->a, &v, &err));
    assert_string_equal(v.stage, "Production");
    assert_string_equal(v.approval, "APPROVED");
    assert_string_equal(v.approval_who, "anna");
    assert_string_equal(v.approval_why, "fine");
    assert_int_equal(v.approval_us, 77);
    assert_string_equal(v.description, "text");
    OK(store_tags(h->s, STORE_TAG_MODEL_VERSION, v.id, h->a, &json, &err));
    assert_string_equal(json, "{\"k\":\"v\"}");
    OK(store_model_get(h->s, "n", h->a, &m, &err));
    assert_string_equal(m.description, "second");
    assert_string_equal(m.latest, "1");
    assert_string_equal(m.rules, "[{\"alias\":\"x\"}]");
    OK(store_model_version_delete(h->s, v.id, &err));
    REFUSED(store_model_find(h->s, "n", "champion", h->a, &v, &err), DH_NOT_FOUND, "champion");
    OK(store_model_delete(h->s, "n", &err));
    REFUSED(store_model_get(h->s, "n", h->a, &m, &err), DH_NOT_FOUND, "no model 'n'");
}

static void history(void **state)
{
    struct home *h = *state;
    struct store_model_event first = {.version = "1", .what = "approved", .who = "anna"};
    struct store_model_event second = {.what = "renamed", .why = "because", .time_us = 9};
    struct store_model_events all;
    struct store_model m;
    struct dh_err err;

    OK(store_model_create(h->s, "m", NULL, &err));
    OK(store_model_get(h->s, "m", h->a, &m, &err));
    OK(store_model_log(h->s, m.id, &first, &err));
    OK(store_model_log(h->s, m.id, &second, &err));
    OK(store_model_events(h->s, m.id, h->a, &all, &err));
    assert_int_equal(all.n, 2);
    assert_string_equal(all.items[0].who, "anna");
    assert_true(all.items[0].time_us > 0);
    assert_null(all.items[1].version);
    assert_int_equal(all.items[1].time_us, 9);
}

static void approvals(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), task = add_task(h->s, run, 0, "gate");
    struct store_task_start start = {.attempts = 1, .iteration_count = -1, .now_us = 3};
    struct store_approval ask = {.run_id = run, .task_id = task, .asks = "{}", .requested_us = 10},
                          got;
    struct store_approvals all;
    struct store_task row;
    struct dh_err err;

    OK(store_task_start(h->s, task, &start, &err));
    OK(store_task_say(h->s, task, "waiting", &err));
    OK(store_task_get(h->s, task, h->a, &row, &err));
    assert_string_equal(row.state_reason, "waiting");
    REFUSED(store_approval_get(h->s, task, h->a, &got, &err), DH_NOT_FOUND, "approval");
    OK(store_approval_ask(h->s, &ask, h->a, &got, &err));
    ask.requested_us = 20; /* asked already: since then */
    OK(store_approval_ask(h->s, &ask, h->a, &got, &err));
    assert_int_equal(got.requested_us, 10);
    assert_null(got.decision);
    OK(store_approval_list(h->s, 0, false, h->a, &all, &err));
    assert_int_equal(all.n, 1);
    assert_string_equal(all.items[0].task_name, "gate");
    OK(store_approval_list(h->s, run + 1, false, h->a, &all, &err));
    assert_int_equal(all.n, 0);
    assert_int_equal(store_approval_decide(h->s, task, true, "anna", NULL, "{}", 30, &err), 0);
    assert_int_equal(store_approval_decide(h->s, task, false, "bob", NULL, NULL, 40, &err),
                     STORE_APPROVAL_DECIDED);
    OK(store_approval_get(h->s, task, h->a, &got, &err));
    assert_string_equal(got.decision, "APPROVED");
    assert_string_equal(got.who, "anna");
    assert_int_equal(got.decided_us, 30);
    OK(store_approval_list(h->s, run, false, h->a, &all, &err));
    assert_int_equal(all.n, 0);
    OK(store_approval_list(h->s, run, true, h->a, &all, &err));
    assert_int_equal(all.n, 1);
    OK(store_approval_forget(h->s, task, &err));
    OK(store_approval_ask(h->s, &ask, h->a, &got, &err));
    assert_int_equal(got.requested_us, 20);
    OK(store_run_delete(h->s, run, &err)); /* with what it asked */
    OK(store_approval_list(h->s, 0, true, h->a, &all, &err));
    assert_int_equal(all.n, 0);
}

/* Attempts that are pods: kept, changed, gone with their run. */
static void pods(void **state)
{
    struct home *h = *state;
    int64_t run = add_run(h->s, NULL, "r", 1), task = add_task(h->s, run, 0, "train");
    struct store_pod pod = {
        .run_id = run, .task_id = task, .number = 2, .name = "p-2", .uid = "u2", .secret = "s"};
    struct store_pods all;
    struct dh_err err;

    OK(store_pod_put(h->s, &pod, &err));
    pod.answer = "{}";
    OK(store_pod_put(h->s, &pod, &err));
    pod = (struct store_pod){
        .run_id = run, .task_id = task, .number = 1, .name = "p-1", .uid = "u1", .secret = "t"};
    OK(store_pod_put(h->s, &pod, &err));
    OK(store_pod_list(h->s, run, h->a, &all, &err));
    assert_int_equal(all.n, 2);
    assert_string_equal(all.items[0].uid, "u1");
    assert_null(all.items[0].answer);
    assert_string_equal(all.items[1].answer, "{}");
    assert_int_equal(strlen(all.items[1].task), 36);
    OK(store_task_set_error(h->s, task, "{\"message\": \"x\"}", &err));
    REFUSED(store_task_set_error(h->s, task + 1, "{}", &err), DH_NOT_FOUND, "task");
    OK(store_run_delete(h->s, run, &err));
    OK(store_pod_list(h->s, run, h->a, &all, &err));
    assert_int_equal(all.n, 0);
}

/* ---- what those who watch are told ---- */

static void edits_are_seen(void **state)
{
    struct home *h = *state;
    struct catalog_ids edited;
    struct dh_err err;
    int64_t at_us, marks[2][CATALOG_N_KINDS];

    for (int i = 0; i < 3; i++)
        add_run(h->s, NULL, "r", 1 + i);
    OK(catalog_last_edit(h->s, &at_us, &err));
    assert_int_equal(at_us, 0);
    OK(store_run_finish(h->s, 1, STORE_FAILED, NULL, NULL, 1, &err));
    OK(catalog_edited_runs(h->s, &at_us, 10, h->a, &edited, &err));
    assert_int_equal(edited.n, 0); /* an end is no edit */
    OK(store_tag_set(h->s, STORE_TAG_RUN, 2, "team", "risk", &err));
    OK(store_run_set_notes(h->s, 3, "good", &err));
    OK(catalog_edited_runs(h->s, &at_us, 10, h->a, &edited, &err));
    assert_int_equal(edited.n, 2);
    assert_int_equal(edited.items[0] + edited.items[1], 5);
    OK(catalog_edited_runs(h->s, &at_us, 10, h->a, &edited, &err));
    assert_int_equal(edited.n, 0);
    OK(store_run_set_archived(h->s, 1, true, &err));
    OK(catalog_edited_runs(h->s, &at_us, 10, h->a, &edited, &err));
    assert_int_equal(edited.n, 1);
    assert_int_equal(edited.items[0], 1);

    OK(catalog_marks(h->s, marks[0], &err));
    add_run(h->s, NULL, "r", 9);
    OK(catalog_marks(h->s, marks[1], &err));
    for (int i = 0; i < CATALOG_N_KINDS; i++)
        assert_int_equal(marks[0][i] != marks[1][i],
                         i == CATALOG_PIPELINES || i == CATALOG_EXPERIMENTS);
}

/* Which kind has changed since the last call, alone; -1: none. */
static int changed_kind(struct home *h, int64_t last[CATALOG_N_KINDS])
{
    int64_t now[CATALOG_N_KINDS];
    struct dh_err err;
    int changed = -1;

    OK(catalog_marks(h->s, now, &err));
    for (int i = 0; i < CATALOG_N_KINDS; i++)
        if (now[i] != last[i]) {
            assert_int_equal(changed, -1);
            changed = i;
        }
    memcpy(last, now, sizeof now);
    return changed;
}

static void changes_of_the_catalog_are_seen(void **state)
{
    struct home *h = *state;
    own(js_free) struct js *tags = js_object();
    struct catalog_pipeline p = {.name = "p", .display_name = "p"};
    struct catalog_version v = {.name = "v", .display_name = "v", .spec_digest = "d1"};
    struct store_run run = {.uuid = "r", .display_name = "r", .created_us = 1};
    struct catalog_schedule c = {.uuid = "s",
                                 .display_name = "s",
                                 .description = "",
                                 .namespace = "",
                                 .request = "{}",
                                 .service_account = "",
                                 .overlap = "wait",
                                 .enabled = true};
    struct dh_err err;
    int64_t last[CATALOG_N_KINDS], now[CATALOG_N_KINDS], id, experiment;

    js_set(tags, "team", js_str("risk"));
    OK(catalog_pipeline_add(h->s, &p, &run.pipeline_id, &err));
    OK(store_spec_put(h->s, "d1", "{}", &err));
    v.pipeline_id = run.pipeline_id;
    OK(catalog_version_add(h->s, &v, &run.pipeline_version_id, &err));
    OK(store_experiment_put(h->s, "e", &experiment, &err));
    OK(store_run_insert(h->s, &run, &id, &err));
    OK(catalog_marks(h->s, last, &err));

    OK(catalog_pipeline_rename(h->s, run.pipeline_id, "q", &err));
    assert_int_equal(changed_kind(h, last), CATALOG_PIPELINES);
    OK(catalog_version_rename(h->s, run.pipeline_version_id, "w", &err));
    assert_int_equal(changed_kind(h, last), CATALOG_PIPELINES);
    OK(catalog_tags_set(h->s, "pipeline", run.pipeline_id, tags, &err));
    assert_int_equal(changed_kind(h, last), CATALOG_PIPELINES);
    OK(catalog_tags_set(h->s, "version", run.pipeline_version_id, tags, &err));
    assert_int_equal(changed_kind(h, last), CATALOG_PIPELINES);
    OK(catalog_version_delete(h->s, run.pipeline_version_id, &err)); /* has a run: it stays */
    assert_int_equal(changed_kind(h, last), CATALOG_PIPELINES);
    OK(catalog_pipeline_delete(h->s, run.pipeline_id, &err));
    assert_int_equal(changed_kind(h, last), CATALOG_PIPELINES);

    OK(store_experiment_set_notes(h->s, experiment, "grid", &err));
    assert_int_equal(changed_kind(h, last), CATALOG_EXPERIMENTS);
    OK(store_tag_set(h->s, STORE_TAG_EXPERIMENT, experiment, "team", "risk", &err));
    assert_int_equal(changed_kind(h, last), CATALOG_EXPERIMENTS);
    OK(store_experiment_set_archived(h->s, experiment, true, &err));
    assert_int_equal(changed_kind(h, last), CATALOG_EXPERIMENTS);
    OK(catalog_experiment_archive(h->s, experiment, false, &err));
    assert_int_equal(changed_kind(h, last), CATALOG_EXPERIMENTS);

    c.experiment_id = experiment;
    OK(catalog_schedule_add(h->s, &c, &id, &err));
    assert_int_equal(changed_kind(h, last), CATALOG_SCHEDULES);
    OK(catalog_experiment_delete(h->s, experiment, &err)); /* stops them */
    OK(catalog_marks(h->s, now, &err));
    assert_int_not_equal(now[CATALOG_SCHEDULES], last[CATALOG_SCHEDULES]);
    memcpy(last, now, sizeof now);

    OK(store_model_create(h->s, "m", "", &err));
    assert_int_equal(changed_kind(h, last), CATALOG_MODELS);
    OK(store_model_set_description(h->s, "m", "of the bank", &err)); /* leaves no event */
    assert_int_equal(changed_kind(h, last), CATALOG_MODELS);
    OK(store_model_set_rules(h->s, "m", "{}", &err));
    assert_int_equal(changed_kind(h, last), CATALOG_MODELS);
    assert_int_equal(changed_kind(h, last), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(models, home_open, home_close),
        cmocka_unit_test_setup_teardown(history, home_open, home_close),
        cmocka_unit_test_setup_teardown(approvals, home_open, home_close),
        cmocka_unit_test_setup_teardown(pods, home_open, home_close),
        cmocka_unit_test_setup_teardown(edits_are_seen, home_open, home_close),
        cmocka_unit_test_setup_teardown(changes_of_the_catalog_are_seen, home_open, home_close),
    };

    return cmocka_run_group_tests_name("store-govern", tests, NULL, NULL);
}
