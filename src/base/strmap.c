#include "base/strmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

/* Open addressing over an index into a dense entry array: iteration is in order of insertion
 * and touches only what is there. */
struct entry {
    char *key;
    void *value;
    uint64_t hash;
};

struct strmap {
    struct entry *entries;
    size_t n, cap;
    uint32_t *slots; /* entry number + 1; 0: free; GONE: removed */
    size_t n_slots, n_used;
};

#define GONE UINT32_MAX

static uint64_t hash_of(const char *key)
{
    return hash_bytes(key, strlen(key));
}

struct strmap *strmap_new(void)
{
    return dh_zalloc(1, sizeof(struct strmap));
}

struct strmap *strmap_free(struct strmap *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->n; i++)
        free(m->entries[i].key);
    free(m->entries);
    free(m->slots);
    free(m);
    return NULL;
}

static size_t find_slot(const struct strmap *m, const char *key, uint64_t hash, bool *found)
{
    size_t mask = m->n_slots - 1, at = hash & mask, free_at = SIZE_MAX;

    for (;; at = (at + 1) & mask) {
        uint32_t s = m->slots[at];

        if (s == 0)
            break;
        if (s == GONE) {
            if (free_at == SIZE_MAX)
                free_at = at;
        } else if (m->entries[s - 1].hash == hash && strcmp(m->entries[s - 1].key, key) == 0) {
            *found = true;
            return at;
        }
    }
    *found = false;
    return free_at == SIZE_MAX ? at : free_at;
}

static void rehash(struct strmap *m)
{
    size_t n_slots = 16;

    while (n_slots < m->n * 4)
        n_slots *= 2;
    free(m->slots);
    m->slots = dh_zalloc(n_slots, sizeof *m->slots);
    m->n_slots = n_slots;
    m->n_used = m->n;
    for (size_t i = 0; i < m->n; i++) {
        size_t at = m->entries[i].hash & (n_slots - 1);

        while (m->slots[at])
            at = (at + 1) & (n_slots - 1);
        m->slots[at] = (uint32_t)i + 1;
    }
}

void *strmap_get(const struct strmap *m, const char *key)
{
    bool found;
    size_t at;

    if (!m || !m->n)
        return NULL;
    at = find_slot(m, key, hash_of(key), &found);
    return found ? m->entries[m->slots[at] - 1].value : NULL;
}

void *strmap_put(struct strmap *m, const char *key, void *value)
{
    uint64_t hash = hash_of(key);
    bool found;
    size_t at;

    if ((m->n_used + 1) * 2 > m->n_slots)
        rehash(m);
    at = find_slot(m, key, hash, &found);
    if (found) {
        struct entry *e = &m->entries[m->slots[at] - 1];
        void *old = e->value;

        e->value = value;
        return old;
    }
    DH_GROW(m->entries, m->n, m->cap);
    m->entries[m->n] = (struct entry){.key = dh_strdup(key), .value = value, .hash = hash};
    if (m->slots[at] == 0)
        m->n_used++;
    m->slots[at] = (uint32_t)++m->n;
    return NULL;
}

void *strmap_remove(struct strmap *m, const char *key)
{
    bool found;
    size_t at, gap;
    void *value;

    if (!m || !m->n)
        return NULL;
    at = find_slot(m, key, hash_of(key), &found);
    if (!found)
        return NULL;
    gap = m->slots[at] - 1;
    value = m->entries[gap].value;
    free(m->entries[gap].key);
    m->slots[at] = GONE;
    if (gap != --m->n) {
        m->entries[gap] = m->entries[m->n];
        m->slots[find_slot(m, m->entries[gap].key, m->entries[gap].hash, &found)] =
            (uint32_t)gap + 1;
    }
    return value;
}

size_t strmap_n(const struct strmap *m)
{
    return m ? m->n : 0;
}

const char *strmap_at(const struct strmap *m, size_t i, void **ret_value)
{
    if (ret_value)
        *ret_value = m->entries[i].value;
    return m->entries[i].key;
}
