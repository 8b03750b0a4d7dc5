#include "api/serve.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "api/asset.h"
#include "api/queue.h"
#include "base/clock.h"
#include "store/catalog.h"

/* ---- health ---- */

static int say(struct req *r, const char *text)
{
    r->type = "text/plain; charset=utf-8";
    buf_adds(&r->out, text);
    return 0;
}

int serve_healthz(struct req *r, struct dh_err *err)
{
    (void)err;
    return say(r, "ok\n");
}

/* Ready: the record answers. */
int serve_readyz(struct req *r, struct dh_err *err)
{
    struct catalog_ids due;

    if (r->api->stopping)
        return req_fail(r, err, GRPC_UNAVAILABLE, "stopping");
    if (catalog_schedules_due(r->store, 0, 1, r->arena, &due, err) < 0)
        return req_fail(r, err, GRPC_UNAVAILABLE, "%s", arena_strdup(r->arena, err->msg));
    return say(r, "ok\n");
}

int serve_kfp_healthz(struct req *r, struct dh_err *err)
{
    struct jw *w = req_json(r);

    (void)err;
    jw_begin(w, '{');
    jw_text(w, "commit_sha", "dhow");
    jw_text(w, "tag_name", r->api->options->version);
    jw_flag(w, "multi_user", auth_multi_user(r->api->auth));
    jw_text(w, "pipeline_store", "database");
    jw_end(w, '}');
    return 0;
}

/* ---- metrics ---- */

static void gauge(struct buf *to, const char *name, const char *help, int64_t value)
{
    buf_addf(to, "# HELP dhow_%s %s\n# TYPE dhow_%s gauge\ndhow_%s %lld\n", name, help, name, name,
             (long long)value);
}

static void histogram(struct buf *to, const struct stats *s)
{
    int64_t n = 0;

    buf_adds(to, "# HELP dhow_http_request_seconds How long answers took.\n"
                 "# TYPE dhow_http_request_seconds histogram\n");
    for (int i = 0; i < STATS_BUCKETS; i++) {
        n += s->buckets[i];
        buf_addf(to, "dhow_http_request_seconds_bucket{le=\"%g\"} %lld\n",
                 (double)stats_bounds_us[i] / 1e6, (long long)n);
    }
    buf_addf(to,
             "dhow_http_request_seconds_bucket{le=\"+Inf\"} %lld\n"
             "dhow_http_request_seconds_sum %g\ndhow_http_request_seconds_count %lld\n",
             (long long)s->n, (double)s->sum_us / 1e6, (long long)s->n);
}

int serve_metrics(struct req *r, struct dh_err *err)
{
    const struct stats *s = &r->api->stats;
    struct queue_state q = queue_state(r->api->queue);
    own(js_free) struct js *states = NULL;
    struct buf *to = &r->out;

    if (catalog_run_states(r->store, &states, err) < 0)
        return -1;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    buf_adds(to, "# HELP dhow_http_requests_total Answers by class of status.\n"
                 "# TYPE dhow_http_requests_total counter\n");
    for (int i = 1; i < 6; i++)
        buf_addf(to, "dhow_http_requests_total{code=\"%dxx\"} %lld\n", i,
                 (long long)s->by_class[i]);
    histogram(to, s);
    buf_addf(to,
             "# HELP dhow_http_response_bytes_total Bytes of answers.\n"
             "# TYPE dhow_http_response_bytes_total counter\ndhow_http_response_bytes_total %lld\n"
             "# HELP dhow_http_refused_total Requests that were refused before they were read.\n"
             "# TYPE dhow_http_refused_total counter\ndhow_http_refused_total %lld\n",
             (long long)s->bytes_out, (long long)s->refused);
    buf_adds(to, "# HELP dhow_runs Runs on record by state.\n# TYPE dhow_runs gauge\n");
    for (js_each(states, it))
        buf_addf(to, "dhow_runs{state=\"%s\"} %lld\n", it.key, (long long)js_as_int(it.value, 0));
    gauge(to, "queue_running", "Runs that are executed now.", (int64_t)q.running);
    gauge(to, "queue_waiting", "Runs that wait.", (int64_t)q.waiting);
    gauge(to, "http_connections", "Open connections.", (int64_t)web_n_connections(r->api->web));
    gauge(to, "process_resident_memory_bytes", "Memory of the server.", stats_memory_bytes());
    gauge(to, "uptime_seconds", "Since it was started.",
          (clock_now_us() - r->api->started_us) / 1000000);
    return 0;
}

/* ---- login ---- */

int serve_login(struct req *r, struct dh_err *err)
{
    const char *token, *session;
    bool later = false;
    struct jw *w;

    if (req_text(r, r->json, "token", &token, err) < 0)
        return -1;
    session = token ? auth_login(r->api->auth, token, r->arena, &later) : NULL;
    if (!session && later) {
        req_header(r, "Retry-After", "1");
        return req_fail(r, err, GRPC_UNAVAILABLE, AUTH_LATER);
    }
    if (!session)
        return req_fail(r, err, GRPC_UNAUTHENTICATED, "the token is not known");
    req_header(r, "Set-Cookie",
               arena_printf(r->arena,
                            "dhow_session=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800%s",
                            session, r->tls ? "; Secure" : ""));
    w = req_json(r);
    jw_begin(w, '{');
    jw_end(w, '}');
    return 0;
}

int serve_logout(struct req *r, struct dh_err *err)
{
    struct jw *w = req_json(r);

    (void)err;
    req_header(r, "Set-Cookie", "dhow_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    jw_begin(w, '{');
    jw_end(w, '}');
    return 0;
}

/* ---- the page ---- */

int serve_page(struct req *r, struct dh_err *err)
{
    const struct asset *a = asset_find(r->uri.path);

    if (!a)
        return dh_fail(err, DH_NOT_FOUND, "there is nothing at %s", r->uri.path);
    r->type = a->type;
    req_header(r, "ETag", a->etag);
    req_header(r, "Cache-Control",
               a->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (r->if_none_match && strstr(r->if_none_match, a->etag)) {
        r->status = 304;
        return 0;
    }
    r->fixed = a->bytes;
    r->n_fixed = a->n;
    if (a->gzip)
        req_header(r, "Content-Encoding", "gzip");
    return 0;
}
