#include "kube/pod.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* ---- looking ---- */

static const struct js *named(const struct js *list, const char *name)
{
    for (size_t i = 0; i < js_n(list); i++) {
        const char *its = js_get_text(js_at(list, i), "name");

        if (its && !strcmp(its, name))
            return js_at(list, i);
    }
    return NULL;
}

static const struct js *condition(const struct js *status, const char *type)
{
    const struct js *list = js_get(status, "conditions");

    for (size_t i = 0; i < js_n(list); i++) {
        const char *its = js_get_text(js_at(list, i), "type");

        if (its && !strcmp(its, type))
            return js_at(list, i);
    }
    return NULL;
}

static const char *text_or(const struct js *v, const char *key, const char *other)
{
    const char *text = js_get_text(v, key);

    return text && *text ? text : other;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; text && *list; list++)
        if (!strcmp(text, *list))
            return true;
    return false;
}

/* One line, and no longer than there is room for. */
static void say(struct kube_pod *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct kube_pod *p, const char *fmt, ...)
{
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    (void)vsnprintf(p->words, sizeof p->words, fmt, ap);
    va_end(ap);
    for (char *c = p->words; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    n = strlen(p->words);
    while (n && (p->words[n - 1] == ' ' || p->words[n - 1] == ':'))
        p->words[--n] = '\0';
}

/* ---- why it waits ---- */

static bool cannot_pull(struct kube_pod *p, const struct js *container, const struct js *waiting)
{
    static const char *const reasons[] = {"ErrImagePull",
                                          "ImagePullBackOff",
                                          "InvalidImageName",
                                          "ErrImageNeverPull",
                                          "ImageInspectError",
                                          "RegistryUnavailable",
                                          NULL};
    const char *reason = js_get_text(waiting, "reason");

    if (!is_one_of(reason, reasons))
        return false;
    p->pull = true;
    p->again = !strcmp(reason, "ImagePullBackOff");
    say(p, "image %s cannot be pulled (%s): %s", text_or(container, "image", "?"), reason,
        text_or(waiting, "message", ""));
    return true;
}

static bool cannot_begin(struct kube_pod *p, const struct js *container, const struct js *waiting)
{
    static const char *const reasons[] = {"CreateContainerConfigError", "CreateContainerError",
                                          "PreCreateHookError",         "PreStartHookError",
                                          "PostStartHookError",         "RunContainerError",
                                          "CrashLoopBackOff",           NULL};
    const char *reason = js_get_text(waiting, "reason");

    if (!is_one_of(reason, reasons))
        return false;
    say(p, "container %s cannot be started (%s): %s", text_or(container, "name", "?"), reason,
        text_or(waiting, "message", ""));
    return true;
}

static bool trouble(struct kube_pod *p, const struct js *statuses)
{
    for (size_t i = 0; i < js_n(statuses); i++) {
        const struct js *container = js_at(statuses, i);
        const struct js *waiting = js_path(container, "state", "waiting", NULL);

        if (cannot_pull(p, container, waiting) || cannot_begin(p, container, waiting))
            return true;
    }
    return false;
}

static bool init_runs(struct kube_pod *p, const struct js *status)
{
    const struct js *list = js_get(status, "initContainerStatuses");

    for (size_t i = 0; i < js_n(list); i++)
        if (js_path(js_at(list, i), "state", "running", NULL)) {
            say(p, "init container %s runs", text_or(js_at(list, i), "name", "?"));
            return true;
        }
    return false;
}

static void why_it_waits(struct kube_pod *p, const struct js *pod, const struct js *status)
{
    const struct js *scheduled = condition(status, "PodScheduled");
    const char *is = js_get_text(scheduled, "status");

    if (js_get_text(js_get(pod, "metadata"), "deletionTimestamp")) {
        say(p, "the pod is being deleted");
    } else if (js_get_text(status, "reason") &&
               !strcmp(js_get_text(status, "reason"), "NodeLost")) {
        say(p, "node %s does not answer", p->node ? p->node : "?");
    } else if (is && !strcmp(is, "False")) {
        say(p, "no node takes it (%s): %s", text_or(scheduled, "reason", "Unschedulable"),
            text_or(scheduled, "message", ""));
    } else if (trouble(p, js_get(status, "initContainerStatuses")) ||
               trouble(p, js_get(status, "containerStatuses")) || init_runs(p, status)) {
        return;
    } else if (!p->node) {
        say(p, "it waits for a node");
    } else {
        say(p, "its containers are being made on node %s", p->node);
    }
}

/* ---- how it ended ---- */

static bool ended_as_whole(struct kube_pod *p, const struct js *status)
{
    const char *reason = js_get_text(status, "reason"), *message = text_or(status, "message", "");
    const char *node = p->node ? p->node : "?";
    const struct js *disrupted = condition(status, "DisruptionTarget");
    const char *is = js_get_text(disrupted, "status");

    if (reason && !strcmp(reason, "Evicted"))
        say(p, "evicted from node %s: %s", node, message);
    else if (reason && !strcmp(reason, "DeadlineExceeded"))
        say(p, "its deadline is over: %s", message);
    else if (is && !strcmp(is, "True"))
        say(p, "taken off node %s (%s): %s", node, text_or(disrupted, "reason", "disrupted"),
            text_or(disrupted, "message", message));
    else if (reason && *reason)
        say(p, "%s on node %s: %s", reason, node, message);
    else
        return false;
    return true;
}

static const char *memory_limit(const struct js *pod, const char *name)
{
    const struct js *container = named(js_path(pod, "spec", "containers", NULL), name);

    return js_get_text(js_path(container, "resources", "limits", NULL), "memory");
}

static bool out_of_memory(struct kube_pod *p, const struct js *pod, const struct js *container,
                          const struct js *terminated)
{
    const char *reason = js_get_text(terminated, "reason"), *name = text_or(container, "name", "?");
    const char *limit = memory_limit(pod, name);

    if (!reason || strcmp(reason, "OOMKilled") != 0)
        return false;
    say(p, "out of memory (OOMKilled): %s%s was killed%s%s",
        strcmp(name, "main") ? "container " : "", strcmp(name, "main") ? name : "it",
        limit ? " at its limit of " : "", limit ? limit : "");
    return true;
}

static bool init_failed(struct kube_pod *p, const struct js *pod, const struct js *status)
{
    const struct js *list = js_get(status, "initContainerStatuses");

    for (size_t i = 0; i < js_n(list); i++) {
        const struct js *ended = js_path(js_at(list, i), "state", "terminated", NULL);
        int64_t code = js_get_int(ended, "exitCode", 0);

        if (!ended || code == 0)
            continue;
        if (!out_of_memory(p, pod, js_at(list, i), ended))
            say(p, "init container %s failed with exit code %lld: %s",
                text_or(js_at(list, i), "name", "?"), (long long)code,
                text_or(ended, "message", text_or(ended, "reason", "")));
        return true;
    }
    return false;
}

static const char *signal_name(int number)
{
    const char *name = sigabbrev_np(number);

    return name ? name : "?";
}

/* The main container's own end. */
static bool main_ended(struct kube_pod *p, const struct js *pod, const struct js *container)
{
    static const char *const not_begun[] = {"ContainerCannotRun", "StartError",
                                            "CreateContainerError", NULL};
    const struct js *ended = js_path(container, "state", "terminated", NULL);
    const char *reason = js_get_text(ended, "reason");

    if (!ended)
        return false;
    p->exit_code = (int)js_get_int(ended, "exitCode", -1);
    p->signal = (int)js_get_int(ended, "signal", 0);
    if (!p->signal && p->exit_code > 128 && p->exit_code < 128 + NSIG)
        p->signal = p->exit_code - 128;
    if (p->exit_code == 0)
        return false;
    if (out_of_memory(p, pod, container, ended))
        return true;
    if (is_one_of(reason, not_begun))
        say(p, "its command cannot be started (%s): %s", reason, text_or(ended, "message", ""));
    else if (p->signal)
        say(p, "killed by signal %d (SIG%s)", p->signal, signal_name(p->signal));
    else
        say(p, "exit code %d", p->exit_code);
    return true;
}

/* What stands beside the main container, where that itself has nothing to say. */
static bool other_failed(struct kube_pod *p, const struct js *pod, const struct js *status)
{
    const struct js *list = js_get(status, "containerStatuses");

    for (size_t i = 0; i < js_n(list); i++) {
        const struct js *ended = js_path(js_at(list, i), "state", "terminated", NULL);

        if (!ended || js_get_int(ended, "exitCode", 0) == 0)
            continue;
        if (!out_of_memory(p, pod, js_at(list, i), ended))
            say(p, "container %s failed with exit code %lld: %s",
                text_or(js_at(list, i), "name", "?"), (long long)js_get_int(ended, "exitCode", -1),
                text_or(ended, "message", text_or(ended, "reason", "")));
        return true;
    }
    return false;
}

static void how_it_ended(struct kube_pod *p, const struct js *pod, const struct js *status,
                         const struct js *container)
{
    const char *phase = text_or(status, "phase", "");

    p->exit_code = -1;
    if (main_ended(p, pod, container)) {
        /* The kubelet kills the container of a pod that it evicts: the pod's reason is the cause.
         */
        if (p->signal && !strstr(p->words, "OOMKilled"))
            (void)ended_as_whole(p, status);
        return;
    }
    if (!strcmp(phase, "Succeeded") || (p->exit_code == 0 && strcmp(phase, "Failed") != 0)) {
        p->succeeded = true;
        return;
    }
    if (ended_as_whole(p, status) || init_failed(p, pod, status) || other_failed(p, pod, status))
        return;
    say(p, "the pod failed: %s", text_or(status, "message", "Kubernetes does not say why"));
}

/* What befell it, where it has not ended by itself. */
static bool was_lost(const struct js *pod, const struct js *status, const struct js *container)
{
    const char *why = js_get_text(js_path(container, "state", "terminated", NULL), "reason");
    const char *reason = js_get_text(status, "reason");
    const char *disrupted = js_get_text(condition(status, "DisruptionTarget"), "status");

    if ((reason && !strcmp(reason, "DeadlineExceeded")) || (why && !strcmp(why, "OOMKilled")))
        return false;
    return (reason && !strcmp(reason, "Evicted")) || (disrupted && !strcmp(disrupted, "True")) ||
           (why && (!strcmp(why, "Unknown") || !strcmp(why, "ContainerStatusUnknown"))) ||
           js_get(js_get(pod, "metadata"), "deletionTimestamp");
}

void kube_pod_view(const struct js *pod, struct kube_pod *p)
{
    const struct js *metadata = js_get(pod, "metadata"), *status = js_get(pod, "status");
    const struct js *notes = js_get(metadata, "annotations");
    const struct js *container = named(js_get(status, "containerStatuses"), "main");
    const char *phase = text_or(status, "phase", "Pending");
    const struct js *ended = js_path(container, "state", "terminated", NULL);

    *p = (struct kube_pod){.name = js_get_text(metadata, "name"),
                           .uid = js_get_text(metadata, "uid"),
                           .node = js_get_text(js_get(pod, "spec"), "nodeName"),
                           .scope = js_get_text(notes, "dhow/scope"),
                           .iteration = js_get_text(notes, "dhow/iteration"),
                           .exit_code = -1};
    p->has_log = ended || js_path(container, "state", "running", NULL) ||
                 js_path(container, "lastState", "terminated", NULL);
    if (ended || !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed")) {
        p->state = POD_ENDED;
        how_it_ended(p, pod, status, container);
        p->lost = !p->succeeded && was_lost(pod, status, container);
    } else if (js_path(container, "state", "running", NULL)) {
        p->state = POD_RUNS;
        if (js_get_text(metadata, "deletionTimestamp"))
            say(p, "the pod is being deleted");
    } else {
        p->state = POD_WAITS;
        why_it_waits(p, pod, status);
    }
}
