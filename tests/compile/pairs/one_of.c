#include "parts.h"

#define IN(X)                                                                                      \
    X(INTEGER, n, "3", "") X(OUTPUT_INTEGER, chosen, "", "") X(OUTPUT, data, DHOW_DATASET, "")
DHOW_PIPELINE(one_of, "one-of", "", IN)
{
    struct numbers_task n = DHOW_RUN(numbers, .n = in->n);
    struct twice_task a = {0}, b = {0}, c = {0};
    DHOW_IF(dhow_eq(n.face, dhow_v("heads")), NULL)
    {
        a = DHOW_RUN(twice, .n = dhow_v(1));
    }
    DHOW_ELIF(dhow_eq(n.face, dhow_v("tails")), NULL)
    {
        b = DHOW_RUN(twice, .n = dhow_v(2));
    }
    DHOW_ELSE(NULL)
    {
        c = DHOW_RUN(twice, .n = n.sum);
    }
    dhow_value number = DHOW_ONE_OF(a.twice, b.twice, c.twice);
    dhow_value data = DHOW_ONE_OF(a.data, b.data, c.data);
    struct twice_task again = DHOW_RUN(twice, .n = number);
    DHOW_RUN(use, .data = data);
    DHOW_IF(dhow_gt(again.twice, dhow_v(3)), NULL)
    {
        DHOW_RUN(use, .data = data, .how = dhow_v("deep"));
    }
    out->chosen = number;
    out->data = data;
}
DHOW_MAIN(one_of)
