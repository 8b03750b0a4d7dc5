#include "plan/test-play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/js.h"
#include "base/mem.h"
#include "spec/params.h"

/* What the pipelines of the tests are made of. s: nothing in, nothing out; p: gives one of each;
 * c: takes one of each, all optional; need: takes x; d: x with default; list: takes artifacts. */
static const char common[] =
    "schemaVersion: 2.1.0\n"
    "pipelineInfo: {name: test}\n"
    "deploymentSpec:\n"
    "  executors:\n"
    "    e: {container: {image: img, command: [run], args: ['{{$.pipeline_task_name}}']}}\n"
    "    i: {importer: {artifactUri: {constant: 'file:///data'}, typeSchema: {schemaTitle: "
    "system.Dataset, schemaVersion: 0.0.1}}}\n";
static const char components[] =
    "components:\n"
    "  s: {executorLabel: e}\n"
    "  p:\n"
    "    executorLabel: e\n"
    "    outputDefinitions:\n"
    "      parameters: {o: {parameterType: STRING}, n: {parameterType: NUMBER_INTEGER}, "
    "r: {parameterType: NUMBER_DOUBLE}, l: {parameterType: LIST}, m: {parameterType: STRUCT}, "
    "b: {parameterType: BOOLEAN}}\n"
    "      artifacts: {a: {artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}}\n"
    "  c:\n"
    "    executorLabel: e\n"
    "    inputDefinitions:\n"
    "      parameters: {x: {parameterType: STRING, isOptional: true}, n: {parameterType: "
    "NUMBER_INTEGER, isOptional: true}, r: {parameterType: NUMBER_DOUBLE, isOptional: true}, "
    "l: {parameterType: LIST, isOptional: true}, m: {parameterType: STRUCT, isOptional: true}, "
    "b: {parameterType: BOOLEAN, isOptional: true}}\n"
    "      artifacts: {a: {artifactType: {schemaTitle: system.Artifact, schemaVersion: 0.0.1}, "
    "isOptional: true}}\n"
    "  need: {executorLabel: e, inputDefinitions: {parameters: {x: {parameterType: STRING}}}}\n"
    "  needa: {executorLabel: e, inputDefinitions: {artifacts: {a: {artifactType: {schemaTitle: "
    "system.Model, schemaVersion: 0.0.1}}}}}\n"
    "  d: {executorLabel: e, inputDefinitions: {parameters: {x: {parameterType: STRING, "
    "defaultValue: dflt, isOptional: true}}}}\n"
    "  list: {executorLabel: e, inputDefinitions: {artifacts: {a: {artifactType: {schemaTitle: "
    "system.Model, schemaVersion: 0.0.1}, isArtifactList: true}}}}\n"
    "  status: {executorLabel: e, inputDefinitions: {parameters: {status: {parameterType: "
    "TASK_FINAL_STATUS, isOptional: true}}}}\n"
    "  imp: {executorLabel: i, outputDefinitions: {artifacts: {artifact: {artifactType: "
    "{schemaTitle: system.Dataset, schemaVersion: 0.0.1}}}}}\n";

static int open_play(const struct play *play, struct played *p, struct dh_err *err)
{
    own_buf struct buf text = {0};
    own(js_free) struct js *given = NULL;

    memset(p, 0, sizeof *p);
    buf_adds(&text, common);
    if (play->executor)
        buf_addf(&text, "    mine: {container: {%s}}\n", play->executor);
    buf_adds(&text, components);
    buf_adds(&text, play->yaml);
    if (spec_load_bytes("t.yaml", buf_str(&text), text.n, &p->spec, NULL, err) < 0)
        return -1;
    if (play->parameters && js_parse(play->parameters, strlen(play->parameters), &given, err) < 0)
        return -1;
    if (spec_bind_params(p->spec, given, &p->parameters, err) < 0)
        return -1;
    p->run = (struct plan_run){.run_id = "run-id",
                               .job_name = "job",
                               .resource_name = "resource",
                               .pipeline_root = "/root",
                               .created_at = "2026-01-02T03:04:05Z",
                               .scheduled_at = "2026-01-02T03:04:06Z",
                               .parameters = p->parameters};
    return plan_new(p->spec, &p->run, &p->plan, err);
}

void played_done(struct played *p)
{
    plan_free(p->plan);
    spec_free(p->spec);
    js_free(p->parameters);
    memset(p, 0, sizeof *p);
}

static const struct js *answer_of(const struct js *answers, const struct plan_node *node)
{
    own_mem char *key = plan_key(node), *scope = plan_scope_path(node);
    const struct js *answer = js_get(answers, key);

    return answer ? answer : js_get(answers, scope);
}

static struct js *outputs_of(const struct js *answer)
{
    struct js *outputs;

    if (!js_n(answer))
        return NULL;
    if (js_get(answer, "parameters") || js_get(answer, "artifacts"))
        return js_ref(answer);
    outputs = js_object();
    js_set(outputs, "parameters", js_ref(answer));
    return outputs;
}

static void end_leaf(struct plan *plan, struct plan_node *node, const struct js *answers)
{
    const struct js *answer = answer_of(answers, node);
    const char *text = js_text(answer);

    if (text && !strncmp(text, "FAILED: ", 8))
        plan_finish(plan, node, PLAN_FAILED, NULL, text + 8, true);
    else if (text && !strncmp(text, "CANCELED: ", 10))
        plan_finish(plan, node, PLAN_CANCELED, NULL, text + 10, true);
    else if (text && !strcmp(text, "CACHED"))
        plan_finish(plan, node, PLAN_CACHED, NULL, NULL, false);
    else
        plan_finish(plan, node, PLAN_SUCCEEDED, outputs_of(answer), NULL, true);
}

static void say(struct buf *trace, const struct plan_node *node)
{
    own_mem char *key = plan_key(node);

    if (!plan_is_final(node)) {
        if (!plan_is_leaf(node))
            return;
        buf_addf(trace, "%s RUNNING ", key);
        js_write(js_get(node->inputs, "parameters"), JS_SORTED, trace);
        buf_addc(trace, ' ');
        if (js_get(node->inputs, "artifacts"))
            js_write(js_get(node->inputs, "artifacts"), JS_SORTED, trace);
        else
            buf_adds(trace, "{}");
    } else {
        buf_addf(trace, "%s %s", key, plan_state_name(node->state));
        if (node->reason)
            buf_addf(trace, ": %s", node->reason);
    }
    buf_addc(trace, '\n');
}

/* First in, first out, with as many slots as the play has. Stops early at the leaf `until`. */
static void go(const struct play *play, struct played *p, struct buf *trace, const char *until)
{
    own(js_free) struct js *answers = NULL;
    struct plan_node *running[64], *node;
    int n = 0, ended = 0, slots = play->slots ? play->slots : 1;
    bool more;

    if (play->answers && js_parse(play->answers, strlen(play->answers), &answers, NULL) < 0)
        buf_adds(trace, "error: the answers are not JSON\n");
    do {
        more = n < slots && plan_next(p->plan, &node) == 0;
        if (more) {
            own_mem char *key = plan_key(node);

            say(trace, node);
            if (!plan_is_leaf(node) || plan_is_final(node))
                continue;
            if (until && !strcmp(until, key)) {
                p->leaf = node;
                return;
            }
            running[n++] = node;
        } else if (n) {
            node = running[0];
            memmove(running, running + 1, (size_t)--n * sizeof *running);
            end_leaf(p->plan, node, answers);
            if (++ended == play->cancel_after)
                plan_cancel(p->plan, play->cancel_all);
            more = true;
        }
    } while (more);
    if (!plan_is_final(plan_root(p->plan)))
        buf_adds(trace, "error: stuck\n");
}

char *play_trace(const struct play *play)
{
    own_played struct played p;
    struct buf trace = {0};
    struct dh_err err;

    if (open_play(play, &p, &err) < 0)
        buf_addf(&trace, "error: %s\n", err.msg);
    else
        go(play, &p, &trace, NULL);
    return buf_take(&trace);
}

char *play_outputs(const struct play *play)
{
    own_played struct played p;
    own_buf struct buf trace = {0};
    own(js_free) struct js *outputs = NULL;
    struct dh_err err;

    if (open_play(play, &p, &err) < 0)
        return dh_printf("error: %s", err.msg);
    go(play, &p, &trace, NULL);
    outputs = plan_dag_outputs(p.plan, plan_root(p.plan));
    return js_dump(outputs, JS_SORTED);
}

void play_until(const struct play *play, const char *key, struct played *ret)
{
    own_buf struct buf trace = {0};
    struct dh_err err;

    if (open_play(play, ret, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.msg);
    else
        go(play, ret, &trace, key);
    if (!ret->leaf)
        (void)fprintf(stderr, "no leaf %s is running:\n%s", key, buf_str(&trace));
}
