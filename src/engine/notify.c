#include "engine/notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/secret.h"
#include "runtime/command.h"

#define QUEUE_MAX 10000
#define DELIVER_MS 10000
#define TRIES 3
#define CLOSE_S 10
#define SECRET_PREFIX "secret:"

struct message {
    struct message *next;
    char *json, *state, *run_id, *task;
};

struct notify {
    const struct js *targets, *given;
    const char *home;
    enum notify_on on;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    struct message *first, **last;
    size_t n_queued, n_dropped;
    bool closing, busy;
    atomic_bool stop;
    char **failures; /* one for each target, or NULL */
};

/* ---- delivery ---- */

static int command(struct notify *n, const char *text, const struct message *m, struct dh_err *err)
{
    own_args struct args a = {0};

    args_adds(&a, "/bin/sh", "-c",
              "DHOW_EVENT=$1 DHOW_STATE=$2 DHOW_RUN_ID=$3 DHOW_TASK=$4\n"
              "export DHOW_EVENT DHOW_STATE DHOW_RUN_ID DHOW_TASK\nshift 4\neval \"$0\"",
              text, m->json, m->state, m->run_id, m->task, NULL);
    return command_do(a.v, DELIVER_MS, &n->stop, NULL, err);
}

static bool is_url(const char *target)
{
    return !strncmp(target, "http://", 7) || !strncmp(target, "https://", 8);
}

/* The target itself; where it is a secret, the one behind it. The caller's. */
static int open_target(const struct notify *n, const char *target, char **ret, struct dh_err *err)
{
    const char *name = target + strlen(SECRET_PREFIX), *slash = strchr(target, '/');
    own_secret struct secret_set set = {0};
    own_mem char *set_name = NULL;
    const struct secret_key *key;

    if (strncmp(target, SECRET_PREFIX, strlen(SECRET_PREFIX)) != 0) {
        *ret = dh_strdup(target);
        return 0;
    }
    if (!slash)
        return dh_fail(err, DH_FAILED, "expected secret:NAME/KEY");
    set_name = dh_strndup(name, (size_t)(slash - name));
    if (secret_read(n->home, SECRET, set_name, n->given, &set, err) < 0)
        return -1;
    key = secret_find(&set, slash + 1);
    if (!key)
        return dh_fail(err, DH_FAILED, "there is no such secret");
    *ret = dh_strndup(key->bytes, strcspn(key->bytes, "\r\n"));
    return 0;
}

static void nap(int ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&t, NULL);
}

static int deliver_to(struct notify *n, const char *name, const struct message *m,
                      struct dh_err *err)
{
    own_mem char *target = NULL;
    int rc = open_target(n, name, &target, err);

    if (rc < 0 || !is_url(target))
        return rc < 0 ? -1 : command(n, target, m, err);
    for (int i = 0; i < TRIES && !atomic_load(&n->stop); i++) {
        if (i)
            nap(500 << i);
        rc = http_post_json(target, m->json, DELIVER_MS, &n->stop, err);
        if (rc == 0)
            break;
    }
    explicit_bzero(target, strlen(target));
    return rc;
}

static void deliver(struct notify *n, const struct message *m)
{
    for (size_t i = 0; i < js_n(n->targets) && !atomic_load(&n->stop); i++) {
        const char *name = js_text(js_at(n->targets, i));
        struct dh_err err = {0};

        if (name && deliver_to(n, name, m, &err) < 0) {
            free(n->failures[i]);
            n->failures[i] = dh_strdup(err.msg);
        }
    }
}

/* ---- the thread ---- */

static void message_free(struct message *m)
{
    free(m->json);
    free(m->state);
    free(m->run_id);
    free(m->task);
    free(m);
}

static void *work(void *user)
{
    struct notify *n = user;

    pthread_mutex_lock(&n->lock);
    for (;;) {
        struct message *m = n->first;

        if (!m && n->closing)
            break;
        if (!m) {
            (void)pthread_cond_wait(&n->wake, &n->lock);
            continue;
        }
        n->first = m->next;
        if (!n->first)
            n->last = &n->first;
        n->n_queued--;
        pthread_mutex_unlock(&n->lock);
        deliver(n, m);
        message_free(m);
        pthread_mutex_lock(&n->lock);
    }
    n->busy = false;
    (void)pthread_cond_signal(&n->idle);
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

struct notify *notify_open(const struct js *targets, const char *on, const char *home,
                           const struct js *given)
{
    struct notify *n;

    if (!js_n(targets))
        return NULL;
    n = dh_zalloc(1, sizeof *n);
    n->targets = targets;
    n->given = given;
    n->home = home;
    n->on = on && !strcmp(on, "failure") ? NOTIFY_FAILURE
            : on && !strcmp(on, "all")   ? NOTIFY_ALL
                                         : NOTIFY_END;
    n->failures = dh_zalloc(js_n(targets), sizeof *n->failures);
    n->last = &n->first;
    (void)pthread_mutex_init(&n->lock, NULL);
    (void)pthread_cond_init(&n->wake, NULL);
    (void)pthread_cond_init(&n->idle, NULL);
    n->busy = pthread_create(&n->thread, NULL, work, n) == 0;
    if (!n->busy) {
        n->closing = true;
        n->failures[0] = dh_strdup("no thread could be started");
    }
    return n;
}

bool notify_wants_tasks(const struct notify *n)
{
    return n && n->on != NOTIFY_END;
}

static bool wanted(const struct notify *n, const struct notify_event *e)
{
    if (n->on == NOTIFY_ALL)
        return true;
    if (n->on == NOTIFY_FAILURE)
        return e->final && !strcmp(e->state, "FAILED");
    return e->final && !e->task;
}

static char *event_json(const struct notify_event *e)
{
    own(js_free) struct js *v = js_object();
    char at[CLOCK_TEXT];

    js_set(v, "text",
           js_strf("%s: run %s%s%s: %s%s%s", e->pipeline, e->run, e->task ? ", task " : "",
                   e->task ? e->task : "", e->state, e->reason ? ": " : "",
                   e->reason ? e->reason : ""));
    js_set(v, "event", js_str(e->task ? "task" : "run"));
    js_set(v, "run_id", js_str(e->run_id));
    js_set(v, "run", js_str(e->run));
    js_set(v, "pipeline", js_str(e->pipeline));
    js_set(v, "task", js_str(e->task));
    js_set(v, "state", js_str(e->state));
    js_set(v, "final", js_bool(e->final));
    js_set(v, "reason", js_str(e->reason));
    js_set(v, "at", js_str(clock_text(e->at_us, at)));
    return js_dump(v, JS_COMPACT);
}

void notify_send(struct notify *n, const struct notify_event *e)
{
    struct message *m;

    if (!n || !wanted(n, e))
        return;
    m = dh_zalloc(1, sizeof *m);
    m->json = event_json(e);
    m->state = dh_strdup(e->state);
    m->run_id = dh_strdup(e->run_id);
    m->task = dh_strdup(e->task ? e->task : "");
    pthread_mutex_lock(&n->lock);
    if (n->n_queued < QUEUE_MAX && n->busy) {
        *n->last = m;
        n->last = &m->next;
        n->n_queued++;
        m = NULL;
        (void)pthread_cond_signal(&n->wake);
    } else {
        n->n_dropped++;
    }
    pthread_mutex_unlock(&n->lock);
    if (m)
        message_free(m);
}

/* A URL's path is often a key of its own: it is not shown. */
static char *label(const char *target)
{
    const char *host = is_url(target) ? strstr(target, "//") + 2 : NULL;

    return host ? dh_strndup(target, (size_t)(host - target) + strcspn(host, "/?#@"))
                : dh_strdup(target);
}

static void report(const struct notify *n, void (*say)(void *user, const char *text), void *user)
{
    own_mem char *dropped = NULL;

    for (size_t i = 0; i < js_n(n->targets); i++) {
        own_mem char *name = label(js_text(js_at(n->targets, i)));
        own_mem char *text = NULL;

        if (!n->failures[i])
            continue;
        text = dh_printf("a notification did not reach %s: %s", name, n->failures[i]);
        say(user, text);
    }
    if (!n->n_dropped)
        return;
    dropped =
        dh_printf("%zu notifications were not sent: they came faster than they went", n->n_dropped);
    say(user, dropped);
}

struct notify *notify_close(struct notify *n, void (*say)(void *user, const char *text), void *user)
{
    struct timespec until;
    bool joined;

    if (!n)
        return NULL;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_S;
    pthread_mutex_lock(&n->lock);
    joined = n->busy || !n->closing;
    n->closing = true;
    (void)pthread_cond_signal(&n->wake);
    while (n->busy && pthread_cond_timedwait(&n->idle, &n->lock, &until) == 0) {
    }
    if (n->busy)
        atomic_store(&n->stop, true);
    pthread_mutex_unlock(&n->lock);
    if (joined)
        (void)pthread_join(n->thread, NULL);
    report(n, say, user);
    for (size_t i = 0; i < js_n(n->targets); i++)
        free(n->failures[i]);
    free(n->failures);
    free(n);
    return NULL;
}
