#pragma once
/* hub-priv - topics: what is known of a watched run, and the events that told it. */
#include "api/hub.h"
#include "base/buf.h"
#include "base/id.h"
#include "store/catalog.h"

enum { KEEP_EVENTS = 4096, KEEP_BYTES = 4 << 20, KEEP_TOPIC_S = 60 };

struct event {
    int64_t id;
    char *text; /* as it is sent */
    size_t n;
};

struct open_task { /* one that had not ended when it was last looked at */
    int64_t id, attempts, started_us, log_bytes;
    enum store_state state;
    uint64_t said; /* of its reason and error */
    char *log;
};

struct topic {
    int64_t run; /* 0: all runs */
    char uuid[ID_TEXT];
    size_t n_watchers;
    int64_t idle_us; /* since when nobody watches */

    struct event *events; /* the last ones, oldest first */
    size_t n, cap, bytes;
    int64_t dropped; /* how many there were before them */
    int64_t base;    /* events up to this id are not here */

    /* What is known. */
    uint64_t run_said;
    int64_t generation, last_task, last_metric;
    struct open_task *open;
    size_t n_open, cap_open;
    struct catalog_ids open_runs; /* of all runs: malloc'ed */
    int64_t newest, edited_us, n_approvals, last_approval, marks[CATALOG_N_KINDS];
    bool known;
};

struct hub {
    struct api *api;
    struct topic **topics;
    size_t n, cap;
    struct watcher *watchers;
    size_t n_watchers;
    int64_t next_id, epoch, beat_us, changes;
    bool dirty;
};

/* topic.c */
struct topic *topic_new(struct hub *hub, int64_t run, const char *uuid);
void topic_free(struct topic *t);
/* Looks at the record; adds events. A topic that knows nothing yet only learns. */
void topic_poll(struct hub *hub, struct topic *t);
void topic_poll_logs(struct hub *hub, struct topic *t); /* files alone */
void topic_add(struct hub *hub, struct topic *t, const char *name, const struct buf *data);
