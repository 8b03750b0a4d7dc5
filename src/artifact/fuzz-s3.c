/* What servers and files may say of S3, with any bytes: XML answers, lists, profile files,
 * credentials, URIs. The first byte says which. Nothing may crash, and what fails must say why. The
 * same function replays the corpus as an ordinary test. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "artifact/s3.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must_say(int rc, const struct dh_err *err)
{
    if (rc < 0 && !err->msg[0])
        abort();
}

static size_t walk(const struct xml *x)
{
    size_t n = 0;

    for (; x; x = x->next)
        n += 1 + strlen(x->name) + strlen(x->text) + walk(x->child);
    return n;
}

static void any_xml(const char *text, size_t n)
{
    own(arena_free) struct arena *arena = arena_new();
    const struct xml *x = NULL;
    struct dh_err err = {0};
    own_buf struct buf b = {0};
    int rc = xml_parse(text, n, arena, &x, &err);

    must_say(rc, &err);
    if (rc == 0 && walk(x) == 0)
        abort(); /* a document has a root */
    if (rc == 0)
        xml_escape(&b, xml_text(x, "Key"));
}

static void any_ini(const char *text)
{
    own_mem char *a = s3_ini_get(text, "default", "aws_access_key_id");
    own_mem char *b = s3_ini_get(text, "profile x", "region");

    if ((a && strchr(a, '\n')) || (b && strchr(b, '\n')))
        abort();
}

static void any_keys(const char *text, size_t n)
{
    own_keys struct s3_keys keys = {0};
    struct dh_err err = {0};
    int rc = s3_keys_from_json(text, n, &keys, &err);

    must_say(rc, &err);
    if (rc == 0 && (!*keys.id || !*keys.secret))
        abort();
}

static void any_uri(const char *text)
{
    own_mem char *uri = dh_printf("s3://%s", text);
    own_mem char *decoded = NULL;
    own_where struct s3_where w = {0};
    struct dh_err err = {0};
    int rc = s3_where_parse(uri, &w, &err);

    must_say(rc, &err);
    if (rc == 0) {
        own_mem char *again = s3_where_uri(&w, w.key);
        own_where struct s3_where v = {0};

        if (s3_where_parse(again, &v, &err) < 0 || strcmp(v.bucket, w.bucket) != 0)
            abort();
    }
    (void)s3_percent_decode(text, &decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    own_mem char *text = NULL;

    if (n < 1)
        return 0;
    text = dh_strndup((const char *)data + 1, n - 1);
    switch (data[0] % 4) {
    case 0:
        any_xml((const char *)data + 1, n - 1);
        break;
    case 1:
        any_ini(text);
        break;
    case 2:
        any_keys((const char *)data + 1, n - 1);
        break;
    default:
        any_uri(text);
        break;
    }
    return 0;
}
