/* Any bytes as a Struct, as base64, and as JSON text that is to become a Struct: what the quick way
 * takes, the slow one takes, and both give the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/js.h"
#include "base/mem.h"
#include "base/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void as_json(const char *text)
{
    own(js_free) struct js *tree = NULL;
    own_buf struct buf quick = {0};
    own_buf struct buf slow = {0};
    struct dh_err err;

    if (pb_put_json(&quick, text) < 0 || js_parse(text, strlen(text), &tree, &err) < 0)
        return;
    pb_put_struct(&slow, tree);
    /* A key that is there twice is two entries, of which the last one counts. */
    if (quick.n == slow.n && memcmp(buf_str(&quick), buf_str(&slow), slow.n) != 0) {
        own(js_free) struct js *one = NULL, *two = NULL;

        if (pb_read_struct(pb_in(quick.p, quick.n), &one, &err) < 0 ||
            pb_read_struct(pb_in(slow.p, slow.n), &two, &err) < 0 || !js_equal(one, two))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    own_mem char *text = dh_strndup((const char *)bytes, n);
    own(js_free) struct js *object = NULL;
    own_buf struct buf to = {0};
    struct dh_err err = {0};

    as_json(text);
    if (pb_read_struct(pb_in(bytes, n), &object, &err) == 0) {
        own(js_free) struct js *again = NULL;

        pb_put_struct(&to, object);
        if (pb_read_struct(pb_in(to.p, to.n), &again, &err) < 0 || !js_equal(object, again))
            abort();
    } else if (!*err.msg) {
        abort();
    }
    buf_reset(&to);
    (void)base64_get(&to, text, strlen(text));
    return 0;
}
