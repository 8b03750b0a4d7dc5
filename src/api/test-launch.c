/* Pods' requests that wait for a run's process: one that is dropped is heard of no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "api/api-priv.h"
#include "api/launch.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/launch.h"

#define RUN "01a21bd6-6157-71eb-b273-55d4df19571c"

/* A child has each descriptor of the server from its fork until its exec, so closing one there
 * does not end what it stands for. Here a duplicate is that child. */
static void test_dropped(void **state)
{
    char home[] = "/tmp/dhow-test-XXXXXX";
    struct api_options options = {.home = mkdtemp(home)};
    struct api api = {.options = &options};
    struct req r = {.api = &api, .param = {RUN ".0123456789"}, .authorization = "Bearer x"};
    own_mem char *folder = dh_printf("%s/runs/" RUN, home);
    struct dh_err err;
    int process, child, end, next;
    struct pollfd ready;

    (void)state;
    assert_non_null(options.home);
    assert_int_equal(fs_mkdirs(folder, 0700, &err), 0);
    assert_true((process = launch_listen(folder, &err)) >= 0);
    assert_int_equal(launch_open(&api, &api.launch, &err), 0);
    r.json = js_object();

    next = dup(0); /* the number that the connection will have */
    (void)close(next);
    assert_int_equal(launch_beat(&r, &err), 0);
    assert_true(r.later);
    assert_true((child = fcntl(next, F_DUPFD_CLOEXEC, 100)) >= 0);
    assert_true((end = accept(process, NULL, NULL)) >= 0);

    launch_gone(api.launch, &r); /* the pod has gone, */
    (void)close(end);            /* and the run's process too */
    ready = (struct pollfd){.fd = launch_poll_fd(api.launch), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 0), 0);
    launch_run(api.launch);

    (void)close(child);
    (void)close(process);
    js_free(r.json);
    launch_close(api.launch);
    assert_int_equal(fs_remove_tree(home, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dropped)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
