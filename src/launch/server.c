#include "launch/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "launch/wire.h"

enum { IDLE_MS = 60000, PAUSE_MAX_MS = 30000 };

void launch_say(const char *fmt, ...)
{
    own_buf struct buf line = {0};
    va_list ap;

    buf_adds(&line, "dhow-launch: ");
    va_start(ap, fmt);
    buf_addv(&line, fmt, ap);
    va_end(ap);
    buf_addc(&line, '\n');
    if (write(STDERR_FILENO, line.p, line.n) < 0) /* one write: whole lines between the step's */
        return;
}

int again_wait(struct again *a, long patience_s, int64_t least_s, struct dh_err *err)
{
    struct dh_err stop = {0};
    const int64_t now = clock_mono_us();
    unsigned random = 0;
    long ms;

    if (!a->since_us)
        a->since_us = now;
    if (now - a->since_us > (int64_t)patience_s * 1000000)
        return -1;
    ms = a->n < 8 ? 200L << a->n : PAUSE_MAX_MS;
    if (least_s >= PAUSE_MAX_MS / 1000)
        ms = PAUSE_MAX_MS;
    else if (ms < least_s * 1000)
        ms = (long)(least_s * 1000);
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (unsigned)now;
    ms += (long)(random % (unsigned)(ms / 2 + 1)) - ms / 4;
    a->n++;
    if (launch_pause(ms, &stop) < 0) {
        *err = stop;
        return -1;
    }
    return 0;
}

void server_done(struct server *s)
{
    free(s->url);
    free(s->token);
    free(s->secret);
    free(s->attempt);
}

void server_attempt(struct server *s, const char *attempt)
{
    (void)pthread_mutex_lock(&s->lock);
    free(s->attempt);
    s->attempt = dh_strdup(attempt);
    (void)pthread_mutex_unlock(&s->lock);
}

/* One answer that came, judged: 0, SERVER_REFUSED, or <0; *ret_again: another try may help. */
static int judge(const struct web_answer *a, struct js **ret, bool *ret_again, struct dh_err *err)
{
    char words[400];

    if (a->status / 100 == 2) {
        if (js_parse(buf_str(&a->text), a->text.n, ret, err) == 0 && js_is(*ret, JS_OBJECT))
            return 0;
        *ret = js_free(*ret);
        return dh_fail(err, DH_INVALID, "the server's answer is no JSON object");
    }
    *ret_again = web_may_pass(a->status);
    (void)dh_fail(err, *ret_again ? DH_IO : DH_FAILED, "the server answers %d: %s", a->status,
                  web_words(a, words));
    return *ret_again ? -1 : SERVER_REFUSED;
}

/* A POST until there is an answer that will not change, or patience is over. */
static int post(struct web *w, const char *url, const char *bearer, const struct js *body,
                long patience_s, struct js **ret, struct dh_err *err)
{
    own_mem char *text = js_dump(body, JS_COMPACT);
    const struct web_request r = {.method = "POST",
                                  .url = url,
                                  .bearer = bearer,
                                  .type = "application/json",
                                  .text = text,
                                  .n_text = strlen(text),
                                  .has_body = true,
                                  .max_text = LIMIT_PIPELINE_BYTES,
                                  .idle_ms = IDLE_MS};
    struct again again = {0};

    for (;;) {
        own_web_answer struct web_answer a = {0};
        bool retry = false;
        int rc = web_send(w, &r, &a, err);

        if (rc < 0)
            retry = err->code == DH_IO;
        else
            rc = judge(&a, ret, &retry, err);
        if (!retry || patience_s == 0)
            return rc;
        if (again.n == 0 || again.n % 8 == 0)
            launch_say("%s; asking again for up to %ld s", err->msg, patience_s);
        if (rc < 0 && a.retry_after_s > 0)
            again.since_us = 0; /* it lives, and says when to come again: that wears nobody out */
        if (again_wait(&again, patience_s, a.retry_after_s, err) < 0)
            return -1;
    }
}

int server_claim(struct server *s, const struct js *body, struct js **ret, struct dh_err *err)
{
    own(web_return) struct web *w = web_borrow();
    own_mem char *url = dh_printf("%s/launch/v1/claim", s->url);
    int rc = post(w, url, s->token, body, s->patience_s, ret, err);

    return rc == SERVER_REFUSED ? -1 : rc;
}

int server_tell(struct server *s, struct web *w, const char *what, const struct js *body,
                long patience_s, struct js **ret, struct dh_err *err)
{
    own_mem char *url = NULL;

    (void)pthread_mutex_lock(&s->lock);
    url = dh_printf("%s/launch/v1/attempts/%s/%s", s->url, s->attempt, what);
    (void)pthread_mutex_unlock(&s->lock);
    return post(w, url, s->secret, body, patience_s, ret, err);
}
