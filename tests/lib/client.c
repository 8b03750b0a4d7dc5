/* client - what a program does with libdhow; TAP. client FILE SLOW HOME [FAULTS MOST]: of the
 * engine's allocations at most so many fail; 0: each. */
#include <dhow/dhow.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"

static int count, failed;

static void check(int ok, const char *name, const char *detail)
{
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++count, name);
    if (!ok) {
        printf("# %s\n", detail ? detail : "");
        failed++;
    }
    fflush(stdout);
}

static int n_open(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void count_event(const struct dhow_event *event, void *user)
{
    *(int *)user += !strcmp(event->kind, "task");
}

static void plain(struct dhow *d, const char *file)
{
    struct dhow_run *run = NULL;
    struct dhow_event event;
    char *json = NULL;
    int events = 0, rc, before = n_open();

    rc = dhow_start(d, file, "{\"name\": \"you\"}", NULL, &run);
    check(rc == DHOW_OK && strlen(dhow_run_id(run)) == 36, "a run starts", dhow_error(d));
    rc = dhow_wait(run, count_event, &events, &json);
    check(rc == DHOW_OK && events >= 4 && json && strstr(json, "\"SUCCEEDED\"") &&
              dhow_fd(run) == -1,
          "and ends, with events and its record", json);
    dhow_free(json);
    dhow_run_free(run);
    rc = dhow_start(d, file, "{\"name\": \"you\"}", NULL, &run);
    while (dhow_fd(run) >= 0) {
        struct pollfd fd = {dhow_fd(run), POLLIN, 0};

        poll(&fd, 1, 10000);
        while (dhow_next(run, 0, &event) > 0)
            events += 100 * !strcmp(event.state, "CACHED");
    }
    check(rc == DHOW_OK && events >= 200, "by a descriptor in a loop of one's own", NULL);
    check(dhow_wait(run, NULL, NULL, NULL) == DHOW_OK, "waiting for one that has ended",
          dhow_error(d));
    dhow_run_free(run);
    check(n_open() == before, "no descriptor is left", NULL);
}

static void wrong(struct dhow *d, const char *file)
{
    struct dhow_run *run = NULL;
    char *json = NULL;

    check(dhow_start(d, "/no/such.yaml", NULL, NULL, &run) == DHOW_WRONG &&
              strstr(dhow_error(d), "/no/such.yaml"),
          "no such file", dhow_error(d));
    check(dhow_start(d, file, "{\"nothing\": 1}", NULL, &run) == DHOW_WRONG &&
              strstr(dhow_error(d), "nothing"),
          "no such parameter", dhow_error(d));
    check(dhow_start(d, file, "{", NULL, &run) == DHOW_WRONG, "parameters that are no JSON",
          dhow_error(d));
    check(dhow_read(d, &json, "show", "99999", NULL) == DHOW_WRONG && !json, "no such run",
          dhow_error(d));
    check(dhow_read(d, &json, "runs", NULL) == DHOW_OK && json && *json, "the runs", dhow_error(d));
    dhow_free(json);
    dhow_run_free(NULL);
    dhow_close(NULL);
}

static void stopped(struct dhow *d, const char *slow)
{
    struct dhow_run *run = NULL;
    struct dhow_event event;
    char id[64], *json = NULL;

    check(dhow_start(d, slow, "{\"seconds\": 600}", NULL, &run) == DHOW_OK, "a slow run starts",
          dhow_error(d));
    while (dhow_next(run, 100000, &event) > 0 && strcmp(event.state, "RUNNING") != 0)
        ;
    check(dhow_cancel(run) == DHOW_OK && dhow_wait(run, NULL, NULL, NULL) == DHOW_CANCELED,
          "and is canceled", dhow_error(d));
    dhow_run_free(run);
    check(dhow_start(d, slow, NULL, NULL, &run) == DHOW_OK, "another", dhow_error(d));
    snprintf(id, sizeof id, "%s", dhow_run_id(run));
    dhow_run_free(run);
    for (int i = 0; i < 300 && !(json && strstr(json, "\"SUCCEEDED\"")); i++) {
        dhow_free(json);
        json = NULL;
        usleep(100000);
        dhow_read(d, &json, "show", id, NULL);
    }
    check(json && strstr(json, "\"SUCCEEDED\""), "goes on when nobody watches", json);
    dhow_free(json);
}

/* ---- faults ---- */

static void (*at)(int, long);
static long (*counted)(void), (*live)(void);

static int find_faults(void)
{
    at = (void (*)(int, long))dlsym(RTLD_DEFAULT, "fault_at");
    counted = (long (*)(void))dlsym(RTLD_DEFAULT, "fault_count");
    live = (long (*)(void))dlsym(RTLD_DEFAULT, "fault_live");
    return at && counted && live;
}

/* All that the library can do, in one home; the last answer. */
static int everything(const char *home, const char *file, const char *slow)
{
    struct dhow *d = NULL;
    struct dhow_options options = {.home = home};
    struct dhow_run *run = NULL, *again = NULL;
    struct dhow_event event;
    char *json = NULL, *runs = NULL;
    int rc = dhow_open(&options, &d);

    if (rc == DHOW_OK)
        rc = dhow_start(d, file, "{\"name\": \"you\"}", NULL, &run);
    if (rc == DHOW_OK)
        rc = dhow_wait(run, NULL, NULL, &json);
    if (rc == DHOW_OK)
        rc = dhow_read(d, &runs, "runs", NULL);
    if (rc == DHOW_OK)
        rc = dhow_start(d, slow, NULL, NULL, &again);
    while (rc == DHOW_OK && (rc = dhow_next(again, -1, &event)) > 0)
        rc = strcmp(event.kind, "task") != 0 ? DHOW_OK : dhow_cancel(again);
    dhow_free(json);
    dhow_free(runs);
    dhow_run_free(run);
    dhow_run_free(again);
    dhow_close(d);
    return rc;
}

/* Each allocation and each call of the system fails once: an error each time, nothing is left, and
 * the home is good. */
static void faults(struct dhow *d, const char *home, char **files, int kind, const char *name)
{
    int before = n_open(), bad = 0, errors = 0, leaks = 0;
    char detail[200], *json = NULL;
    long n, blocks;

    everything(home, files[0], files[1]); /* what the C library keeps for itself is there */
    for (n = 1; n < 500; n++) {
        int rc;

        blocks = live();
        at(kind, n);
        rc = everything(home, files[0], files[1]);
        leaks += live() != blocks;
        bad += rc != DHOW_OK && rc != DHOW_MACHINE && !(rc == DHOW_NO_MEMORY && kind == 'm');
        errors += rc != DHOW_OK;
        if (counted() < n)
            break; /* there was no n-th */
    }
    at(0, 0);
    snprintf(detail, sizeof detail, "n %ld, errors %d, bad %d, leaks %d, open %d of %d", n, errors,
             bad, leaks, n_open(), before);
    check(n > 10 && n < 500 && errors > 5 && !bad && !leaks && n_open() == before, name, detail);
    check(dhow_read(d, &json, "db", "check", NULL) == DHOW_OK && strstr(json, "\"sound\": true"),
          "and the home is good", json ? json : dhow_error(d));
    dhow_free(json);
}

/* The same in the engine's process: `fault` is in both. At most `most` places, evenly spread; 0:
 * each. */
static void engine_faults(struct dhow *d, const char *home, char **files, struct fault *fault,
                          int kind, int most, const char *name)
{
    char detail[300] = "", *sound = NULL;
    int errors = 0, bad = 0, unresumed = 0, leaks = 0, before = n_open();
    long total = 1, step = 1, blocks = live();

    for (long n = 0; n <= total; n += step) { /* 0: undisturbed, and counted */
        struct dhow_run *run = NULL;
        char id[64] = "", *json = NULL;
        int rc;

        *fault = (struct fault){.kind = kind, .at = n};
        rc = dhow_start(d, files[0], "{\"name\": \"you\"}", NULL, &run);
        if (rc == DHOW_OK) {
            snprintf(id, sizeof id, "%s", dhow_run_id(run));
            rc = dhow_wait(run, NULL, NULL, &json);
            dhow_run_free(run);
        }
        bad += rc == DHOW_OK && (!json || !strstr(json, "\"said\": \"Hello, you!\""));
        dhow_free(json);
        if (n == 0) {
            total = fault->count;
            step = most ? (total + most - 1) / most : 1;
        }
        *fault = (struct fault){0};
        errors += rc != DHOW_OK;
        if (rc != DHOW_OK && rc != DHOW_MACHINE && rc != DHOW_RUN_FAILED)
            snprintf(detail, sizeof detail, "%d at %ld: %s", rc, n, dhow_error(d)), bad++;
        leaks += live() != blocks;
        if (rc != DHOW_MACHINE || !*id)
            continue;
        run = NULL;
        rc = dhow_resume(d, id, &run);
        if (rc == DHOW_OK)
            rc = dhow_wait(run, NULL, NULL, NULL);
        if (rc != DHOW_OK && !strstr(dhow_error(d), "is over (SUCCEEDED)"))
            snprintf(detail, sizeof detail, "resume of %ld: %s", n, dhow_error(d)), unresumed++;
        dhow_run_free(run);
    }
    check(total > 20 && errors > 10 && !bad && !unresumed && !leaks && n_open() == before, name,
          detail);
    printf("# %s: %ld in all, each %ld.: %d errors, the others with the right result\n", name,
           total, step, errors);
    check(dhow_read(d, &sound, "db", "check", NULL) == DHOW_OK &&
              strstr(sound, "\"sound\": true") && everything(home, files[0], files[1]) == DHOW_OK,
          "and the home is good", sound ? sound : dhow_error(d));
    dhow_free(sound);
}

static void all_faults(struct dhow *d, const char *home, char **files, const char *shared, int most)
{
    int fd = open(shared, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct fault *fault = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, sizeof *fault) == 0)
        fault = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!find_faults() || fault == MAP_FAILED) {
        check(0, "faults", "faults.so is not preloaded");
        return;
    }
    close(fd);
    faults(d, home, files, 'm', "each allocation fails once");
    faults(d, home, files, 'i', "each call of the system fails once");
    setenv("CLIENT_FAULT", shared, 1);
    engine_faults(d, home, files, fault, 'm', most, "allocations in the engine's process fail");
    engine_faults(d, home, files, fault, 'w', 0, "each write in the engine's process fails once");
    munmap(fault, sizeof *fault);
}

int main(int argc, char **argv)
{
    struct dhow *d = NULL;
    struct dhow_options options = {0};

    if (argc < 4)
        return 2;
    options.home = argv[3];
    check(dhow_open(&options, &d) == DHOW_OK && !*dhow_error(d), "opens", NULL);
    plain(d, argv[1]);
    wrong(d, argv[1]);
    stopped(d, argv[2]);
    if (argc > 5)
        all_faults(d, argv[3], argv + 1, argv[4], (int)strtol(argv[5], NULL, 10));
    dhow_close(d);
    printf("1..%d\n", count);
    return failed != 0;
}
