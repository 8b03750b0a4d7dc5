/* ui-lineage - where an artifact came from, and what became of it. */
#include <stdlib.h>
#include <string.h>

#include "api/api-priv.h"
#include "api/ui.h"
#include "base/mem.h"
#include "base/strmap.h"

enum { MAX_NODES = 500 };

struct lineage {
    struct req *r;
    struct jw *w; /* nodes */
    struct buf edges_text;
    struct jw edges;
    struct strmap *seen;
    struct step { /* tasks and artifacts still to be looked at */
        int64_t id;
        bool task, up, down;
        int depth;
    } * steps;
    size_t n, cap, done;
    bool more;
};

static bool see(struct lineage *l, const char *uuid)
{
    if (strmap_get(l->seen, uuid))
        return false;
    if (strmap_n(l->seen) >= MAX_NODES) {
        l->more = true;
        return false;
    }
    (void)strmap_put(l->seen, uuid, l);
    return true;
}

static void go_on(struct lineage *l, int64_t id, bool task, bool up, bool down, int depth)
{
    if (depth <= 0) {
        l->more = true;
        return;
    }
    DH_GROW(l->steps, l->n, l->cap);
    l->steps[l->n++] =
        (struct step){.id = id, .task = task, .up = up, .down = down, .depth = depth};
}

static void edge(struct lineage *l, const char *from, const char *to, const char *key)
{
    own_mem char *name = dh_printf("%s>%s>%s", from, to, key);

    if (strmap_put(l->seen, name, l))
        return;
    jw_begin(&l->edges, '{');
    jw_text(&l->edges, "from", from);
    jw_text(&l->edges, "to", to);
    jw_text(&l->edges, "key", key);
    jw_end(&l->edges, '}');
}

static void node_artifact(struct lineage *l, const struct store_artifact *a)
{
    if (!see(l, a->uuid))
        return;
    jw_begin(l->w, '{');
    jw_text(l->w, "id", a->uuid);
    jw_text(l->w, "kind", "artifact");
    jw_text(l->w, "name", a->name);
    jw_text(l->w, "type", a->type);
    jw_text(l->w, "state", a->state == STORE_DELETED ? "DELETED" : "LIVE");
    jw_json(l->w, "run_id", NULL, NULL);
    jw_json(l->w, "run_name", NULL, NULL);
    jw_end(l->w, '}');
}

static int node_task(struct lineage *l, int64_t id, struct store_task *ret, struct dh_err *err)
{
    struct store_run run;

    if (store_task_get(l->r->store, id, l->r->arena, ret, err) < 0)
        return -1;
    if (!see(l, ret->uuid))
        return 0;
    if (store_run_get(l->r->store, ret->run_id, l->r->arena, &run, err) < 0)
        return -1;
    jw_begin(l->w, '{');
    jw_text(l->w, "id", ret->uuid);
    jw_text(l->w, "kind", "task");
    jw_text(l->w, "name", ret->name);
    jw_text(l->w, "type", store_task_type_name(ret->type));
    jw_text(l->w, "state", store_state_name(ret->state));
    jw_text(l->w, "run_id", run.uuid);
    jw_text(l->w, "run_name", run.display_name);
    jw_end(l->w, '}');
    return 0;
}

static bool is_leaf(const struct store_task *t)
{
    return t->type == STORE_RUNTIME || t->type == STORE_IMPORTER;
}

/* The tasks that made (OUTPUT) or used (INPUT) an artifact. */
static int artifact_tasks(struct lineage *l, const struct step *s, enum store_link_type type,
                          struct dh_err *err)
{
    struct store_linkeds links;

    if (store_artifact_links(l->r->store, s->id, type, l->r->arena, &links, err) < 0)
        return -1;
    for (size_t i = 0; i < links.n && strmap_n(l->seen) < MAX_NODES; i++) {
        const struct store_linked *link = &links.items[i];
        struct store_task task;

        if (store_task_get(l->r->store, link->link.task_id, l->r->arena, &task, err) < 0)
            return -1;
        if (!is_leaf(&task))
            continue;
        if (node_task(l, task.id, &task, err) < 0)
            return -1;
        if (type == STORE_OUTPUT)
            edge(l, task.uuid, link->artifact.uuid, link->link.key);
        else
            edge(l, link->artifact.uuid, task.uuid, link->link.key);
        go_on(l, task.id, true, type == STORE_OUTPUT, type == STORE_INPUT, s->depth - 1);
    }
    return 0;
}

static int task_artifacts(struct lineage *l, const struct step *s, enum store_link_type type,
                          struct dh_err *err)
{
    struct store_linkeds links;
    struct store_task task;

    if (store_task_get(l->r->store, s->id, l->r->arena, &task, err) < 0 ||
        store_artifacts_of_task(l->r->store, s->id, type, l->r->arena, &links, err) < 0)
        return -1;
    for (size_t i = 0; i < links.n; i++) {
        const struct store_linked *link = &links.items[i];
        bool anew = !strmap_get(l->seen, link->artifact.uuid);

        node_artifact(l, &link->artifact);
        if (type == STORE_INPUT)
            edge(l, link->artifact.uuid, task.uuid, link->link.key);
        else
            edge(l, task.uuid, link->artifact.uuid, link->link.key);
        if (anew)
            go_on(l, link->artifact.id, false, type == STORE_INPUT, type == STORE_OUTPUT,
                  s->depth - 1);
    }
    return 0;
}

static int walk(struct lineage *l, struct dh_err *err)
{
    while (l->done < l->n && strmap_n(l->seen) < (size_t)MAX_NODES * 4) {
        struct step s = l->steps[l->done++];

        if (s.task) {
            if ((s.up && task_artifacts(l, &s, STORE_INPUT, err) < 0) ||
                (s.down && task_artifacts(l, &s, STORE_OUTPUT, err) < 0))
                return -1;
        } else if ((s.up && artifact_tasks(l, &s, STORE_OUTPUT, err) < 0) ||
                   (s.down && artifact_tasks(l, &s, STORE_INPUT, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

int ui_artifacts_lineage(struct req *r, struct dh_err *err)
{
    const char *direction = req_arg(r, "direction");
    bool up = !direction || strcmp(direction, "down") != 0,
         down = !direction || strcmp(direction, "up") != 0;
    struct lineage l = {.r = r, .seen = strmap_new()};
    struct store_artifact artifact;
    int64_t depth;
    int rc = -1;

    l.edges.to = &l.edges_text;
    if (req_arg_int(r, "depth", 3, &depth, err) == 0 &&
        ui_artifact_find(r, r->param[0], &artifact, err) == 0) {
        depth = depth < 1 ? 1 : depth > 20 ? 20 : depth;
        l.w = req_json(r);
        jw_begin(l.w, '{');
        jw_begin_in(l.w, "nodes", '[');
        node_artifact(&l, &artifact);
        go_on(&l, artifact.id, false, up, down, (int)depth * 2);
        rc = walk(&l, err);
        jw_end(l.w, ']');
        jw_begin_in(l.w, "edges", '[');
        buf_add(l.w->to, buf_str(&l.edges_text), l.edges_text.n);
        jw_end(l.w, ']');
        jw_flag(l.w, "more", l.more);
        jw_end(l.w, '}');
    }
    buf_done(&l.edges_text);
    free(l.steps);
    strmap_free(l.seen);
    return rc;
}
