#pragma once
/* play - for the tests of plan/: a pipeline played through by a stand-in for the engine, and what
 * the plan said on the way, as lines.
 *
 * Answers are a JSON object: a leaf's key or scope path → an object of output parameters, or
 * {"parameters", "artifacts"}, or the text "FAILED: why", "CANCELED: why" or "CACHED". A leaf
 * without an answer succeeds with nothing. */
#include "plan/plan.h"

struct js;

struct play {
    const char *yaml;       /* only root; the components come from test-play.c */
    const char *executor;   /* inside of the container of executor `mine`, or NULL */
    const char *parameters; /* JSON of the root's inputs, or NULL */
    const char *answers;    /* JSON, or NULL */
    int slots;              /* leaves at a time; 0: 1 */
    int cancel_after;       /* plan_cancel after so many leaves have ended; 0: never */
    bool cancel_all;        /* and at once for all */
};

/* "key STATE: reason" for each final state, "key RUNNING {parameters} {artifacts}" for each leaf
 * that starts; "error: …" where the pipeline is refused. The caller's. */
char *play_trace(const struct play *play);

/* As it ended: the root's outputs as sorted JSON, or "null". The caller's. */
char *play_outputs(const struct play *play);

/* A spec and a plan to look into; the leaf `key` is RUNNING on return. */
struct played {
    struct spec *spec;
    struct js *parameters;
    struct plan_run run;
    struct plan *plan;
    struct plan_node *leaf;
};
void play_until(const struct play *play, const char *key, struct played *ret);
void played_done(struct played *p);
#define own_played __attribute__((cleanup(played_done)))
