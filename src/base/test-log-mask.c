/* Texts that are replaced in a log, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/mask.h"

static void to_buf(void *user, const char *bytes, size_t n)
{
    buf_add(user, bytes, n);
}

static struct log_mask *mask_of(const char *const *texts)
{
    struct log_mask *mask = log_mask_new();

    for (; *texts; texts++)
        log_mask_add(mask, *texts, strlen(*texts));
    return mask;
}

/* `text` given in pieces of `piece` bytes. */
static char *masked(const char *const *texts, const char *text, size_t piece)
{
    struct log_mask *mask = mask_of(texts);
    struct buf b = {0};
    size_t n = strlen(text);

    for (size_t at = 0; at < n; at += piece)
        log_mask_feed(mask, text + at, n - at < piece ? n - at : piece, false, to_buf, &b);
    log_mask_feed(mask, "", 0, true, to_buf, &b);
    (void)log_mask_free(mask);
    buf_adds(&b, "");
    return buf_take(&b);
}

static void cases(void **state)
{
    static const char *const texts[] = {"hunter2", "hunter2000", "aab", "two\nlines", NULL};
    static const struct {
        const char *text, *want;
    } all[] = {
        {"", ""},
        {"nothing here", "nothing here"},
        {"hunter2", "***"},
        {"hunter2000", "***"},  /* the longer one */
        {"hunter200", "***00"}, /* not quite the longer one */
        {"a hunter2 b hunter2", "a *** b ***"},
        {"hunter2hunter2", "******"},
        {"hunthunter2", "hunt***"},
        {"aaab", "a***"}, /* its beginning overlaps itself */
        {"aaaab aab", "aa*** ***"},
        {"two\nlines\n", "***\n"},
        {"hunter", "hunter"}, /* held back, and given at the end */
        {"x hunter", "x hunter"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t piece = 1; piece < 12; piece++) {
            own_mem char *got = masked(texts, all[i].text, piece);

            if (strcmp(got, all[i].want) != 0)
                fail_msg("'%s' in pieces of %zu: '%s', not '%s'", all[i].text, piece, got,
                         all[i].want);
        }
}

/* What can be no beginning is written at once: a log is read while it grows. */
static void at_once(void **state)
{
    static const char *const texts[] = {"secret", NULL};
    struct log_mask *mask = mask_of(texts);
    own_buf struct buf b = {0};
    (void)state;

    log_mask_feed(mask, "line\nse", 7, false, to_buf, &b);
    assert_string_equal(buf_str(&b), "line\n");
    log_mask_feed(mask, "ven", 3, false, to_buf, &b);
    assert_string_equal(buf_str(&b), "line\nseven");
    (void)log_mask_free(mask);
}

/* Random texts over a small alphabet: the same whatever the pieces are, and no text is left. */
static void random_pieces(void **state)
{
    unsigned seed = 1;
    (void)state;

    for (int round = 0; round < 3000; round++) {
        char words[3][6] = {{0}}, text[60];
        const char *texts[4] = {words[0], words[1], words[2], NULL};
        own_mem char *whole = NULL;

        for (int w = 0; w < 3; w++)
            for (int i = 0, n = 2 + rand_r(&seed) % 4; i < n; i++)
                words[w][i] = (char)('a' + rand_r(&seed) % 2);
        for (size_t i = 0; i < sizeof text - 1; i++)
            text[i] = (char)('a' + rand_r(&seed) % 2);
        text[sizeof text - 1] = '\0';
        whole = masked(texts, text, sizeof text);
        for (size_t piece = 1; piece < 9; piece += 3) {
            own_mem char *got = masked(texts, text, piece);

            assert_string_equal(got, whole);
        }
        for (int w = 0; w < 3; w++)
            assert_null(strstr(whole, words[w]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(at_once),
        cmocka_unit_test(random_pieces),
    };

    return cmocka_run_group_tests_name("log-mask", tests, NULL, NULL);
}
