#pragma once
/* notify - tells others that a run or a step has changed its state: by a command, or by a POST to a
 * URL.
 *
 * It works in a thread of its own: a run never waits for it, but for a few seconds when it ends;
 * what cannot be delivered is said, and changes nothing. A command (sh -c) finds the event as JSON
 * in $DHOW_EVENT, and DHOW_STATE, DHOW_RUN_ID, DHOW_TASK. A URL gets the same JSON; its "text" is
 * what Slack and its kind show. "secret:NAME/KEY" stands for a target that is kept as a secret. */
#include <stdbool.h>
#include <stdint.h>
#include "base/own.h"

struct js;
struct notify;

enum notify_on { NOTIFY_END, NOTIFY_FAILURE, NOTIFY_ALL };

struct notify_event {                    /* borrowed for the call */
    const char *run_id, *run, *pipeline; /* run: its display name */
    const char *task;                    /* its key; NULL: the run itself */
    const char *state, *reason;          /* reason: or NULL */
    int64_t at_us;
    bool final; /* it does not change any more */
};

/* `targets`: an array of texts. `home`, `given`: where secrets are (secret.h). NULL where there is
 * no target. */
struct notify *notify_open(const struct js *targets, const char *on, const char *home,
                           const struct js *given);
/* n may be NULL. Nothing is sent where nobody wants to know. */
void notify_send(struct notify *n, const struct notify_event *event);
/* Whether events of steps are wanted at all. */
bool notify_wants_tasks(const struct notify *n);
/* Sends what is left, for ten seconds at most. `say` is called for each target that could not be
 * reached. Returns NULL. */
struct notify *notify_close(struct notify *n, void (*say)(void *user, const char *text),
                            void *user);
