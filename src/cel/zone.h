#pragma once
/* zone - how far a time zone is from UTC. */
#include <stdint.h>

/* Seconds east of UTC at that moment. `zone`: "UTC", an offset ("+02:00"), or a name of the
 * machine's zoneinfo ("Europe/Berlin"). -1: no such zone. */
int cel_zone_offset(const char *zone, int64_t sec, int32_t *ret);
