/* client - what a program does with libdhow; TAP. client FILE HOME [faults] */
#include <dhow/dhow.h>
#include <dirent.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

    check(dhow_start(d, slow, NULL, NULL, &run) == DHOW_OK, "a slow run starts", dhow_error(d));
    while (dhow_next(run, 10000, &event) > 0 && strcmp(event.state, "RUNNING") != 0)
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

/* Each allocation and each call of the system fails once: an error each time, and the next try
 * works. */
static void faults(struct dhow *d, const char *file, int kind, const char *name)
{
    void (*fault_at)(int, long) = (void (*)(int, long))dlsym(RTLD_DEFAULT, "fault_at");
    long (*fault_left)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "fault_left");
    int before = n_open(), bad = 0, errors = 0;
    long n;

    if (!fault_at || !fault_left) {
        check(0, name, "faults.so is not preloaded");
        return;
    }
    for (n = 1; n < 500; n++) {
        struct dhow *own = NULL;
        struct dhow_options options = {0};
        struct dhow_run *run = NULL;
        char *json = NULL;
        int rc;
        long left;

        options.home = getenv("CLIENT_HOME");
        fault_at(kind, n);
        rc = dhow_open(&options, &own);
        if (rc == DHOW_OK)
            rc = dhow_start(own, file, "{\"name\": \"you\"}", NULL, &run);
        if (rc == DHOW_OK)
            rc = dhow_wait(run, NULL, NULL, &json);
        if (rc == DHOW_OK)
            rc = dhow_read(own, &json, "version", NULL);
        left = fault_left();
        fault_at(0, 0);
        bad += rc != DHOW_OK && rc != (kind == 'm' ? DHOW_NO_MEMORY : DHOW_MACHINE) &&
               rc != DHOW_MACHINE;
        errors += rc != DHOW_OK;
        dhow_free(json);
        dhow_run_free(run);
        dhow_close(own);
        if (left > 0)
            break; /* there was no n-th */
    }
    {
        char detail[200];
        char *json = NULL;

        snprintf(detail, sizeof detail, "n %ld, errors %d, bad %d, open %d of %d", n, errors, bad,
                 n_open(), before);
        check(n > 3 && n < 500 && errors > 2 && !bad && n_open() == before, name, detail);
        check(dhow_read(d, &json, "runs", NULL) == DHOW_OK, "and the home is good", dhow_error(d));
        dhow_free(json);
    }
}

int main(int argc, char **argv)
{
    struct dhow *d = NULL;
    struct dhow_options options = {0};

    if (argc < 4)
        return 2;
    options.home = argv[3];
    setenv("CLIENT_HOME", argv[3], 1);
    check(dhow_open(&options, &d) == DHOW_OK && !*dhow_error(d), "opens", NULL);
    plain(d, argv[1]);
    wrong(d, argv[1]);
    stopped(d, argv[2]);
    if (argc > 4) {
        faults(d, argv[1], 'm', "each allocation fails once");
        faults(d, argv[1], 'i', "each call of the system fails once");
    }
    dhow_close(d);
    printf("1..%d\n", count);
    return failed != 0;
}
