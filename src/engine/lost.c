/* lost - the shepherd was killed, most often by one of its own steps (`kill -9 $PPID`): another one
 * takes its place, and the run goes on.
 *
 * What had ended is in the journal. The one that alone was running did it, and fails. Of several
 * nobody can say which: they begin anew, one at a time, so that the next time it is known. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/task-priv.h"
#include "runtime/cgroup.h"

#define JOURNAL_MS 1000
#define LOST_MAX 10 /* while nothing ran: then it is the machine */

static bool is_with_shepherd(const struct job *job)
{
    return job->state == JOB_RUNNING && !job->run->cluster;
}

/* Those that have begun; or, where none has said so yet, all that were handed over. */
static int count_suspects(const struct run *run, bool *ret_started)
{
    int n = 0, n_started = 0;

    for (const struct job *job = run->job_list; job; job = job->next) {
        n += is_with_shepherd(job);
        n_started += is_with_shepherd(job) && job->started;
    }
    *ret_started = n_started > 0;
    return n_started ? n_started : n;
}

static int failed(struct job *job, struct dh_err *err)
{
    runtime_finish(job->run->runtime, &job->spec);
    if (metrics_live_end(job, err) < 0)
        return -1;
    if (job->timer_open)
        (void)uv_timer_stop(&job->timer);
    return task_failed(job, PLAN_FAILED,
                       "it ended the process that starts the steps, and was killed with it", -1,
                       err);
}

static int settle(struct job *job, const struct journal *journal, bool suspect, bool alone,
                  struct dh_err *err)
{
    const struct journal_entry *entry = journal_find(journal, job->spec.label);

    if (entry && entry->exited && job->started)
        return attempt_exited(job, entry->status, err);
    if (job->spec.cgroup)
        cgroup_kill(job->spec.cgroup);
    if (job->kill_sent)
        return attempt_exited(job, SIGKILL, err);
    if (suspect && alone) {
        jobs_clear(job);
        return failed(job, err);
    }
    if (suspect)
        jobs_suspect(job);
    return attempt_again(job, err);
}

static int again_and_again(struct dh_err *err)
{
    return dh_fail(err, DH_IO, "the process that starts the steps is killed again and again");
}

static int settle_all(struct run *run, const char *path, struct dh_err *err)
{
    own(journal_free) struct journal *journal = NULL;
    bool started;
    int n = count_suspects(run, &started);

    if (journal_read(path, JOURNAL_MS, &journal, err) < 0)
        return -1;
    run->n_lost = n ? 0 : run->n_lost + 1;
    if (run->n_lost > LOST_MAX)
        return again_and_again(err);
    if (n > 1)
        run_note(run, "the process that starts the steps was killed, by one of them it seems: what "
                      "was running begins anew, one at a time");
    for (struct job *job = run->job_list, *next; job; job = next) {
        next = job->next;
        if (is_with_shepherd(job) &&
            settle(job, journal, job->started || !started, n == 1, err) < 0)
            return -1;
    }
    return 0;
}

int shepherd_brief(struct run *run, struct dh_err *err)
{
    own_mem char *path = dh_printf("%s/journal", run->folder);
    own_mem char *volumes = work_volumes(run);
    int rc = SHEPHERD_GONE;

    for (int i = 0; rc == SHEPHERD_GONE && i < LOST_MAX; i++) {
        if (i > 0 && shepherd_restart(run->shepherd, err) < 0)
            return -1;
        rc = shepherd_limit(run->shepherd, (unsigned)run->jobs, err);
        if (rc == 0)
            rc = shepherd_journal(run->shepherd, path, run->n_folders, volumes, err);
    }
    return rc == SHEPHERD_GONE ? again_and_again(err) : rc;
}

int lost_shepherd(struct run *run, struct dh_err *err)
{
    own_mem char *path = dh_printf("%s/journal", run->folder);
    struct store *store = run->engine->store;

    run->strays = true;
    (void)uv_poll_stop(&run->poll); /* the descriptor stays the same, what is behind it does not */
    if (shepherd_restart(run->shepherd, err) < 0 ||
        (!store_in_transaction(store) && store_begin(store, err) < 0) ||
        settle_all(run, path, err) < 0)
        return -1;
    return shepherd_brief(run, err);
}
