#pragma once
/* cron - when a schedule is due: cron expressions as KFP reads them (robfig/cron v1), in a time
 * zone.
 *
 * Six fields: second, minute, hour, day of month, month, day of week (which may be left out: *).
 * A field: "*", "?", "a", "a-b", each with "/n" behind it, and lists of them; months and days also
 * by name. Where both days are given, either is enough. Or @yearly @annually @monthly @weekly
 * @daily @midnight @hourly, and
 * @every 1h30m. Pure: no clock. */
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct cron {
    uint64_t second, minute, hour, day, month, weekday; /* bits */
    bool any_day, any_weekday;
    int64_t every_s; /* @every; 0: by fields */
};

/* DH_INVALID: which field is wrong, and what it may be. */
int cron_parse(const char *text, struct cron *ret, struct dh_err *err);
/* The first moment after `after_s` (seconds since 1970 UTC); 0: none within five years. DH_INVALID:
 * no such zone. */
int cron_next(const struct cron *cron, const char *zone, int64_t after_s, int64_t *ret,
              struct dh_err *err);
