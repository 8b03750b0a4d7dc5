#include "parts.h"

#define ALL(X) X(LIST, given, "[1, 2]", "") X(OUTPUTS, Output, DHOW_DATASET, "")
DHOW_PIPELINE(make_all, "make-all", "", ALL)
{
    dhow_value data = {0};
    DHOW_FOR(i, dhow_list_of(in->given, "integer"), 0, NULL)
    {
        data = DHOW_RUN(twice, .n = i).data;
    }
    out->Output = dhow_collected(data);
}

#define IN(X)                                                                                      \
    X(LIST, given, "[3]", "")                                                                      \
    X(INPUTS, ready, DHOW_DATASET, "") X(OUTPUTS, all, DHOW_DATASET, "")
DHOW_PIPELINE(lists, "lists", "", IN)
{
    struct make_all_task m = DHOW_RUN(make_all, .given = in->given);
    DHOW_RUN(merge, .parts = m.Output);
    DHOW_FOR(one, m.Output, 0, NULL)
    {
        DHOW_RUN(use, .data = one);
    }
    DHOW_RUN(merge, .parts = in->ready);
    out->all = m.Output;
}
DHOW_MAIN(lists)
