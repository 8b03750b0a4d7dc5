#include "api/otlp-push.h"

#include <stdlib.h>
#include <string.h>

#include "api/otlp.h"
#include "base/http.h"
#include "base/mem.h"

enum { MOST_HEADERS = 16, DEFAULT_MS = 10000 };

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

bool otlp_is_wanted(void)
{
    const char *off = setting("OTEL_SDK_DISABLED");

    return !(off && !strcmp(off, "true")) && (setting("OTEL_EXPORTER_OTLP_ENDPOINT") ||
                                              setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") ||
                                              setting("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"));
}

/* The signal's own address as it is, or the common one with the signal's path. NULL: not sent. */
static char *address(const char *own_name, const char *path)
{
    const char *whole = setting(own_name), *base = setting("OTEL_EXPORTER_OTLP_ENDPOINT");
    size_t n = base ? strlen(base) : 0;

    if (whole)
        return dh_strdup(whole);
    if (!base)
        return NULL;
    return dh_printf("%.*s%s", (int)(base[n - 1] == '/' ? n - 1 : n), base, path);
}

/* "a=b,c=d%20e" as "a: b", "c: d e". */
static void read_headers(char *list[MOST_HEADERS + 2])
{
    const char *text = setting("OTEL_EXPORTER_OTLP_HEADERS");
    size_t n = 0;

    list[n++] = dh_strdup("Content-Type: application/json");
    while (text && *text && n <= MOST_HEADERS) {
        size_t len = strcspn(text, ",");
        const char *equals = memchr(text, '=', len);
        own_buf struct buf one = {0};

        if (equals) {
            buf_add(&one, text, (size_t)(equals - text));
            buf_adds(&one, ": ");
            for (const char *c = equals + 1; c < text + len; c++) {
                char hex[3] = {0};
                unsigned char byte = (unsigned char)*c;

                if (*c == '%' && c + 2 < text + len) {
                    hex[0] = c[1];
                    hex[1] = c[2];
                    byte = (unsigned char)strtoul(hex, NULL, 16);
                    c += 2;
                }
                if (byte >= ' ' && byte != 0x7f) /* no line of its own */
                    buf_addc(&one, (char)byte);
            }
            list[n++] = buf_take(&one);
        }
        text += len + (text[len] == ',');
    }
    list[n] = NULL;
}

static long timeout_ms(void)
{
    const char *text = setting("OTEL_EXPORTER_OTLP_TIMEOUT");
    char *end = NULL;
    long ms = text ? strtol(text, &end, 10) : 0;

    return text && !*end && ms > 0 ? ms : DEFAULT_MS;
}

/* Errors do not name the address: there may be a key in it. */
static int post(struct http *h, const char *url, const struct buf *body, char *const *headers,
                struct dh_err *err)
{
    own_http_answer struct http_answer answer = {0};
    const struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = (const char *const *)headers,
        .body = {.bytes = body->p, .fd = -1, .n = (int64_t)body->n},
        .max_text = 65536,
        .total_ms = timeout_ms(),
    };

    if (http_send(h, &request, &answer, err) != 0)
        return -1;
    if (answer.status < 200 || answer.status > 299)
        return dh_fail(err, DH_FAILED, "HTTP status %ld: %.200s", answer.status,
                       buf_str(&answer.text));
    return 0;
}

typedef int writer(struct store *s, const struct store_run *run, const char *version,
                   struct buf *to, struct dh_err *err);

int otlp_push(struct store *s, const struct store_run *run, const char *version, struct dh_err *err)
{
    static const struct {
        const char *own_name, *path;
        writer *write;
    } signals[] = {
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces", otlp_write},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "/v1/metrics", otlp_write_metrics},
    };
    own(http_close) struct http *h = NULL;
    char *headers[MOST_HEADERS + 2];
    int rc = http_open(&h, err);

    if (rc < 0)
        return -1;
    read_headers(headers);
    for (size_t i = 0; i < 2; i++) {
        own_mem char *url = address(signals[i].own_name, signals[i].path);
        own_buf struct buf body = {0};
        struct dh_err failure;

        if (url &&
            (signals[i].write(s, run, version, &body, &failure) < 0 ||
             post(h, url, &body, headers, &failure) < 0) &&
            rc == 0) {
            *err = failure;
            rc = dh_while(err, "%s", signals[i].path);
        }
    }
    for (size_t i = 0; headers[i]; i++)
        free(headers[i]);
    return rc;
}
