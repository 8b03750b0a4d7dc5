#include "runtime/shepherd-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

#define LAST_BLOCKS 1024 /* read after the end at most, should somebody write for ever */

int step_log_open(struct step_log *log, const char *path, int64_t max)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    log->out = ends[0];
    log->file = -1;
    log->path = dh_strdup(path);
    log->max = max;
    return ends[1];
}

static void put(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* a full disk takes the log, not the step */
        bytes += done;
        n -= (size_t)done;
    }
}

/* What is beyond the bound is dropped; the step does not notice. */
static void keep(struct step_log *log, const char *bytes, size_t n)
{
    int64_t room = log->max - log->written;

    if (log->file < 0 && log->path) {
        log->file = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log->file < 0) { /* not asked again for each line */
            free(log->path);
            log->path = NULL;
        }
    }
    if (log->file < 0)
        return;
    if (!log->max || (int64_t)n <= room) {
        put(log->file, bytes, n);
    } else if (room >= 0) {
        put(log->file, bytes, (size_t)room);
        (void)dprintf(log->file, "\ndhow: the log ends here: %lld bytes are kept\n",
                      (long long)log->max);
        log->written = log->max;
    }
    log->written += (int64_t)n;
}

static void keep_masked(void *log, const char *bytes, size_t n)
{
    keep(log, bytes, n);
}

/* One block. 0: the other end is closed; -1: nothing there now. */
static int copy_block(struct step_log *log)
{
    char block[65536];
    ssize_t n;

    do
        n = read(log->out, block, sizeof block);
    while (n < 0 && errno == EINTR);
    if (n > 0 && log->mask)
        log_mask_feed(log->mask, block, (size_t)n, false, keep_masked, log);
    else if (n > 0)
        keep(log, block, (size_t)n);
    return n > 0 ? 1 : (int)n;
}

void step_log_copy(struct step_log *log)
{
    if (copy_block(log) == 0) {
        (void)close(log->out);
        log->out = -1;
    }
}

void step_log_close(struct step_log *log)
{
    for (int i = 0; log->out >= 0 && i < LAST_BLOCKS && copy_block(log) > 0; i++) {
    }
    if (log->mask)
        log_mask_feed(log->mask, "", 0, true, keep_masked, log);
    log_mask_free(log->mask);
    if (log->out >= 0)
        (void)close(log->out);
    if (log->file >= 0)
        (void)close(log->file);
    free(log->path);
    *log = (struct step_log){.out = -1, .file = -1};
}
