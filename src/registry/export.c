/* export - a model version as a folder, and as what a server of models is told. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "artifact/artifact.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/js.h"
#include "base/mem.h"
#include "dhow/ml.h"
#include "registry/registry.h"

enum { MAX_DEPTH = 32 };

/* Its files, below `folder`; their path is the caller's. */
static int bring(const struct store_model_version *v, const char *folder, char **ret,
                 struct dh_err *err)
{
    own_mem char *plain = v->uri ? artifact_uri_plain(v->uri) : NULL;
    const char *slash = plain ? strrchr(plain, '/') : NULL;
    const struct artifact_how how = {.digest = v->digest};
    own_mem char *local = NULL;
    own_mem char *to = NULL;
    int rc;

    if (!slash || !slash[1])
        return dh_fail(err, DH_NOT_FOUND, "version %s of '%s' has no files", v->version, v->model);
    to = fs_join(folder, slash + 1);
    rc = artifact_uri_local(v->uri, &local, err);
    if (rc == ARTIFACT_REMOTE)
        rc = artifact_fetch(v->uri, to, &how, err);
    else if (rc == 0 && !fs_exists(local))
        rc = dh_fail(err, DH_NOT_FOUND, "%s is gone", local);
    else if (rc == 0)
        rc = fs_copy(local, to, err);
    if (rc < 0)
        return dh_while(err, "version %s of '%s'", v->version, v->model);
    *ret = take(&to);
    return 0;
}

/* ---- the folder ---- */

static bool is_empty(const char *path)
{
    own_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fs_is_empty(fd);
}

/* Each file below `folder`/`name`, by its path there. */
static int add_files(const char *folder, const char *name, int depth, struct js *files,
                     struct dh_err *err)
{
    own_mem char *path = fs_join(folder, name);
    char digest[DIGEST_TEXT];
    struct js *v;
    DIR *dir;
    int rc = 0;

    if (!fs_is_dir(path)) {
        if (digest_file(path, digest, NULL, err) < 0)
            return -1;
        v = js_object();
        js_set(v, "sha256", js_str(digest));
        js_set(v, "bytes", js_int(fs_tree_bytes(path)));
        js_set(files, name, v);
        return 0;
    }
    dir = depth < MAX_DEPTH ? opendir(path) : NULL;
    for (struct dirent *e; rc == 0 && dir && (e = readdir(dir));) {
        own_mem char *below = fs_join(name, e->d_name);

        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = add_files(folder, below, depth + 1, files, err);
    }
    if (dir)
        (void)closedir(dir);
    return rc;
}

static void cell(struct buf *b, const char *text)
{
    for (; *text; text++)
        if (*text == '|')
            buf_adds(b, "\\|");
        else
            buf_addc(b, *text == '\n' || *text == '\r' ? ' ' : *text);
}

static void table(struct buf *b, const char *title, const struct js *object)
{
    if (!js_n(object))
        return;
    buf_addf(b, "\n## %s\n\n| | |\n|---|---|\n", title);
    for (js_each(object, it)) {
        own_mem char *dump = js_is(it.value, JS_STRING) ? NULL : js_dump(it.value, JS_PYTHON);

        buf_adds(b, "| ");
        cell(b, it.key);
        buf_adds(b, " | ");
        cell(b, dump ? dump : js_text(it.value));
        buf_adds(b, " |\n");
    }
}

static void facts(struct buf *b, const struct js *v)
{
    static const char *const keys[] = {"description", "aliases", "stage", "digest", "created_at"};

    buf_adds(b, "# ");
    cell(b, js_get_text(v, "model"));
    buf_adds(b, ", version ");
    cell(b, js_get_text(v, "version"));
    buf_adds(b, "\n\n");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct js *value = js_get(v, keys[i]);
        own_mem char *dump = js_is(value, JS_STRING) ? NULL : js_dump(value, JS_PYTHON);

        if (js_is(value, JS_NULL))
            continue;
        buf_addf(b, "- %s: ", keys[i]);
        cell(b, dump ? dump : js_text(value));
        buf_addc(b, '\n');
    }
}

/* Who made it, from what, how good it is, who approved it: for people. */
static char *card(const struct js *v)
{
    const struct js *provenance = js_get(v, "provenance"), *data = js_get(provenance, "data");
    struct buf b = {0};

    facts(&b, v);
    table(&b, "Metrics", js_get(v, "metrics"));
    table(&b, "Approval", js_get(v, "approval"));
    table(&b, "Tags", js_get(v, "tags"));
    table(&b, "Parameters of its run", js_get(provenance, "parameters"));
    buf_adds(&b, "\n## Provenance\n\n");
    for (js_each(provenance, it))
        if (js_text(it.value)) {
            buf_addf(&b, "- %s: ", it.key);
            cell(&b, js_text(it.value));
            buf_addc(&b, '\n');
        }
    if (js_n(data))
        buf_adds(&b, "\n## Data\n\n| name | type | SHA-256 | from |\n|---|---|---|---|\n");
    for (size_t i = 0; i < js_n(data); i++) {
        static const char *const columns[] = {"name", "type", "digest", "uri"};

        for (size_t c = 0; c < 4; c++) {
            const char *text = js_get_text(js_at(data, i), columns[c]);

            buf_adds(&b, "| ");
            cell(&b, text ? text : "");
            buf_addc(&b, ' ');
        }
        buf_adds(&b, "|\n");
    }
    return buf_take(&b);
}

static int write_onnx(const char *model, const char *to, struct dh_err *err)
{
    own(ml_model_free) struct ml_model *m = NULL;

    if (ml_model_read_json(model, &m, err) < 0) {
        err->code = DH_INVALID;
        return dh_while(err, "ONNX is made of models that dhow's own steps trained");
    }
    return ml_model_write_onnx(m, to, err);
}

static int write_text(const char *folder, const char *name, const char *text, struct dh_err *err)
{
    own_mem char *path = fs_join(folder, name);

    return fs_write(path, text, strlen(text), 0644, err);
}

static int fill(const struct store_model_version *version, const char *to, bool onnx, struct js *v,
                struct dh_err *err)
{
    own_mem char *folder = fs_join(to, "model");
    own_mem char *files_at = NULL;
    own_mem char *onnx_at = fs_join(to, "model.onnx");
    own_mem char *about = card(v);
    own_mem char *text = NULL;
    struct js *files = js_object();

    js_set(v, "files", files);
    if (fs_mkdirs(folder, 0755, err) < 0 || bring(version, folder, &files_at, err) < 0 ||
        (onnx && write_onnx(files_at, onnx_at, err) < 0) ||
        add_files(to, "model", 0, files, err) < 0 ||
        (onnx && add_files(to, "model.onnx", 0, files, err) < 0))
        return -1;
    text = js_dump(v, JS_PRETTY);
    return write_text(to, "card.md", about, err) < 0 ? -1
                                                     : write_text(to, "manifest.json", text, err);
}

int registry_export(struct store *s, const struct store_model_version *v, const char *to, bool onnx,
                    struct dh_err *err)
{
    own(js_free) struct js *json = NULL;
    own_mem char *part = dh_printf("%s.part", to);

    if (fs_exists(to) && (!fs_is_dir(to) || !is_empty(to)))
        return dh_fail(err, DH_EXISTS, "%s is there already, and not empty", to);
    if (registry_version_json(s, v, &json, err) < 0 || fs_remove_tree(part, err) < 0)
        return -1;
    if (fill(v, part, onnx, json, err) < 0) {
        (void)fs_remove_tree(part, NULL);
        return -1;
    }
    return fs_remove_tree(to, err) < 0 ? -1 : fs_rename(part, to, err);
}

/* ---- KServe ---- */

static const char *format_of(const struct store_model_version *v, const struct js *metadata)
{
    static const struct {
        const char *word, *format;
    } known[] = {{"sklearn", "sklearn"},
                 {"scikit", "sklearn"},
                 {"xgboost", "xgboost"},
                 {"lightgbm", "lightgbm"},
                 {"onnx", "onnx"},
                 {"torch", "pytorch"},
                 {"tensorflow", "tensorflow"},
                 {"keras", "tensorflow"},
                 {"mlflow", "mlflow"},
                 {"huggingface", "huggingface"},
                 {"transformers", "huggingface"},
                 {"pmml", "pmml"},
                 {"paddle", "paddle"}};
    const char *texts[] = {js_get_text(metadata, "format"), js_get_text(metadata, "framework"),
                           js_get_text(metadata, "modelFormat"), v->uri};

    for (size_t t = 0; t < 4; t++)
        for (size_t k = 0; texts[t] && k < sizeof known / sizeof *known; k++)
            if (strcasestr(texts[t], known[k].word))
                return known[k].format;
    return NULL;
}

/* A name that Kubernetes takes: small letters, digits and dashes, 63 at most. */
static char *label_of(const char *text)
{
    char *name = dh_strndup(text, 63);
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        name[i] = isalnum((unsigned char)name[i]) ? (char)tolower((unsigned char)name[i]) : '-';
    while (n && name[n - 1] == '-')
        name[--n] = '\0';
    n = strspn(name, "-0123456789");
    memmove(name, name + n, strlen(name + n) + 1);
    return name;
}

int registry_kserve(struct store *s, const struct store_model_version *v, const char *storage,
                    const char *format, const char *namespace, char **ret, struct dh_err *err)
{
    own(js_free) struct js *metadata = NULL;
    own_mem char *name = label_of(v->model);
    own_mem char *where = NULL;
    own_mem char *version = NULL;
    struct buf b = {0};
    (void)s;

    if (!storage && (!v->uri || *v->uri == '/' || !strncmp(v->uri, "file:", 5)))
        return dh_fail(err, DH_INVALID,
                       "version %s of '%s' lies on this machine, where KServe does not see it: "
                       "--storage-uri names where its export was put (s3://, gs://, pvc://, …)",
                       v->version, v->model);
    if (v->metadata)
        (void)js_parse(v->metadata, strlen(v->metadata), &metadata, NULL);
    format = format ? format : format_of(v, metadata);
    if (!format)
        return dh_fail(err, DH_INVALID,
                       "the format of version %s of '%s' cannot be told: --format names it "
                       "(sklearn, onnx, xgboost, mlflow, …)",
                       v->version, v->model);
    if (!*name)
        return dh_fail(err, DH_INVALID, "'%s' makes no name of a Kubernetes object", v->model);
    { /* texts are quoted as JSON, which YAML reads */
        own(js_free) struct js *uri = js_str(storage ? storage : v->uri);
        own(js_free) struct js *number = js_str(v->version);

        where = js_dump(uri, JS_COMPACT);
        version = js_dump(number, JS_COMPACT);
    }
    buf_addf(&b,
             "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n"
             "  name: %s\n",
             name);
    if (namespace)
        buf_addf(&b, "  namespace: %s\n", namespace);
    buf_addf(&b, "  annotations:\n    dhow/model-version: %s\n", version);
    if (v->digest)
        buf_addf(&b, "    dhow/sha256: \"%s\"\n", v->digest);
    if (v->run_uuid)
        buf_addf(&b, "    dhow/run-id: \"%s\"\n", v->run_uuid);
    buf_addf(&b,
             "spec:\n  predictor:\n    model:\n      modelFormat:\n        name: %s\n"
             "      storageUri: %s\n",
             format, where);
    *ret = buf_take(&b);
    return 0;
}
