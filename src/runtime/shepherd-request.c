/* shepherd-request: the texts behind a WORD_SPAWN. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/shepherd-log.h"
#include "runtime/shepherd-priv.h"

static const char *next_text(const char **at, const char *end)
{
    const char *s = *at, *stop = memchr(s, '\0', (size_t)(end - s));

    if (!stop)
        _exit(1); /* our own engine does not send that */
    *at = stop + 1;
    return s;
}

void spawn_request_read(const struct shepherd_header *h, const char *body,
                        struct spawn_request *ret)
{
    const char *at = body, *end = body + h->size;
    struct child_request *r = &ret->child;

    ret->key = next_text(&at, end);
    *r = (struct child_request){.file = next_text(&at, end),
                                .memory_max = (uint64_t)h->memory_max,
                                .processes_max = (uint64_t)h->processes_max};
    r->cwd = next_text(&at, end);
    r->log = next_text(&at, end);
    ret->cgroup = next_text(&at, end);
    ret->cleanup = next_text(&at, end);
    ret->worker = next_text(&at, end);
    r->cgroup = cgroup_files(ret->cgroup);
    r->argv = dh_zalloc(h->n_argv + 1, sizeof *r->argv);
    r->env = dh_zalloc(h->n_env + 1, sizeof *r->env);
    for (uint32_t i = 0; i < h->n_argv; i++)
        r->argv[i] = (char *)(uintptr_t)next_text(&at, end);
    for (uint32_t i = 0; i < h->n_env; i++)
        r->env[i] = (char *)(uintptr_t)next_text(&at, end);
    ret->mask = h->n_masks ? log_mask_new() : NULL;
    for (uint32_t i = 0; i < h->n_masks; i++) {
        const char *text = next_text(&at, end);

        log_mask_add(ret->mask, text, strlen(text));
    }
}

void spawn_request_done(struct spawn_request *q)
{
    free(q->child.argv);
    free(q->child.env);
    free(q->child.cgroup);
}
