#include "parts.h"

#define IN(X) X(LIST, given, "[1, 2]", "") X(LIST, typed, "[3]", "") X(INTEGER, n, "3", "")
DHOW_PIPELINE(loops, "loops", "", IN)
{
    struct numbers_task n = DHOW_RUN(numbers, .n = in->n);
    DHOW_FOR(i, dhow_of_json("[1, 2, 3]"), 2, "static")
    {
        struct twice_task t = DHOW_RUN(twice, .n = i);
        DHOW_IF(dhow_gt(t.twice, dhow_v(2)), NULL)
        {
            DHOW_RUN(say, .text = DHOW_FORMAT("{} of {}", t.twice, n.sum));
        }
    }
    DHOW_FOR(pair, dhow_of_json("[{\"a\": 1, \"b\": 3}, {\"a\": 2, \"b\": 4}]"), 0, NULL)
    {
        DHOW_RUN(twice, .n = dhow_field(pair, "a"));
        DHOW_RUN(twice, .n = dhow_field(pair, "b"));
    }
    DHOW_FOR(i, in->given, 0, NULL)
    {
        DHOW_RUN(say, .text = i);
    }
    DHOW_FOR(i, dhow_list_of(in->typed, "integer"), 0, NULL)
    {
        DHOW_RUN(twice, .n = i);
    }
    DHOW_FOR(i, n.numbers, 0, NULL)
    {
        DHOW_RUN(say, .text = i);
        DHOW_FOR(k, dhow_of_json("[\"p\", \"q\"]"), 0, NULL)
        {
            DHOW_RUN(say, .text = k);
        }
    }
}
DHOW_MAIN(loops)
