/* ui-artifact - artifacts for the page: found by id alone, read from their files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/access.h"
#include "api/api-priv.h"
#include "api/runs.h"
#include "api/ui.h"
#include "artifact/artifact.h"
#include "base/fs.h"
#include "base/mem.h"

enum { MAX_ENTRIES = 10000 };

/* What a step has written is shown, and reaches nothing: its origin is no origin, it may load
 * nothing that it has not brought along, and the API refuses what comes from there. */
static const char csp_sandbox[] =
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/* ---- finding ---- */

/* In the store's words: what is not the user's is told from what is not there by nothing. */
static int no_artifact(const char *asked, struct dh_err *err)
{
    const char *quote = ui_is_number(asked) ? "" : "'";

    return dh_fail(err, DH_NOT_FOUND, "there is no artifact %s%s%s", quote, asked, quote);
}

/* Of several namespaces, one in which it was made or used must be the user's. */
static int check_seen(struct req *r, const struct store_artifact *artifact, const char *asked,
                      struct dh_err *err)
{
    struct store_linkeds links;
    struct store_task task;
    struct store_run run;

    if (!auth_multi_user(r->api->auth) || !r->user->namespaces)
        return 0;
    for (int type = STORE_INPUT; type <= STORE_OUTPUT; type++) {
        if (store_artifact_links(r->store, artifact->id, (enum store_link_type)type, r->arena,
                                 &links, err) < 0)
            return -1;
        for (size_t i = 0; i < links.n; i++)
            if (store_task_get(r->store, links.items[i].link.task_id, r->arena, &task, err) == 0 &&
                store_run_get(r->store, task.run_id, r->arena, &run, err) == 0 &&
                auth_may_see(r->user, run.namespace))
                return 0;
    }
    return no_artifact(asked, err);
}

int ui_artifact_find(struct req *r, const char *uuid, struct store_artifact *ret,
                     struct dh_err *err)
{
    if (strlen(uuid) != 36)
        return no_artifact(uuid, err);
    return store_artifact_find(r->store, uuid, r->arena, ret, err) < 0
               ? -1
               : check_seen(r, ret, uuid, err);
}

/* ---- lists and one ---- */

int ui_artifacts_list(struct req *r, struct dh_err *err)
{
    const char *name = req_arg(r, "name"), *run = req_arg(r, "run");
    struct store_artifact_filter f = {.type = req_arg(r, "type"), .deleted_too = true};
    struct store_artifact_rows rows;
    struct store_run of;
    struct jw *w = req_json(r);

    if (ui_limit(r, &f.limit, err) < 0 || req_arg_int(r, "after", 0, &f.after_id, err) < 0)
        return -1;
    if (run) {
        if (run_find(r, run, &of, err) < 0)
            return -1;
        f.run_id = of.id;
    }
    if (store_artifact_list(r->store, &f, r->arena, &rows, err) < 0)
        return -1;
    jw_begin(w, '{');
    jw_begin_in(w, "items", '[');
    for (size_t i = 0; i < rows.n; i++) {
        const struct store_artifact_row *row = &rows.items[i];

        if ((name && !strcasestr(row->artifact.name ? row->artifact.name : "", name) &&
             !strcasestr(row->key ? row->key : "", name)) ||
            check_seen(r, &row->artifact, row->artifact.uuid, err) < 0)
            continue;
        jw_begin(w, '{');
        ui_artifact_members(&row->artifact, w);
        jw_key(w, "producer");
        if (row->run_uuid) {
            jw_begin(w, '{');
            jw_text(w, "run_id", row->run_uuid);
            jw_text(w, "run_name", row->run_name);
            jw_text(w, "pipeline", row->pipeline);
            jw_text(w, "task", row->task_name);
            jw_text(w, "key", row->key);
            jw_end(w, '}');
        } else {
            jw_raw(w, NULL);
        }
        jw_end(w, '}');
    }
    return ui_list_end(
        w,
        rows.more ? arena_printf(r->arena, "%lld", (long long)rows.items[rows.n - 1].artifact.id)
                  : NULL,
        -1);
}

static int write_users(struct req *r, const struct store_artifact *artifact,
                       enum store_link_type type, const char *name, struct jw *w,
                       struct dh_err *err)
{
    struct store_linkeds links;

    if (store_artifact_links(r->store, artifact->id, type, r->arena, &links, err) < 0)
        return -1;
    jw_begin_in(w, name, '[');
    for (size_t i = 0; i < links.n && i < 200; i++) {
        struct store_task task;
        struct store_run run;

        if (store_task_get(r->store, links.items[i].link.task_id, r->arena, &task, err) < 0 ||
            store_run_get(r->store, task.run_id, r->arena, &run, err) < 0)
            return -1;
        if (auth_multi_user(r->api->auth) && !auth_may_see(r->user, run.namespace))
            continue;
        jw_begin(w, '{');
        jw_text(w, "run_id", run.uuid);
        jw_text(w, "run_name", run.display_name);
        jw_text(w, "task_id", task.uuid);
        jw_text(w, "task", task.name);
        jw_text(w, "type", store_task_type_name(task.type));
        jw_text(w, "key", links.items[i].link.key);
        jw_end(w, '}');
    }
    jw_end(w, ']');
    return 0;
}

int ui_artifacts_get(struct req *r, struct dh_err *err)
{
    struct store_artifact artifact;
    struct jw *w = req_json(r);

    /* Links of KFP's page have MLMD's number of it; its bytes are got by the uuid alone. */
    if (ui_is_number(r->param[0])
            ? store_artifact_find(r->store, r->param[0], r->arena, &artifact, err) < 0 ||
                  check_seen(r, &artifact, r->param[0], err) < 0
            : ui_artifact_find(r, r->param[0], &artifact, err) < 0)
        return -1;
    jw_begin(w, '{');
    ui_artifact_members(&artifact, w);
    if (write_users(r, &artifact, STORE_OUTPUT, "producers", w, err) < 0 ||
        write_users(r, &artifact, STORE_INPUT, "consumers", w, err) < 0)
        return -1;
    jw_end(w, '}');
    return 0;
}

/* ---- bytes ---- */

/* An open file or folder; -1: err. `inside` (may be NULL): in a folder, and never out of it. */
static int open_artifact(const struct store_artifact *artifact, const char *inside,
                         struct stat *ret, struct dh_err *err)
{
    own_mem char *path = NULL;
    int rc;

    if (!artifact->uri)
        return dh_fail(err, DH_NOT_FOUND, "the artifact has no file");
    rc = artifact_uri_local(artifact->uri, &path, err);
    if (rc < 0)
        return -1;
    if (rc == ARTIFACT_REMOTE)
        return dh_fail(err, DH_INVALID,
                       "%s is in a store elsewhere: 'dhow artifacts get' fetches it",
                       artifact->uri);
    return artifact_open_beneath(path, inside, ret, err);
}

static bool is_text(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < 0x20 && !strchr("\t\n\r\f\033", bytes[i]))
            return false;
    return !memchr(bytes, '\0', n);
}

static bool ends(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && !strcasecmp(name + n - k, end);
}

/* By what the step said it is, by its name, by its first bytes. */
static const char *media_type(const struct store_artifact *artifact, const char *name, int fd)
{
    static const struct {
        const char *magic;
        size_t n;
        const char *type;
    } kinds[] = {{"\x89PNG", 4, "image/png"},
                 {"\xff\xd8\xff", 3, "image/jpeg"},
                 {"GIF8", 4, "image/gif"},
                 {"%PDF", 4, "application/pdf"}};
    static const char *const names[][2] = {
        {".json", "application/json"},           {".csv", "text/csv; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"}, {".svg", "image/svg+xml"},
        {".html", "text/html; charset=utf-8"},   {".htm", "text/html; charset=utf-8"}};
    unsigned char head[512];
    ssize_t n = pread(fd, head, sizeof head, 0);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (n >= (ssize_t)kinds[i].n && !memcmp(head, kinds[i].magic, kinds[i].n))
            return kinds[i].type;
    if (n >= 12 && !memcmp(head, "RIFF", 4) && !memcmp(head + 8, "WEBP", 4))
        return "image/webp";
    if (n < 0 || !is_text(head, (size_t)n))
        return "application/octet-stream";
    if (!strcmp(artifact->type, "system.HTML"))
        return "text/html; charset=utf-8";
    if (!strcmp(artifact->type, "system.Markdown"))
        return "text/markdown; charset=utf-8";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ends(name, names[i][0]))
            return names[i][1];
    return "text/plain; charset=utf-8";
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* A name for a header: nothing that ends the quotes or the line. */
static const char *header_name(struct req *r, const char *name)
{
    char *safe = arena_strdup(r->arena, name);

    for (char *c = safe; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e || strchr("\"\\/;", *c))
            *c = '_';
    return safe;
}

int ui_artifacts_content(struct req *r, struct dh_err *err)
{
    const char *inside = req_arg(r, "path"), *name;
    struct store_artifact artifact;
    int64_t peek;
    struct stat st;
    int fd;

    if (ui_artifact_find(r, r->param[0], &artifact, err) < 0 ||
        req_arg_int(r, "peek", 0, &peek, err) < 0)
        return -1;
    fd = open_artifact(&artifact, inside, &st, err);
    if (fd < 0)
        return -1;
    if (S_ISDIR(st.st_mode)) {
        (void)close(fd);
        return dh_fail(err, DH_INVALID, "that is a folder: ?path= names a file in it");
    }
    name = base_name(inside ? inside : artifact.uri);
    r->type = media_type(&artifact, name, fd);
    req_header(r, "Content-Security-Policy", csp_sandbox);
    req_header(r, "Cache-Control", "private, no-cache");
    req_header(r, "X-Size", arena_printf(r->arena, "%lld", (long long)st.st_size));
    if (req_arg_true(r, "download"))
        req_header(r, "Content-Disposition",
                   arena_printf(r->arena, "attachment; filename=\"%s\"", header_name(r, name)));
    return req_send_file(r, fd, peek > 0 && peek < st.st_size ? peek : st.st_size);
}

int ui_artifacts_files(struct req *r, struct dh_err *err)
{
    struct store_artifact artifact;
    struct jw *w = req_json(r);
    struct stat st;
    DIR *dir;
    int fd;

    if (ui_artifact_find(r, r->param[0], &artifact, err) < 0)
        return -1;
    fd = open_artifact(&artifact, req_arg(r, "path"), &st, err);
    if (fd < 0)
        return -1;
    dir = S_ISDIR(st.st_mode) ? fdopendir(fd) : NULL;
    jw_begin(w, '{');
    jw_flag(w, "folder", dir != NULL);
    jw_begin_in(w, "items", '[');
    for (int i = 0; dir && i < MAX_ENTRIES; i++) {
        const struct dirent *entry = readdir(dir);
        struct stat in;

        if (!entry)
            break;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(dirfd(dir), entry->d_name, &in, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        jw_begin(w, '{');
        jw_text(w, "name", entry->d_name);
        jw_flag(w, "folder", S_ISDIR(in.st_mode));
        jw_number(w, "bytes", in.st_size);
        jw_end(w, '}');
    }
    if (!dir) {
        jw_begin(w, '{');
        jw_text(w, "name", base_name(artifact.uri));
        jw_flag(w, "folder", false);
        jw_number(w, "bytes", st.st_size);
        jw_end(w, '}');
        (void)close(fd);
    } else {
        (void)closedir(dir);
    }
    jw_end(w, ']');
    jw_end(w, '}');
    return 0;
}
