/* platform-claim - volume claims: folders below {home}/volumes, and the built-in components that
 * make and delete them (on a cluster the driver does it itself; the images named have no program).
 *
 * Beside a folder that a component made lies .NAME with the task that made it, so that an attempt
 * that is repeated after a crash finds its own. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/platform-priv.h"
#include "plan/placeholder.h"

#define NAME_MAX_CHARS 253

static int check_name(const char *name, struct dh_err *err)
{
    if (!*name || *name == '.' || strchr(name, '/') || strlen(name) > NAME_MAX_CHARS)
        return dh_fail(err, DH_FAILED, "volume '%.80s': this cannot be a volume's name", name);
    return 0;
}

static char *claim_path(const struct run *run, const char *name)
{
    return dh_printf("%s/volumes/%s", run->engine->home, name);
}

static char *owner_path(const struct run *run, const char *name)
{
    return dh_printf("%s/volumes/.%s", run->engine->home, name);
}

int platform_claim_name(struct run *run, struct job *job, const struct pvc_mount *m, char **ret,
                        struct dh_err *err)
{
    struct input_parameter_spec old;

    return platform_name(run, job, "volume", m->constant, spec_claim_name(m, &old), ret, err);
}

int platform_claim_open(struct run *run, const char *name, char **ret, struct dh_err *err)
{
    own_mem char *path = claim_path(run, name);
    own_mem char *note = NULL;

    if (check_name(name, err) < 0)
        return -1;
    if (!fs_is_dir(path)) {
        if (fs_mkdirs(path, 0777, err) < 0)
            return -1;
        note = dh_printf("volume '%s' was not there: it is now the empty folder %s", name, path);
        run_note(run, note);
    }
    *ret = take(&path);
    return 0;
}

/* ---- the components ---- */

static const char *image_of(const struct plan_node *node)
{
    return node->executor->kind == EXECUTOR_CONTAINER ? node->executor->container->image : "";
}

bool platform_is_builtin(const struct plan_node *node)
{
    const char *image = image_of(node);

    return !strcmp(image, "argostub/createpvc") || !strcmp(image, "argostub/deletepvc");
}

static char *input(const struct job *job, const char *name)
{
    const struct js *v = js_path(job->node->inputs, "parameters", name, NULL);

    return v && !js_is(v, JS_NULL) ? placeholder_text(v) : NULL;
}

static void say_ignored(struct run *run, struct job *job)
{
    own_mem char *source = input(job, "data_source");
    own_mem char *volume = input(job, "volume_name");

    run_note(run,
             "a volume is a folder here: its size, access modes and storage class do not hold");
    if (source)
        run_note(run, "the data source of a volume (a snapshot or another claim) does not exist on "
                      "this machine: the volume is empty");
    if (volume && *volume)
        run_note(run, "a volume's own persistent volume does not exist on this machine: it is an "
                      "empty folder");
}

static int name_claim(struct job *job, char **ret, struct dh_err *err)
{
    own_mem char *name = input(job, "pvc_name");
    own_mem char *suffix = input(job, "pvc_name_suffix");
    bool has_name = name && *name, has_suffix = suffix && *suffix;

    if (has_name == has_suffix)
        return dh_fail(err, DH_FAILED, "give either pvc_name or pvc_name_suffix%s",
                       has_name ? ", not both" : "");
    *ret = has_name ? take(&name) : dh_printf("%s%s", job->uuid, suffix);
    return check_name(*ret, err);
}

static int create(struct run *run, struct job *job, struct dh_err *err)
{
    own_mem char *name = NULL;
    own_mem char *path = NULL;
    own_mem char *owner = NULL;
    own_mem char *by = NULL;
    struct js *parameters = js_object();
    size_t n;

    job->outputs = js_object();
    js_set(job->outputs, "parameters", parameters);
    if (name_claim(job, &name, err) < 0)
        return -1;
    path = claim_path(run, name);
    owner = owner_path(run, name);
    if (fs_is_dir(path) &&
        (fs_read(owner, ID_TEXT, &by, &n, NULL) < 0 || strcmp(by, job->uuid) != 0))
        return dh_fail(err, DH_FAILED,
                       "volume '%s' exists already: delete it in a pipeline, or remove %s", name,
                       path);
    say_ignored(run, job);
    js_set(parameters, "name", js_str(name));
    if (fs_mkdirs(path, 0777, err) < 0)
        return -1;
    return fs_write(owner, job->uuid, strlen(job->uuid), 0644, err);
}

static int delete (struct run *run, struct job *job, struct dh_err *err)
{
    own_mem char *name = input(job, "pvc_name");
    own_mem char *path = NULL;
    own_mem char *owner = NULL;

    if (!name || check_name(name, err) < 0)
        return name ? -1 : dh_fail(err, DH_FAILED, "pvc_name has no value");
    path = claim_path(run, name);
    owner = owner_path(run, name);
    if (!fs_is_dir(path)) { /* or a deletion that was cut off is done again */
        own_mem char *note = dh_printf("volume '%s' was not there to be deleted", name);

        run_note(run, note);
    }
    if (fs_remove_tree(path, err) < 0)
        return -1;
    return fs_unlink(owner, err);
}

bool platform_makes_claim(const struct plan_node *node)
{
    return !strcmp(image_of(node), "argostub/createpvc");
}

int platform_builtin(struct run *run, struct job *job, struct dh_err *err)
{
    return platform_makes_claim(job->node) ? create(run, job, err) : delete (run, job, err);
}
