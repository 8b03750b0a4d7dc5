#include "cli/view.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/out.h"

enum { TICK_MS = 100, MAX_LIVE = 12, NAME_WIDTH = 44 };

struct active { /* a step that runs, or a group that it is in: a loop, a nested pipeline, … */
    const struct plan_node *node; /* an identity only: looked into by its own events alone */
    char *name, *why;             /* the name is that inside its group */
    int64_t since_us;
    size_t n_done, n_total; /* loops */
    int depth;
    bool is_group;
};

struct view {
    struct engine_watch watch;
    bool live, quiet, color;
    /* below: the engine's thread and the ticking one, under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t ticker;
    bool ticking, ending;
    struct active *active; /* a tree: each group is followed by what is in it */
    size_t n_active, cap_active;
    size_t n_lines; /* of the live part, as it stands on the terminal */
    size_t n_running, n_done, n_failed;
    int64_t drawn_us;
};

/* ---- the live part ---- */

static struct winsize terminal_size(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0)
        size = (struct winsize){0};
    if (size.ws_col <= 20)
        size.ws_col = 80;
    if (size.ws_row <= 2)
        size.ws_row = size.ws_row ? 3 : 24;
    return size;
}

static void erase(struct view *v)
{
    if (v->n_lines)
        fprintf(stderr, "\033[%zuA\033[J", v->n_lines);
    v->n_lines = 0;
}

static void draw_line(struct view *v, const struct active *a, int64_t now_us, int columns)
{
    int indent = 2 * a->depth, width = NAME_WIDTH > indent ? NAME_WIDTH - indent : 0;
    char took[CLOCK_TEXT];
    own_mem char *text = NULL;
    own_mem char *cut = NULL;

    clock_duration(now_us - a->since_us, took);
    if (a->n_total)
        text = dh_printf("%-*s %7s  %zu of %zu", width, a->name, took, a->n_done, a->n_total);
    else
        text = dh_printf("%-*s %7s  %s", width, a->name, took, a->why ? a->why : "");
    cut = out_text(text, columns > indent + 23 ? (size_t)(columns - indent - 3) : 20);
    fprintf(stderr, "%*s%s● %s%s\n", indent, "", out_on(v->color, OUT_BLUE), cut,
            out_off(v->color));
    v->n_lines++;
}

static void draw(struct view *v)
{
    int64_t now_us = clock_now_us();
    struct winsize size = terminal_size();
    size_t fit = size.ws_row - 2U; /* the count below them, and where the cursor stands */
    size_t most = fit < MAX_LIVE ? fit : MAX_LIVE, shown = v->n_active < most ? v->n_active : most;

    v->drawn_us = now_us;
    erase(v);
    for (size_t i = 0; i < shown; i++)
        draw_line(v, &v->active[i], now_us, size.ws_col);
    if (v->n_active > shown || v->n_done > 20) {
        fprintf(stderr, "  %s%zu running, %zu done", out_on(v->color, OUT_DIM), v->n_running,
                v->n_done);
        if (v->n_failed)
            fprintf(stderr, ", %zu failed", v->n_failed);
        fprintf(stderr, "%s\n", out_off(v->color));
        v->n_lines++;
    }
    (void)fflush(stderr);
}

static void *tick(void *user)
{
    struct view *v = user;

    pthread_mutex_lock(&v->lock);
    while (!v->ending) {
        struct timespec until;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        (void)pthread_cond_timedwait(&v->wake, &v->lock, &until);
        if (!v->ending && v->n_active)
            draw(v);
    }
    pthread_mutex_unlock(&v->lock);
    return NULL;
}

/* ---- what runs ---- */

static size_t find(const struct view *v, const struct plan_node *node)
{
    size_t i = 0;

    while (i < v->n_active && v->active[i].node != node)
        i++;
    return i;
}

static void forget(struct view *v, const struct plan_node *node)
{
    size_t i = find(v, node);

    if (i == v->n_active)
        return;
    v->n_running -= !v->active[i].is_group;
    free(v->active[i].name);
    free(v->active[i].why);
    memmove(&v->active[i], &v->active[i + 1], (--v->n_active - i) * sizeof *v->active);
}

/* A line of its own: loops, and what groups steps outside of loops. */
static bool is_group(const struct plan_node *node)
{
    return node->parent && !plan_is_leaf(node) &&
           (node->type == PLAN_LOOP || plan_iteration(node) < 0);
}

static const struct plan_node *group_of(const struct plan_node *node)
{
    do
        node = node->parent;
    while (node && !is_group(node));
    return node;
}

/* "[3].train" of a step in a loop. */
static char *name_inside(const struct plan_node *node, const struct plan_node *group)
{
    own_mem char *key = plan_key(node);
    own_mem char *above = group ? plan_key(group) : dh_strdup("root");
    const char *rest = key + strlen(above) + (key[strlen(above)] == '.');
    const char *display = node->task ? node->task->task_info.name : "";

    if (*display && strcmp(display, plan_name(node)) != 0)
        return dh_printf("%s (%s)", rest, display);
    return dh_strdup(rest);
}

static size_t insert(struct view *v, const struct plan_node *node, int64_t at_us);

/* Where `node` is in the tree; it is put there, behind what its group has, where it is not. */
static size_t place(struct view *v, const struct plan_node *node, int64_t at_us)
{
    size_t i = find(v, node);

    return i < v->n_active ? i : insert(v, node, at_us);
}

static size_t insert(struct view *v, const struct plan_node *node, int64_t at_us)
{
    const struct plan_node *group = group_of(node);
    size_t at = v->n_active;
    int depth = 0;

    if (group) {
        at = place(v, group, at_us);
        depth = v->active[at].depth + 1;
        for (at++; at < v->n_active && v->active[at].depth >= depth;)
            at++;
    }
    DH_GROW(v->active, v->n_active, v->cap_active);
    memmove(&v->active[at + 1], &v->active[at], (v->n_active++ - at) * sizeof *v->active);
    v->active[at] = (struct active){.node = node,
                                    .name = name_inside(node, group),
                                    .since_us = at_us,
                                    .n_total = node->type == PLAN_LOOP ? node->n_children : 0,
                                    .depth = depth,
                                    .is_group = !plan_is_leaf(node)};
    v->n_running += plan_is_leaf(node);
    return at;
}

static void remember(struct view *v, const struct engine_event *event)
{
    size_t i = place(v, event->node, event->at_us);
    struct active *a = &v->active[i];

    a->since_us = event->started_us ? event->started_us : event->at_us;
    free(a->why);
    a->why = event->reason ? dh_strdup(event->reason) : NULL;
}

/* "for-loop-1[3].train", with the author's display name where it is another one. */
static char *name_of(const struct plan_node *node)
{
    own_mem char *key = plan_key(node);
    const char *path = strncmp(key, "root.", 5) ? key : key + 5;
    const char *display = node->task ? node->task->task_info.name : "";

    if (*display && strcmp(display, plan_name(node)) != 0)
        return dh_printf("%s (%s)", path, display);
    return dh_strdup(path);
}

static bool in_loop(const struct plan_node *node)
{
    return plan_iteration(node) >= 0;
}

static void track(struct view *v, const struct engine_event *event)
{
    const struct plan_node *node = event->node;

    if (event->state == PLAN_RUNNING && plan_is_leaf(node)) {
        remember(v, event);
    } else if (event->state > PLAN_RUNNING) {
        forget(v, node);
        v->n_done += plan_is_leaf(node);
        v->n_failed += plan_is_leaf(node) && event->state == PLAN_FAILED;
        if (node->type == PLAN_LOOP_ITERATION && !plan_is_final(node->parent)) {
            size_t loop = place(v, node->parent, event->at_us);

            v->active[loop].n_done++;
        }
    }
}

/* ---- lines that stay ---- */

static void line(const struct view *v, const struct engine_event *event, const char *name)
{
    const char *state = plan_state_name(event->state);
    bool ended = event->state > PLAN_RUNNING && event->state != PLAN_SKIPPED;
    char took[CLOCK_TEXT] = "";
    own_mem char *clean = out_text(name, 0);

    if (ended && event->started_us > 0 && event->at_us >= event->started_us)
        clock_duration(event->at_us - event->started_us, took);
    fprintf(stderr, "%s%s %-9s%s %-*s %7s", out_on(v->color, out_state_style(state)),
            out_state_mark(state), state, out_off(v->color), NAME_WIDTH, clean, took);
    if (event->state == PLAN_RUNNING && event->attempt > 1)
        fprintf(stderr, "  attempt %d", event->attempt);
    if (event->reason && *event->reason)
        fprintf(stderr, "  %.*s", (int)strcspn(event->reason, "\n"), event->reason);
    if (event->retry_in_ms >= 0)
        fprintf(stderr, "  again in %.1f s", event->retry_in_ms / 1000.0);
    (void)fputc('\n', stderr);
}

/* Elsewhere than on a terminal: each change of a step, and what did not go well of what groups
 * them. */
static bool worth_a_plain_line(const struct engine_event *event)
{
    return plan_is_leaf(event->node) || event->state == PLAN_SKIPPED || event->state == PLAN_FAILED;
}

/* On a terminal: ends alone; what went well inside a loop is counted, not listed. */
static bool worth_a_live_line(const struct engine_event *event)
{
    bool shown = plan_is_leaf(event->node) || event->state == PLAN_SKIPPED;

    return shown && event->state > PLAN_RUNNING && !in_loop(event->node);
}

static bool worth_a_line(const struct view *v, const struct engine_event *event)
{
    const struct plan_node *parent = event->node->parent;
    bool bad = event->state == PLAN_FAILED || event->retry_in_ms >= 0;

    if (!parent || event->state == PLAN_PENDING)
        return false;
    if (bad && plan_is_leaf(event->node))
        return true;
    if (v->quiet || (event->state == PLAN_SKIPPED && parent->state == PLAN_SKIPPED))
        return false;
    return v->live ? worth_a_live_line(event) : worth_a_plain_line(event);
}

static void on_task(void *user, const struct engine_event *event)
{
    struct view *v = user;
    bool stays = worth_a_line(v, event);
    own_mem char *name = stays ? name_of(event->node) : NULL;

    if (!stays && !v->live)
        return;
    pthread_mutex_lock(&v->lock);
    if (v->live)
        track(v, event);
    if (stays) {
        erase(v);
        line(v, event, name);
    }
    if (v->live && (stays || clock_now_us() - v->drawn_us > TICK_MS * 1000))
        draw(v);
    pthread_mutex_unlock(&v->lock);
}

static void on_note(void *user, const char *text)
{
    struct view *v = user;

    pthread_mutex_lock(&v->lock);
    erase(v);
    fprintf(stderr, "%snote:%s %s\n", out_on(v->color, OUT_YELLOW), out_off(v->color), text);
    if (v->live)
        draw(v);
    pthread_mutex_unlock(&v->lock);
}

/* ---- life ---- */

struct view *view_new(const struct cli *cli, bool quiet)
{
    const char *term = getenv("TERM");
    struct view *v = dh_zalloc(1, sizeof *v);

    v->quiet = quiet;
    v->color = cli->err_color;
    v->live = !quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    v->watch = (struct engine_watch){.task = on_task, .note = on_note, .user = v};
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->wake, NULL);
    if (v->live)
        v->ticking = pthread_create(&v->ticker, NULL, tick, v) == 0;
    return v;
}

struct view *view_end(struct view *v)
{
    if (!v)
        return NULL;
    if (v->ticking) {
        pthread_mutex_lock(&v->lock);
        v->ending = true;
        pthread_cond_signal(&v->wake);
        pthread_mutex_unlock(&v->lock);
        pthread_join(v->ticker, NULL);
    }
    erase(v);
    (void)fflush(stderr);
    while (v->n_active)
        forget(v, v->active[0].node);
    free(v->active);
    pthread_cond_destroy(&v->wake);
    pthread_mutex_destroy(&v->lock);
    free(v);
    return NULL;
}

const struct engine_watch *view_watch(struct view *view)
{
    return &view->watch;
}
