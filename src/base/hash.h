#pragma once
/* hash - a text's number for tables in memory: SipHash-1-3 (Aumasson and Bernstein, 2012) with a
 * key that each process draws anew, so that nobody outside can choose names that all fall into one
 * place. Not for anything that is kept: see digest.h. */
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t n);
