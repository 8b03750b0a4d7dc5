#pragma once
/* crc - CRC-32C (Castagnoli) and CRC-32, the sums that S3 checks what it gets by. */
#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, which is 0 at first. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t n);
/* Of two texts, one behind the other: from the sum of each, and how long the second is. */
uint32_t crc32c_join(uint32_t first, uint32_t second, uint64_t n_second);
uint32_t crc32_join(uint32_t first, uint32_t second, uint64_t n_second);
