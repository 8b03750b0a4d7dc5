#pragma once
/* server - what the launcher and dhow's server say to each other (docs/launcher.md has
 * the protocol). Each call waits with growing pauses while the server is away. */
#include <pthread.h>
#include "base/err.h"
#include "base/js.h"
#include "launch/web.h"

struct server {
    char *url;   /* without the / at its end */
    char *token; /* good for a claim alone */
    long patience_s;
    char *secret;         /* made here, told to the server with the claim, and to nobody else */
    pthread_mutex_t lock; /* over the next, which a new claim changes */
    char *attempt;
};

void server_done(struct server *s);

/* POST to the path below /launch/v1, by the token. */
int server_claim(struct server *s, const struct js *body, struct js **ret, struct dh_err *err);
/* POST to …/attempts/ID/WHAT, by the attempt's secret. SERVER_REFUSED: the server knows the
 * attempt and secret no more; err says its words. patience_s 0: one try. <0: DH_CANCELED when
 * stopped, DH_IO after patience_s, DH_INVALID for an answer that makes no sense. */
enum { SERVER_REFUSED = 1 };
int server_tell(struct server *s, struct web *w, const char *what, const struct js *body,
                long patience_s, struct js **ret, struct dh_err *err);
/* The attempt of a claim that was answered. */
void server_attempt(struct server *s, const char *attempt);

/* ---- trying again ---- */

struct again {
    int n;
    int64_t since_us; /* 0: no failure yet */
};
/* After a failure: sleeps 0.2 s, 0.4 s, … 30 s, each by up to a quarter more or less, at least
 * least_s. 0: try now. <0: DH_CANCELED; or *err as it is, when patience_s is over. */
int again_wait(struct again *a, long patience_s, int64_t least_s, struct dh_err *err);

/* One line on standard error. */
void launch_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
