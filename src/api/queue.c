#include "api/queue.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "api/worker.h"
#include "base/clock.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/cluster-check.h"
#include "store/catalog.h"

enum { MAX_TAKEN_UP = 5, HURRY_MS = 20, STDERR_TAIL = 800, PAUSE_S = 1, PAUSE_MAX_S = 60 };

struct queue {
    struct api *api;
    size_t jobs;
    int epoll;
    struct worker *workers;
    struct ready ready;
    size_t n, cap, n_waiting, n_started; /* of the last look */
    struct tries {
        int64_t run, not_before_us;
        int n;
    } * tries; /* how often a run was taken up here */
    size_t n_tries, cap_tries;
    char self[4096];
    struct worker_place place;
};

/* ---- workers ---- */

static struct worker *worker_of(struct queue *q, int64_t run)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->workers[i].run == run)
            return &q->workers[i];
    return NULL;
}

static void watch(struct queue *q, struct worker w)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = w.fd}};

    (void)epoll_ctl(q->epoll, EPOLL_CTL_ADD, w.fd, &event);
    DH_GROW(q->workers, q->n, q->cap);
    q->workers[q->n++] = w;
}

static void start(struct queue *q, int64_t run, const char *uuid, bool retry, const struct js *from)
{
    struct worker w;

    q->n_started++;
    if ((retry || ready_take(&q->ready, uuid, &w) < 0) &&
        worker_start(&q->place, uuid, retry, from, &w) < 0)
        return;
    w.run = run;
    watch(q, w);
}

static void drop(struct queue *q, size_t i)
{
    /* Before it is closed: a child that is being started may have it too, and the next worker may
     * get its number. */
    (void)epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->workers[i].fd, NULL);
    worker_done(&q->workers[i]);
    q->workers[i] = q->workers[--q->n];
}

/* ---- ends ---- */

/* With what a cluster has of it. */
static int delete_run(struct queue *q, int64_t id, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_run run;

    if (store_run_get(q->api->store, id, a, &run, err) < 0 ||
        store_run_delete(q->api->store, id, err) < 0)
        return -1;
    cluster_forget(run.options, run.uuid);
    return 0;
}

static int close_tasks(struct store *s, int64_t run, enum store_state state, const char *reason,
                       struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_tasks tasks;

    if (store_task_list(s, run, a, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++) {
        const struct store_task_finish finish = {
            .state = state, .state_reason = reason, .exit_code = -1, .now_us = clock_now_us()};

        if (!store_state_ended(tasks.items[i].state) &&
            store_task_finish(s, tasks.items[i].id, &finish, err) < 0)
            return -1;
    }
    return 0;
}

/* Of a run that nobody runs. */
static int end_run(struct store *s, int64_t run, enum store_state state, const char *message,
                   struct dh_err *err)
{
    own(js_free) struct js *error = NULL;
    own_mem char *text = NULL;

    if (state == STORE_FAILED) {
        error = js_object();
        js_set(error, "task", js_null());
        js_set(error, "message", js_str(message));
        js_set(error, "log_tail", js_null());
        text = js_dump(error, JS_COMPACT);
    }
    if (store_begin(s, err) < 0)
        return -1;
    if (close_tasks(s, run, state, message, err) < 0 ||
        store_run_finish(s, run, state, NULL, text, clock_now_us(), err) < 0) {
        store_rollback(s);
        return -1;
    }
    return store_commit(s, err);
}

static struct tries *tries_of(struct queue *q, int64_t run)
{
    for (size_t i = 0; i < q->n_tries; i++)
        if (q->tries[i].run == run)
            return &q->tries[i];
    return NULL;
}

/* A run whose engine dies or gives up again and again is not taken up for ever; after an error
 * (the disk may be full) there is a pause, which grows. */
static void count_try(struct queue *q, int64_t run, bool pause, const char *why)
{
    struct tries *t = tries_of(q, run);
    struct dh_err err;
    int64_t pause_s;

    if (!t) {
        DH_GROW(q->tries, q->n_tries, q->cap_tries);
        t = &q->tries[q->n_tries++];
        *t = (struct tries){.run = run};
    }
    pause_s = PAUSE_S << 2 * t->n; /* n is below MAX_TAKEN_UP */
    if (pause_s > PAUSE_MAX_S)
        pause_s = PAUSE_MAX_S;
    t->not_before_us = pause ? clock_mono_us() + pause_s * 1000000 : 0;
    if (++t->n < MAX_TAKEN_UP)
        return;
    (void)end_run(q->api->store, run, STORE_FAILED, why, &err);
    *t = q->tries[--q->n_tries];
}

static bool is_paused(struct queue *q, int64_t run)
{
    const struct tries *t = tries_of(q, run);

    return t && clock_mono_us() < t->not_before_us;
}

/* A worker has gone: where it has left its run as it was, that is the run's end. */
static void reap(struct queue *q, const struct worker *w)
{
    own(arena_free) struct arena *a = arena_new();
    char words[STDERR_TAIL];
    struct store_run run;
    struct dh_err err;
    int status = 0;

    if (!w->child || waitpid(w->pid, &status, WNOHANG) != w->pid ||
        store_run_get(q->api->store, w->run, a, &run, &err) < 0)
        return;
    if (WIFSIGNALED(status) && !store_state_ended(run.state))
        count_try(q, w->run, false, "the process that ran it died again and again");
    if (!WIFEXITED(status) || WEXITSTATUS(status) < 2 || WEXITSTATUS(status) == 130)
        return;
    worker_last_words(w, words, sizeof words);
    if (run.state == STORE_PENDING)
        (void)end_run(q->api->store, run.id, STORE_FAILED,
                      *words ? words : "the run could not be started", &err);
    else if (run.queue && !strcmp(run.queue, "retry"))
        (void)store_run_set_queue(q->api->store, run.id, NULL, &err); /* nothing to retry */
    else if (run.state == STORE_RUNNING && store_run_abandoned(&run, clock_now_us()))
        count_try(q, run.id, true, *words ? words : "the process that ran it could not go on");
}

static void reap_gone(struct queue *q)
{
    struct epoll_event events[64];
    int n = epoll_wait(q->epoll, events, 64, 0);

    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < q->n; k++)
            if (q->workers[k].fd == events[i].data.fd)
                q->workers[k].gone = true;
    for (size_t k = q->n; k-- > 0;)
        if (q->workers[k].gone) {
            reap(q, &q->workers[k]);
            drop(q, k);
        }
}

/* ---- looking at the record ---- */

static void adopt(struct queue *q, const struct catalog_queued *row)
{
    int fd = worker_pidfd((pid_t)row->owner.pid);

    if (fd >= 0)
        watch(q, (struct worker){
                     .run = row->id, .pid = (pid_t)row->owner.pid, .fd = fd, .errors = -1});
}

static void start_retry(struct queue *q, const struct catalog_queued *row)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *request = NULL;
    struct store_run run;
    struct dh_err err;

    if (store_run_get(q->api->store, row->id, a, &run, &err) == 0 && run.request)
        (void)js_parse(run.request, strlen(run.request), &request, &err);
    start(q, row->id, row->uuid, true, js_get(request, "retry_from"));
}

/* A run that a worker is at. */
static void look_at_active(struct queue *q, struct worker *w, const struct catalog_queued *row)
{
    struct dh_err err;

    if (w->cancel && row->state == STORE_RUNNING) {
        w->cancel = false;
        (void)store_run_request_cancel(q->api->store, row->id, clock_now_us(), &err);
    }
}

static void look_at_running(struct queue *q, const struct catalog_queued *row)
{
    const struct store_run run = {.owner = row->owner, .lease_us = row->lease_us};
    struct dh_err err;

    if (store_owner_state(&row->owner) == STORE_OWNER_ALIVE)
        adopt(q, row);
    else if (!store_run_abandoned(&run, clock_now_us()))
        return; /* another server's */
    else if (!strcmp(row->queue, "delete"))
        (void)end_run(q->api->store, row->id, STORE_CANCELED, "the run was deleted", &err);
    else if (!is_paused(q, row->id))
        start(q, row->id, row->uuid, false, NULL);
}

static void look_at(struct queue *q, const struct catalog_queued *row)
{
    bool deleted = !strcmp(row->queue, "delete"), retry = !strcmp(row->queue, "retry");
    struct worker *w = worker_of(q, row->id);
    struct dh_err err;

    if (w) {
        look_at_active(q, w, row);
    } else if (row->state == STORE_RUNNING) {
        look_at_running(q, row);
    } else if (deleted) {
        (void)delete_run(q, row->id, &err);
    } else if (row->state == STORE_PENDING || retry) {
        if (q->n >= q->jobs)
            q->n_waiting++;
        else if (retry)
            start_retry(q, row);
        else
            start(q, row->id, row->uuid, false, NULL);
    } else {
        (void)store_run_set_queue(q->api->store, row->id, NULL, &err); /* over */
    }
}

void queue_run(struct queue *q)
{
    own(arena_free) struct arena *a = arena_new();
    struct catalog_queue rows;
    struct dh_err err;

    reap_gone(q);
    q->n_started = 0;
    if (catalog_queue(q->api->store, a, &rows, &err) < 0)
        return;
    q->n_waiting = 0;
    for (size_t i = 0; i < rows.n; i++)
        look_at(q, &rows.items[i]);
    if (q->n_started == 0 && q->n < q->jobs) /* not while one is starting */
        ready_make(&q->place, &q->ready);
}

/* ---- wishes ---- */

void queue_submitted(struct queue *q, const char *run_id)
{
    (void)run_id;
    queue_run(q);
}

int queue_cancel(struct queue *q, const struct store_run *run, struct dh_err *err)
{
    struct worker *w = worker_of(q, run->id);
    enum store_owner_state owner = store_owner_state(&run->owner);

    if (w)
        w->cancel = true; /* also where it has not claimed the run yet */
    if (w || owner == STORE_OWNER_ALIVE || owner == STORE_OWNER_ELSEWHERE)
        return store_run_request_cancel(q->api->store, run->id, clock_now_us(), err);
    if (store_state_ended(run->state)) /* it waited for its retry */
        return store_run_set_queue(q->api->store, run->id, NULL, err);
    return end_run(q->api->store, run->id, STORE_CANCELED, "the run was cancelled", err);
}

/* The tasks it begins from are a part of what it was asked for. */
static int keep_from(struct queue *q, const struct store_run *run, const char *from,
                     struct dh_err *err)
{
    own(js_free) struct js *request = NULL, *list = NULL;
    own_mem char *text = NULL;

    if (run->request && js_parse(run->request, strlen(run->request), &request, err) < 0)
        return -1;
    if (!request)
        request = js_object();
    if (from && js_parse(from, strlen(from), &list, err) < 0)
        return -1;
    js_set(request, "retry_from", take(&list));
    text = js_dump(request, JS_COMPACT);
    return store_run_set_request(q->api->store, run->id, text, err);
}

int queue_retry(struct queue *q, const struct store_run *run, const char *from, struct dh_err *err)
{
    if (keep_from(q, run, from, err) < 0 ||
        store_run_set_queue(q->api->store, run->id, "retry", err) < 0)
        return -1;
    queue_run(q);
    return 0;
}

int queue_delete(struct queue *q, const struct store_run *run, struct dh_err *err)
{
    bool ended = store_state_ended(run->state) && !worker_of(q, run->id);

    if (ended)
        return delete_run(q, run->id, err);
    if (store_run_set_queue(q->api->store, run->id, "delete", err) < 0 ||
        queue_cancel(q, run, err) < 0)
        return -1;
    queue_run(q);
    return 0;
}

/* ---- the rest ---- */

int queue_open(struct api *api, int jobs, struct queue **ret, struct dh_err *err)
{
    own(queue_close) struct queue *q = dh_zalloc(1, sizeof *q);
    ssize_t n = readlink("/proc/self/exe", q->self, sizeof q->self - 1);

    q->api = api;
    q->jobs = (size_t)jobs;
    q->place = (struct worker_place){q->self, api->options->home, api->options->db};
    q->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (n < 0 || q->epoll < 0)
        return dh_fail_errno(err, "/proc/self/exe");
    *ret = take(&q);
    return 0;
}

struct queue *queue_close(struct queue *q)
{
    if (q) {
        while (q->n > 0)
            drop(q, q->n - 1);
        ready_done(&q->ready);
        if (q->epoll >= 0)
            (void)close(q->epoll);
        free(q->workers);
        free(q->tries);
        free(q);
    }
    return NULL;
}

int queue_poll_fd(const struct queue *q)
{
    return q->epoll;
}

struct queue_state queue_state(const struct queue *q)
{
    return (struct queue_state){.running = q->n, .waiting = q->n_waiting, .jobs = q->jobs};
}

int queue_timeout_ms(const struct queue *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->workers[i].cancel)
            return HURRY_MS;
    return -1;
}
