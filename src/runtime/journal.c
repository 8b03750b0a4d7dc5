/* journal - the lines that a shepherd wrote: "E STATUS TIME KEY" for an exit, "F STATUS TIME FOLDER
 * KEY" where something was left in its working folder, "K STATUS TIME KEY" for a kill. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "runtime/shepherd-priv.h"

struct journal {
    struct strmap *entries;
    int folders;
};

#define JOURNAL_MAX ((size_t)1 << 30)

void journal_open(struct journal_end *j, const char *path)
{
    if (j->fd >= 0)
        (void)close(j->fd);
    j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (j->fd >= 0)
        (void)flock(j->fd, LOCK_EX);
}

void journal_put(struct journal_end *j, char kind, const char *key,
                 const struct shepherd_event *event)
{
    char line[512], folder[16] = "";
    int n;

    if (j->fd < 0 || !*key)
        return;
    if (kind == 'F')
        (void)snprintf(folder, sizeof folder, "%d ", event->folder);
    n = snprintf(line, sizeof line, "%c %d %lld %s%s\n", kind, event->status,
                 (long long)event->at_us, folder, key);
    if (n <= 0 || (size_t)n >= sizeof line)
        return;
    if (j->torn) /* the disk was full in the middle of a line */
        (void)!write(j->fd, "\n", 1);
    j->torn = write(j->fd, line, (size_t)n) != n;
}

struct journal *journal_free(struct journal *j)
{
    void *entry;

    if (!j)
        return NULL;
    for (size_t i = 0; i < strmap_n(j->entries); i++) {
        (void)strmap_at(j->entries, i, &entry);
        free(entry);
    }
    strmap_free(j->entries);
    free(j);
    return NULL;
}

/* A line that the machine's crash cut short has no end or no key, and is as if it were not there.
 */
static void read_line(struct journal *j, char *line)
{
    struct journal_entry entry = {.exited = line[0] != 'K'}, *kept;
    char *end;

    if ((line[0] != 'E' && line[0] != 'F' && line[0] != 'K') || line[1] != ' ')
        return;
    entry.status = (int)strtol(line + 2, &end, 10);
    if (*end != ' ')
        return;
    entry.at_us = strtoll(end + 1, &end, 10);
    if (*end == ' ' && line[0] == 'F')
        entry.folder = (int)strtol(end + 1, &end, 10);
    if (*end != ' ' || !end[1])
        return;
    if (entry.folder > j->folders)
        j->folders = entry.folder;
    kept = dh_alloc(sizeof *kept);
    *kept = entry;
    free(strmap_put(j->entries, end + 1, kept));
}

int journal_read(const char *path, int wait_ms, struct journal **ret, struct dh_err *err)
{
    own(journal_free) struct journal *j = dh_zalloc(1, sizeof *j);
    own_mem char *text = NULL;
    own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n;

    j->entries = strmap_new();
    if (fd < 0 && errno != ENOENT)
        return dh_fail_errno(err, "%s", path);
    if (fd >= 0) {
        while (flock(fd, LOCK_SH | LOCK_NB) < 0) {
            if (errno != EWOULDBLOCK && errno != EINTR)
                return dh_fail_errno(err, "%s", path);
            if (wait_ms <= 0)
                return dh_fail(err, DH_IO, "%s: steps of this run are still ending", path);
            (void)poll(NULL, 0, 10);
            wait_ms -= 10;
        }
        if (fs_read(path, JOURNAL_MAX, &text, &n, err) < 0)
            return -1;
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            read_line(j, line);
        }
    }
    *ret = take(&j);
    return 0;
}

const struct journal_entry *journal_find(const struct journal *j, const char *key)
{
    return strmap_get(j->entries, key);
}

int journal_folders(const struct journal *j)
{
    return j->folders;
}
