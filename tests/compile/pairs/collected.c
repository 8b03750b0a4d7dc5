#include "parts.h"

#define IN(X)                                                                                      \
    X(LIST, given, "[1, 2]", "") X(OUTPUT_LIST, all, "", "") X(OUTPUT, whole, DHOW_DATASET, "")
DHOW_PIPELINE(collected, "collected", "", IN)
{
    struct twice_task t = {0}, deep = {0};
    DHOW_FOR(i, dhow_of_json("[1, 2, 3]"), 0, NULL)
    {
        t = DHOW_RUN(twice, .n = i);
    }
    DHOW_FOR(i, dhow_of_json("[1, 2]"), 0, NULL)
    {
        DHOW_FOR(k, dhow_of_json("[3, 4]"), 0, NULL)
        {
            deep = DHOW_RUN(twice, .n = k);
        }
        DHOW_RUN(sum, .all = dhow_collected(deep.twice));
    }
    DHOW_RUN(sum, .all = dhow_collected(t.twice));
    struct merge_task m = DHOW_RUN(merge, .parts = dhow_collected(t.data));
    struct twice_task last = {0};
    DHOW_FOR(i, dhow_of_json("[5, 6]"), 0, NULL)
    {
        last = DHOW_RUN(twice, .n = i);
    }
    out->all = dhow_collected(last.twice);
    out->whole = m.whole;
}
DHOW_MAIN(collected)
