/* embedded - one program that has the engine in it: where it runs, nothing of dhow is installed.
 *
 *     cc main.c $(pkg-config --cflags --libs dhow-static) -o embedded
 *     ./embedded pipeline.yaml '{"n": 3}'
 */
#include <dhow/dhow.h>
#include <stdio.h>
#include <string.h>

static void show(const struct dhow_event *event, void *user)
{
    (void)user;
    if (!strcmp(event->kind, "task"))
        printf("%s %s\n", event->state, event->task);
}

static int run_pipeline(struct dhow *d, const char *file, const char *parameters)
{
    struct dhow_run *run = NULL;
    char *json = NULL;
    int status = dhow_start(d, file, parameters, NULL, &run);

    if (status == DHOW_OK)
        status = dhow_wait(run, show, NULL, &json);
    if (status == DHOW_OK)
        puts(json);
    else
        fprintf(stderr, "embedded: %s\n", dhow_error(d));
    dhow_free(json);
    dhow_run_free(run);
    return status == DHOW_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct dhow *d = NULL;
    int status = dhow_engine_main(argc, argv); /* in the engine's process: all of it */

    if (status >= 0)
        return status;
    if (argc < 2) {
        fprintf(stderr, "usage: embedded PIPELINE [PARAMETERS]\n");
        return 2;
    }
    if (dhow_open(NULL, &d) != DHOW_OK) {
        fprintf(stderr, "embedded: %s\n", dhow_error(NULL));
        return 1;
    }
    status = run_pipeline(d, argv[1], argc > 2 ? argv[2] : NULL);
    dhow_close(d);
    return status;
}
