/* metrics-live - numbers that a step reports while it runs.
 *
 * A step appends lines of JSON to the file that $DHOW_METRICS names:
 *     {"step": 3, "loss": 0.51, "accuracy": 0.87}      or      {"name": "loss", "value": 0.51}
 * with "time" (seconds since 1970, or RFC 3339) where it is not now. Whole lines are recorded at
 * the next tick, what is left when the step has ended. What cannot be read is said once, and does
 * not fail the step. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/js.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine-priv.h"

#define READ_MAX ((size_t)1 << 20) /* at a time; the rest follows with the next tick */

/* In the step's own folder, which all runtimes show it; named by the attempt, because one step
 * after another has the same. Of a pod: where what its launcher sends of it is kept. */
char *metrics_live_path(const struct job *job)
{
    if (job->run->cluster)
        return dh_printf("%s/%s.metrics.jsonl", job->run->folder, job->spec.label);
    return dh_printf("%s/.metrics-%s.jsonl", job->spec.cwd, job->spec.label);
}

static void complain(const struct job *job, const char *why)
{
    own_mem char *note =
        dh_printf("%s: a metric line was not recorded: %s", plan_name(job->node), why);

    run_note(job->run, note);
}

static int64_t time_of(const struct js *v)
{
    int64_t us;

    if (js_is_num(v) && fabs(js_as_num(v, 0)) < 1e11)
        return (int64_t)(js_as_num(v, 0) * 1e6);
    return js_text(v) && clock_parse(js_text(v), &us) == 0 ? us : clock_now_us();
}

static int put(struct job *job, const struct js *line, const char *name, const struct js *value,
               struct dh_err *err)
{
    const struct store_metric metric = {.run_id = job->run->id,
                                        .task_id = job->task,
                                        .name = name,
                                        .number = js_as_num(value, 0),
                                        .step = js_get_int(line, "step", -1),
                                        .time_us = time_of(js_get(line, "time"))};

    if (job->n_metrics < job->n_metrics_had) {
        job->n_metrics++;
        return 0;
    }
    if (job->n_metrics++ == LIMIT_LIVE_METRICS)
        complain(job, "there are too many");
    return job->n_metrics > LIMIT_LIVE_METRICS
               ? 0
               : store_metric_insert(job->run->engine->store, &metric, err);
}

static int record_line(struct job *job, const char *text, size_t n, struct dh_err *err)
{
    own(js_free) struct js *line = NULL;
    const char *name;

    if (strspn(text, " \t\r\n") >= n)
        return 0;
    if (js_parse(text, n, &line, NULL) < 0 || !js_is(line, JS_OBJECT)) {
        complain(job, "expected a JSON object on a line of its own");
        return 0;
    }
    name = js_get_text(line, "name");
    if (name) {
        if (js_is_num(js_get(line, "value")))
            return put(job, line, name, js_get(line, "value"), err);
        complain(job, "\"value\" is not a number");
        return 0;
    }
    for (js_each(line, it))
        if (strcmp(it.key, "step") != 0 && strcmp(it.key, "time") != 0 && js_is_num(it.value) &&
            put(job, line, it.key, it.value, err) < 0)
            return -1;
    return 0;
}

/* A step may put anything in the place of the file: only a plain one is read. */
static int open_file(const struct job *job)
{
    own_mem char *path = metrics_live_path(job);
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= job->metrics_at)
        return -1;
    return dh_take_fd(&fd);
}

/* The file is as good as the pod's: what of it is here already comes to nothing, what is missing
 * before it is asked for by the answer. */
int64_t metrics_live_append(struct job *job, int64_t at, const char *bytes, size_t n)
{
    own_mem char *path = metrics_live_path(job);
    own_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    int64_t end;
    ssize_t done;

    if (fd < 0 || fstat(fd, &st) < 0 || at < 0 || at > INT64_MAX - (int64_t)n)
        return at;
    end = at + (int64_t)n;
    if (st.st_size >= (int64_t)LIMIT_METRICS_BYTES)
        return end; /* read, and not kept */
    if (at > st.st_size || end <= st.st_size)
        return st.st_size;
    done = pwrite(fd, bytes + (st.st_size - at), (size_t)(end - st.st_size), st.st_size);
    return st.st_size + (done > 0 ? done : 0);
}

static int begin(struct run *run, struct dh_err *err)
{
    return store_in_transaction(run->engine->store) ? 0 : store_begin(run->engine->store, err);
}

/* Records whole lines; at the end also one without its newline. 1: there may be more. */
static int read_some(struct job *job, int fd, bool last, struct dh_err *err)
{
    own_mem char *bytes = dh_alloc(READ_MAX + 1);
    ssize_t n = pread(fd, bytes, READ_MAX, job->metrics_at);
    const char *at = bytes, *end;

    if (n <= 0 || begin(job->run, err) < 0)
        return n <= 0 ? 0 : -1;
    bytes[n] = '\0';
    while ((end = memchr(at, '\n', (size_t)(bytes + n - at)))) {
        if (record_line(job, at, (size_t)(end - at), err) < 0)
            return -1;
        at = end + 1;
    }
    if (at == bytes && (size_t)n == READ_MAX) {
        complain(job, "it is too long");
        at = bytes + n;
    } else if (last && (size_t)n < READ_MAX && at < bytes + n) {
        if (record_line(job, at, (size_t)(bytes + n - at), err) < 0)
            return -1;
        at = bytes + n;
    }
    job->metrics_at += at - bytes;
    return at > bytes && (size_t)n == READ_MAX;
}

int metrics_live_end(struct job *job, struct dh_err *err)
{
    own_fd int fd = job->clean ? -1 : open_file(job);
    int rc = fd < 0 ? 0 : 1;

    while (rc == 1)
        rc = read_some(job, fd, true, err);
    return rc;
}

int metrics_live_tick(struct run *run, struct dh_err *err)
{
    for (struct job *job = run->job_list; job; job = job->next) {
        own_fd int fd = job->state == JOB_RUNNING ? open_file(job) : -1;

        if (fd >= 0 && read_some(job, fd, false, err) < 0)
            return -1;
    }
    return 0;
}

/* An attempt after others: which of the numbers are its own is not known, so none is taken again.
 */
int metrics_live_adopt(struct job *job, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_metrics all;

    if (job->attempt > 1) {
        job->metrics_at = INT64_MAX;
        return 0;
    }
    if (store_metric_list(job->run->engine->store, job->run->id, a, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        job->n_metrics_had += all.items[i].task_id == job->task && !all.items[i].artifact_id;
    return 0;
}
