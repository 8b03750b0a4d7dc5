#include "parts.h"

#define INNER(X)                                                                                   \
    X(INTEGER, n, "2", "")                                                                         \
    X(TEXT, text, "hi", "") X(OUTPUT_INTEGER, value, "", "") X(OUTPUT, data, DHOW_DATASET, "")
DHOW_PIPELINE(inner, "inner", "", INNER)
{
    struct twice_task t = DHOW_RUN(twice, .n = in->n);
    DHOW_IF(dhow_eq(in->text, dhow_v("hi")), NULL)
    {
        DHOW_RUN(say, .text = in->text);
    }
    out->value = t.twice;
    out->data = t.data;
}

#define LAST(X) X(TEXT, text, "end", "")
DHOW_PIPELINE(last_words, "last-words", "", LAST)
{
    DHOW_RUN(say, .text = in->text);
}

#define PASS(X) X(INPUT, data, DHOW_DATASET, "") X(OUTPUT_INTEGER, n, "", "")
DHOW_PIPELINE(pass, "pass", "", PASS)
{
    DHOW_RUN(use, .data = in->data);
    struct twice_task t = DHOW_RUN(twice, .n = dhow_v(4));
    out->n = t.twice;
}

#define IN(X)                                                                                      \
    X(INPUT, data, DHOW_DATASET, "")                                                               \
    X(INTEGER, n, DHOW_REQUIRED, "")                                                               \
    X(TEXT, word, "w", "")                                                                         \
    X(NUMBER, rate, "0.5", "") X(STRUCT, how, "{\"a\": 1}", "") X(OUTPUT_INTEGER, value, "", "")
DHOW_PIPELINE(more, "more", "", IN)
{
    struct last_words_task last = DHOW_RUN(last_words, .text = in->word);
    DHOW_EXIT_HANDLER(last, NULL)
    {
        struct numbers_task first = DHOW_RUN(numbers, .n = in->n);
        DHOW_IF(dhow_ne(first.sum, dhow_v(3)), NULL)
        {
            DHOW_FOR(i, dhow_of_json("[1, 2]"), 0, NULL)
            {
                DHOW_IF(dhow_lt(i, dhow_v(2)), NULL)
                {
                    DHOW_RUN(twice, .n = i);
                }
            }
        }
        DHOW_IF(dhow_le(first.sum, in->n), NULL)
        {
            DHOW_RUN(say, .text = dhow_v("le"));
        }
        DHOW_IF(dhow_gt(in->rate, dhow_v(0.25)), NULL)
        {
            DHOW_RUN(say, .text = DHOW_FORMAT("{} and {}", first.face, in->word));
        }
    }
    struct inner_task t = DHOW_RUN(inner, .n = in->n);
    dhow_retry(t, 2, 0, 0, 0);
    dhow_caching(t, false);
    dhow_display_name(t, "An inner one");
    struct pass_task p = DHOW_RUN(pass, .data = t.data);
    DHOW_RUN(use, .data = in->data);
    out->value = p.n;
}
DHOW_MAIN(more)
