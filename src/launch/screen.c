#include "launch/screen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mask.h"
#include "base/mem.h"
#include "launch/server.h"

enum { BLOCK = 65536, LOOK_MS = 100, LAST_S = 2 };
#define VALUE_MAX ((size_t)1 << 20) /* Kubernetes' bound for a whole secret */

struct stream {
    int from, to; /* from -1: it is over */
    struct log_mask *mask;
};

struct screen {
    struct stream streams[2];
    int ends[2];
    pthread_t thread;
    bool runs;
    atomic_bool over;
};

static void shut(int *fd)
{
    dh_close_own(fd);
    *fd = -1;
}

/* ---- what is hidden ---- */

static void add_folder(struct secret_masks *masks, const char *folder)
{
    DIR *dir = opendir(folder);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        own_mem char *path = fs_join(folder, e->d_name);
        own_mem char *bytes = NULL;
        struct dh_err err = {0};
        size_t n = 0;

        /* Names with two dots are Kubernetes' own: where the keys' links lead. */
        if (strncmp(e->d_name, "..", 2) != 0 && strcmp(e->d_name, ".") != 0 &&
            fs_read(path, VALUE_MAX, &bytes, &n, &err) == 0) {
            secret_masks_add(masks, bytes, n);
            explicit_bzero(bytes, n);
        }
    }
    if (dir)
        (void)closedir(dir);
}

static void collect(struct secret_masks *masks, const struct js *secrets)
{
    const struct js *env = js_get(secrets, "env"), *folders = js_get(secrets, "folders");

    for (size_t i = 0; i < js_n(env); i++) {
        const char *name = js_text(js_at(env, i)), *value = name ? getenv(name) : NULL;

        if (value)
            secret_masks_add(masks, value, strlen(value));
    }
    for (size_t i = 0; i < js_n(folders); i++)
        if (js_text(js_at(folders, i)))
            add_folder(masks, js_text(js_at(folders, i)));
}

static struct log_mask *mask_of(const struct secret_masks *masks)
{
    struct log_mask *mask = log_mask_new();

    for (size_t i = 0; i < masks->n; i++)
        log_mask_add(mask, masks->items[i], strlen(masks->items[i]));
    return mask;
}

/* ---- the streams ---- */

static void write_all(void *user, const char *bytes, size_t n)
{
    const struct stream *s = user;

    while (n) {
        ssize_t done = write(s->to, bytes, n);

        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return; /* nobody reads it any more */
        if (done < 0 && errno == EAGAIN)
            (void)usleep(LOOK_MS * 100);
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

static void pass(struct stream *s)
{
    char block[BLOCK];
    ssize_t n = read(s->from, block, sizeof block);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    log_mask_feed(s->mask, block, n > 0 ? (size_t)n : 0, n <= 0, write_all, s);
    explicit_bzero(block, n > 0 ? (size_t)n : 0);
    if (n <= 0)
        shut(&s->from);
}

static void *pump(void *user)
{
    struct screen *s = user;
    int64_t until_us = 0;

    while (s->streams[0].from >= 0 || s->streams[1].from >= 0) {
        struct pollfd fds[] = {{.fd = s->streams[0].from, .events = POLLIN},
                               {.fd = s->streams[1].from, .events = POLLIN}};
        bool over = atomic_load(&s->over);
        int n = poll(fds, 2, LOOK_MS);

        for (size_t i = 0; i < 2; i++)
            if (n > 0 && fds[i].revents)
                pass(&s->streams[i]);
        if (over && !until_us)
            until_us = clock_mono_us() + (int64_t)LAST_S * 1000000;
        if (over && (n == 0 || clock_mono_us() > until_us))
            break;
    }
    for (size_t i = 0; i < 2; i++)
        if (s->streams[i].from >= 0)
            log_mask_feed(s->streams[i].mask, "", 0, true, write_all, &s->streams[i]);
    return NULL;
}

int screen_open(const struct js *secrets, struct screen **ret, struct dh_err *err)
{
    struct secret_masks masks = {0};
    struct screen *s;
    int rc = 0;

    *ret = NULL;
    collect(&masks, secrets);
    if (!masks.n)
        return 0;
    s = dh_zalloc(1, sizeof *s);
    for (size_t i = 0; i < 2; i++) {
        int ends[2] = {-1, -1};

        if (pipe2(ends, O_CLOEXEC) < 0)
            rc = dh_fail_errno(err, "a pipe for the step's output");
        s->streams[i] = (struct stream){
            .from = ends[0], .to = i ? STDERR_FILENO : STDOUT_FILENO, .mask = mask_of(&masks)};
        s->ends[i] = ends[1];
    }
    secret_masks_done(&masks);
    if (rc == 0)
        *ret = s;
    else
        screen_close(s);
    return rc;
}

const int *screen_ends(const struct screen *s)
{
    return s ? s->ends : NULL;
}

void screen_start(struct screen *s)
{
    if (!s)
        return;
    shut(&s->ends[0]);
    shut(&s->ends[1]);
    s->runs = pthread_create(&s->thread, NULL, pump, s) == 0;
    if (!s->runs)
        abort(); /* the step would wait for us for ever */
}

void screen_close(struct screen *s)
{
    if (!s)
        return;
    atomic_store(&s->over, true);
    if (s->runs)
        (void)pthread_join(s->thread, NULL);
    for (size_t i = 0; i < 2; i++) {
        shut(&s->ends[i]);
        shut(&s->streams[i].from);
        (void)log_mask_free(s->streams[i].mask);
    }
    free(s);
}
