#pragma once
/* remote - artifacts that live in a bucket: a step sees local paths all the same.
 *
 * Inputs come before the step starts and outputs go after it has ended, in threads, while other
 * steps run. What is fetched or sent is kept in {home}/cache/artifacts by content; a run has
 * read-only links to what it uses in {run}/inputs, and its steps write below {run}/stage.
 *
 * The loop's thread calls all of this; *_work alone runs in a thread of libuv's, on what the job
 * holds for it. */
#include "engine/engine-priv.h"

/* The run's root as recorded: where it is far, run->remote_root is set, and steps write to a folder
 * of the run. */
int remote_root(struct run *run, const char *recorded, struct dh_err *err);

/* The input as the step sees it. The caller's. */
char *remote_input_path(const struct run *run, const struct js *artifact);
/* What a sandbox shows for it: of what is far the folder around it, which is there before it is. */
char *remote_input_mount(const struct run *run, const struct js *artifact);
/* 1: it is here. 0: what is far is at `to`. */
int remote_give(const struct run *run, const struct js *artifact, const char *to,
                struct dh_err *err);
/* job->input's inputs, with local paths where they are far. */
void remote_localize(struct run *run, struct job *job);
/* Whether inputs have to come first: then job->transfer is filled for remote_fetch_work. */
bool remote_must_fetch(struct run *run, struct job *job);
void remote_fetch_work(struct job *job); /* sets job->work_rc, work_err */

/* Outputs that were measured: filled into job->transfer, with where the bucket has the same bytes
 * already. false: the root is here, or nothing is to be sent (URIs are set then). */
int remote_must_send(struct run *run, struct job *job, bool *ret, struct dh_err *err);
void remote_send_work(struct job *job);
void remote_sent(struct run *run, struct job *job); /* outputs get their URIs */
/* The attempt's log goes to the bucket by itself; the run's end waits for it. */
void remote_send_log(struct run *run, struct job *job);

/* An importer's artifact: its digest, from the bucket. false: it is not asked for. */
bool remote_must_import(struct run *run, struct job *job);
void remote_import_work(struct job *job);
void remote_imported(struct run *run, struct job *job);

/* What a recorded URI has been found to be in this run. */
enum remote_state { REMOTE_UNKNOWN, REMOTE_WHOLE, REMOTE_LOST };
enum remote_state remote_known(const struct run *run, const char *uri, const char *digest);
void remote_ask_none(struct job *job);
/* To be asked, by remote_ask_work; then remote_asked keeps the answers. */
void remote_ask(struct job *job, const char *uri, const char *digest, int64_t size_bytes);
void remote_ask_work(struct job *job);
void remote_asked(struct run *run, struct job *job);
/* All outputs on record of a run that is taken up again, at once. What cannot be asked counts as
 * whole: the record says that it was sent. */
void remote_ask_earlier(struct run *run, const struct store_linkeds *outputs);

void remote_stop(struct run *run, bool all); /* all: exit handlers' too */
/* Until all threads of the loop are done; the run is over. */
void remote_wait(struct run *run);
void remote_sweep(struct run *run); /* the run has ended: its local copies go */
void remote_done(struct run *run);
void remote_job_done(struct job *job);
