#pragma once
/* schedule - recurring runs: when each is due, and what it starts then.
 *
 * next_us in the record is the moment of the next run; the loop looks each second for those that
 * have passed, and moves it on before the run is asked for, so that two servers on one record never
 * start the same one. */
#include "api/api-priv.h"
#include "base/id.h"
#include "store/catalog.h"

#define SCHEDULE_INTERVAL_MAX_S ((int64_t)86400 * 3660)

/* Starts what is due. */
void schedule_tick(struct api *api);
/* The moment after the last one; 0: none any more. DH_INVALID: cron, zone, interval. */
int schedule_next(const struct api *api, const struct catalog_schedule *schedule, int64_t *ret_us,
                  struct dh_err *err);
/* The coming ones, at most `max`; *ret_n of them. */
int schedule_coming(const struct api *api, const struct catalog_schedule *schedule, size_t max,
                    int64_t *ret, size_t *ret_n, struct dh_err *err);
/* A run now, besides its times. */
int schedule_trigger(struct api *api, const struct catalog_schedule *schedule,
                     char ret_run_id[ID_TEXT], struct dh_err *err);

/* ---- macros.c ---- */

struct macros {
    int64_t scheduled_us, now_us, index;
    const char *run_id; /* [[RunUUID]] */
};
/* [[ScheduledTime]], [[CurrentTime]], [[Index]], [[RunUUID]], [[ScheduledTime.GO_LAYOUT]],
 * {{$.scheduledTime.strftime('…')}} in all texts of `value`: a new value, the caller's. */
struct js *macros_expand(const struct js *value, const struct macros *macros);
