/* URIs and the layout below the pipeline root. */
#include <ctype.h>
#include <string.h>

#include "artifact/artifact-priv.h"
#include "artifact/s3.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

static const struct artifact_ops *const kinds[] = {&artifact_file_ops, &artifact_s3_ops,
                                                   &artifact_minio_ops, &artifact_gs_ops};

const char *artifact_schemes(void)
{
    return "file, s3, minio, gs";
}

struct artifact_uri artifact_uri_split(const char *text)
{
    const char *mark = strstr(text, "://");
    size_t n = mark ? (size_t)(mark - text) : 0;

    /* A letter first, then letters, digits, '+', '-', '.': else it is a path with "://" in it. */
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !(i > 0 && strchr("+-.", text[i])))
            n = 0;
    if (n == 0 || !isalpha((unsigned char)text[0]))
        return (struct artifact_uri){.rest = text};
    return (struct artifact_uri){.scheme = text, .n_scheme = n, .rest = mark + 3};
}

const struct artifact_ops *artifact_ops_of(const struct artifact_uri *uri)
{
    if (uri->n_scheme == 0)
        return &artifact_file_ops;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i]->scheme) == uri->n_scheme &&
            !strncasecmp(uri->scheme, kinds[i]->scheme, uri->n_scheme))
            return kinds[i];
    return NULL;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(const char *uri, const char *text, char **ret, struct dh_err *err)
{
    own_buf struct buf b = {0};

    for (const char *p = text; *p; p++) {
        int high, low;

        if (*p != '%') {
            buf_addc(&b, *p);
            continue;
        }
        high = hex_of(p[1]);
        low = high < 0 ? -1 : hex_of(p[2]);
        if (low < 0)
            return dh_fail(err, DH_INVALID, "'%s': a '%%' must be followed by two hex digits", uri);
        if (high == 0 && low == 0)
            return dh_fail(err, DH_INVALID, "'%s': a path cannot hold a NUL byte", uri);
        buf_addc(&b, (char)(high * 16 + low));
        p += 2;
    }
    *ret = dh_strdup(buf_str(&b));
    return 0;
}

/* Removes ".", doubled slashes and a slash at the end, and takes ".." back, as text: for the paths
 * that are recorded, which must not depend on where a link points today. */
static char *clean(const char *absolute)
{
    own_buf struct buf b = {0};

    for (const char *p = absolute; *p;) {
        size_t n;

        p += strspn(p, "/");
        n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (b.n > 0 && b.p[--b.n] != '/')
                ;
            if (b.p)
                b.p[b.n] = '\0';
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            buf_addc(&b, '/');
            buf_add(&b, p, n);
        }
        p += n;
    }
    return dh_strdup(b.n ? b.p : "/");
}

static int no_scheme(const char *uri, const struct artifact_uri *parts, struct dh_err *err)
{
    if (parts->n_scheme == 3 && !strncasecmp(parts->scheme, "oci", 3))
        return dh_fail(err, DH_INVALID,
                       "'%s': dhow reads no models out of images; copy it to a folder or to s3://",
                       uri);
    return dh_fail(err, DH_INVALID,
                   "'%s': this build reads no '%.*s://' URIs; it reads plain paths and the schemes "
                   "%s",
                   uri, (int)parts->n_scheme, parts->scheme, artifact_schemes());
}

int artifact_uri_local(const char *uri, char **ret, struct dh_err *err)
{
    struct artifact_uri parts = artifact_uri_split(uri);
    own_mem char *path = NULL;
    const char *slash;

    if (!*uri)
        return dh_fail(err, DH_INVALID, "an artifact's URI is empty");
    if (parts.n_scheme == 0) {
        path = fs_absolute(uri);
        *ret = clean(path);
        return 0;
    }
    if (!artifact_ops_of(&parts))
        return no_scheme(uri, &parts, err);
    if (artifact_ops_of(&parts) != &artifact_file_ops) {
        own_where struct s3_where w = {0};

        return s3_where_parse(uri, &w, err) < 0 ? -1 : ARTIFACT_REMOTE;
    }
    slash = strchr(parts.rest, '/');
    if (!slash)
        return dh_fail(err, DH_INVALID, "'%s': a file URI has the form file:///folder/file", uri);
    if (slash != parts.rest &&
        !(slash - parts.rest == 9 && !strncasecmp(parts.rest, "localhost", 9)))
        return dh_fail(err, DH_INVALID,
                       "'%s': a file URI names this machine only: file:///folder/file, with three "
                       "slashes",
                       uri);
    if (decode(uri, slash, &path, err) < 0)
        return -1;
    *ret = clean(path);
    return 0;
}

int artifact_uri_normal(const char *uri_or_path, char **ret, struct dh_err *err)
{
    own_mem char *path = NULL;
    own_buf struct buf b = {0};
    int rc = artifact_uri_local(uri_or_path, &path, err);

    if (rc < 0)
        return -1;
    if (rc == ARTIFACT_REMOTE) {
        *ret = dh_strdup(uri_or_path);
        return 0;
    }
    buf_adds(&b, "file://");
    buf_add_percent(&b, path, strlen(path), "/!$&'()*+,;=:@");
    *ret = buf_take(&b);
    return 0;
}

/* ---- layout ---- */

/* One part as one component. What is escaped: bytes that end a component, the escape itself, and
 * a dot in front (so neither "." nor ".." nor a hidden name comes out). `escape` is how '%' itself
 * is written: below a file URI, which is decoded once more on its way to a path, "%25". */
static void add_part(struct buf *b, const char *part, const char *escape)
{
    enum { MAX_COMPONENT = 240 }; /* most disks allow 255 bytes; room for a suffix */
    own_buf struct buf escaped = {0};
    char digest[DIGEST_TEXT];

    for (const unsigned char *p = (const unsigned char *)part; *p; p++) {
        bool bends = *p < 0x20 || *p == 0x7f || *p == '/' || *p == '%';

        if (bends || (*p == '.' && p == (const unsigned char *)part))
            buf_addf(&escaped, "%s%02X", escape, *p);
        else
            buf_addc(&escaped, (char)*p);
    }
    if (escaped.n == 0)
        buf_adds(&escaped, escape); /* the empty name: no other name gives this */
    if (escaped.n > MAX_COMPONENT) {
        digest_bytes(part, strlen(part), digest);
        escaped.n = MAX_COMPONENT - 68;
        while (escaped.p[escaped.n - 1] == '%' || escaped.p[escaped.n - 2] == '%')
            escaped.n--; /* no half escape */
        escaped.p[escaped.n] = '\0';
        buf_addf(&escaped, "%s-%s", escape, digest);
    }
    if (b->n == 0 || b->p[b->n - 1] != '/')
        buf_addc(b, '/');
    buf_adds(b, buf_str(&escaped));
}

char *artifact_path(const char *root, const char *pipeline, const char *run_id, const char *task,
                    const char *execution_id, const char *output)
{
    const char *const parts[] = {pipeline, run_id, task, execution_id, output};
    struct artifact_uri uri = artifact_uri_split(root);
    const struct artifact_ops *ops = artifact_ops_of(&uri);
    bool decoded = uri.n_scheme && ops == &artifact_file_ops;
    const char *query = ops && ops != &artifact_file_ops ? s3_uri_query(root) : "";
    own_buf struct buf b = {0};

    buf_add(&b, root, *query ? (size_t)(query - root) : strlen(root));
    for (size_t i = 0; i < sizeof parts / sizeof *parts && parts[i]; i++)
        add_part(&b, parts[i], decoded ? "%25" : "%");
    buf_adds(&b, query); /* the settings stay at the end */
    return buf_take(&b);
}

static size_t plain_length(const char *uri)
{
    return artifact_uri_is_remote(uri) ? (size_t)(s3_uri_query(uri) - uri) : strlen(uri);
}

char *artifact_uri_plain(const char *uri)
{
    return dh_strndup(uri, plain_length(uri));
}

char *artifact_uri_below(const char *uri, const char *key)
{
    size_t n = plain_length(uri);
    const char *slash = n && uri[n - 1] == '/' ? "" : "/";

    return dh_printf("%.*s%s%s%s", (int)n, uri, slash, key, uri + n);
}
