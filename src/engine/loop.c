/* loop - what wakes a run: the shepherd, a clock, a signal, a thread; and what each asks of it. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/approval.h"
#include "engine/cluster.h"
#include "engine/engine-priv.h"
#include "spec/kubernetes.h"

#define RENEW_US (STORE_LEASE_US / 6)
#define AWAKE_US 1000
#define SOON_MS 5
#define TICK_MS 200 /* how often we look whether another process asks to cancel */
#define TICKS_A_LOOK 10

/* Several ends in one transaction, while there is enough to do without us. */
static void on_soon(uv_timer_t *timer)
{
    run_turn(timer->data);
}

/* Tiny steps one after the other, with a processor to spare: twice their usual time. */
static void stay_awake(const struct run *run)
{
    const struct job *job = run->job_list;

    if (run->cpus > 1 && job && !job->next && job->state == JOB_RUNNING && run->n_tiny)
        shepherd_watch(run->shepherd, 2 * run->step_us < AWAKE_US ? 2 * run->step_us : AWAKE_US);
}

static void on_shepherd(uv_poll_t *poll, int status, int events)
{
    struct run *run = poll->data;
    struct shepherd_event event;
    bool news = false;
    int rc = 0;
    (void)events;

    /* libuv has stopped it: the shepherd was killed before it had read all, and what it had still
     * said is to be read first. */
    if (status < 0)
        (void)uv_poll_start(poll, UV_READABLE, on_shepherd);
    while (!run->over && (rc = shepherd_next(run->shepherd, &event, run->err)) == 0) {
        attempt_event(run, &event);
        news |= event.kind != SHEPHERD_STARTED;
    }
    if (rc == SHEPHERD_GONE) {
        news = true;
        rc = lost_shepherd(run, run->err);
        (void)uv_poll_start(poll, UV_READABLE, on_shepherd);
    }
    if (rc < 0)
        run_fail(run);
    else if (news && attempts_suffice(run) && !run->over)
        (void)uv_timer_start(&run->soon, on_soon, SOON_MS, 0);
    else if (news) { /* that a step has started decides nothing */
        (void)uv_timer_stop(&run->soon);
        run_turn(run);
    }
    if (!run->over)
        stay_awake(run);
}

void run_cancel(struct run *run, const char *reason)
{
    run->cancels++;
    run->cancel_reason = reason;
    plan_cancel(run->plan, run->cancels > 1);
    attempt_kill_all(run, run->cancels > 1);
    run_turn(run);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct run *run = handle->data;
    (void)number;

    if (run->closed) /* it waits for Argo alone */
        run_stop(run);
    else
        run_cancel(run, "interrupted");
}

/* For servers on other machines, which cannot see this process. */
static int renew(struct run *run)
{
    int64_t now_us = clock_now_us();
    int rc;

    if (!run->served || now_us - run->renewed_us < RENEW_US)
        return 0;
    run->renewed_us = now_us;
    rc = store_run_renew(run->engine->store, run->id, run->generation, now_us, run->err);
    if (rc == STORE_RUN_TAKEN)
        rc = dh_fail(run->err, DH_INVALID, "run %s was taken up by another process", run->uuid);
    return rc;
}

/* false: there is nothing more to do. One that is on record as ended waits for Argo alone, and not
 * after its home was removed. */
static bool on_cluster_tick(struct run *run)
{
    if (run->closed && (cluster_is_over(run) || !fs_is_dir(run->folder))) {
        run_stop(run);
    } else if (cluster_news(run, run->err) < 0) {
        run_fail(run);
    } else if (run->ended) {
        run_turn(run);
    }
    return !run->over && !run->closed;
}

/* Whoever removes a home does not mean its runs to go on, and nobody could ever end one that waits
 * for a person. */
static int look_for_home(struct run *run)
{
    if (run->ticks++ % TICKS_A_LOOK || fs_is_dir(run->folder))
        return 0;
    return dh_fail(run->err, DH_IO, "%s is gone", run->folder);
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;
    bool asked = false;

    if (run->cluster && !on_cluster_tick(run))
        return;
    attempt_take_back(run);
    if (look_for_home(run) < 0 || renew(run) < 0 || metrics_live_tick(run, run->err) < 0) {
        run_fail(run);
        return;
    }
    if (store_in_transaction(run->engine->store))
        run_turn(run); /* commits */
    if (run->over || run->cancels || !store_changed(run->engine->store))
        return;
    if (store_run_cancel_requested(run->engine->store, run->id, &asked, run->err) < 0 ||
        (!asked && approval_tick(run, run->err) < 0))
        run_fail(run);
    else if (asked)
        run_cancel(run, "canceled");
    else if (store_in_transaction(run->engine->store))
        run_turn(run);
}

static void on_deadline(uv_timer_t *timer)
{
    struct run *run = timer->data;
    own(js_free) struct js *error = js_object();

    js_set(error, "task", js_str(""));
    js_set(error, "message", js_str("the run's deadline is over"));
    js_set(error, "log_tail", js_str(""));
    run_error(run, js_dump(error, JS_COMPACT));
    run->late = true;
    run_cancel(run, "the run's deadline is over");
}

static void on_wake(uv_async_t *async)
{
    struct run *run = async->data;

    if (run->cluster && !run->over && cluster_news(run, run->err) < 0)
        run_fail(run);
    else
        run_turn(run);
}

void run_wake(void *user)
{
    struct run *run = user;

    (void)uv_async_send(&run->wake);
}

static void closed(uv_handle_t *handle)
{
    ((struct run *)handle->data)->n_handles--;
}

static void add_handle(struct run *run, uv_handle_t *handle)
{
    handle->data = run;
    run->n_handles++;
}

static int64_t deadline_of(const struct run *run)
{
    const struct pipeline_config *config = spec_pipeline_config(run->spec);
    int64_t us = js_get_int(run->options, "deadline_us", 0);

    if (us > 0)
        return us;
    return config ? (int64_t)config->active_deadline_seconds * 1000000 : 0;
}

void run_open_handles(struct run *run)
{
    uv_loop_t *loop = &run->engine->loop;
    int64_t deadline = deadline_of(run);

    (void)uv_poll_init(loop, &run->poll, shepherd_fd(run->shepherd));
    add_handle(run, (uv_handle_t *)&run->poll);
    (void)uv_poll_start(&run->poll, UV_READABLE, on_shepherd);
    (void)uv_timer_init(loop, &run->tick);
    add_handle(run, (uv_handle_t *)&run->tick);
    (void)uv_timer_start(&run->tick, on_tick, TICK_MS, TICK_MS);
    (void)uv_async_init(loop, &run->wake, on_wake);
    add_handle(run, (uv_handle_t *)&run->wake);
    (void)uv_timer_init(loop, &run->soon);
    add_handle(run, (uv_handle_t *)&run->soon);
    (void)uv_timer_init(loop, &run->deadline);
    add_handle(run, (uv_handle_t *)&run->deadline);
    if (deadline)
        (void)uv_timer_start(&run->deadline, on_deadline, (uint64_t)(deadline + 999) / 1000, 0);
    if (!run->engine->runs)
        return;
    (void)uv_signal_init(loop, &run->sigint);
    add_handle(run, (uv_handle_t *)&run->sigint);
    (void)uv_signal_start(&run->sigint, on_signal, SIGINT);
    (void)uv_signal_init(loop, &run->sigterm);
    add_handle(run, (uv_handle_t *)&run->sigterm);
    (void)uv_signal_start(&run->sigterm, on_signal, SIGTERM);
}

void run_close_handles(struct run *run)
{
    uv_handle_t *all[] = {(uv_handle_t *)&run->poll,   (uv_handle_t *)&run->tick,
                          (uv_handle_t *)&run->wake,   (uv_handle_t *)&run->deadline,
                          (uv_handle_t *)&run->soon,   (uv_handle_t *)&run->sigint,
                          (uv_handle_t *)&run->sigterm};

    for (struct job *job = run->job_list; job; job = job->next)
        if (job->timer_open) {
            job->timer.data = run;
            uv_close((uv_handle_t *)&job->timer, closed);
            job->timer_open = false;
        }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->data == run)
            uv_close(all[i], closed);
    while (run->n_handles > 0)
        (void)uv_run(&run->engine->loop, UV_RUN_ONCE);
}
