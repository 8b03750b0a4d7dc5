#pragma once
/* clock - time and its text forms. Recorded times are microseconds since 1970 UTC. */
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 40               /* bytes that clock_text needs */
#define CLOCK_SECONDS 20            /* and clock_seconds */
#define CLOCK_LAST_S 253402300799LL /* the end of the year 9999 */

int64_t clock_now_us(void);  /* wall clock */
int64_t clock_mono_us(void); /* for durations */
/* RFC 3339 in UTC with as many digits as it takes (0, 3 or 6): "2026-11-23T18:20:00.123Z". Returns
 * `to`. us <= 0 (not set) gives "". */
char *clock_text(int64_t us, char to[CLOCK_TEXT]);
/* "2026-11-23T18:20:00" of seconds since 1970, 0 to CLOCK_LAST_S. Returns `to`. */
char *clock_seconds(int64_t s, char to[CLOCK_SECONDS]);
/* Reads RFC 3339 with any offset. Returns -1 where it is not one. */
int clock_parse(const char *text, int64_t *ret_us);
/* "12 ms", "3.4 s", "2 m 05 s", "1 h 02 m": for people. Returns `to`. */
char *clock_duration(int64_t us, char to[CLOCK_TEXT]);
/* "90s", "45m", "12h", "7d", "1.5h": microseconds, below 10,000,000 days. -1 where it is none. */
int clock_parse_span(const char *text, int64_t *ret_us);
