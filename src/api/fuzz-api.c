/* Any bytes as what comes over the network: addresses and routes, filters, multipart bodies, cron
 * expressions, base64. The first byte says which. Read or refused with a message, never a crash. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/b64.h"
#include "api/cron.h"
#include "api/filter.h"
#include "api/jw.h"
#include "api/route.h"
#include "api/schedule.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must_say(int rc, const struct dh_err *err)
{
    if (rc < 0 && (!err->msg[0] || err->code != DH_INVALID))
        abort();
}

static void address(const char *text, struct arena *a)
{
    const char *params[URI_PARAMS];
    const struct route *route;
    struct uri uri;
    struct dh_err err = {0};
    int rc = uri_read(text, a, &uri, &err);

    must_say(rc, &err);
    if (rc == 0)
        (void)route_find(REQ_GET, uri.path, a, &route, params);
}

static void cron(const char *text)
{
    struct cron c;
    struct dh_err err = {0};
    int64_t next;
    int rc = cron_parse(text, &c, &err);

    must_say(rc, &err);
    if (rc == 0 &&
        (cron_next(&c, "UTC", 1795685405, &next, &err) < 0 || (next != 0 && next <= 1795685405)))
        abort();
}

static void body(const char *bytes, size_t n, struct arena *a)
{
    struct uri_part part;
    struct dh_err err = {0};
    int rc = uri_part(bytes, n, "b", "uploadfile", a, &part, &err);

    must_say(rc, &err);
    if (rc == 0 && (part.bytes < bytes || part.bytes + part.n > bytes + n))
        abort();
    (void)uri_boundary(arena_strndup(a, bytes, strnlen(bytes, n)), a);
}

static void value(const char *text, size_t n, struct arena *a)
{
    const struct macros m = {.scheduled_us = 1, .now_us = 1, .index = 1, .run_id = "x"};
    own(js_free) struct js *given = js_str(text);
    own(js_free) struct js *got = macros_expand(given, &m);
    own_buf struct buf b = {0};
    struct jw w = {.to = &b};
    struct js *back = NULL;
    struct dh_err err;
    size_t n_bytes;
    int64_t from, to;

    if (!js_text(got))
        abort();
    jw_strn(&w, text, n);
    if (js_parse(b.p, b.n, &back, &err) < 0) /* whatever it is, it is JSON */
        abort();
    js_free(back);
    (void)b64_read(text, n, a, &n_bytes);
    if (uri_range(text, 100, &from, &to) == 0 && (from < 0 || to > 100 || from >= to))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    own(arena_free) struct arena *a = arena_new();
    own_mem char *text = NULL;
    struct filter filter;
    struct dh_err err = {0};

    if (n == 0 || n > 100000)
        return 0;
    text = dh_strndup((const char *)data + 1, n - 1);
    switch (data[0] % 5) {
    case 0:
        address(text, a);
        break;
    case 1:
        must_say(filter_read(text, (enum page_kind)(n % PAGE_KINDS), a, &filter, &err), &err);
        break;
    case 2:
        cron(text);
        break;
    case 3:
        body((const char *)data + 1, n - 1, a);
        break;
    default:
        value(text, strlen(text), a);
    }
    return 0;
}
