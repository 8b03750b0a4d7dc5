#include "ml/cpu.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static enum cpu_level find(void)
{
    enum cpu_level best = CPU_PORTABLE;
#if CPU_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        best = CPU_AVX2;
    if (best == CPU_AVX2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        best = CPU_AVX512;
#endif
    const char *want = getenv("DHOW_CPU");
    if (want && strcmp(want, "portable") == 0)
        return CPU_PORTABLE;
    if (want && strcmp(want, "avx2") == 0 && best > CPU_AVX2)
        return CPU_AVX2;
    return best;
}

enum cpu_level cpu_level(void)
{
    static atomic_int known = -1;
    int level = atomic_load_explicit(&known, memory_order_relaxed);
    if (level < 0) {
        level = (int)find();
        atomic_store_explicit(&known, level, memory_order_relaxed);
    }
    return (enum cpu_level)level;
}
