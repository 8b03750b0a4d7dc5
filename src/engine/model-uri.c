#include "engine/model-uri.h"

#include <string.h>

#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "engine/engine-priv.h"
#include "registry/registry.h"

#define SCHEME "models:/"

struct model_uri {
    char *name;          /* one block: version and the rest point into it */
    const char *version; /* NULL: the newest */
    bool report, may_miss;
};

static int read_query(char *query, struct model_uri *ret, struct dh_err *err)
{
    char *save = NULL;

    for (char *part = strtok_r(query, "&", &save); part; part = strtok_r(NULL, "&", &save))
        if (!strcmp(part, "part=report"))
            ret->report = true;
        else if (!strcmp(part, "missing=empty"))
            ret->may_miss = true;
        else if (strcmp(part, "part=model") != 0)
            return dh_fail(err, DH_FAILED,
                           "models:/…?%s: expected part=model, part=report or missing=empty", part);
    return 0;
}

static int read_uri(const char *uri, struct model_uri *ret, struct dh_err *err)
{
    char *at;

    *ret = (struct model_uri){.name = dh_strdup(uri + strlen(SCHEME) + (uri[8] == '/'))};
    at = strchr(ret->name, '?');
    if (at) {
        *at = '\0';
        if (read_query(at + 1, ret, err) < 0)
            return -1;
    }
    at = strpbrk(ret->name, "@/");
    if (at) {
        *at = '\0';
        ret->version = at + 1;
    }
    if (!*ret->name || (ret->version && !*ret->version))
        return dh_fail(err, DH_FAILED, "%s: expected models:/NAME@ALIAS or models:/NAME/VERSION",
                       uri);
    return 0;
}

static void set_row(struct js *a, const struct store_artifact *row)
{
    struct js *metadata = NULL;

    if (row->metadata)
        (void)js_parse(row->metadata, strlen(row->metadata), &metadata, NULL);
    js_set(a, "uri", js_str(row->uri));
    js_set(a, "metadata", metadata ? metadata : js_object());
    js_set(a, "row", js_int(row->id));
    js_set(a, "artifact_id", js_str(row->uuid));
}

/* Where nothing is there and that is allowed. */
static int set_empty(struct run *run, struct js *a, struct dh_err *err)
{
    own_mem char *path = fs_join(run->engine->home, "empty.json");

    if (!fs_exists(path) && fs_write(path, "{}\n", 3, 0444, err) < 0)
        return -1;
    js_set(a, "uri", js_str(path));
    return 0;
}

static int find(struct run *run, const struct model_uri *uri, struct arena *a,
                struct store_artifact *ret, struct dh_err *err)
{
    struct store *s = run->engine->store;
    struct store_model_version v;

    if (store_model_find(s, uri->name, uri->version, a, &v, err) < 0)
        return -1;
    if (uri->report)
        return registry_report(s, &v, a, ret, err);
    if (!v.artifact_uuid)
        return dh_fail(err, DH_NOT_FOUND, "version %s of '%s' has no artifact", v.version, v.model);
    return store_artifact_find(s, v.artifact_uuid, a, ret, err);
}

static int resolve(struct run *run, struct js *artifact, struct dh_err *err)
{
    own(arena_free) struct arena *a = arena_new();
    struct store_artifact row;
    struct model_uri uri;
    own_mem char *block = NULL;
    int rc = read_uri(js_get_text(artifact, "uri"), &uri, err);

    block = uri.name;
    if (rc < 0)
        return -1;
    rc = find(run, &uri, a, &row, err);
    if (rc == 0) {
        set_row(artifact, &row);
        return 0;
    }
    if (err->code != DH_NOT_FOUND)
        return -1;
    if (uri.may_miss)
        return set_empty(run, artifact, err);
    err->code = DH_FAILED;
    return -1;
}

int model_uri_resolve(struct run *run, struct js *outputs, struct dh_err *err)
{
    for (js_each(js_get(outputs, "artifacts"), it))
        for (size_t i = 0; i < js_n(it.value); i++) {
            struct js *a = js_at(it.value, i);
            const char *uri = js_get_text(a, "uri");

            if (uri && !strncmp(uri, SCHEME, strlen(SCHEME)) && resolve(run, a, err) < 0)
                return dh_while(err, "importer of %s", uri);
        }
    return 0;
}
