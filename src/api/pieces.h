#pragma once
/* pieces - the tasks of a large run, written while they are sent.
 *
 * Its handler has written the answer up to the list of tasks; from there on a page of tasks is read
 * and written each time the one before has been sent, so that neither the memory nor the other
 * requests feel how many there are. Each page is read by itself: what changes meanwhile is told by
 * the events that come after. */
#include "api/req.h"

enum { PIECES_FROM = 2000 }; /* tasks: fewer are written at once */

struct pieces_above { /* a task that has others below it */
    int64_t id;
    char *uuid, *key; /* "root.loop[3].train" */
};
struct pieces_writer {
    /* One task; `above` NULL: it is the root. Within the request's arena of this page. */
    int (*task)(struct req *r, const struct store_run *run, const struct store_task *task,
                const struct pieces_above *above, const char *key, struct jw *w,
                struct dh_err *err);
    void (*end)(struct req *r, const struct store_run *run, struct jw *w); /* after the last */
};
/* Whether that run is answered in pieces. */
int pieces_wanted(struct req *r, const struct store_run *run, bool *ret, struct dh_err *err);
/* The rest of r's answer; `run` is in r's arena. 0. */
int pieces_answer(struct req *r, const struct store_run *run, const struct pieces_writer *writer);
