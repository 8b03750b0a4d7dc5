/* dhow/dhow.h - run pipelines, and read what is on record, from another program: libdhow.
 *
 *     struct dhow *d;
 *     struct dhow_run *run;
 *     struct dhow_event event;
 *     char *json = NULL;
 *
 *     if (dhow_open(NULL, &d) < 0) …
 *     if (dhow_start(d, "pipeline.yaml", "{\"rate\": 0.1}", NULL, &run) < 0)
 *         fprintf(stderr, "%s\n", dhow_error(d));
 *     while (dhow_next(run, -1, &event) > 0)
 *         printf("%s %s\n", event.task, event.state);
 *     if (dhow_wait(run, NULL, NULL, &json) == DHOW_OK)
 *         puts(json); // as `dhow show RUN --output json`
 *     dhow_free(json);
 *     dhow_run_free(run);
 *     dhow_close(d);
 *
 * The library carries the engine, and runs it in a process of its own: a fault of it, or memory
 * that is out, is an error here and not the end of the caller; a run goes on where the caller ends
 * (dhow_read(d, &json, "show", id, NULL) finds it again). No other program need be installed.
 *
 * Nothing here prints, exits, changes a signal's handler, or waits for a child that is not its own.
 * Where memory is out the answer is DHOW_NO_MEMORY, and nothing is lost.
 *
 * Threads: a struct dhow and its runs belong to one thread at a time; different ones may be used at
 * the same time.
 *
 * Since 0.1.0; the symbols have versions, and what is here stays. C11 or later, C++17 or later. */
#ifndef DHOW_DHOW_H
#define DHOW_DHOW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DHOW_VERSION_MAJOR 0
#define DHOW_VERSION_MINOR 1

enum dhow_status {
    DHOW_OK = 0,
    DHOW_RUN_FAILED = -1, /* the run ended, FAILED */
    DHOW_WRONG = -2,      /* a file, a parameter or a name is wrong; dhow_error says which */
    DHOW_MACHINE = -3,    /* disk, database, network, or the program cannot be started */
    DHOW_NO_MEMORY = -4,
    DHOW_CANCELED = -5 /* the run ended, CANCELED */
};

struct dhow;     /* a home, and the engine that works on it */
struct dhow_run; /* a run that is watched */

/* "0.1.0": of the library. */
const char *dhow_library_version(void);

/* ---- opening ---- */

struct dhow_options { /* {0}: all of its own */
    const char *home; /* the folder of all state; NULL: as the program finds it */
    /* A dhow program to be used instead of the engine in the library. NULL: $DHOW_PROGRAM; the
     * library's own; an installed one. */
    const char *program;
    const char *database; /* a database's URL; NULL: the home's */
    uint64_t reserved[4]; /* 0 */
};
/* On DHOW_OK *ret is the caller's: dhow_close. DHOW_MACHINE: there is no engine; dhow_error(NULL)
 * says where one would be. `options` may be NULL. */
int dhow_open(const struct dhow_options *options, struct dhow **ret);
/* For the static library: the first call of main. The engine then is this program, started anew by
 * the name "dhow": there the answer is the exit status, to be returned from main; else it is -1, at
 * once. With the shared library it is always -1, and need not be called.
 *
 *     int main(int argc, char **argv)
 *     {
 *         int status = dhow_engine_main(argc, argv);
 *
 *         if (status >= 0)
 *             return status;
 *         …
 */
int dhow_engine_main(int argc, char **argv);
void dhow_close(struct dhow *d); /* NULL is fine; runs that are open are to be freed first */
/* What the last call that failed had to say: one line. Borrowed, good until the next call on `d`.
 * Never NULL; "" where nothing has failed. Of NULL: what dhow_open has to say. */
const char *dhow_error(const struct dhow *d);

/* ---- running ---- */

struct dhow_start_options { /* {0}: as `dhow run` without options */
    const char *name;       /* the run's */
    const char *experiment;
    const char *runtime;  /* "process", "sandbox", "oci" */
    const char *cache;    /* "on", "off", "read", "refresh" */
    int jobs;             /* steps at a time; 0: as many as there are cores */
    uint64_t reserved[4]; /* 0 */
};
/* Starts a compiled pipeline. `parameters`: a JSON object as text, or NULL. Returns when the run is
 * on record. On DHOW_OK *ret is the caller's: dhow_run_free. DHOW_WRONG: file, parameters, options.
 */
int dhow_start(struct dhow *d, const char *file, const char *parameters,
               const struct dhow_start_options *options, struct dhow_run **ret);
/* Takes a run up again that a killed engine left (`dhow resume`). */
int dhow_resume(struct dhow *d, const char *run, struct dhow_run **ret);

const char *dhow_run_id(const struct dhow_run *run); /* a UUID; borrowed */

struct dhow_event {
    char kind[8];     /* "run", "task", "note" */
    char task[512];   /* "root.loop.train", of a task */
    char state[16];   /* "RUNNING", "SUCCEEDED", … */
    char reason[512]; /* why, or the note; cut where it is longer */
    int attempt;      /* from 1; 0: none */
    int exit_code;    /* -1: none */
    const char *json; /* all of it, one line; borrowed until the next call */
    uint64_t reserved[8];
};
/* A descriptor that can be read when dhow_next has something: for poll() and event loops. Not to be
 * read or closed by the caller. -1: the run has ended. */
int dhow_fd(const struct dhow_run *run);
/* The next event: 1 and *ret; 0: none within timeout_ms (0: do not wait; -1: as long as it takes);
 * below 0: DHOW_…. After the last event (the run's end) the answer is DHOW_OK, dhow_fd is -1. */
int dhow_next(struct dhow_run *run, int timeout_ms, struct dhow_event *ret);
/* Waits for the end; `fn` (or NULL) is called for each event from this thread. DHOW_OK: SUCCEEDED;
 * DHOW_RUN_FAILED, DHOW_CANCELED, or why it could not be run to its end. *ret_json (where ret_json
 * is not NULL) is the run as `dhow show RUN --output json` has it: dhow_free. */
int dhow_wait(struct dhow_run *run, void (*fn)(const struct dhow_event *event, void *user),
              void *user, char **ret_json);
/* Asks it to stop: steps are ended with grace, exit handlers run; dhow_wait then says
 * DHOW_CANCELED. */
int dhow_cancel(struct dhow_run *run);
/* Stops watching; a run that has not ended goes on by itself. NULL is fine. */
void dhow_run_free(struct dhow_run *run);

/* ---- reading ---- */

/* What a command prints with --output json: dhow_read(d, &json, "show", "last", NULL),
 * ("runs", "--experiment", "tuning", NULL), ("artifacts", NULL), ("lineage", id, NULL). *ret is a
 * text: dhow_free. */
int dhow_read(struct dhow *d, char **ret, const char *command, ...);
int dhow_readv(struct dhow *d, char **ret, const char *const *words);
void dhow_free(void *p);

#ifdef __cplusplus
}
#endif

#endif
