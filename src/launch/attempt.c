#include "launch/attempt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "launch/get.h"
#include "launch/keep.h"
#include "launch/metrics.h"
#include "launch/outputs.h"
#include "launch/put.h"
#include "launch/screen.h"
#include "launch/wire.h"

enum { CLAIMS_MAX = 4, BEAT_S = 30, GRACE_S = 30, LAST_WORD_S = 20 };

enum why { WHY_NONE, WHY_CANCEL, WHY_LOST };

struct attempt {
    struct server *server;
    unsigned parallel;
    struct js *job; /* the claim's answer */
    pthread_t beat;
    bool beats;
    long beat_s;
    atomic_int why;    /* enum why: what the beat has heard */
    atomic_bool ended; /* no beat any more */
    atomic_bool running;
    struct metrics metrics; /* the beat's while it lives */
    struct screen *screen;  /* NULL: the step has no secrets */
};

/* ---- the heartbeat ---- */

static void heard(struct attempt *a, enum why why)
{
    int none = WHY_NONE;

    if (atomic_compare_exchange_strong(&a->why, &none, why))
        launch_say(why == WHY_CANCEL ? "the run is cancelled"
                                     : "the server has given this attempt up");
    if (!atomic_load(&a->running))
        launch_stop();
}

/* One word that we live, with the step's numbers. true: there may be more of them. */
static bool tell_beat(struct attempt *a, struct web *w, long patience_s)
{
    own(js_free) struct js *body = js_object();
    own(js_free) struct js *answer = NULL;
    struct dh_err err = {0};
    bool sent = metrics_put(&a->metrics, body);
    int rc = server_tell(a->server, w, "beat", body, patience_s, &answer, &err);

    if (rc == SERVER_REFUSED)
        heard(a, WHY_LOST);
    else if (rc == 0 && js_get_bool(answer, "cancel"))
        heard(a, WHY_CANCEL);
    return rc == 0 && sent && metrics_taken(&a->metrics, answer);
}

static void *beat(void *user)
{
    struct attempt *a = user;
    own(web_free) struct web *w = web_new();

    for (int64_t next_us = clock_mono_us();;) {
        next_us += a->beat_s * 1000000;
        while (clock_mono_us() < next_us && !atomic_load(&a->ended))
            (void)usleep(20000);
        if (atomic_load(&a->ended))
            return NULL;
        while (tell_beat(a, w, 0) && !atomic_load(&a->ended))
            continue;
    }
}

static void begin_beat(struct attempt *a)
{
    a->metrics.path = js_get_text(a->job, "metrics");
    a->beat_s = (long)js_get_int(a->job, "beat_s", BEAT_S);
    if (a->beat_s < 1 || a->beat_s > 3600)
        a->beat_s = BEAT_S;
    a->beats = pthread_create(&a->beat, NULL, beat, a) == 0;
}

static void end_beat(struct attempt *a)
{
    atomic_store(&a->ended, true);
    if (a->beats)
        (void)pthread_join(a->beat, NULL);
    a->beats = false;
}

/* The numbers that no beat has sent yet. Those that a server that is away does not hear are lost:
 * the attempt's end is not to wait for them. */
static void send_rest(struct attempt *a)
{
    own(web_return) struct web *w = web_borrow();

    while (a->metrics.path && tell_beat(a, w, LAST_WORD_S))
        continue;
}

/* ---- before the command ---- */

static int make_ready(const struct js *job, struct dh_err *err)
{
    const struct js *dirs = js_get(job, "dirs"), *texts = js_get(job, "texts");

    for (size_t i = 0; i < js_n(dirs); i++)
        if (js_text(js_at(dirs, i)) && fs_mkdirs(js_text(js_at(dirs, i)), 0777, err) < 0)
            return -1;
    for (size_t i = 0; i < js_n(texts); i++) {
        const char *path = js_get_text(js_at(texts, i), "path");
        const struct js *text = js_get(js_at(texts, i), "text");
        own_mem char *folder = NULL;

        if (!path || *path != '/' || !js_text(text))
            return dh_fail(err, DH_INVALID, "a text of the server's has no absolute path");
        folder = dh_strdup(path);
        *strrchr(folder, '/') = '\0';
        if ((*folder && fs_mkdirs(folder, 0777, err) < 0) ||
            fs_write(path, js_text(text), js_text_len(text), 0666, err) < 0)
            return -1;
    }
    return 0;
}

/* CLAIM_RUN: a->job says what to do. CLAIM_OVER: *ret_exit is the exit status. */
enum { CLAIM_RUN = 0, CLAIM_OVER = 1 };
static int claim(struct attempt *a, const struct js *body, int *ret_exit, struct dh_err *err)
{
    own(js_free) struct js *job = NULL;
    const char *what, *id;

    if (server_claim(a->server, body, &job, err) < 0)
        return -1;
    what = js_get_text(job, "do");
    if (what && !strcmp(what, "done")) {
        *ret_exit = (int)js_get_int(job, "exit_code", 0);
        launch_say("nothing to run: %s",
                   js_get_text(job, "state") ? js_get_text(job, "state") : "done");
        return outputs_control(js_get(job, "control"), err) < 0 ? -1 : CLAIM_OVER;
    }
    if (what && !strcmp(what, "fail"))
        return dh_fail(err, DH_FAILED, "%s",
                       js_get_text(job, "message") ? js_get_text(job, "message") : "refused");
    id = js_get_text(job, "attempt");
    if (!what || strcmp(what, "run") != 0 || !id || !launch_name_is_safe(id) ||
        !js_n(js_get(job, "command")))
        return dh_fail(err, DH_INVALID, "the server's answer to the claim makes no sense");
    server_attempt(a->server, id);
    a->job = js_free(a->job);
    a->job = take(&job);
    return CLAIM_RUN;
}

/* Folders, texts and inputs; new URLs where they expired meanwhile. As claim(). */
static int prepare(struct attempt *a, const struct js *body, int *ret_exit, struct dh_err *err)
{
    outputs_clear(js_get(a->job, "outputs"));
    for (int i = 1;; i++) {
        int rc = make_ready(a->job, err);

        if (rc == 0)
            rc = get_all(js_get(a->job, "inputs"), a->parallel, err);
        if (rc != GET_EXPIRED)
            return rc;
        if (i == CLAIMS_MAX)
            return -1;
        rc = claim(a, body, ret_exit, err);
        if (rc != CLAIM_RUN)
            return rc;
    }
}

/* ---- the command ---- */

/* TERM, and KILL when grace is over. */
struct ending {
    bool begun, killed;
    int64_t kill_us;
};

static void end_command(struct ending *e, long grace_s)
{
    const int64_t now = clock_mono_us();

    if (!e->begun) {
        keep_signal(SIGTERM);
        e->begun = true;
        e->kill_us = now + (int64_t)grace_s * 1000000;
    } else if (!e->killed && now >= e->kill_us) {
        keep_signal(SIGKILL);
        e->killed = true;
    }
}

static int wait_for_command(struct attempt *a, bool *ret_late)
{
    const int64_t timeout_s = js_get_int(a->job, "timeout_s", 0);
    const long grace_s = (long)js_get_int(a->job, "grace_s", GRACE_S);
    const int64_t until = clock_mono_us() + timeout_s * 1000000;
    struct ending ending = {0};
    int status = 0;

    while (!keep_wait(100, &status)) {
        if (timeout_s > 0 && !*ret_late && clock_mono_us() >= until) {
            *ret_late = true;
            launch_say("the command runs longer than its %lld s: it is ended",
                       (long long)timeout_s);
        }
        if (*ret_late || atomic_load(&a->why) != WHY_NONE)
            end_command(&ending, grace_s);
    }
    return status;
}

/* What the process's end says, in `finish`; returns its exit code as a shell has it. */
static int tell_end(struct js *finish, int status, bool late, int64_t timeout_s)
{
    int signal_ = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = signal_ ? 128 + signal_ : WEXITSTATUS(status);

    if (late && code == 0)
        code = 124; /* it heard TERM and left in good order: still too late */
    js_set(finish, "exit_code", js_int(code));
    js_set(finish, "signal", signal_ ? js_int(signal_) : js_null());
    js_set(finish, "message",
           late ? js_strf("timed out after %lld s", (long long)timeout_s) : js_null());
    return code;
}

static void tell_failure(struct js *finish, int code, const struct dh_err *err)
{
    js_set(finish, "exit_code", js_int(code));
    js_set(finish, "signal", js_null());
    js_set(finish, "message", js_str(err->msg));
    js_set(finish, "executor_output", js_null());
    js_set(finish, "parameters", js_object());
    js_set(finish, "artifacts", js_array());
}

/* Starts it, waits, reads and uploads what it left. >0: PUT_REFUSED. <0: the launcher's part
 * failed, *ret_code is the status that says so. */
static int run_command(struct attempt *a, struct js *finish, int *ret_code, struct dh_err *err)
{
    const struct js *outputs = js_get(a->job, "outputs");
    bool late = false;
    int rc, status;

    *ret_code = 126;
    atomic_store(&a->running, true);
    rc = screen_open(js_get(a->job, "secrets"), &a->screen, err);
    if (rc == 0)
        rc = keep_start(js_get(a->job, "command"), js_get(a->job, "env"),
                        js_get_text(a->job, "cwd"), screen_ends(a->screen), err);
    screen_start(a->screen);
    if (rc < 0) {
        *ret_code = err->code == DH_NOT_FOUND ? 127 : 126;
        return -1;
    }
    status = wait_for_command(a, &late);
    *ret_code = tell_end(finish, status, late, js_get_int(a->job, "timeout_s", 0));
    if (atomic_load(&a->why) == WHY_LOST)
        return PUT_REFUSED;
    js_set(finish, "artifacts", js_array());
    rc = outputs_read(outputs, finish, err);
    if (rc == 0 && *ret_code == 0)
        rc = outputs_upload(a->server, outputs, a->parallel, finish, err);
    if (rc < 0)
        *ret_code = *ret_code ? *ret_code : 1;
    return rc;
}

/* The last word: the server's answer has the control values and the exit status. */
static int publish(struct attempt *a, const struct js *finish, long patience_s, int *ret_exit,
                   struct dh_err *err)
{
    own(web_return) struct web *w = web_borrow();
    own(js_free) struct js *answer = NULL;
    int rc = server_tell(a->server, w, "finish", finish, patience_s, &answer, err);

    if (rc)
        return -1;
    *ret_exit = (int)js_get_int(answer, "exit_code", *ret_exit);
    return outputs_control(js_get(answer, "control"), err);
}

static int give_up(const struct dh_err *err)
{
    launch_say("%s", err->msg);
    return 1;
}

/* The attempt is ours: do it, and say how it went. */
static int work(struct attempt *a, const struct js *body)
{
    own(js_free) struct js *finish = js_object();
    struct dh_err err = {0};
    int code = 1, rc = prepare(a, body, &code, &err);

    if (rc == CLAIM_OVER)
        return code;
    if (rc == 0)
        rc = run_command(a, finish, &code, &err);
    end_beat(a);
    if (rc != PUT_REFUSED && atomic_load(&a->why) != WHY_LOST)
        send_rest(a);
    if (rc == PUT_REFUSED || atomic_load(&a->why) == WHY_LOST) {
        keep_signal(SIGKILL);
        launch_say("this attempt is not published: another has taken its place");
        return 1;
    }
    if (atomic_load(&a->why) == WHY_NONE && code != 0 &&
        (keep_evicted() || keep_got() == SIGTERM)) {
        /* Not the step's own end: the server sees what becomes of the pod, and Argo makes another.
         */
        launch_say("ended from outside: this attempt is not published");
        return 128 + SIGTERM;
    }
    if (rc < 0) {
        launch_say("%s", err.msg);
        code = err.code == DH_CANCELED ? 128 + SIGTERM : code;
        tell_failure(finish, code, &err);
    }
    launch_stop_over();
    rc = publish(a, finish, a->server->patience_s, &code, &err);
    keep_signal(SIGKILL); /* what the step left running: its pod ends here */
    return rc < 0 ? give_up(&err) : code;
}

int attempt_run(struct attempt_plan *plan)
{
    struct attempt a = {.server = &plan->server, .parallel = plan->parallel};
    struct dh_err err = {0};
    int code = 1, rc = claim(&a, plan->claim, &code, &err);

    if (rc == CLAIM_RUN) {
        begin_beat(&a);
        code = work(&a, plan->claim);
        end_beat(&a);
        screen_close(a.screen);
    } else if (rc < 0) {
        code = err.code == DH_CANCELED ? 128 + keep_got() : give_up(&err);
    }
    (void)js_free(a.job);
    web_drop_pool();
    return code;
}
