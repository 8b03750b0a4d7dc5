/* Any bytes as JSON text: refused with a message, or a value that its text gives again, whatever
 * the form in which it is written; and an object's members are found, copied and removed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/js.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void text_gives_it_again(const struct js *v, unsigned flags)
{
    own_buf struct buf text = {0};
    own_buf struct buf twice = {0};
    own(js_free) struct js *again = NULL;
    struct dh_err err;

    js_write(v, flags, &text);
    check(js_parse(buf_str(&text), text.n, &again, &err) == 0 && js_equal(v, again));
    js_write(again, flags, &twice);
    check(text.n == twice.n && !memcmp(text.p, twice.p, text.n));
}

/* Every second member is taken out, and put back at the end. */
static void members_come_and_go(struct js *object)
{
    own(js_free) struct js *copy = js_copy(object);
    size_t n = js_n(object), k = 0, left = n;

    for (js_each(object, it)) {
        check(js_get(object, it.key) == it.value);
        if (k++ % 2 == 0)
            check(js_remove(copy, it.key) && !js_get(copy, it.key) && js_n(copy) == --left);
    }
    check(js_n(object) == k);
    for (js_each(object, it))
        js_set(copy, it.key, js_ref(it.value));
    check(js_n(copy) == n && js_equal(copy, object));
    for (js_each(object, it))
        if (js_is(it.value, JS_OBJECT))
            members_come_and_go(it.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    own(js_free) struct js *v = NULL;
    struct dh_err err = {0};

    if (js_parse((const char *)bytes, n, &v, &err) < 0) {
        check(!v && *err.msg);
        return 0;
    }
    text_gives_it_again(v, JS_COMPACT);
    text_gives_it_again(v, JS_PRETTY);
    text_gives_it_again(v, JS_SORTED | JS_PYTHON);
    if (js_is(v, JS_OBJECT))
        members_come_and_go(v);
    return 0;
}
