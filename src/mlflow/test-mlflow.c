/* Filters of models and versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "mlflow/filter.h"

static void filters(void **state)
{
    static const struct {
        const char *text;
        int want; /* 1 fits, 0 not, -1 refused */
    } cases[] = {
        {"", 1},
        {NULL, 1},
        {"name = 'income'", 1},
        {"name='income'", 1},
        {"name != 'income'", 0},
        {"NAME LIKE 'in%'", 1},
        {"name LIKE 'IN%'", 0},
        {"name ILIKE 'IN%m_'", 1},
        {"name LIKE '%c%m%'", 1},
        {"name LIKE '%x%'", 0},
        {"name LIKE ''", 0},
        {"run_id = 'r'", 0},
        {"version = '3' and name = \"income\"", 1},
        {"version_number = '3'", 1},
        {"tag.a = 'b'", 1},
        {"tags.`a` = 'b' AND tag.\"x y\" != 'true'", 1},
        {"tag.none = 'b'", 0},
        {"tag.`mlflow.prompt.is_prompt` != 'true'", 1},
        {"name", -1},
        {"name = income", -1},
        {"name = 'income", -1},
        {"name = 'a' or name = 'b'", -1},
        {"colour = 'red'", -1},
        {"tag. = 'x'", -1},
        {"name < 'x'", -1},
    };
    const struct mlflow_facts facts = {
        .name = "income", .run_id = "01a2", .version = "3", .tags = "{\"a\":\"b\"}"};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(arena_free) struct arena *a = arena_new();
        struct mlflow_filter filter;
        struct dh_err err;
        int got = mlflow_filter_read(cases[i].text, a, &filter, &err) < 0
                      ? -1
                      : mlflow_filter_fits(&filter, &facts);

        if (got != cases[i].want)
            fail_msg("%s: %d, not %d", cases[i].text, got, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filters)};

    return cmocka_run_group_tests_name("mlflow", tests, NULL, NULL);
}
