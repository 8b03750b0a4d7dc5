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

#define IN(X) X(INTEGER, n, "2", "")
DHOW_PIPELINE(nested, "nested", "", IN)
{
    struct inner_task a = DHOW_RUN(inner, .n = in->n);
    struct inner_task b = DHOW_RUN(inner, .n = a.value, .text = dhow_v("ho"));
    DHOW_RUN(use, .data = b.data);
    DHOW_FOR(i, dhow_of_json("[1, 2]"), 0, NULL)
    {
        DHOW_RUN(inner, .n = i);
    }
}
DHOW_MAIN(nested)
