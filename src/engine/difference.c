#include "engine/difference.h"

#include <string.h>

#include "base/mem.h"

static void add_parameters(const struct js *now, const struct store_task *row, struct buf *to)
{
    own(js_free) struct js *then = NULL;

    if (row->inputs && js_parse(row->inputs, strlen(row->inputs), &then, NULL) < 0)
        return;
    for (js_each(now, it)) {
        const struct js *old = js_get(then, it.key);
        own_mem char *a = js_dump(old, JS_COMPACT);
        own_mem char *b = js_dump(it.value, JS_COMPACT);

        if (!old)
            buf_addf(to, "%sinput '%s' is new", to->n ? "; " : "", it.key);
        else if (!js_equal(old, it.value))
            buf_addf(to, "%sinput '%s' changed from %.60s to %.60s", to->n ? "; " : "", it.key, a,
                     b);
    }
    for (js_each(then, it))
        if (!js_get(now, it.key))
            buf_addf(to, "%sinput '%s' is gone", to->n ? "; " : "", it.key);
}

static void add_artifacts(const struct js *now, const struct store_task *row,
                          const struct store_linkeds *links, struct buf *to)
{
    for (js_each(now, it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            const char *digest = js_get_text(js_at(it.value, i), "digest");

            for (size_t k = 0; digest && k < links->n; k++) {
                const struct store_linked *l = &links->items[k];

                if (l->link.task_id == row->id && !strcmp(l->link.key, it.key) &&
                    l->link.index == (int64_t)i && l->artifact.digest &&
                    strcmp(l->artifact.digest, digest) != 0)
                    buf_addf(to, "%sinput '%s' changed: digest %.12s, was %.12s", to->n ? "; " : "",
                             it.key, digest, l->artifact.digest);
            }
        }
}

void difference_of_inputs(const struct js *inputs, const struct store_task *row,
                          const struct store_linkeds *links, struct buf *to)
{
    add_parameters(js_get(inputs, "parameters"), row, to);
    add_artifacts(js_get(inputs, "artifacts"), row, links, to);
}
