/* jobs - the leaves that are being worked on: their list, their slots, their timers. */
#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/mem.h"
#include "engine/remote.h"
#include "engine/task-priv.h"

#define PARKED_PER_SLOT 4

struct job *jobs_new(struct run *run, struct plan_node *node)
{
    struct job *job = dh_zalloc(1, sizeof *job);

    job->run = run;
    job->node = node;
    job->id = ++run->next_job;
    job->next = run->job_list;
    run->job_list = job;
    return job;
}

void jobs_free(struct job *job)
{
    runtime_job_done(&job->spec);
    secret_masks_done(&job->masks);
    js_free(job->input);
    js_free(job->outputs);
    free(job->task_root);
    free(job->out);
    free(job->output_file);
    free(job->volumes);
    remote_job_done(job);
    free(job);
}

static void timer_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;

    job->run->n_handles--;
    jobs_free(job);
}

void jobs_take_slot(struct job *job)
{
    struct run *run = job->run;
    int i = 1;

    if (job->slot)
        return;
    while (i < run->n_slot_names && run->slots[i])
        i++;
    if (i >= run->n_slot_names) { /* more than jobs: exit handlers after a cancel, adopted ones */
        run->slots = dh_realloc(run->slots, (size_t)i + 1, sizeof *run->slots);
        run->n_slot_names = i + 1;
    }
    run->slots[i] = true;
    run->n_slots++;
    job->slot = i;
}

void jobs_give_slot(struct job *job)
{
    if (!job->slot)
        return;
    job->run->n_slots--;
    job->run->slots[job->slot] = false;
    job->slot = 0;
    work_leave(job);
}

void jobs_suspect(struct job *job)
{
    job->run->n_suspects += !job->suspect;
    job->suspect = true;
}

void jobs_clear(struct job *job)
{
    job->run->n_suspects -= job->suspect;
    job->suspect = false;
}

int jobs_limit(const struct run *run)
{
    return run->n_suspects ? 1 : run->jobs;
}

/* The job is over; its memory goes when its timer has closed. */
void jobs_end(struct job *job)
{
    struct run *run = job->run;
    struct job **at = &run->job_list;

    jobs_give_slot(job);
    jobs_clear(job);
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (strmap_get(run->by_fingerprint, job->fingerprint) == job)
        (void)strmap_remove(run->by_fingerprint, job->fingerprint);
    job->state = JOB_OVER;
    if (job->timer_open)
        uv_close((uv_handle_t *)&job->timer, timer_closed);
    else
        jobs_free(job);
}

struct job *jobs_find(const struct run *run, uint64_t id)
{
    struct job *job = run->job_list;

    while (job && job->id != id)
        job = job->next;
    return job;
}

void jobs_set_timer(struct job *job, uv_timer_cb then, int64_t us)
{
    if (!job->timer_open) {
        (void)uv_timer_init(&job->run->engine->loop, &job->timer);
        job->timer.data = job;
        job->timer_open = true;
        job->run->n_handles++;
    }
    (void)uv_timer_start(&job->timer, then, (uint64_t)((us + 999) / 1000), 0);
}

static void run_in_thread(uv_work_t *work)
{
    struct job *job = work->data;

    job->in_thread(job);
}

static void thread_done(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct run *run = job->run;
    (void)status;

    if (run->over)
        return; /* the run was left meanwhile; a resume does it again */
    if ((!store_in_transaction(run->engine->store) &&
         store_begin(run->engine->store, run->err) < 0) ||
        job->then(job, run->err) < 0)
        run_fail(run);
    else
        run_turn(run);
}

void jobs_in_thread(struct job *job, void (*work)(struct job *job),
                    int (*then)(struct job *job, struct dh_err *err))
{
    job->work.data = job;
    job->in_thread = work;
    job->then = then;
    (void)uv_queue_work(&job->run->engine->loop, &job->work, run_in_thread, thread_done);
}

bool jobs_may_start(const struct run *run)
{
    return run->n_slots + run->n_looking < jobs_limit(run) + (run->n_suspects ? 0 : run->ahead) &&
           run->n_parked < run->jobs * PARKED_PER_SLOT;
}
