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
        {"attributes.name = 'income'", 1},
        {"run_id IN ('x', '01a2')", 1},
        {"run_id IN ('x')", 0},
        {"run_id IN ('x'", -1},
        {"run_id IN ()", -1},
        {"version_number > 2 AND version_number <= 3", 1},
        {"version_number != 3", 0},
        {"version_number > '2'", -1},
        {"creation_timestamp >= 1000", 1},
        {"creation_time < 1000", 0},
        {"last_update_time > 1e3", 1},
        {"last_updated_timestamp LIKE 1", -1},
        {"creation_time = 'x'", -1},
    };
    const struct mlflow_facts facts = {.name = "income",
                                       .run_id = "01a2",
                                       .version = "3",
                                       .tags = "{\"a\":\"b\"}",
                                       .created_ms = 1000,
                                       .updated_ms = 2000};
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

static void orders(void **state)
{
    static const struct {
        const char *json;
        int want; /* of a and b; 2: refused */
    } cases[] = {{"[]", 0},
                 {"[\"name\"]", 0},
                 {"[\"name\", \"version_number DESC\"]", 1},
                 {"[\"version ASC\"]", -1}, /* 9 is before 10 */
                 {"[\"attribute.last_updated_timestamp desc\"]", -1},
                 {"[\"creation_time\", \"timestamp\"]", 1},
                 {"[\"colour\"]", 2},
                 {"[\"name sideways\"]", 2},
                 {"[7]", 2}};
    const struct mlflow_facts x = {.name = "m", .version = "9", .updated_ms = 2},
                              y = {.name = "m", .version = "10", .updated_ms = 1};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own(arena_free) struct arena *a = arena_new();
        own(js_free) struct js *list = NULL;
        struct mlflow_order order;
        struct dh_err err;
        int got;

        assert_int_equal(js_parse(cases[i].json, strlen(cases[i].json), &list, &err), 0);
        got =
            mlflow_order_read(list, a, &order, &err) < 0 ? 2 : mlflow_order_compare(&order, &x, &y);
        if (got != cases[i].want)
            fail_msg("%s: %d, not %d", cases[i].json, got, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filters), cmocka_unit_test(orders)};

    return cmocka_run_group_tests_name("mlflow", tests, NULL, NULL);
}
