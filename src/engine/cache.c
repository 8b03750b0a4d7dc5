/* cache - a recorded result that may be used again: its bytes are still what they were. */
#include "artifact/artifact.h"
#include "engine/engine-priv.h"
#include "engine/remote.h"

enum whole { LOST, WHOLE, TO_ASK };

static enum whole is_far_whole(struct job *job, const struct store_artifact *a)
{
    switch (remote_known(job->run, a->uri, a->digest)) {
    case REMOTE_WHOLE:
        return WHOLE;
    case REMOTE_LOST:
        return LOST;
    case REMOTE_UNKNOWN:
        break;
    }
    remote_ask(job, a->uri, a->digest, a->size_bytes);
    return TO_ASK;
}

/* Whether every output is there, and is what it was. */
static enum whole is_whole(struct job *job, const struct store_linkeds *outputs, struct dh_err *err)
{
    enum whole all = WHOLE;

    for (size_t i = 0; i < outputs->n; i++) {
        const struct store_artifact *a = &outputs->items[i].artifact;
        enum whole one = WHOLE;

        if (a->state == STORE_DELETED)
            return LOST;
        /* One without a digest never had bytes here. What cannot be read cannot be used. */
        if (a->digest && artifact_uri_is_remote(a->uri))
            one = is_far_whole(job, a);
        else if (a->digest && artifact_verify(a->uri, a->digest, a->size_bytes, err) != 0)
            one = LOST;
        if (one == LOST)
            return LOST;
        if (one == TO_ASK)
            all = TO_ASK;
    }
    return all;
}

int cache_look_up(struct job *job, struct arena *arena, struct store_task *ret,
                  struct store_linkeds *ret_outputs, struct dh_err *err)
{
    int64_t before = 0;
    int rc;

    for (;;) {
        remote_ask_none(job);
        rc = store_cache_find(job->run->engine->store, job->fingerprint, 0, before, arena, ret,
                              ret_outputs, err);
        if (rc != 0)
            return rc;
        switch (is_whole(job, ret_outputs, err)) {
        case WHOLE:
            return 0;
        case TO_ASK:
            return CACHE_ASK;
        case LOST:
            before = ret->id;
        }
    }
}
