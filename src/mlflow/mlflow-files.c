/* mlflow-files - what a run's clients have logged as files, and what steps have made, by MLflow's
 * artifact proxy.
 *
 * A client's run has no steps; its files belong to one task, "mlflow", so that they are on record,
 * freed and shown as any others. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "mlflow/mlflow-priv.h"

/* ---- where a path leads ---- */

struct place {
    struct store_run run;
    bool own;          /* it is a client's run */
    bool model;        /* below models/, not artifacts/ */
    const char *name;  /* behind these; "": themselves */
    char *top, *below; /* a folder (or file) of ours, and what is within it; "": itself */
};

static void place_done(struct place *p)
{
    dh_mem_own(&p->top);
    dh_mem_own(&p->below);
}
#define own_place __attribute__((cleanup(place_done)))

static bool is_clean(const char *path)
{
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");

        if (n == 0 || n > 200 || (n == 1 && at[0] == '.') ||
            (n == 2 && at[0] == '.' && at[1] == '.') ||
            !strncmp(at, ARTIFACT_TEMPORARY, strlen(ARTIFACT_TEMPORARY)))
            return false;
        at += n;
        if (!*at)
            return true;
    }
}

static int nothing_there(const char *path, struct dh_err *err)
{
    return dh_fail(err, DH_NOT_FOUND, "No such artifact: '%s'", path);
}

/* A name, the second and later ones of a list with their place: "train", "train-1". */
static const char *numbered(const char *name, int64_t place, struct arena *a)
{
    return place ? arena_printf(a, "%s-%lld", name, (long long)place) : name;
}

/* The name of a step of dhow's; NULL: it is none. `seen`: those before it. */
static const char *step_name(struct strmap *seen, const struct store_task *task, struct arena *a)
{
    intptr_t n;

    if (task->type != STORE_RUNTIME)
        return NULL;
    n = (intptr_t)strmap_get(seen, task->name);
    (void)strmap_put(seen, task->name, (void *)(n + 1));
    return numbered(task->name, n, a);
}

/* Behind `name` and a '/' in the path; NULL: it is another's. */
static const char *behind(const char *path, const char *name)
{
    size_t n = strlen(name);

    if (strncmp(path, name, n) != 0 || (path[n] && path[n] != '/'))
        return NULL;
    return path + n + (path[n] == '/');
}

static int of_step(struct place *p, const struct store_linkeds *outputs, const char *path,
                   struct arena *a, struct store_artifact *ret, struct dh_err *err)
{
    for (size_t k = 0; k < outputs->n; k++) {
        const struct store_link *link = &outputs->items[k].link;
        const char *rest = behind(path, numbered(link->key, link->index, a));

        if (!rest || artifact_uri_local(outputs->items[k].artifact.uri, &p->top, err) != 0)
            continue;
        p->below = dh_strdup(rest);
        *ret = outputs->items[k].artifact;
        return 0;
    }
    return nothing_there(p->name, err);
}

/* artifacts/TASK/OUTPUT/… of what dhow ran. */
static int find_output(struct store *s, struct place *p, struct arena *a,
                       struct store_artifact *ret, struct dh_err *err)
{
    own(strmap_free) struct strmap *seen = strmap_new();
    struct store_linkeds outputs;
    struct store_tasks tasks;

    if (store_task_list(s, p->run.id, a, &tasks, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++) {
        const char *name = step_name(seen, &tasks.items[i], a);
        const char *rest = name ? behind(p->name, name) : NULL;

        if (rest)
            return store_artifacts_of_task(s, tasks.items[i].id, STORE_OUTPUT, a, &outputs, err) < 0
                       ? -1
                       : of_step(p, &outputs, rest, a, ret, err);
    }
    return nothing_there(p->name, err);
}

/* `ours`: where a client's run has it; of others the run alone. */
static int read_place(struct store *s, const char *home, const char *path, struct arena *a,
                      struct place *ret, struct dh_err *err)
{
    const char *kind = strchr(path, '/'), *id = arena_strndup(a, path, strcspn(path, "/"));
    static const char *const kinds[] = {"/artifacts", "/models"};
    size_t n = 0;

    if (!is_clean(path) || !id_is_uuid(id))
        return nothing_there(path, err);
    for (size_t i = 0; kind && i < 2; i++) {
        size_t n_kind = strlen(kinds[i]);

        if (!strncmp(kind, kinds[i], n_kind) && (!kind[n_kind] || kind[n_kind] == '/')) {
            ret->model = i == 1;
            n = n_kind;
        }
    }
    if (!n)
        return nothing_there(path, err);
    if (store_run_find(s, id, a, &ret->run, err) < 0)
        return err->code == DH_NOT_FOUND ? nothing_there(path, err) : -1;
    if (strcmp(ret->run.uuid, id) != 0) /* in another form */
        return nothing_there(path, err);
    ret->name = kind + n + (kind[n] == '/');
    ret->own = mlflow_is_own(&ret->run);
    if (ret->own) {
        ret->top = dh_printf("%s/" MLFLOW_FOLDER "/%s%.*s", home, id, (int)n, kind);
        ret->below = dh_strdup(ret->name);
    }
    return 0;
}

static int open_place(const struct place *p, struct stat *ret, struct dh_err *err)
{
    int fd = artifact_open_beneath(p->top, p->below, ret, err);

    return fd < 0 && err->code == DH_NOT_FOUND ? nothing_there(p->name, err) : fd;
}

/* ---- lists ---- */

static void add_file(struct js *list, const char *name, const struct stat *st)
{
    struct js *one = js_object();

    js_set(one, "path", js_str(name));
    js_set(one, "is_dir", js_bool(S_ISDIR(st->st_mode)));
    if (S_ISREG(st->st_mode))
        js_set(one, "file_size", js_int(st->st_size));
    js_push(list, one);
}

/* What a client can ask for; what is half written is none of it. */
static int list_folder(int fd, struct js *list, struct dh_err *err)
{
    DIR *dir = fdopendir(fd);

    if (!dir) {
        (void)close(fd);
        return dh_fail_errno(err, "a folder");
    }
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;

        if (is_clean(e->d_name) && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            add_file(list, e->d_name, &st);
    }
    (void)closedir(dir);
    return 0;
}

/* The steps of a run as folders, or the outputs of one of them. */
static int list_outputs(struct store *s, const struct place *p, struct arena *a, struct js *list,
                        struct dh_err *err)
{
    own(strmap_free) struct strmap *seen = strmap_new();
    const struct stat folder = {.st_mode = S_IFDIR};
    struct store_linkeds outputs;
    struct store_tasks tasks;

    if (store_task_list(s, p->run.id, a, &tasks, err) < 0 ||
        store_artifacts_of_run(s, p->run.id, STORE_OUTPUT, a, &outputs, err) < 0)
        return -1;
    for (size_t i = 0; i < tasks.n; i++) {
        struct store_linkeds of = store_linkeds_of_task(&outputs, tasks.items[i].id);
        const char *name = step_name(seen, &tasks.items[i], a);

        if (!name || (*p->name && strcmp(p->name, name) != 0))
            continue;
        if (!*p->name && of.n)
            add_file(list, name, &folder);
        for (size_t k = 0; *p->name && k < of.n; k++) {
            own_mem char *path = NULL;
            struct stat st;

            if (artifact_uri_local(of.items[k].artifact.uri, &path, err) == 0 &&
                stat(path, &st) == 0)
                add_file(list, numbered(of.items[k].link.key, of.items[k].link.index, a), &st);
        }
    }
    return 0;
}

int mlflow_files_list(struct store *s, const char *home, const char *path, struct buf *out,
                      struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own(js_free) struct js *answer = js_object();
    struct js *list = js_array();
    own_place struct place p = {0};
    struct store_artifact row;
    struct stat st;

    js_set(answer, "files", list);
    if (read_place(s, home, path, a, &p, err) < 0)
        return -1;
    if (!p.own && !strchr(p.name, '/')) {
        if (list_outputs(s, &p, a, list, err) < 0)
            return -1;
    } else {
        own_fd int fd =
            !p.own && find_output(s, &p, a, &row, err) < 0 ? -1 : open_place(&p, &st, err);

        if (fd < 0 && err->code != DH_NOT_FOUND)
            return -1;
        if (fd >= 0 && S_ISREG(st.st_mode)) /* itself: a client knows it by that */
            add_file(list, strrchr(path, '/') + 1, &st);
        else if (fd >= 0 && list_folder(dh_take_fd(&fd), list, err) < 0)
            return -1;
    }
    js_write(answer, JS_COMPACT, out);
    return 0;
}

int mlflow_file_open(struct store *s, const char *home, const char *path, int64_t *ret_size,
                     struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own_place struct place p = {0};
    struct store_artifact row;
    own_fd int fd = -1;
    struct stat st;

    if (read_place(s, home, path, a, &p, err) < 0 ||
        (!p.own && find_output(s, &p, a, &row, err) < 0) || (fd = open_place(&p, &st, err)) < 0)
        return -1;
    if (!S_ISREG(st.st_mode))
        return nothing_there(path, err);
    *ret_size = st.st_size;
    return dh_take_fd(&fd);
}

/* ---- what a client sends ---- */

int mlflow_task_of(struct store *s, int64_t run, struct arena *a, int64_t *ret, struct dh_err *err)
{
    int64_t now = clock_now_us();
    char uuid[ID_TEXT];
    struct store_tasks tasks;
    struct store_task task = {.uuid = id_new(uuid),
                              .run_id = run,
                              .name = "mlflow",
                              .display_name = "mlflow",
                              .scope_path = "root.mlflow",
                              .type = STORE_RUNTIME,
                              .iteration_index = -1,
                              .iteration_count = -1,
                              .state = STORE_SUCCEEDED,
                              .exit_code = -1,
                              .created_us = now,
                              .started_us = now,
                              .finished_us = now};

    if (store_task_list(s, run, a, &tasks, err) < 0)
        return -1;
    if (tasks.n) {
        *ret = tasks.items[0].id;
        return 0;
    }
    return store_task_insert(s, &task, ret, err);
}

int mlflow_link_output(struct store *s, int64_t run, const char *key, int64_t artifact,
                       struct arena *a, struct dh_err *err)
{
    struct store_link link = {.type = STORE_OUTPUT, .key = key, .artifact_id = artifact};

    return mlflow_task_of(s, run, a, &link.task_id, err) < 0 ||
                   store_artifact_next_index(s, link.task_id, STORE_OUTPUT, key, &link.index, err) <
                       0
               ? -1
               : store_artifact_link(s, &link, err);
}

static int record(struct store *s, const struct place *p, const char *type, const char *uri,
                  const char *digest, int64_t size, struct arena *a, struct dh_err *err)
{
    struct store_artifact there, row = {.type = type,
                                        .uri = uri,
                                        .digest = digest,
                                        .size_bytes = size,
                                        .created_us = clock_now_us()};
    const char *slash = strrchr(p->name, '/');
    char uuid[ID_TEXT];
    int64_t id;

    if (store_artifact_find(s, uri, a, &there, err) == 0)
        return store_artifact_set_bytes(s, there.id, digest, size, err);
    if (err->code != DH_NOT_FOUND)
        return -1;
    row.uuid = id_new(uuid);
    row.name = slash ? slash + 1 : p->name;
    return store_artifact_insert(s, &row, &id, err) < 0
               ? -1
               : mlflow_link_output(s, p->run.id, p->name, id, a, err);
}

/* Folders around it that are registered are not what was measured any more. */
static int forget_folders(struct store *s, const struct place *p, const char *file, struct arena *a,
                          struct dh_err *err)
{
    char *folder = arena_strdup(a, file);

    for (char *end; (end = strrchr(folder, '/')) && (size_t)(end - folder) > strlen(p->top);) {
        struct store_artifact there;

        *end = '\0';
        if (store_artifact_find(s, folder, a, &there, err) < 0) {
            if (err->code != DH_NOT_FOUND)
                return -1;
        } else if (there.digest && store_artifact_set_bytes(s, there.id, NULL, -1, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A model is one artifact, measured when it is complete (mlflow-logged.c). */
static int record_model(struct store *s, const struct place *p, const char *digest, int64_t size,
                        struct arena *a, struct dh_err *err)
{
    const char *id = arena_strndup(a, p->name, strcspn(p->name, "/"));
    struct store_artifact model;

    if (store_artifact_find(s, id, a, &model, err) < 0)
        return err->code == DH_NOT_FOUND ? nothing_there(p->name, err) : -1;
    if (strcmp(model.uuid, id) != 0)
        return nothing_there(p->name, err);
    if (model.digest && store_artifact_set_bytes(s, model.id, NULL, -1, err) < 0)
        return -1;
    return mlflow_logged_file(s, &model, p->name + strlen(id) + 1, digest, size, err);
}

static int put(struct store *s, const struct place *p, const char *to, const char *from,
               const char *digest, int64_t size, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own_mem char *folder = dh_strndup(to, (size_t)(strrchr(to, '/') - to));

    if ((p->model ? record_model(s, p, digest, size, a, err)
                  : record(s, p, "system.Artifact", to, digest, size, a, err)) < 0 ||
        forget_folders(s, p, to, a, err) < 0 || fs_mkdirs(folder, 0755, err) < 0)
        return -1;
    return fs_rename(from, to, err);
}

int mlflow_file_put(struct store *s, const char *home, const char *path, const char *from,
                    const char *digest, int64_t size, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    own_place struct place p = {0};
    own_mem char *to = NULL;

    if (read_place(s, home, path, a, &p, err) < 0)
        return -1;
    if (!p.own)
        return dh_fail(err, DH_INVALID, "run %s is dhow's: it takes no files", p.run.uuid);
    if (!*p.name || (p.model && !strchr(p.name, '/')) || strlen(p.name) > MLFLOW_KEY_MOST)
        return dh_fail(err, DH_INVALID, "a file needs a name, of %d bytes at most",
                       MLFLOW_KEY_MOST);
    to = dh_printf("%s/%s", p.top, p.name);
    if (store_begin(s, err) < 0)
        return -1;
    if (put(s, &p, to, from, digest, size, err) == 0)
        return store_commit(s, err);
    store_rollback(s);
    return -1;
}

/* ---- what is registered ---- */

static int of_folder(struct mlflow *m, const struct place *p, const char *uri,
                     struct store_artifact *ret, struct dh_err *err)
{
    own_fd int fd = -1;
    struct stat st;

    if (store_artifact_find(m->store, uri, m->a, ret, err) == 0)
        return 0;
    if (err->code != DH_NOT_FOUND || (fd = open_place(p, &st, err)) < 0)
        return -1;
    return record(m->store, p, "system.Model", uri, NULL, -1, m->a, err) < 0
               ? -1
               : store_artifact_find(m->store, uri, m->a, ret, err);
}

int mlflow_file_artifact(struct mlflow *m, const char *path, struct store_artifact *ret,
                         struct dh_err *err)
{
    own_place struct place p = {0};

    if (read_place(m->store, m->request->home, path, m->a, &p, err) < 0)
        return -1;
    if (!p.own)
        return find_output(m->store, &p, m->a, ret, err);
    if (!*p.name)
        return nothing_there(path, err);
    if (p.model)
        return mlflow_logged_find(m, p.name, ret, err);
    return of_folder(m, &p, arena_printf(m->a, "%s/%s", p.top, p.name), ret, err);
}

const char *mlflow_shown_uri(struct mlflow *m, const char *uri)
{
    own_mem char *folder = fs_join(m->request->home, MLFLOW_FOLDER "/");
    size_t n = strlen(folder);

    return uri && !strncmp(uri, folder, n) ? arena_printf(m->a, "mlflow-artifacts:/%s", uri + n)
                                           : uri;
}
