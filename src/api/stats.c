#include "api/stats.h"

const int64_t stats_bounds_us[STATS_BUCKETS] = {100,   250,   500,    1000,    2500,
                                                10000, 50000, 250000, 1000000, 10000000};

void stats_answer(struct stats *stats, int status, int64_t us, int64_t bytes)
{
    if (status >= 100 && status < 600)
        stats->by_class[status / 100]++;
    for (int i = 0; i < STATS_BUCKETS; i++)
        if (us <= stats_bounds_us[i]) {
            stats->buckets[i]++;
            break;
        }
    stats->n++;
    stats->sum_us += us;
    stats->bytes_out += bytes;
}
