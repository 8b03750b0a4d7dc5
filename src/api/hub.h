#pragma once
/* hub - server-sent events: what changes in the record, told to those who watch.
 *
 * While somebody watches, the record's change counter is read every 20 ms, and at once where this
 * server has written; only when it has moved are rows read: of each watched run its own, those of
 * its tasks that had not ended, and those that are new. So the cost goes with what changes, not
 * with what there is. Events of a run are kept once for all its watchers, the last ones, so that a
 * connection that broke goes on where it was.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/own.h"

struct api;
struct buf;
struct hub;
struct req;
struct store_run;

struct hub *hub_new(struct api *api);
struct hub *hub_free(struct hub *hub);
OWN_DEFINE(struct hub *, hub_free)
void hub_tick(struct hub *hub);             /* looks, and wakes */
int hub_timeout_ms(const struct hub *hub);  /* until hub_tick is wanted; -1: nobody watches */
void hub_dirty(struct hub *hub);            /* this server has written */
void hub_end(struct hub *hub);              /* all streams end: the server stops */
int64_t hub_changes(const struct hub *hub); /* another number where the record may have changed */
size_t hub_n_watchers(const struct hub *hub);
/* The id of the last event of a run: what comes after is not in what is read after this call. */
const char *hub_last_event(struct hub *hub, const struct store_run *run, struct arena *a);

/* ---- streams, for ui-log.c ---- */

/* A stream of events over one connection: `fill` adds what there is to `to`. */
struct hub_stream {
    void *ctx;
    /* 1: there may be more; 0: nothing now; -1: the stream is over (after what was added). */
    int (*fill)(void *ctx, struct buf *to);
    void (*free)(void *ctx);
};
/* The answer of `r` is this stream; ctx is freed with it. */
void hub_answer(struct req *r, struct hub_stream stream);
void hub_event(struct buf *to, const char *id, const char *name, const char *data, size_t n);
