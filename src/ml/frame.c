#include "ml/frame-priv.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"

enum { ALIGN = 64, MAP_FROM = 1 << 20, HUGE_FROM = 8 << 20 };

static void out_of_memory(size_t bytes)
{
    fprintf(stderr, "dhow: out of memory (%zu bytes for a column)\n", bytes);
    abort();
}

void *column_alloc(size_t bytes, size_t *mapped)
{
    *mapped = 0;
    if (bytes < MAP_FROM) {
        size_t size = (bytes + ALIGN) / ALIGN * ALIGN;
        void *small = aligned_alloc(ALIGN, size);
        if (!small)
            out_of_memory(size);
        return memset(small, 0, size);
    }
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        out_of_memory(bytes);
    if (bytes >= HUGE_FROM)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    *mapped = bytes;
    return p;
}

void *column_resize(void *p, size_t *mapped, size_t old_bytes, size_t bytes)
{
    if (*mapped) {
        void *moved = mremap(p, *mapped, bytes ? bytes : 1, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED)
            out_of_memory(bytes);
        *mapped = bytes ? bytes : 1;
        return moved;
    }
    if (bytes <= old_bytes)
        return p;
    void *to = column_alloc(bytes, mapped);
    if (p)
        memcpy(to, p, old_bytes);
    free(p);
    return to;
}

void column_release(void *p, size_t mapped)
{
    if (mapped)
        munmap(p, mapped);
    else
        free(p);
}

struct ml_frame *frame_new(size_t n_cols)
{
    struct ml_frame *f = dh_zalloc(1, sizeof *f);
    f->n_cols = n_cols;
    f->cols = dh_zalloc(n_cols ? n_cols : 1, sizeof *f->cols);
    return f;
}

struct ml_frame *ml_frame_free(struct ml_frame *f)
{
    if (!f)
        return NULL;
    for (size_t c = 0; c < f->n_cols; c++) {
        struct ml_column *col = &f->cols[c];
        column_release(col->num ? (void *)col->num : (void *)col->code, col->mapped);
        for (size_t i = 0; i < col->n_levels; i++)
            free(col->levels[i]);
        free(col->levels);
        free(col->name);
    }
    free(f->cols);
    free(f->row_at);
    free(f);
    return NULL;
}

int64_t ml_frame_find(const struct ml_frame *f, const char *name)
{
    for (size_t c = 0; c < f->n_cols; c++)
        if (strcmp(f->cols[c].name, name) == 0)
            return (int64_t)c;
    return -1;
}

const char *ml_type_name(enum ml_type type)
{
    switch (type) {
    case ML_NUMBER:
        return "number";
    case ML_BOOL:
        return "boolean";
    case ML_DATE:
        return "date";
    case ML_CATEGORY:
        return "category";
    }
    return "unknown";
}

bool ml_is_missing(const struct ml_column *col, size_t row)
{
    return col->type == ML_CATEGORY ? col->code[row] < 0 : isnan(col->num[row]);
}
