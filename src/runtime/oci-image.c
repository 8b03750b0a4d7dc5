/* Images as jobs need them: looked for, and fetched where the policy says so, each in a thread of
 * its own and once in the life of a runtime. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/mem.h"
#include "runtime/oci-priv.h"

#define INSPECT_MS 30000
#define PULL_MS (2 * 60 * 60 * 1000)
#define LOADED "Loaded image"

/* ---- in an engine ---- */

/* 0; IMAGE_MISSING; <0. */
static int inspect(const struct fetch *f, const char *reference, struct image *ret,
                   struct dh_err *err)
{
    own_args struct args a = {0};
    own_buf struct buf out = {0};
    own_buf struct buf said = {0};
    own(js_free) struct js *list = NULL;
    int status;

    args_adds(&a, f->oci->engine.path, "image", "inspect", reference, NULL);
    if (command_run(a.v, INSPECT_MS, &f->oci->stop, &out, &said, &status, err) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        own_mem char *line = command_last_line(&said);

        if (strcasestr(line, "no such") || strcasestr(line, "not known") ||
            strcasestr(line, "not found"))
            return IMAGE_MISSING;
        return dh_fail(err, DH_FAILED, "%s", line);
    }
    if (js_parse(buf_str(&out), out.n, &list, err) < 0)
        return -1;
    *ret = (struct image){
        .id = dh_strdup(js_get_text(js_at(list, 0), "Id") ? js_get_text(js_at(list, 0), "Id") : ""),
        .config = js_ref(js_get(js_at(list, 0), "Config"))};
    return 0;
}

static int pull(const struct fetch *f, struct dh_err *err)
{
    own_args struct args a = {0};

    args_adds(&a, f->oci->engine.path, "pull", "--quiet", f->reference, NULL);
    return command_do(a.v, PULL_MS, &f->oci->stop, NULL, err) < 0
               ? dh_while(err, "fetching image %s", f->name)
               : 0;
}

/* An engine has no way to run a file: it is loaded first, and says under which name. */
static int load_file(struct fetch *f, struct dh_err *err)
{
    own_args struct args a = {0};
    own_buf struct buf out = {0};
    own_mem char *path = image_file(f->name);
    const char *line, *colon;

    if (!fs_exists(path))
        return dh_fail(err, DH_FAILED, "image %s: there is no file or folder %s", f->name, path);
    if (fs_is_dir(path))
        return dh_fail(err, DH_FAILED,
                       "%s: %s does not read image folders; install runc, or make an archive of it",
                       f->name, f->oci->engine.kind == OCI_DOCKER ? "docker" : "podman");
    args_adds(&a, f->oci->engine.path, "load", "--input", path, NULL);
    if (command_do(a.v, PULL_MS, &f->oci->stop, &out, err) < 0)
        return dh_while(err, "loading image %s", f->name);
    line = strstr(buf_str(&out), LOADED);
    colon = line ? strchr(line, ':') : NULL;
    if (!colon)
        return dh_fail(err, DH_FAILED, "%s: the engine has not said what it loaded", f->name);
    colon += 1 + strspn(colon + 1, " ");
    free(f->reference);
    f->reference = dh_strndup(colon, strcspn(colon, "\r\n"));
    return 0;
}

static int fetch_by_engine(struct fetch *f, struct dh_err *err)
{
    bool always = !strcmp(f->policy, "Always"), never = !strcmp(f->policy, "Never");
    int rc = IMAGE_MISSING;

    if (image_is_local(f->name)) {
        if (load_file(f, err) < 0)
            return -1;
        always = false;
    }
    if (!always)
        rc = inspect(f, f->reference, &f->image, err);
    if (rc != IMAGE_MISSING)
        return rc;
    if (never)
        return dh_fail(err, DH_FAILED,
                       "image %s is not on this machine, and its pull policy is Never", f->name);
    if (pull(f, err) < 0)
        return -1;
    rc = inspect(f, f->reference, &f->image, err);
    if (rc == IMAGE_MISSING)
        return dh_fail(err, DH_FAILED, "image %s was fetched, but is not there", f->name);
    return rc;
}

/* ---- of our own ---- */

static int fetch_by_ourselves(struct fetch *f, struct dh_err *err)
{
    const char *home = f->oci->base.config.home;
    bool always = !strcmp(f->policy, "Always"), never = !strcmp(f->policy, "Never");
    bool local = image_is_local(f->name);
    int rc = IMAGE_MISSING;

    if (!always || local)
        rc = image_find(home, f->name, &f->image, err);
    if (rc != IMAGE_MISSING)
        return rc;
    if (local)
        return image_load(home, f->name, NULL, &f->image, err);
    if (never)
        return dh_fail(err, DH_FAILED,
                       "image %s is not on this machine, and its pull policy is Never", f->name);
    if (image_pull(home, f->name, &f->oci->stop, err) < 0)
        return -1;
    rc = image_find(home, f->name, &f->image, err);
    return rc == IMAGE_MISSING ? dh_fail(err, DH_BUG, "image %s went away", f->name) : rc;
}

/* What we have unpacked, and what no engine reads, is ours to run; all else is the engine's. */
static bool is_ours(const struct fetch *f)
{
    const struct oci *oci = f->oci;
    struct image image = {0};
    bool ours;

    if (!oci->runner.path || !oci->engine.path)
        return oci->runner.path != NULL;
    ours =
        image_is_local(f->name) || (strcmp(f->policy, "Always") != 0 &&
                                    image_find(oci->base.config.home, f->name, &image, NULL) == 0);
    image_done(&image);
    return ours;
}

static void *fetch_in_thread(void *user)
{
    struct fetch *f = user;
    struct dh_err err = {0};
    int rc = is_ours(f) ? fetch_by_ourselves(f, &err) : fetch_by_engine(f, &err);

    pthread_mutex_lock(&f->oci->mutex);
    f->state = rc == 0 ? FETCH_DONE : FETCH_FAILED;
    f->err = err;
    pthread_mutex_unlock(&f->oci->mutex);
    if (f->oci->base.config.wake)
        f->oci->base.config.wake(f->oci->base.config.user);
    return NULL;
}

/* ---- the jobs' side ---- */

static struct fetch *find(struct oci *oci, const char *name, const char *policy)
{
    for (struct fetch *f = oci->fetches; f; f = f->next)
        if (!strcmp(f->name, name) && !strcmp(f->policy, policy))
            return f;
    return NULL;
}

static void fetch_free(struct fetch *f)
{
    if (!f->joined)
        (void)pthread_join(f->thread, NULL);
    image_done(&f->image);
    free(f->name);
    free(f->policy);
    free(f->reference);
    free(f);
}

static int start(struct oci *oci, const char *name, const char *policy, struct dh_err *err)
{
    struct fetch *f = dh_zalloc(1, sizeof *f);

    f->oci = oci;
    f->name = dh_strdup(name);
    f->policy = dh_strdup(policy);
    f->reference = dh_strdup(!strncmp(name, "docker://", 9) ? name + 9 : name);
    if (pthread_create(&f->thread, NULL, fetch_in_thread, f) != 0) {
        f->joined = true;
        fetch_free(f);
        return dh_fail(err, DH_IO, "cannot start a thread");
    }
    f->next = oci->fetches;
    oci->fetches = f;
    return RUNTIME_WAIT;
}

/* A failed one goes: the next attempt tries anew. */
static int failed(struct oci *oci, struct fetch *f, struct dh_err *err)
{
    struct fetch **at = &oci->fetches;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    if (err)
        *err = f->err;
    fetch_free(f);
    return -1;
}

int oci_image(struct oci *oci, const struct runtime_job *job, struct fetch **ret,
              struct dh_err *err)
{
    const char *policy = job->pull_policy ? job->pull_policy : "";
    struct fetch *f = find(oci, job->image, policy);
    enum fetch_state state;

    if (!f)
        return start(oci, job->image, policy, err);
    pthread_mutex_lock(&oci->mutex);
    state = f->state;
    pthread_mutex_unlock(&oci->mutex);
    if (state == FETCH_RUNNING)
        return RUNTIME_WAIT;
    if (state == FETCH_FAILED)
        return failed(oci, f, err);
    *ret = f;
    return 0;
}

void oci_images_close(struct oci *oci)
{
    atomic_store(&oci->stop, true);
    while (oci->fetches) {
        struct fetch *f = oci->fetches;

        oci->fetches = f->next;
        fetch_free(f);
    }
}
