#pragma once
/* cluster - a run whose steps are pods: the other way a leaf is worked off.
 *
 * The plan, the record, cache, retries and states are those of any run. But where another run
 * starts a process, a leaf here waits for the pod that Argo makes for its task. The pod's launcher
 * asks (launch.h): it *claims* an attempt, is told the command, its inputs and where outputs go,
 * and says how it *finished*. What no pod can say (an image that is not there, no room, out of
 * memory) is read from what Kubernetes says of it. Bytes go between pods and the object store; none
 * come here.
 *
 * run->cluster NULL: the run is not of this kind, and nothing here is called. */
#include "engine/engine-priv.h"

/* At submission: whether the pipeline can be a Workflow, and its root is one that pods can reach.
 * DH_INVALID. */
int cluster_check(const struct engine_request *request, const struct js *parameters,
                  const char *root, struct dh_err *err);

/* Sets run->cluster, from the run's options and record. DH_INVALID, DH_NOT_FOUND: it cannot be. */
int cluster_new(struct run *run, struct dh_err *err);
/* The loop is about to run: the Workflow is made, pods are watched and answered. */
int cluster_start(struct run *run, struct dh_err *err);
/* The loop was left: threads are waited for. The Workflow goes on. */
void cluster_stop(struct run *run);
struct cluster *cluster_free(struct cluster *c);

/* Instead of an attempt: the job waits for its pod. */
int cluster_await(struct job *job, const char *detail, struct dh_err *err);
/* A component that makes or deletes a volume claim. */
int cluster_builtin(struct job *job, bool create, struct dh_err *err);
/* An attempt of a process before, whose pod may live. 1: the job is taken on from there. */
int cluster_adopt(struct job *job, const struct earlier *e, struct dh_err *err);
/* A task has failed for good. Its log's last lines may still be on their way: the run's end puts
 * them into the record. */
void cluster_failed(const struct job *job, const char *reason);
int cluster_put_tails(struct run *run, struct dh_err *err);
/* What threads have seen since; also each tick. May begin a transaction. */
int cluster_news(struct run *run, struct dh_err *err);
void cluster_committed(struct run *run); /* answers go out */
/* `hard`: exit handlers too. */
void cluster_cancel(struct run *run, bool hard);
/* All is on record; whether the logs have come to their end too. */
bool cluster_settled(struct run *run);
/* The run is over. Whether its Workflow is as well: until then pods that still come are answered.
 */
bool cluster_is_over(struct run *run);
