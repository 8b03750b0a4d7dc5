/* server - the loop: sockets, the ends of runs, the clock. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "api/body.h"
#include "api/counts.h"
#include "api/experiments.h"
#include "api/hub.h"
#include "api/kept.h"
#include "api/launch.h"
#include "api/queue.h"
#include "api/schedule.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/cluster-check.h"

enum { SECOND_US = 1000000, STOP_MS = 3000, JOBS = 4, CLUSTER_JOBS = 64 };

static bool is_loopback(const char *host)
{
    return !host || !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1");
}

static int check_options(const struct api_options *o, struct dh_err *err)
{
    if (is_loopback(o->host) || o->tokens_file || o->oidc_issuer)
        return 0;
    return dh_fail(err, DH_INVALID,
                   "%s can be reached from other machines: who may do what has to be said "
                   "(--tokens FILE); without it dhow serves this machine alone (--host 127.0.0.1)",
                   o->host);
}

static int open_log(struct api *api, struct dh_err *err)
{
    const char *path = api->options->access_log;

    api->log = -1;
    if (!path)
        return 0;
    api->log = !strcmp(path, "-") ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                                  : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return api->log < 0 ? dh_fail_errno(err, "access log %s", path) : 0;
}

/* Each connection is a descriptor. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* On a cluster a run's process here does no more than look on. */
static int jobs_of(const struct api_options *o)
{
    return o->jobs ? o->jobs : o->cluster ? CLUSTER_JOBS : JOBS;
}

static void note(void *user, bool ok, const char *text)
{
    const struct api_options *o = user;

    if (!ok && o->note)
        o->note(o->user, text);
}

static int open_all(struct api *api, struct dh_err *err)
{
    const struct api_options *o = api->options;
    const struct engine_options engine = {.home = o->home, .db = o->db};
    const struct auth_options auth = {.tokens_file = o->tokens_file,
                                      .oidc_issuer = o->oidc_issuer,
                                      .oidc_audience = o->oidc_audience,
                                      .oidc_keys = o->oidc_keys};
    int64_t ignored;

    api->loopback = is_loopback(o->host);
    api->started_us = clock_now_us();
    api->time_zone = o->time_zone ? o->time_zone : "UTC";
    api->counts = counts_new();
    api->kept = kept_new();
    api->hub = hub_new(api);
    if (check_options(o, err) < 0 || open_log(api, err) < 0 ||
        auth_open(&auth, &api->auth, err) < 0 || engine_open(&engine, &api->engine, err) < 0)
        return -1;
    api->store = engine_store(api->engine);
    api->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (api->wake_fd < 0)
        return dh_fail_errno(err, "eventfd");
    raise_limits();
    body_sweep(o->home);
    if (o->cluster)
        cluster_look(o->cluster, note, (void *)(uintptr_t)o);
    return experiment_default(api->store, &ignored, err) < 0 ||
                   queue_open(api, jobs_of(o), &api->queue, err) < 0 ||
                   launch_open(api, &api->launch, err) < 0 || web_open(api, o, &api->web, err) < 0
               ? -1
               : 0;
}

static void close_all(struct api *api)
{
    if (api->hub)
        hub_end(api->hub); /* libmicrohttpd stops no connection that sleeps */
    if (api->launch)
        launch_end(api->launch);
    web_close(api->web);
    launch_close(api->launch);
    queue_close(api->queue);
    auth_close(api->auth);
    counts_free(api->counts);
    kept_free(api->kept);
    hub_free(api->hub);
    engine_close(api->engine);
    if (api->log >= 0)
        (void)close(api->log);
    if (api->wake_fd >= 0)
        (void)close(api->wake_fd);
}

/* ---- the loop ---- */

struct loop {
    struct api *api;
    int epoll, signals;
    int64_t looked_us; /* when the record was last looked at, for those who watch */
    int64_t second_us; /* when the next whole-second work is due */
    int64_t stop_us;   /* when it stops though connections are open; 0: it does not stop */
};

static int add_fd(struct loop *l, int fd, struct dh_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? dh_fail_errno(err, "epoll") : 0;
}

static int open_loop(struct loop *l, struct dh_err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (l->epoll < 0 || l->signals < 0)
        return dh_fail_errno(err, "epoll");
    return add_fd(l, l->signals, err) < 0 || add_fd(l, l->api->wake_fd, err) < 0 ||
                   add_fd(l, web_poll_fd(l->api->web), err) < 0 ||
                   add_fd(l, queue_poll_fd(l->api->queue), err) < 0 ||
                   add_fd(l, launch_poll_fd(l->api->launch), err) < 0
               ? -1
               : 0;
}

static int sooner(int a, int b)
{
    return b >= 0 && (a < 0 || b < a) ? b : a;
}

static int timeout_ms(const struct loop *l, int64_t now_us)
{
    int ms = now_us >= l->second_us ? 0 : (int)((l->second_us - now_us) / 1000 + 1);

    ms = sooner(ms, web_timeout_ms(l->api->web));
    ms = sooner(ms, hub_timeout_ms(l->api->hub));
    return sooner(ms, queue_timeout_ms(l->api->queue));
}

/* New connections are refused, those that ask get their answers; runs are left alone. */
static void begin_stop(struct loop *l)
{
    struct signalfd_siginfo info;

    while (read(l->signals, &info, sizeof info) == sizeof info)
        ;
    if (l->stop_us) { /* the second time: at once */
        l->stop_us = 1;
        return;
    }
    l->stop_us = clock_mono_us() + STOP_MS * 1000;
    l->api->stopping = true;
    web_stop_listening(l->api->web);
    launch_end(l->api->launch);
    hub_end(l->api->hub);
}

static bool is_over(const struct loop *l, int64_t now_us)
{
    return l->stop_us && (now_us >= l->stop_us || web_n_active(l->api->web) == 0);
}

static void each_second(struct loop *l, int64_t now_us)
{
    l->second_us = now_us + SECOND_US;
    web_sweep(l->api->web);
    launch_sweep(l->api->launch);
    if (!l->api->stopping)
        schedule_tick(l->api);
    queue_run(l->api->queue);
    hub_dirty(l->api->hub);
}

/* Also where requests come without end. */
static void look(struct loop *l, int64_t now_us)
{
    int ms = hub_timeout_ms(l->api->hub);

    if (ms >= 0 && now_us >= l->looked_us + ms * 1000) {
        l->looked_us = now_us;
        hub_tick(l->api->hub);
    }
}

static void wake_fetched(struct api *api)
{
    uint64_t n;

    (void)!read(api->wake_fd, &n, sizeof n);
    web_wake_fetched(api->web);
}

static int run_loop(struct loop *l, struct dh_err *err)
{
    struct epoll_event events[8];
    int64_t now_us = clock_mono_us();

    while (!is_over(l, now_us)) {
        int n = epoll_wait(l->epoll, events, 8, timeout_ms(l, now_us));
        bool ends = queue_timeout_ms(l->api->queue) >= 0;

        if (n < 0 && errno != EINTR)
            return dh_fail_errno(err, "epoll");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == l->signals)
                begin_stop(l);
            if (events[i].data.fd == l->api->wake_fd)
                wake_fetched(l->api);
            ends = ends || events[i].data.fd == queue_poll_fd(l->api->queue);
        }
        if (ends)
            queue_run(l->api->queue);
        launch_run(l->api->launch);
        web_run(l->api->web);
        now_us = clock_mono_us();
        look(l, now_us);
        if (now_us >= l->second_us)
            each_second(l, now_us);
    }
    return 0;
}

static void say_ready(const struct api *api)
{
    const struct api_options *o = api->options;
    const char *host = o->host ? o->host : "127.0.0.1";
    own_mem char *url = dh_printf(strchr(host, ':') ? "%s://[%s]:%d" : "%s://%s:%d",
                                  o->tls_cert ? "https" : "http", host, web_port(api->web));

    if (o->ready)
        o->ready(o->user, url);
}

int api_serve(const struct api_options *options, struct dh_err *err)
{
    struct api api = {.options = options, .log = -1, .wake_fd = -1};
    struct loop loop = {.api = &api, .epoll = -1, .signals = -1};
    int rc = open_all(&api, err);

    if (rc == 0)
        rc = open_loop(&loop, err);
    if (rc == 0) {
        say_ready(&api);
        rc = run_loop(&loop, err);
    }
    close_all(&api);
    if (loop.epoll >= 0)
        (void)close(loop.epoll);
    if (loop.signals >= 0)
        (void)close(loop.signals);
    return rc;
}
