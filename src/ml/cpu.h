#pragma once
/* cpu - which of the builds of a hot loop this machine can run. */
#if defined __x86_64__
#define CPU_X86 1
#else
#define CPU_X86 0
#endif

enum cpu_level { CPU_PORTABLE, CPU_AVX2, CPU_AVX512 };

/* The best level here; DHOW_CPU=portable|avx2|avx512 in the environment lowers it (tests). */
enum cpu_level cpu_level(void);
