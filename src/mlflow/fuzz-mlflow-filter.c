/* Any bytes as a filter: read or refused with a message; then asked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/own.h"
#include "mlflow/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    own(arena_free) struct arena *a = arena_new();
    own_mem char *text = dh_strndup((const char *)data, n);
    struct mlflow_facts facts = {
        .name = "income", .run_id = "01a2", .version = "3", .tags = "{\"a\":\"b\"}"};
    struct mlflow_filter filter;
    struct dh_err err = {0};

    if (mlflow_filter_read(text, a, &filter, &err) < 0) {
        if (err.code != DH_INVALID || !err.msg[0])
            abort();
        return 0;
    }
    if (filter.n > MLFLOW_FILTER_MAX)
        abort();
    (void)mlflow_filter_fits(&filter, &facts);
    return 0;
}
