#pragma once
/* One attempt of a step, as the engine makes it: for the tests of the runtimes. */
#include <stdbool.h>

#include "runtime/runtime.h"
#include "runtime/shepherd.h"

struct attempt {
    char dir[64]; /* made by attempt_setup; home, task and shared folders are below it */
    char *home, *task, *self;
    struct runtime *rt;
    struct shepherd *shepherd;
    struct runtime_job job;
    /* after attempt_end */
    int code;   /* exit code, or 128 + signal */
    char *log;  /* what it wrote */
    char *note; /* what the runtime had to say */
    char *reason;
};

/* The program that stands for dhow: a script that says its arguments. */
bool attempt_setup(struct attempt *a);
/* Opens the runtime; false: it does not work here, `why` is filled. */
bool attempt_open(struct attempt *a, const char *runtime, char why[1020]);
void attempt_drop(struct attempt *a);

/* A new job that runs `sh -c script` (NULL: no command). The task's folder is its only mount. */
void attempt_job(struct attempt *a, const char *script);
void attempt_env(struct attempt *a, const char *entry); /* NAME=VALUE */
void attempt_mount(struct attempt *a, const char *path, bool writable);
/* Prepares, waiting for what is made in threads; fails the test where it cannot. */
void attempt_prepare(struct attempt *a);
void attempt_start(struct attempt *a); /* and prepare before */
void attempt_signal(struct attempt *a, int number);
void attempt_end(struct attempt *a); /* waits for the exit, finishes the job */
void attempt_run(struct attempt *a); /* all of it */
/* The message of a prepare that is refused; in memory of the attempt. */
const char *attempt_refused(struct attempt *a);
void attempt_print(const struct attempt *a);           /* log and reason as TAP comments */
void attempt_wake(void *user);                         /* for runtime_setup */
struct shepherd_event attempt_wait(struct attempt *a); /* the next one */
