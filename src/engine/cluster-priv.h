#pragma once
/* What the files of the cluster's side share. */
#include <pthread.h>
#include "argo/argo.h"
#include "engine/cluster.h"
#include "engine/task-priv.h"
#include "kube/kube.h"
#include "kube/pod.h"
#include "store/pods.h"

struct known { /* an attempt that a pod has claimed: a row of the record */
    int64_t task;
    char uuid[ID_TEXT]; /* the task's */
    int number;
    char *name, *uid;
    char secret[DIGEST_TEXT]; /* the digest of it */
    char *answer;             /* NULL: it has not said how it ended */
};

struct pod { /* as Kubernetes last told of it */
    char *name, *uid, *scope, *iteration;
    struct kube_pod view; /* its texts are not to be used */
    char pull[512];       /* why its image does not come; "": it did */
    bool gone;            /* it is not there any more */
    bool handled;         /* its end was taken as its attempt's */
    bool hurried;         /* it was told to end: its image does not come */
    int64_t since_us;     /* when it was first seen so (state, pull, gone) */
    struct follower *log; /* NULL: not begun */
    bool logged;          /* a process before has it all */
};

enum news_kind {
    NEWS_LIST,
    NEWS_POD,
    NEWS_GONE,
    NEWS_LISTED,
    NEWS_WORKFLOW,
    NEWS_ASKS,
    NEWS_BROKEN,
    NEWS_NOTE,    /* Kubernetes answers (again) */
    NEWS_TROUBLE, /* it does not */
};
struct news { /* of a thread */
    struct news *next;
    enum news_kind kind;
    struct kube_pod pod; /* texts below */
    char *name, *uid, *scope, *iteration;
    char *text;      /* NOTE, BROKEN; WORKFLOW: its message */
    bool over;       /* WORKFLOW */
    struct js *asks; /* ASKS: what is open, as in cluster.asks */
};

struct reply {
    struct reply *next;
    uint64_t conn;
    char *text;
};

struct failed { /* a task whose error wants its log's last lines */
    struct failed *next;
    int64_t task;
    const struct plan_node *node;
    char *reason, *log;
};

struct held {
    struct held *next;
    uint64_t conn;
    struct js *body;
    int64_t since_us;
};

struct cluster {
    struct run *run;
    struct kube *kube;
    struct argo_workflow *workflow;
    char *name, *secret_name;
    struct strmap *known;    /* "task uuid.number" → struct known */
    struct strmap *claimers; /* pod uid → struct known */
    struct strmap *pods;     /* pod uid → struct pod */
    /* threads */
    atomic_bool stop;
    pthread_t maker, watcher, listener;
    bool maker_runs, watcher_runs, listener_runs;
    pthread_mutex_t lock;
    struct news *first, **last; /* under the lock */
    struct follower *followers;
    int n_following;
    /* pods' requests */
    struct gate *gate;
    struct reply *replies;
    struct failed *failed;
    struct held *held; /* claims that are answered as soon as they can be */
    int n_held;
    struct js *asks;     /* Argo's open questions: node id → {"ask", "scope", "iteration"} */
    struct strmap *told; /* node id → when it was answered, if it asks on */
    int64_t told_us;
    /* the loop's */
    bool terminated;    /* Argo was told to end it */
    bool workflow_over; /* Argo is through with it, or it is gone */
    char *workflow_message;
    char *broken; /* why it cannot go on; NULL: it can */
    int64_t over_us, settle_us, looked_us, pull_us;
};

/* ---- cluster-kube.c: what asks Kubernetes ---- */
#define CLUSTER_ARGO "argoproj.io/v1alpha1"
int cluster_threads_start(struct cluster *c, struct dh_err *err);
void cluster_threads_stop(struct cluster *c);
void cluster_post(struct cluster *c, struct news *news); /* from any thread; takes it */
void cluster_news_free(struct news *news);
/* In the background, once; what fails is noted. Takes `body`. */
void cluster_patch(struct cluster *c, char *path, struct js *body);

/* ---- cluster-asks.c: what Argo asks ---- */
/* What can be answered now is. For when all is committed. */
void cluster_answer(struct cluster *c);

/* ---- cluster-log.c ---- */
/* Follows a container's log into the file, from where a process before has left it. */
void cluster_follow(struct cluster *c, struct pod *pod, const char *path);
void cluster_follow_ended(struct follower *f); /* there will be no more than there is now */
bool cluster_follow_over(struct cluster *c);   /* all logs are here */
void cluster_followers_stop(struct cluster *c);

/* ---- cluster-gate.c: the socket ---- */
int gate_open(struct cluster *c, struct dh_err *err);
void gate_close(struct cluster *c);
/* Answers a connection once the turn is committed. Takes `body`. `after` 0: nothing. */
void gate_reply(struct cluster *c, uint64_t conn, int status, int after, struct js *body);
void gate_refuse(struct cluster *c, uint64_t conn, int status, int after, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void gate_flush(struct cluster *c);

/* ---- cluster-call.c: what a pod asks ---- */
/* `request` as in launch.h; it is taken. <0: the run ends. */
int cluster_call(struct cluster *c, uint64_t conn, struct js *request, struct dh_err *err);
/* Claims that had to wait, once more. */
void cluster_claim_held(struct cluster *c);
void cluster_held_free(struct cluster *c);

/* ---- cluster-errand.c: what needs the object store, in a thread ---- */
enum errand_kind { ERRAND_CLAIM, ERRAND_SIGN, ERRAND_COMPLETE };
/* Takes `in`. CLAIM: the answer, with inputs {"path", "uri", "digest"} that become what the
 * launcher wants; `job`, `attempt`: whose claim it is. SIGN, COMPLETE: {"uri", …} with the request.
 */
void errand_start(struct cluster *c, uint64_t conn, enum errand_kind kind, uint64_t job,
                  int attempt, struct js *in);

/* ---- cluster-job.c: a job as a pod sees it ---- */
int cluster_job_build(struct job *job, struct dh_err *err);
/* The answer to its claim, with inputs as an errand wants them. The caller's. */
struct js *cluster_job_claim(struct job *job, const char *attempt);
/* Reads what the launcher says of outputs into job->outputs. DH_FAILED. */
int cluster_job_outputs(struct job *job, const struct js *finish, struct dh_err *err);

/* ---- cluster.c ---- */
char *cluster_text(const char *text); /* a copy; NULL stays NULL. The caller's */
struct known *cluster_claim_of(struct cluster *c, const struct pod *p); /* NULL: it has none */
/* Its log, from when it has claimed and begun. */
void cluster_follow_pod(struct cluster *c, struct pod *p);
int cluster_turn(struct cluster *c, struct dh_err *err); /* in a transaction from now on */
/* The pod was lost, and Argo makes it anew, whatever the task's own retries are. */
int cluster_made_anew(struct job *job, const char *reason, struct dh_err *err);
struct job *cluster_job_of(struct cluster *c, const struct plan_node *node); /* NULL: none */
struct js *cluster_indices(const char *text); /* "0.3" → [0, 3]; NULL is as "" */
/* NULL: there is none (yet). Where a loop or dag has ended without it: that one. */
struct plan_node *cluster_node(struct cluster *c, const char *scope, const struct js *iteration);
struct known *cluster_known(struct cluster *c, const char *uuid, int number);
int cluster_keep(struct cluster *c, struct known *k,
                 struct dh_err *err); /* a new one, or changed */
/* The next attempt of a job that waits is begun by that pod. */
int cluster_begin(struct job *job, const char *pod, const char *uid, const char *secret,
                  struct dh_err *err);
/* Another pod claims what a job's own pod still has. */
int cluster_replaced(struct job *job, struct dh_err *err);
/* The attempt is over, without an answer of its own. */
int cluster_lost(struct job *job, enum plan_state state, const char *reason, int exit_code,
                 struct dh_err *err);
