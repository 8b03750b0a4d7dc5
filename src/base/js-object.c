/* js-object - members in the order in which they came; few are looked through, many have an index.
 * What is removed leaves a hole, which is closed when room is needed. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/js-priv.h"
#include "base/mem.h"

enum { FEW = 12 }; /* as long as looking through them is the quicker way */

static struct js_object *in(struct js *v)
{
    return (struct js_object *)(void *)v;
}

struct js *js_object(void)
{
    struct js_object *o = dh_alloc(sizeof *o);

    o->head = (struct js){1, JS_OBJECT};
    o->n = o->removed = o->n_index = 0;
    o->cap = JS_HERE;
    o->index = NULL;
    o->members = o->here;
    return &o->head;
}

static void free_member(struct js_member *m)
{
    if (!m->literal)
        free((char *)(uintptr_t)m->key);
    js_free(m->value);
    *m = (struct js_member){0};
}

void js_object_done(struct js *v)
{
    struct js_object *o = in(v);

    for (uint32_t i = 0; i < o->n; i++)
        free_member(&o->members[i]);
    if (o->members != o->here)
        free(o->members);
    free(o->index);
}

static bool is_member(const struct js_member *m, const char *key, size_t n)
{
    return m->n == n && m->key && memcmp(m->key, key, n) == 0;
}

static uint32_t hash_of(const struct js_object *o, const char *key, size_t n)
{
    return o->index ? (uint32_t)hash_bytes(key, n) : 0;
}

/* The member, or NULL. `hash` is of the key, where there is an index. */
static struct js_member *find(const struct js_object *o, const char *key, size_t n, uint32_t hash)
{
    if (!o->index) {
        for (uint32_t i = 0; i < o->n; i++)
            if (is_member(&o->members[i], key, n))
                return &o->members[i];
        return NULL;
    }
    for (uint32_t at = hash; o->index[at & (o->n_index - 1)]; at++) {
        struct js_member *m = &o->members[o->index[at & (o->n_index - 1)] - 1];

        if (m->hash == hash && is_member(m, key, n))
            return m;
    }
    return NULL;
}

static struct js_member *find_text(const struct js *v, const char *key)
{
    const struct js_object *o = js_in_object(v);
    size_t n = strlen(key);

    return js_is(v, JS_OBJECT) ? find(o, key, n, hash_of(o, key, n)) : NULL;
}

static void note(struct js_object *o, uint32_t place)
{
    uint32_t at = o->members[place].hash;

    while (o->index[at & (o->n_index - 1)])
        at++;
    o->index[at & (o->n_index - 1)] = place + 1;
}

static void grow(struct js_object *o)
{
    struct js_member *old = o->members == o->here ? NULL : o->members;

    o->cap *= 2;
    if (o->cap > UINT32_MAX / 4)
        abort(); /* past what any limit of ours lets in */
    o->members = dh_realloc(old, o->cap, sizeof *o->members);
    if (!old)
        memcpy(o->members, o->here, sizeof o->here);
}

static void make_index(struct js_object *o)
{
    bool first = !o->index;

    free(o->index);
    for (o->n_index = 32; o->n_index < o->cap * 2;)
        o->n_index *= 2;
    o->index = dh_zalloc(o->n_index, sizeof *o->index);
    for (uint32_t i = 0; i < o->n; i++) {
        if (first)
            o->members[i].hash = hash_of(o, o->members[i].key, o->members[i].n);
        note(o, i);
    }
}

/* Closes the holes and makes room for one more. */
static void make_room(struct js_object *o)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < o->n; i++)
        if (o->members[i].key)
            o->members[n++] = o->members[i];
    o->n = n;
    o->removed = 0;
    if (n * 2 > o->cap)
        grow(o);
    if (o->cap > FEW)
        make_index(o);
}

void js_object_put(struct js *object, const char *key, size_t n, bool literal, struct js *value)
{
    struct js_object *o = in(object);
    struct js_member *m;
    uint32_t hash;

    if (!js_is(object, JS_OBJECT))
        abort();
    hash = hash_of(o, key, n);
    m = find(o, key, n, hash);
    if (m) {
        struct js *old = m->value;

        m->value = value;
        js_free(old);
        if (!literal)
            free((char *)(uintptr_t)key);
        return;
    }
    if (n > INT32_MAX)
        abort();
    if (o->n == o->cap) {
        make_room(o);
        hash = hash_of(o, key, n);
    }
    o->members[o->n] = (struct js_member){key, value, (uint32_t)n & INT32_MAX, literal, hash};
    if (o->index)
        note(o, o->n);
    o->n++;
}

void js_set_literal(struct js *object, const char *key, struct js *value)
{
    if (value)
        js_object_put(object, key, strlen(key), true, value);
    else
        (void)js_remove(object, key);
}

void js_set_copied(struct js *object, const char *key, struct js *value)
{
    size_t n = strlen(key);

    if (value)
        js_object_put(object, dh_strndup(key, n), n, false, value);
    else
        (void)js_remove(object, key);
}

bool js_remove(struct js *object, const char *key)
{
    struct js_object *o = in(object);
    struct js_member *m = find_text(object, key);

    if (!m)
        return false;
    free_member(m);
    o->removed++;
    return true;
}

struct js *js_get(const struct js *object, const char *key)
{
    const struct js_member *m = find_text(object, key);

    return m ? m->value : NULL;
}

struct js *js_object_copy(const struct js *v)
{
    const struct js_object *from = js_in_object(v);
    struct js *copy = js_object();

    for (uint32_t i = 0; i < from->n; i++) {
        const struct js_member *m = &from->members[i];

        if (m->key)
            js_object_put(copy, m->literal ? m->key : dh_strndup(m->key, m->n), m->n, m->literal,
                          js_copy(m->value));
    }
    return copy;
}

static void load(struct js_iter *it)
{
    const struct js_object *o = js_in_object(it->object);

    while (it->at < o->n && !o->members[it->at].key)
        it->at++;
    it->key = it->at < o->n ? o->members[it->at].key : NULL;
    it->value = it->key ? o->members[it->at].value : NULL;
}

struct js_iter js_iter_begin(const struct js *object)
{
    struct js_iter it = {.object = object};

    if (js_is(object, JS_OBJECT))
        load(&it);
    return it;
}

bool js_iter_ok(const struct js_iter *it)
{
    return it->key != NULL;
}

void js_iter_next(struct js_iter *it)
{
    it->at++;
    load(it);
}

static struct js *member(struct js *object, const char *key, struct js *(*make)(void))
{
    struct js *v = js_get(object, key);

    if (!v) {
        v = make();
        js_set(object, key, v);
    }
    return v;
}

struct js *js_array_in(struct js *object, const char *key)
{
    return member(object, key, js_array);
}

struct js *js_object_in(struct js *object, const char *key)
{
    return member(object, key, js_object);
}
