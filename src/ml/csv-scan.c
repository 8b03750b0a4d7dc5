/* csv-scan - counts line ends and quotes, 64 bytes a step. */
#include "ml/csv-priv.h"
#include "ml/cpu.h"

static void scan_quoted(const char *p, size_t n, struct csv_scan *s)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"') {
            s->quoted = !s->quoted;
            s->quotes++;
        } else if (p[i] == '\n') {
            s->lines++;
            if (!s->quoted) {
                s->rows++;
                s->end = i + 1;
            }
        }
    }
}

/* Bytes of v equal to c: high bit set. Exact, no carries between bytes. */
static inline uint64_t equal_bytes(uint64_t v, char c)
{
    uint64_t x = v ^ (0x0101010101010101u * (unsigned char)c);
    uint64_t low = 0x7F7F7F7F7F7F7F7Fu;
    return ~(((x & low) + low) | x | low);
}

static bool scan_portable(const char *p, size_t n, struct csv_scan *s)
{
    size_t i = 0;
    uint64_t lines = 0, quotes = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t v = num_load8(p + i);
        lines += (unsigned)__builtin_popcountll(equal_bytes(v, '\n'));
        quotes |= equal_bytes(v, '"');
    }
    for (; i < n; i++) {
        lines += p[i] == '\n';
        quotes |= p[i] == '"';
    }
    s->lines = s->rows = lines;
    return quotes == 0;
}

#if CPU_X86
#include <immintrin.h>
__attribute__((target("avx2,popcnt"))) static bool scan_avx2(const char *p, size_t n,
                                                             struct csv_scan *s)
{
    const __m256i newline = _mm256_set1_epi8('\n'), quote = _mm256_set1_epi8('"');
    __m256i seen = _mm256_setzero_si256();
    uint64_t lines = 0;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(p + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + i + 32));
        uint32_t la = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, newline));
        uint32_t lb = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, newline));
        lines += (uint64_t)_mm_popcnt_u64((uint64_t)lb << 32 | la);
        seen = _mm256_or_si256(
            seen, _mm256_or_si256(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote)));
    }
    bool quotes = _mm256_movemask_epi8(seen) != 0;
    for (; i < n; i++) {
        lines += p[i] == '\n';
        quotes |= p[i] == '"';
    }
    s->lines = s->rows = lines;
    return !quotes;
}
#endif

void csv_scan(const char *p, size_t n, struct csv_scan *s)
{
    bool plain;
    *s = (struct csv_scan){0};
#if CPU_X86
    plain = cpu_level() >= CPU_AVX2 ? scan_avx2(p, n, s) : scan_portable(p, n, s);
#else
    plain = scan_portable(p, n, s);
#endif
    if (!plain) {
        *s = (struct csv_scan){0};
        scan_quoted(p, n, s);
        return;
    }
    const char *last = n ? memrchr(p, '\n', n) : NULL;
    s->end = last ? (size_t)(last - p) + 1 : 0;
}
