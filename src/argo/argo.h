#pragma once
/* argo - a pipeline as an Argo Workflow: one pod for a container task, none for anything else.
 *
 * A dag is a DAG template, a condition a `when`, a loop a withSequence; what a pod does is not in
 * the Workflow: its launcher asks the server, which has the run's plan (docs/kubernetes.md). So of
 * what tasks give only the *control values* travel through Argo: outputs that a condition, a loop's
 * length or a field of a pod depends on. A pod leaves them as files below ARGO_OUT.
 *
 * It is pure and deterministic: the same spec and options give the same text. It never asks a
 * cluster, and decides nothing that the plan decides otherwise: where a decision cannot be said in
 * Argo's words, the pipeline is refused (DH_INVALID: FILE:LINE:COLUMN, the task and the field). */
#include <stddef.h>
#include "base/err.h"
#include "base/own.h"
#include "plan/plan.h"

struct js;

#define ARGO_OUT "/dhow/out"
#define ARGO_SCOPE_ANNOTATION "dhow/scope"         /* on pods: "root.a.b" */
#define ARGO_ITERATION_ANNOTATION "dhow/iteration" /* "0.3": indices from outside in, or "" */
#define ARGO_RUN_LABEL "dhow-run"                  /* on Workflow and pods: the run's id */

/* What is asked of the server while the Workflow goes on, by nodes without a pod: Argo puts them
 * into the Workflow's WorkflowTaskSet, and who answers writes them to its status. It wants a
 * controller of Argo 4.1 with `disableAgentPodCreation`. */
enum argo_agent {
    ARGO_AGENT_OFF,
    ARGO_AGENT_CONDITIONS, /* conditions that Argo's expressions cannot say */
    ARGO_AGENT_LARGE, /* and, before the pod of a task with an accelerator, much CPU or memory, or
                       * one that waits for a person, whether its result is there already */
    ARGO_AGENT_ALL,   /* the same of each task that may be cached */
};
/* "off", "conditions", "large", "all"; NULL: off. DH_INVALID. */
int argo_agent_named(const char *name, enum argo_agent *ret, struct dh_err *err);

struct argo_options {
    const struct plan_run *run; /* its id, names, times, bound parameters; pipeline_root, workspace
                                 * may be NULL */
    const char *name;           /* the Workflow's; NULL: argo_name */
    const char *namespace;      /* NULL: the Workflow names none */
    const char *server;         /* NULL: http://dhow.NAMESPACE.svc:8080, or http://dhow:8080 */
    const char *launcher_image; /* NULL: "dhow-launch" */
    bool image_volume;          /* mount the launcher's image instead of copying from it */
    const char *runner_account; /* the pods' service account; NULL: "dhow-runner" */
    const char *executor_account;  /* that of Argo's own containers; NULL: "dhow-executor" */
    const char *token_secret;      /* NULL: argo_secret_name */
    const char *image_pull_secret; /* for the launcher's image; NULL: none */
    int32_t parallelism;           /* pods at a time; 0: no limit */
    int32_t error_retries;         /* how often a pod that was lost is made anew; -1: never, 0: 2 */
    enum argo_agent agent;
};

struct argo_workflow;

/* On 0 *ret is the caller's: argo_free. It borrows nothing. DH_INVALID. */
int argo_compile(const struct spec *spec, const struct argo_options *options,
                 struct argo_workflow **ret, struct dh_err *err);
struct argo_workflow *argo_free(struct argo_workflow *workflow);
OWN_DEFINE(struct argo_workflow *, argo_free)

/* The Workflow object. Borrowed. */
const struct js *argo_manifest(const struct argo_workflow *workflow);

/* The control values of a leaf: [{"file": "/dhow/out/NAME", "value": TEXT}], from its outputs
 * ({"parameters", "artifacts"} as in plan_node; NULL: none). What has no value is left out: Argo
 * then takes "". The caller's (js_free); an empty array where there is nothing to tell. */
struct js *argo_control(const struct argo_workflow *workflow, const char *scope,
                        const struct js *outputs);
/* The files alone: ["/dhow/out/NAME", …]. The caller's. */
struct js *argo_control_files(const struct argo_workflow *workflow, const char *scope);

/* Whether it asks. A question is a task of the WorkflowTaskSet that has our plugin's
 * {"ask": KIND} and the inputs "scope" and "iteration" (as the annotations of pods); an answer is
 * the output ARGO_GO ("true": what follows is to be done), and for a result that is there its
 * control values by the names of their files. */
bool argo_asks(const struct argo_workflow *workflow);
#define ARGO_PLUGIN "dhow"
#define ARGO_ASK_CONDITION "condition" /* whether the task is to run */
#define ARGO_ASK_RESULT "result"       /* whether its pod is needed */
#define ARGO_GO "dhow-go"

/* Pods of one pass: each container task once, as if each loop had one iteration and each condition
 * held. */
size_t argo_n_pods(const struct argo_workflow *workflow);

/* ---- names ---- the caller's (free)
 * ID is eight characters of the run's id: of a UUID the last group's first, for what it begins with
 * is the time; of another text its first. */

/* "{pipeline's name, cut to fit}-ID". */
char *argo_name(const char *pipeline, const char *run_id);
char *argo_secret_name(const char *run_id); /* "dhow-run-ID" */
/* The claim that a create-pvc task with a suffix makes: the same in the Workflow, where the pods
 * that mount it name it before it is there. `iteration` as in the annotation. */
char *argo_claim_name(const char *run_id, const char *scope, const char *iteration,
                      const char *suffix);
