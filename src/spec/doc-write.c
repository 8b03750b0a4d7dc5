#include "spec/doc-write.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "spec/doc-priv.h"

struct writer {
    yaml_emitter_t emitter;
    struct arena *arena;
    struct buf *to;
};

static int append(void *user, unsigned char *bytes, size_t n)
{
    buf_add(user, bytes, n);
    return 1;
}

/* libyaml takes the event, and frees it also where it cannot use it. */
static int emit(struct writer *w, int made, yaml_event_t *event)
{
    return made && yaml_emitter_emit(&w->emitter, event) ? 0 : -1;
}

/* Would the text, written plain, be read as a number, a date, null, …? */
static bool reads_as_other(struct writer *w, const char *text)
{
    struct doc_node node = {0};

    doc_plain(w->arena, text, strlen(text), &node);
    return node.kind != DOC_STRING || strcmp(node.text, text) != 0;
}

static int write_scalar(struct writer *w, const char *text, bool string)
{
    yaml_event_t event;
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;

    if (string && (!*text || reads_as_other(w, text)))
        style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
    else if (string && strchr(text, '\n'))
        style = YAML_LITERAL_SCALAR_STYLE;
    return emit(w,
                yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                             (int)strlen(text), 1, 1, style),
                &event);
}

static int write_value(struct writer *w, const struct js *v);

static int write_list(struct writer *w, const struct js *v)
{
    yaml_event_t event;

    if (emit(w,
             yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                  js_n(v) ? YAML_BLOCK_SEQUENCE_STYLE
                                                          : YAML_FLOW_SEQUENCE_STYLE),
             &event) < 0)
        return -1;
    for (size_t i = 0; i < js_n(v); i++)
        if (write_value(w, js_at(v, i)) < 0)
            return -1;
    return emit(w, yaml_sequence_end_event_initialize(&event), &event);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int write_map(struct writer *w, const struct js *v)
{
    yaml_event_t event;
    const char **keys = arena_alloc(w->arena, (js_n(v) + 1) * sizeof *keys);
    size_t n = 0;

    if (emit(w,
             yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                 js_n(v) ? YAML_BLOCK_MAPPING_STYLE
                                                         : YAML_FLOW_MAPPING_STYLE),
             &event) < 0)
        return -1;
    for (js_each(v, it))
        keys[n++] = it.key;
    qsort(keys, n, sizeof *keys, by_text);
    for (size_t i = 0; i < n; i++)
        if (write_scalar(w, keys[i], true) < 0 || write_value(w, js_get(v, keys[i])) < 0)
            return -1;
    return emit(w, yaml_mapping_end_event_initialize(&event), &event);
}

static int write_value(struct writer *w, const struct js *v)
{
    own_buf struct buf text = {0};

    if (js_is(v, JS_OBJECT))
        return write_map(w, v);
    if (js_is(v, JS_ARRAY))
        return write_list(w, v);
    if (js_text(v))
        return write_scalar(w, js_text(v), true);
    js_write(v, JS_COMPACT, &text);
    return write_scalar(w, buf_str(&text), false);
}

static int write_documents(struct writer *w, const struct js *const *documents, size_t n)
{
    yaml_event_t event;

    if (emit(w, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (emit(w, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, i == 0),
                 &event) < 0 ||
            write_value(w, documents[i]) < 0 ||
            emit(w, yaml_document_end_event_initialize(&event, 1), &event) < 0)
            return -1;
    return emit(w, yaml_stream_end_event_initialize(&event), &event);
}

int doc_write_yaml(const struct js *const *documents, size_t n, struct buf *to, struct dh_err *err)
{
    own(arena_free) struct arena *arena = arena_new();
    struct writer w = {.arena = arena, .to = to};
    int rc;

    if (!yaml_emitter_initialize(&w.emitter))
        return dh_fail(err, DH_IO, "libyaml: no emitter");
    yaml_emitter_set_output(&w.emitter, append, to);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, 80);
    rc = write_documents(&w, documents, n);
    if (rc < 0)
        rc = dh_fail(err, DH_BUG, "libyaml: %s", w.emitter.problem ? w.emitter.problem : "failed");
    yaml_emitter_delete(&w.emitter);
    return rc;
}
