/* store on a server: what is not SQLite's. Does nothing without DHOW_TEST_DB. */
#include "store/test-store.h"

static void another_connection_sees_what_changed(void **state)
{
    struct home *h = *state;
    own(store_close) struct store *s2 = NULL;
    struct dh_err err;
    bool cancel;
    int64_t run;

    OK(store_open(h->path, 0, &s2, &err));
    (void)store_changed(h->s);
    run = add_run(h->s, NULL, "r", 1);
    assert_false(store_changed(h->s)); /* our own */
    assert_true(store_changed(s2));
    assert_false(store_changed(s2));
    OK(store_run_request_cancel(s2, run, 5, &err));
    assert_true(store_changed(h->s));
    assert_false(store_changed(h->s));
    OK(store_run_cancel_requested(h->s, run, &cancel, &err));
    assert_true(cancel);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, home_open, home_close)
    static const struct CMUnitTest tests[] = {
        T(another_connection_sees_what_changed),
    };

    if (!getenv("DHOW_TEST_DB")) {
        (void)printf("1..0 # SKIP no DHOW_TEST_DB\n");
        return 0;
    }
    return cmocka_run_group_tests_name("store: on a server", tests, NULL, NULL);
}
