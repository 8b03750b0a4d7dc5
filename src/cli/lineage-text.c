/* lineage as text: a tree for people, a graph for Graphviz. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/lineage.h"
#include "cli/out.h"

struct tree {
    const struct lineage *l;
    FILE *to;
    bool color, up;
    bool *shown;    /* artifacts, beside l->artifacts */
    struct buf pad; /* what stands before a line */
};

static const char *short_type(const char *type)
{
    return type && !strncmp(type, "system.", 7) ? type + 7 : type ? type : "Artifact";
}

static void print_artifact(const struct tree *t, const struct lineage_artifact *a)
{
    own_mem char *name = out_text(a->row.name ? a->row.name : "", 60);

    fprintf(t->to, "%s%s%s %s %s(%lld)%s", out_on(t->color, OUT_BOLD), short_type(a->row.type),
            out_off(t->color), name, out_on(t->color, OUT_DIM), (long long)a->row.id,
            out_off(t->color));
    if (a->row.state == STORE_DELETED)
        fprintf(t->to, " %sdeleted%s", out_on(t->color, OUT_YELLOW), out_off(t->color));
}

static void print_task(const struct tree *t, const struct lineage_task *task)
{
    const char *state = store_state_name(task->state);
    own_mem char *label = lineage_label(task);

    fprintf(t->to, "%s%s%s %s %s(run %lld of %s)%s", out_on(t->color, out_state_style(state)),
            out_state_mark(state), out_off(t->color), label, out_on(t->color, OUT_DIM),
            (long long)task->run_id, task->pipeline ? task->pipeline : task->run_name,
            out_off(t->color));
}

/* The branch of one of several; returns the length that `pad` had. */
static size_t branch(struct tree *t, bool last)
{
    size_t n = t->pad.n;

    fprintf(t->to, "%s%s", buf_str(&t->pad), last ? "└─ " : "├─ ");
    buf_adds(&t->pad, last ? "   " : "│  ");
    return n;
}

static void unbranch(struct tree *t, size_t n)
{
    t->pad.n = n;
    t->pad.p[n] = '\0';
}

static bool is_next(const struct tree *t, const struct lineage_edge *e, int64_t artifact)
{
    if (e->kind == LINEAGE_SAME)
        return (t->up ? e->artifact : e->from) == artifact;
    return e->kind == (t->up ? LINEAGE_MADE : LINEAGE_USED) && e->artifact == artifact;
}

static void below_artifact(struct tree *t, int64_t artifact);

static void show_artifact(struct tree *t, int64_t id, const char *key)
{
    const struct lineage_artifact *a = lineage_artifact(t->l, id);
    size_t at = (size_t)(a - t->l->artifacts);

    if (key)
        fprintf(t->to, "%s: ", key);
    print_artifact(t, a);
    if (t->shown[at]) {
        fprintf(t->to, " %s(above)%s\n", out_on(t->color, OUT_DIM), out_off(t->color));
        return;
    }
    fprintf(t->to, "\n");
    t->shown[at] = true;
    below_artifact(t, id);
}

static void below_task(struct tree *t, int64_t task)
{
    enum lineage_kind kind = t->up ? LINEAGE_USED : LINEAGE_MADE;
    size_t left = 0;

    for (size_t i = 0; i < t->l->n_edges; i++)
        left += t->l->edges[i].task == task && t->l->edges[i].kind == kind;
    for (size_t i = 0; i < t->l->n_edges && left; i++) {
        const struct lineage_edge *e = &t->l->edges[i];
        size_t n;

        if (e->task != task || e->kind != kind)
            continue;
        n = branch(t, --left == 0);
        show_artifact(t, e->artifact, e->key);
        unbranch(t, n);
    }
}

static void below_artifact(struct tree *t, int64_t artifact)
{
    size_t left = 0;

    for (size_t i = 0; i < t->l->n_edges; i++)
        left += is_next(t, &t->l->edges[i], artifact);
    for (size_t i = 0; i < t->l->n_edges && left; i++) {
        const struct lineage_edge *e = &t->l->edges[i];
        const struct lineage_task *task;
        size_t n;

        if (!is_next(t, e, artifact))
            continue;
        n = branch(t, --left == 0);
        if (e->kind == LINEAGE_SAME) {
            show_artifact(t, t->up ? e->from : e->artifact, "the same URI");
        } else {
            task = lineage_task(t->l, e->task);
            print_task(t, task);
            fprintf(t->to, " as %s\n", e->key);
            below_task(t, task->id);
        }
        unbranch(t, n);
    }
}

static void one_way(const struct lineage *l, bool up, FILE *to, bool color)
{
    struct tree t = {.l = l, .to = to, .color = color, .up = up};

    t.shown = dh_zalloc(l->n_artifacts, sizeof *t.shown);
    t.shown[0] = true;
    buf_adds(&t.pad, "");
    fprintf(to, "\n%s%s%s\n", out_on(color, OUT_BOLD), up ? "MADE FROM" : "USED BY",
            out_off(color));
    below_artifact(&t, l->artifacts[0].row.id);
    if (!t.pad.p)
        fprintf(to, "nothing on the record\n");
    buf_done(&t.pad);
    free(t.shown);
}

void lineage_tree(const struct lineage *l, unsigned ways, FILE *to, bool color)
{
    struct tree t = {.l = l, .to = to, .color = color};
    const struct store_artifact *a = &l->artifacts[0].row;

    print_artifact(&t, &l->artifacts[0]);
    fprintf(to, "\n%s\n", a->uri ? a->uri : "");
    if (a->digest)
        fprintf(to, "sha256:%s\n", a->digest);
    if (ways & LINEAGE_UP)
        one_way(l, true, to, color);
    if (ways & LINEAGE_DOWN)
        one_way(l, false, to, color);
}

/* ---- Graphviz ---- */

static void dot_text(FILE *to, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == '"' || *p == '\\')
            fputc('\\', to);
        fputc((unsigned char)*p < 0x20 ? ' ' : *p, to);
    }
}

void lineage_dot(const struct lineage *l, FILE *to)
{
    fprintf(to, "digraph lineage {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < l->n_artifacts; i++) {
        const struct store_artifact *a = &l->artifacts[i].row;

        fprintf(to, "  a%lld [shape=ellipse%s, label=\"", (long long)a->id,
                i ? "" : ", style=bold");
        dot_text(to, a->name);
        fprintf(to, "\\n%s %lld\", tooltip=\"", short_type(a->type), (long long)a->id);
        dot_text(to, a->uri);
        fprintf(to, "\"];\n");
    }
    for (size_t i = 0; i < l->n_tasks; i++) {
        own_mem char *label = lineage_label(&l->tasks[i]);

        fprintf(to, "  t%lld [shape=box, label=\"", (long long)l->tasks[i].id);
        dot_text(to, label);
        fprintf(to, "\\nrun %lld\"];\n", (long long)l->tasks[i].run_id);
    }
    for (size_t i = 0; i < l->n_edges; i++) {
        const struct lineage_edge *e = &l->edges[i];

        if (e->kind == LINEAGE_SAME)
            fprintf(to, "  a%lld -> a%lld [style=dashed", (long long)e->from,
                    (long long)e->artifact);
        else if (e->kind == LINEAGE_MADE)
            fprintf(to, "  t%lld -> a%lld [label=\"", (long long)e->task, (long long)e->artifact);
        else
            fprintf(to, "  a%lld -> t%lld [label=\"", (long long)e->artifact, (long long)e->task);
        if (e->kind != LINEAGE_SAME) {
            dot_text(to, e->key);
            fputc('"', to);
        }
        fprintf(to, "];\n");
    }
    fprintf(to, "}\n");
}
