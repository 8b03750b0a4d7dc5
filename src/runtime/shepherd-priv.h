#pragma once
/* The words between the engine and its shepherd: a header, then `size` bytes. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "runtime/shepherd.h"

enum shepherd_word { WORD_JOURNAL = 1, WORD_SPAWN, WORD_SIGNAL, WORD_LIMIT, WORD_TAKE_BACK };

struct shepherd_header {
    uint32_t word, size;
    uint64_t id;    /* WORD_LIMIT: the limit; WORD_JOURNAL: the last folder's number. Its texts:
                     * the journal, a folder to remove in the end */
    int32_t signal; /* WORD_SIGNAL */
    /* WORD_SPAWN; the texts follow: key, file, cwd, log, cgroup, cleanup, worker, argv, env,
     * masks */
    uint32_t n_argv, n_env, n_masks;
    int64_t log_max, memory_max, processes_max; /* WORD_SPAWN */
    bool any_cwd;                               /* WORD_SPAWN */
};

#define SHEPHERD_WORD_MAX (256u << 20)

#define SHEPHERD_HELD 64

/* In memory that both see: a ring of what has happened. Where the shepherd is killed the engine
 * takes from here what it has not heard of. */
struct shepherd_held {
    _Atomic uint64_t starting; /* it may run already; 0: none. Not one that a worker starts */
    _Atomic uint64_t n;        /* events since it began; told ones may be overwritten */
    struct shepherd_event events[SHEPHERD_HELD]; /* the i-th is at i % SHEPHERD_HELD */
};
int held_new(struct shepherd_held **ret, struct dh_err *err);
struct shepherd_held *held_free(struct shepherd_held *h);
/* Of those before it less than SHEPHERD_HELD have not been told. */
void held_put(struct shepherd_held *h, const struct shepherd_event *event);
/* Copies what has happened since the from-th; returns how many that are. */
size_t held_since(const struct shepherd_held *h, uint64_t from,
                  struct shepherd_event to[SHEPHERD_HELD]);

struct shepherd_waiting { /* a WORD_SPAWN beyond the limit */
    struct shepherd_header header;
    char *body;
};
struct shepherd_queue {
    struct shepherd_waiting *items; /* from `at` on */
    size_t n, cap, at;
};
size_t queue_n(const struct shepherd_queue *q);
void queue_put(struct shepherd_queue *q, const struct shepherd_header *header,
               char *body); /* takes it */
bool queue_next(struct shepherd_queue *q,
                struct shepherd_waiting *ret);          /* gives the body; false: none */
bool queue_drop(struct shepherd_queue *q, uint64_t id); /* false: it is not there */
void queue_done(struct shepherd_queue *q);

/* A journal's end, where lines are put. */
struct journal_end {
    int fd;    /* -1: there is none */
    bool torn; /* its last line */
};
/* Made if it is not there, and locked as long as it is open: that is how readers know. */
void journal_open(struct journal_end *j, const char *path);
/* A line of that kind ('E', 'F' with the event's folder, 'K'); no key: none. */
void journal_put(struct journal_end *j, char kind, const char *key,
                 const struct shepherd_event *event);

/* The shepherd's main loop; returns when all is over. */
void shepherd_main(int control, pid_t engine, struct shepherd_held *held);

/* The control group of all that this shepherd starts. */
struct shepherd_group {
    struct cgroups *cgroups;
    char *group;
};
/* Into a new one. False: there can be none. */
bool shepherd_group_enter(struct shepherd_group *g, pid_t engine);
void shepherd_group_leave(struct shepherd_group *g); /* kills what is left there, and removes it */

struct child_request {
    const char *file, *cwd, *log; /* log: for a worker, which opens it itself */
    int in, out;                  /* out: stdout and stderr; closed on exec, but for 0 and 1 */
    char **argv, **env;
    char **cgroup; /* files to write "0" to; NULL-terminated */
    uint64_t memory_max, processes_max;
};
/* A folder that a step has (struct spawn.any_cwd), or that is kept for one. Number 0: none. */
struct shepherd_folder {
    int number, fd;
    mode_t mode; /* as it was made */
    struct timespec changed;
    int64_t since_us; /* when that was seen first */
    bool settled;     /* it was empty, and whatever changes it later shows */
    char *path;
};
struct shepherd_folders {
    struct shepherd_folder *free;
    size_t n_free, cap_free;
    int n; /* the last number that was tried */
};
/* A clean folder, whose name is written over the request's in its cwd and environment, which must
 * be writable. 0, or -errno. */
int shepherd_folder_take(struct shepherd_folders *f, const struct child_request *r,
                         struct shepherd_folder *ret);
/* The step is over. False: it has left something there, and the folder is no longer ours. */
bool shepherd_folder_give(struct shepherd_folders *f, struct shepherd_folder *folder);
void shepherd_folders_done(struct shepherd_folders *f); /* they stay */

/* Three descriptors a step: as many as we may have. Those that are started keep the limit that was
 * there before. */
void child_raise_files(void);
/* Starts it in a process group of its own. Returns the pid, or -errno. */
pid_t child_start(const struct child_request *r);
/* A command, its words separated by newlines, in a session of its own; nobody waits for it. */
void child_forget(const char *command);

struct spawn_request { /* WORD_SPAWN, read; borrows from its body */
    struct child_request child;
    const char *key, *cgroup, *cleanup, *worker;
    struct log_mask *mask; /* NULL: none */
};
void spawn_request_read(const struct shepherd_header *h, const char *body,
                        struct spawn_request *ret);
void spawn_request_done(struct spawn_request *q); /* the mask is the log's */

/* ---- the shepherd and warm workers (python/worker.py) ----
 *
 * A connection to an abstract socket, of whole packets, for each run: the first says "R" (a keeper
 * of steps is forked for it), each one after that hands over one end of a step's link. On the link
 * go a struct worker_job and its texts (cwd, log, control group files, argv, environment), and come
 * two struct worker_reply. "R" from the keeper: a newer worker is there, connect again. */
struct worker_job {
    uint32_t n_argv, n_env, n_cgroup, size;
    int64_t memory_max, processes_max;
};

enum worker_kind { WORKER_STARTED = 1, WORKER_EXITED };

struct worker_reply {
    int32_t kind, value; /* STARTED: pid; EXITED: as from waitpid */
    int64_t cpu_us, max_rss;
};

struct workers {
    struct worker *items;
    size_t n, cap;
};

/* A connection that has said nothing yet. -1: nobody listens there. */
int worker_connect(const char *name);
/* Hands a step to a worker. Returns its link; -1: it cannot be done so, start it yourself. */
int workers_start(struct workers *w, const char *name, const struct child_request *r);
/* 1: *ret is filled; 0: nothing there now; -1: the worker is gone. */
int worker_read(int link, struct worker_reply *ret);
/* Ends the keepers; what their steps left is killed first. Waits for that. */
void workers_close(struct workers *w);
