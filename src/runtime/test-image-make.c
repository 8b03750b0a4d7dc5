#include "runtime/test-image-make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"

void tar_put(struct buf *tar, char type, const char *path, mode_t mode, const char *target,
             const void *bytes, size_t n)
{
    char h[512] = "";
    unsigned sum = 0;

    (void)snprintf(h, 100, "%s", path);
    (void)snprintf(h + 100, 8, "%07o", (unsigned)mode);
    (void)snprintf(h + 108, 8, "%07o", 0u);
    (void)snprintf(h + 116, 8, "%07o", 0u);
    (void)snprintf(h + 124, 12, "%011zo", n);
    (void)snprintf(h + 136, 12, "%011o", 1700000000u);
    h[156] = type;
    (void)snprintf(h + 157, 100, "%s", target ? target : "");
    (void)memcpy(h + 257, "ustar\00000", 8);
    (void)memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (unsigned char)h[i];
    (void)snprintf(h + 148, 8, "%06o", sum);
    buf_add(tar, h, sizeof h);
    if (n) {
        static const char zero[512];

        buf_add(tar, bytes, n);
        buf_add(tar, zero, -n & 511);
    }
}

void tar_put_text(struct buf *tar, const char *path, const char *text)
{
    tar_put(tar, '0', path, 0644, NULL, text, strlen(text));
}

void tar_put_program(struct buf *tar, const char *path, const char *from)
{
    own_mem char *bytes = NULL;
    size_t n;

    assert_int_equal(fs_read(from, 64 << 20, &bytes, &n, NULL), 0);
    tar_put(tar, '0', path, 0755, NULL, bytes, n);
}

void tar_end(struct buf *tar)
{
    static const char zero[1024];

    buf_add(tar, zero, sizeof zero);
}

static void put_blob(const char *folder, const void *bytes, size_t n, char digest[DIGEST_TEXT])
{
    own_mem char *path = NULL;

    (void)digest_bytes(bytes, n, digest);
    path = dh_printf("%s/blobs/sha256/%s", folder, digest);
    assert_int_equal(fs_write(path, bytes, n, 0644, NULL), 0);
}

static void put_text(const char *folder, const char *name, const char *text)
{
    own_mem char *path = fs_join(folder, name);

    assert_int_equal(fs_write(path, text, strlen(text), 0644, NULL), 0);
}

void layout_make(const char *folder, const char *tag, const char *config, const struct buf *layers,
                 size_t n_layers)
{
    own_mem char *blobs = fs_join(folder, "blobs/sha256");
    own_buf struct buf ids = {0};
    own_buf struct buf list = {0};
    own_mem char *text = NULL;
    own_mem char *manifest = NULL;
    own_mem char *index = NULL;
    char digest[DIGEST_TEXT];

    assert_int_equal(fs_mkdirs(blobs, 0755, NULL), 0);
    for (size_t i = 0; i < n_layers; i++) {
        put_blob(folder, layers[i].p, layers[i].n, digest);
        buf_addf(&ids, "%s\"sha256:%s\"", i ? "," : "", digest);
        buf_addf(&list,
                 "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"size\":%zu,"
                 "\"digest\":\"sha256:%s\"}",
                 i ? "," : "", layers[i].n, digest);
    }
    text = dh_printf("{\"os\":\"linux\",\"config\":%s,\"rootfs\":{\"type\":\"layers\","
                     "\"diff_ids\":[%s]}}",
                     config, buf_str(&ids));
    put_blob(folder, text, strlen(text), digest);
    manifest = dh_printf("{\"schemaVersion\":2,\"config\":{\"mediaType\":"
                         "\"application/vnd.oci.image.config.v1+json\",\"size\":%zu,"
                         "\"digest\":\"sha256:%s\"},\"layers\":[%s]}",
                         strlen(text), digest, buf_str(&list));
    put_blob(folder, manifest, strlen(manifest), digest);
    index = dh_printf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
                      "\"application/vnd.oci.image.manifest.v1+json\",\"size\":%zu,"
                      "\"digest\":\"sha256:%s\",\"annotations\":{"
                      "\"org.opencontainers.image.ref.name\":\"%s\"}}]}",
                      strlen(manifest), digest, tag);
    put_text(folder, "index.json", index);
    put_text(folder, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}
