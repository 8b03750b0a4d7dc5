#pragma once
/* stats - what /metrics tells of the server itself. */
#include <stdint.h>

enum { STATS_BUCKETS = 10 };

struct stats {
    int64_t by_class[6]; /* answers by status / 100 */
    int64_t buckets[STATS_BUCKETS], n, sum_us;
    int64_t bytes_out, refused, events;
};

void stats_answer(struct stats *stats, int status, int64_t us, int64_t bytes);
int64_t stats_memory_bytes(void); /* resident, of this process */
extern const int64_t stats_bounds_us[STATS_BUCKETS];
