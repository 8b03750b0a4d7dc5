#include "api/stats.h"

#include <stdio.h>
#include <unistd.h>

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

int64_t stats_memory_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long pages = 0, resident = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%lld %lld", &pages, &resident) != 2)
        resident = 0;
    (void)fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}
