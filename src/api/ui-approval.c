/* ui-approval - tasks that wait for a person, and the person's decision; of model versions too. */
#include <string.h>

#include "api/api-priv.h"
#include "api/ui.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/approval.h"

static const char *state_of(const struct store_approval *p)
{
    return !p->decision ? "waiting" : !strcmp(p->decision, "APPROVED") ? "approved" : "rejected";
}

static int write_approval(struct req *r, const struct store_approval *p, struct jw *w,
                          struct dh_err *err)
{
    own(js_free) struct js *asks = NULL;
    own_mem char *parameters = NULL;

    (void)r;
    if (p->asks && js_parse(p->asks, strlen(p->asks), &asks, err) < 0)
        return -1;
    if (js_get(asks, "parameters"))
        parameters = js_dump(js_get(asks, "parameters"), JS_COMPACT);
    jw_begin(w, '{');
    jw_text(w, "id", p->task_uuid);
    jw_text(w, "run_id", p->run_uuid);
    jw_text(w, "run_name", p->run_name);
    jw_text(w, "pipeline", p->pipeline);
    jw_text(w, "task_id", p->task_uuid);
    jw_text(w, "task", p->task_name);
    jw_text(w, "message", js_get_text(asks, "message"));
    jw_json(w, "parameters", parameters, "{}");
    jw_text(w, "state", state_of(p));
    jw_time(w, "asked_at", p->requested_us);
    jw_time(w, "deadline", p->deadline_us);
    jw_time(w, "decided_at", p->decided_us);
    jw_text(w, "decided_by", p->who);
    jw_text(w, "comment", p->why);
    jw_json(w, "answers", p->answers, NULL);
    jw_end(w, '}');
    return 0;
}

int ui_approvals_list(struct req *r, struct dh_err *err)
{
    const char *state = req_arg(r, "state");
    struct store_approvals list;
    struct store_run run;
    struct jw *w = req_json(r);

    if (store_approval_list(r->store, 0, !state || strcmp(state, "waiting") != 0, r->arena, &list,
                            err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < list.n; i++) {
        if (state && strcmp(state, state_of(&list.items[i])) != 0)
            continue;
        if (auth_multi_user(r->api->auth) &&
            (store_run_get(r->store, list.items[i].run_id, r->arena, &run, err) < 0 ||
             !auth_may_see(r->user, run.namespace)))
            continue;
        if (write_approval(r, &list.items[i], w, err) < 0)
            return -1;
    }
    return ui_list_end(w, NULL, -1);
}

/* {"decision", "comment"} */
static int read_decision(struct req *r, bool *ret_approve, const char **ret_comment,
                         struct dh_err *err)
{
    const char *decision;

    if (req_text(r, r->json, "decision", &decision, err) < 0 ||
        req_text(r, r->json, "comment", ret_comment, err) < 0)
        return -1;
    if (!decision || (strcmp(decision, "approve") != 0 && strcmp(decision, "reject") != 0))
        return dh_fail(err, DH_INVALID, "decision: expected approve or reject");
    *ret_approve = decision[0] == 'a';
    return 0;
}

int ui_approvals_decide(struct req *r, struct dh_err *err)
{
    const char *comment;
    struct store_task task;
    struct store_run run;
    bool approve;

    if (req_only(r, r->json, "decision comment answers", "approval", err) < 0 ||
        read_decision(r, &approve, &comment, err) < 0 ||
        ui_task_find(r, r->param[0], &task, &run, err) < 0 ||
        approval_answer(r->store, task.id, approve, req_member(r->json, "answers"), r->user->name,
                        comment, err) < 0)
        return -1;
    return req_empty(r);
}

int ui_models_decide(struct req *r, struct dh_err *err)
{
    struct store_model_version v;
    const char *comment;
    bool approve;

    if (req_only(r, r->json, "decision comment", "approval", err) < 0 ||
        read_decision(r, &approve, &comment, err) < 0 ||
        store_model_find(r->store, r->param[0], r->param[1], r->arena, &v, err) < 0 ||
        store_model_version_decide(r->store, v.id, approve, r->user->name, comment, clock_now_us(),
                                   err) < 0)
        return -1;
    return req_empty(r);
}
