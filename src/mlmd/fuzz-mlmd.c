/* Any bytes as a request: of each method, of gRPC-web, of an HTTP/2 connection. The first byte
 * chooses. Writes go into a record of its own. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "mlmd/frame.h"
#include "mlmd/h2.h"
#include "mlmd/mlmd-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct store *store;
static char folder[] = "/tmp/dhow-fuzz-mlmd-XXXXXX";

static void done(void)
{
    store_close(store);
    (void)fs_remove_tree(folder, NULL);
}

static void begin(void)
{
    struct dh_err err;
    own_mem char *path = NULL;

    if (!mkdtemp(folder))
        abort();
    path = fs_join(folder, "dhow.db");
    if (store_open(path, STORE_CREATE, &store, &err) < 0 || h2_load(&err) < 0)
        abort();
    (void)atexit(done);
}

static void one_call(size_t which, const uint8_t *bytes, size_t n)
{
    own_buf struct buf out = {0};
    struct dh_err err = {0};
    const struct method *m = mlmd_reads;
    size_t n_reads = 0, n_writes = 0;
    enum mlmd_status status;

    while (mlmd_reads[n_reads].name)
        n_reads++;
    while (mlmd_writes[n_writes].name)
        n_writes++;
    which %= n_reads + n_writes;
    m = which < n_reads ? &mlmd_reads[which] : &mlmd_writes[which - n_reads];
    status = mlmd_call(store, m->name, bytes, n, false, &out, &err);
    if (status != MLMD_OK && !*err.msg)
        abort(); /* a refusal says why */
    if (status == MLMD_OK && !fields_are_sound(pb_in(out.p, out.n)))
        abort(); /* an answer is a message */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static int calls;

    if (!store)
        begin();
    if (n == 0)
        return 0;
    if (++calls % 2000 == 0) { /* what was written is not to grow without end */
        struct dh_err err;
        own_mem char *path = fs_join(folder, "dhow.db");

        store = store_close(store);
        (void)fs_unlink(path, NULL);
        if (store_open(path, STORE_CREATE, &store, &err) < 0)
            abort();
    }
    if (bytes[0] == 255) {
        own_buf struct buf out = {0};

        (void)mlmd_web(store, MLMD_SERVICE "GetContexts",
                       n % 2 ? "application/grpc-web" : "application/grpc-web-text",
                       (const char *)bytes + 1, n - 1, true, &out);
    } else if (bytes[0] == 254) {
        own(h2_free) struct h2 *h = h2_new(store, true);
        own_buf struct buf out = {0};

        if (h2_read(h, bytes + 1, n - 1) == 0)
            (void)h2_write(h, 1 << 20, &out);
    } else {
        one_call(bytes[0], bytes + 1, n - 1);
    }
    return 0;
}
