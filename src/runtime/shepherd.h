#pragma once
/* shepherd - the small process that starts a run's steps and waits for them.
 *
 * It is forked from the engine before that grows (no exec: 0.2 ms), in a session of its own. Why it
 * is there: its exits are not lost with the engine. Each exit goes into a journal file before the
 * engine hears of it; a `kill -9` of the engine leaves the journal, and resume takes the results
 * from it, so that no step that had succeeded runs twice. When the engine is gone the shepherd
 * waits SHEPHERD_GRACE_MS for its children, kills what is left, and ends: no step outlives its run.
 * When the shepherd itself is killed, its children die with it (PDEATHSIG).
 *
 * First it goes into a control group of its own, where it can have one, so that all that it starts
 * is bounded and found again (CGROUP_PROCESSES and some for the cores); else each of its processes
 * is bounded by itself. The group goes with it; where it is killed, the next to look for groups
 * removes it.
 *
 * It knows processes only: no pipeline, no database. One thread. The engine's side below never
 * blocks but in shepherd_spawn (a socket's write) and shepherd_stop. Where the shepherd is gone the
 * calls that tell it something answer SHEPHERD_GONE, as shepherd_next does. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/own.h"

#define SHEPHERD_GRACE_MS 250

struct shepherd;

struct spawn {         /* one process to start; all borrowed for the call */
    uint64_t id;       /* the caller's number for it, not used before */
    const char *key;   /* its name in the journal, no newline; NULL: not journaled */
    const char *file;  /* absolute path of the program */
    char *const *argv; /* NULL-terminated */
    char *const *env;  /* NULL-terminated; all of the environment */
    const char *cwd;
    bool any_cwd; /* cwd is not made by the caller: when the step starts, an empty folder beside it
                     is chosen or made, its name (SHEPHERD_FOLDER) written over cwd's last letters,
                     also where env names cwd. Whether or not it is used again, whoever asked
                     removes it at the end */
    char *const *masks;     /* texts that its log never shows, NULL-terminated; NULL: none. Not with
                               a worker: that one writes the log itself */
    const char *log;        /* stdout and stderr are appended to this file; NULL: /dev/null */
    int64_t log_max;        /* bytes after which the log is cut; 0: none */
    uint64_t memory_max;    /* bytes of private writable memory (RLIMIT_DATA); 0: none */
    uint64_t processes_max; /* of this user (RLIMIT_NPROC); 0: none */
    const char *cgroup;     /* runtime/cgroup.h: the group it is to be in; NULL: ours. What is left
                               there at its end is killed */
    const char *cleanup; /* a command, its words separated by newlines, to be run where the engine
                            is gone when this ends (a container to remove); NULL: none */
    const char *worker;  /* a warm worker that is to fork it instead (runtime_job.worker); NULL:
                            none. Where that is not there (any more) the program is started */
};

#define SHEPHERD_FOLDER "w%05d" /* short: a Unix socket in TMPDIR has 107 bytes for its path */
void shepherd_folder_name(char *cwd, int number); /* writes the name as above */

/* NO_FOLDER: not started, because no folder could be made for it. */
enum shepherd_kind { SHEPHERD_STARTED, SHEPHERD_NOT_STARTED, SHEPHERD_NO_FOLDER, SHEPHERD_EXITED };

struct shepherd_event {
    uint64_t id;
    enum shepherd_kind kind;
    int pid;         /* STARTED */
    int error;       /* NOT_STARTED, NO_FOLDER: errno */
    int status;      /* EXITED: as from waitpid */
    int64_t cpu_us;  /* EXITED: user + system */
    int64_t max_rss; /* EXITED: bytes */
    int64_t at_us;   /* wall clock */
    /* With any_cwd. STARTED, NOT_STARTED: the number of its folder. EXITED: of the one where
     * something has been left, which no other step gets (or where nobody has looked: the shepherd
     * was killed before); 0: none, or as it was. */
    int folder;
};

int shepherd_start(struct shepherd **ret, struct dh_err *err);
/* Another one in the place of one that was killed, on the same descriptor; journal and limit are to
 * be set again. What its steps have left is killed, but for what a control group holds. */
int shepherd_restart(struct shepherd *s, struct dh_err *err);
/* No more words will come: it begins to end, while the caller does something else. After that there
 * is only shepherd_stop. */
void shepherd_dismiss(struct shepherd *s);
/* Ends it: what still runs is killed. NULL is fine; returns NULL. */
struct shepherd *shepherd_stop(struct shepherd *s);
OWN_DEFINE(struct shepherd *, shepherd_stop)

/* The journal that exits go to from now on; made if it is not there. Folders (any_cwd) have numbers
 * after `folders`. `made` (may be NULL): a folder that the shepherd removes when all steps have
 * ended with the engine; there may be secrets in it. */
int shepherd_journal(struct shepherd *s, const char *path, int folders, const char *made,
                     struct dh_err *err);
/* At most n processes at a time from now on (0: any number); what is asked for beyond waits in the
 * shepherd, in order, and starts without the engine having to hear of the end of another. */
int shepherd_limit(struct shepherd *s, unsigned n, struct dh_err *err);
int shepherd_spawn(struct shepherd *s, const struct spawn *spawn, struct dh_err *err);
/* Sends a signal to the process and all of its group. Unknown or ended ids are ignored. One that
 * still waits is taken out instead: NOT_STARTED with ECANCELED. */
int shepherd_signal(struct shepherd *s, uint64_t id, int signal, struct dh_err *err);

/* Takes out one that still waits for its turn: NOT_STARTED with ECANCELED. What has begun goes on.
 */
int shepherd_take_back(struct shepherd *s, uint64_t id, struct dh_err *err);

int shepherd_fd(const struct shepherd *s); /* readable: call shepherd_next until SHEPHERD_NONE */
enum shepherd_answer { SHEPHERD_NONE = 1, SHEPHERD_GONE = 2 /* killed: shepherd_restart */ };
/* Looks for an event for at most that long, without falling asleep: to be woken takes longer than a
 * tiny step. It costs a processor for that time. */
void shepherd_watch(const struct shepherd *s, int64_t us);
int shepherd_next(struct shepherd *s, struct shepherd_event *ret, struct dh_err *err);

/* What a journal says of one key. */
struct journal_entry {
    bool exited; /* by itself; else it was killed when the engine went away, or never started */
    int status;  /* as from waitpid */
    int folder;  /* as in struct shepherd_event */
    int64_t at_us;
};
struct journal;
/* Reads a journal; waits up to wait_ms for the shepherd that still writes it. A journal that is not
 * there is empty. DH_IO: it is still being written. */
int journal_read(const char *path, int wait_ms, struct journal **ret, struct dh_err *err);
const struct journal_entry *journal_find(const struct journal *j, const char *key); /* NULL: none */
int journal_folders(const struct journal *j); /* the highest number of one; 0: none */
struct journal *journal_free(struct journal *j);
OWN_DEFINE(struct journal *, journal_free)
