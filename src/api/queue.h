#pragma once
/* queue - the runs that this server answers for: at most so many are executed at a time, the others
 * wait as PENDING.
 *
 * A run is executed by a child (worker.h). The queue is in the record (run.queue), so a server that
 * was killed finds all of it again: what waits is started, what still runs is watched, what its
 * engine has left is resumed. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

struct api;
struct queue;
struct store_run;

int queue_open(struct api *api, int jobs, struct queue **ret, struct dh_err *err);
struct queue *queue_close(struct queue *queue); /* children go on */
OWN_DEFINE(struct queue *, queue_close)

/* A file descriptor that is readable when queue_run has something to do. */
int queue_poll_fd(const struct queue *queue);
/* Also each second: looks at the record, starts, adopts, cleans up. */
void queue_run(struct queue *queue);
void queue_submitted(struct queue *queue, const char *run_id);
/* Asks a run to stop; one that nobody runs is CANCELED at once. */
int queue_cancel(struct queue *queue, const struct store_run *run, struct dh_err *err);
/* Puts a run that has ended back. `from`: JSON array of tasks, or NULL. */
int queue_retry(struct queue *queue, const struct store_run *run, const char *from,
                struct dh_err *err);
/* Deletes a run; one that runs is stopped first, and is out of sight meanwhile. */
int queue_delete(struct queue *queue, const struct store_run *run, struct dh_err *err);

struct queue_state {
    size_t running, waiting, jobs;
};
struct queue_state queue_state(const struct queue *queue);
/* Milliseconds after which queue_run is wanted, though nothing has happened; -1: none. */
int queue_timeout_ms(const struct queue *queue);
