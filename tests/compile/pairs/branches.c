#include "parts.h"

#define IN(X) X(TEXT, wanted, "heads", "") X(INTEGER, limit, "3", "") X(BOOL, really, "true", "")
DHOW_PIPELINE(branches, "branches", "", IN)
{
    struct numbers_task n = DHOW_RUN(numbers, .n = in->limit);
    DHOW_IF(dhow_eq(n.face, in->wanted), "outer")
    {
        DHOW_RUN(say, .text = n.face);
        DHOW_IF(dhow_gt(n.sum, dhow_v(10)), NULL)
        {
            DHOW_RUN(say, .text = in->wanted);
        }
        DHOW_ELIF(dhow_ge(n.sum, dhow_v(2.5)), "middle")
        {
            DHOW_RUN(say, .text = dhow_v("between"));
        }
        DHOW_ELSE(NULL)
        {
            DHOW_RUN(say, .text = dhow_v("small"));
        }
    }
    DHOW_IF(dhow_eq(in->really, dhow_true), NULL)
    {
        DHOW_RUN(say, .text = dhow_v("really"));
    }
}
DHOW_MAIN(branches)
