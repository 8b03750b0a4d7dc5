/* identity - who we are to the API server: fixed, from a file that is written anew, or from a
 * program that is asked. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "kube/kube-priv.h"

#define FILE_US ((int64_t)60 * 1000000)
#define FAILED_US ((int64_t)1000000)
enum { MAX_TOKEN = 1 << 20, STEP_MS = 50 };

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void kube_identity_done(struct kube_identity *i)
{
    wipe(i->token);
    wipe(i->key);
    free(i->cert);
    *i = (struct kube_identity){0};
}

static void set(struct kube *k, struct kube_identity fresh, int64_t until_us)
{
    fresh.serial = k->now.serial + 1;
    kube_identity_done(&k->now);
    k->now = fresh;
    k->until_us = until_us;
}

/* The token of the file beside the rest; a file that is away for a moment leaves what there is. */
static void read_token(struct kube *k)
{
    struct kube_identity fresh = {0};
    size_t n;

    if (fs_read(k->token_file, MAX_TOKEN, &fresh.token, &n, NULL) < 0)
        return;
    fresh.token[strcspn(fresh.token, " \r\n")] = '\0';
    fresh.cert = k->now.cert ? dh_strdup(k->now.cert) : NULL;
    fresh.key = k->now.key ? dh_strdup(k->now.key) : NULL;
    set(k, fresh, clock_now_us() + FILE_US);
}

/* Without the lock while the program runs; who else wants to know waits for it. That it failed is
 * so for all who waited: it is not started for each of them, one after another. */
static int ask_plugin(struct kube *k, const atomic_bool *stop, struct dh_err *err)
{
    struct kube_identity fresh = {0};
    int64_t until_us = 0;
    int rc;

    if (k->failed_us && clock_mono_us() - k->failed_us < FAILED_US) {
        *err = k->failed;
        return -1;
    }
    k->asking = true;
    (void)pthread_mutex_unlock(&k->lock);
    rc = kube_plugin_ask(k->plugin, stop, &fresh, &until_us, err);
    (void)pthread_mutex_lock(&k->lock);
    k->asking = false;
    if (rc == 0) {
        set(k, fresh, until_us);
    } else if (!stop || !atomic_load(stop)) {
        k->failed = *err;
        k->failed_us = clock_mono_us();
    }
    return rc;
}

static int wait_for_another(struct kube *k, const atomic_bool *stop, struct dh_err *err)
{
    while (k->asking) {
        (void)pthread_mutex_unlock(&k->lock);
        (void)poll(NULL, 0, STEP_MS);
        (void)pthread_mutex_lock(&k->lock);
        if (stop && atomic_load(stop))
            return dh_fail(err, DH_CANCELED, "Kubernetes: stopped");
    }
    return 0;
}

int kube_identity_get(struct kube *k, const atomic_bool *stop, struct kube_identity *ret,
                      struct dh_err *err)
{
    int rc;

    (void)pthread_mutex_lock(&k->lock);
    rc = wait_for_another(k, stop, err);
    if (rc == 0 && clock_now_us() >= k->until_us) {
        if (k->plugin)
            rc = ask_plugin(k, stop, err);
        else if (k->token_file)
            read_token(k);
    }
    if (rc == 0) {
        *ret = (struct kube_identity){.serial = k->now.serial};
        ret->token = k->now.token ? dh_strdup(k->now.token) : NULL;
        ret->cert = k->now.cert ? dh_strdup(k->now.cert) : NULL;
        ret->key = k->now.key ? dh_strdup(k->now.key) : NULL;
    }
    (void)pthread_mutex_unlock(&k->lock);
    return rc;
}

bool kube_identity_refused(struct kube *k, unsigned serial)
{
    bool may = k->plugin || k->token_file;

    (void)pthread_mutex_lock(&k->lock);
    if (may && k->now.serial == serial)
        k->until_us = 0;
    (void)pthread_mutex_unlock(&k->lock);
    return may;
}
