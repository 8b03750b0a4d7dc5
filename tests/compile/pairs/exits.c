#include "parts.h"

#define IN(X) X(TEXT, text, "bye", "")
DHOW_PIPELINE(exits, "exits", "", IN)
{
    struct clean_task last = DHOW_RUN(clean, .text = in->text);
    DHOW_EXIT_HANDLER(last, "guarded")
    {
        struct numbers_task n = DHOW_RUN(numbers, .n = dhow_v(1));
        struct say_task s = DHOW_RUN(say, .text = n.face);
        struct clean_task c = DHOW_RUN(clean, .text = s.said);
        dhow_ignore_upstream_failure(c);
    }
    struct say_task a = DHOW_RUN(say, .text = dhow_v("a"));
    struct say_task b = DHOW_RUN(say, .text = dhow_v("b"));
    dhow_after(b, a);
}
DHOW_MAIN(exits)
