/* cache - a recorded result that may be used again: its bytes are still what they were. */
#include "artifact/artifact.h"
#include "engine/engine-priv.h"

/* 1: every output is there, and is that. */
static int is_whole(const struct store_linkeds *outputs, struct dh_err *err)
{
    for (size_t i = 0; i < outputs->n; i++) {
        const struct store_artifact *a = &outputs->items[i].artifact;

        if (a->state == STORE_DELETED)
            return 0;
        /* One without a digest never had bytes here. What cannot be read cannot be used. */
        if (a->digest && artifact_verify(a->uri, a->digest, a->size_bytes, err) != 0)
            return 0;
    }
    return 1;
}

int cache_look_up(struct run *run, const char *fingerprint, struct arena *arena,
                  struct store_task *ret, struct store_linkeds *ret_outputs, struct dh_err *err)
{
    int64_t before = 0;
    int rc;

    for (;;) {
        rc = store_cache_find(run->engine->store, fingerprint, 0, before, arena, ret, ret_outputs,
                              err);
        if (rc != 0 || is_whole(ret_outputs, err))
            return rc;
        before = ret->id;
    }
}
