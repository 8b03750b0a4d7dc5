/* Fuzzes the reading of HTTP answers. However the bytes are cut into pieces, the answer must be the
 * same; a body never comes out longer than it says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct seen {
    struct answer answer;
    struct buf body;
    int rc;
    size_t used;
};

static int on_body(void *user, const struct answer *a, const char *bytes, size_t n,
                   struct dh_err *err)
{
    struct seen *s = user;

    (void)err;
    if (a->status < 200 || a->status > 999 || (a->chunked && a->length >= 0))
        abort();
    buf_add(&s->body, bytes, n);
    if (!a->chunked && a->length >= 0 && (int64_t)s->body.n > a->length)
        abort();
    return 0;
}

static void read_all(struct seen *s, const char *bytes, size_t n, size_t step)
{
    struct dh_err err = {0};

    answer_init(&s->answer);
    while (s->rc == 0 && s->used < n) {
        size_t part = n - s->used < step ? n - s->used : step, used = 0;

        s->rc = answer_feed(&s->answer, bytes + s->used, part, &used, on_body, s, &err);
        s->used += used;
        if (s->rc == 0 && used != part)
            abort();
    }
    if (s->rc == 0)
        s->rc = answer_eof(&s->answer, &err) == 0 ? ANSWER_COMPLETE : -1;
    if (s->rc < 0 && !*err.msg)
        abort();
}

static void done(struct seen *s)
{
    answer_done(&s->answer);
    buf_done(&s->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct seen whole = {0}, byte = {0};

    read_all(&whole, (const char *)bytes, n, n);
    read_all(&byte, (const char *)bytes, n, 1);
    if (whole.rc != byte.rc || whole.used != byte.used || whole.body.n != byte.body.n ||
        (whole.body.n && memcmp(whole.body.p, byte.body.p, whole.body.n) != 0) ||
        whole.answer.status != byte.answer.status || whole.answer.keep != byte.answer.keep ||
        strcmp(whole.answer.etag, byte.answer.etag) != 0)
        abort();
    done(&whole);
    done(&byte);
    return 0;
}
