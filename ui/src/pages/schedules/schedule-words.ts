/* When a schedule starts runs, in words. */
import { duration } from '../../lib/format';
import type { Trigger } from '../../lib/types';

export function when(t: Trigger): string {
  if (t.cron) return `${t.cron}${t.time_zone && t.time_zone !== 'UTC' ? ` (${t.time_zone})` : ''}`;
  if (t.interval_s) return `every ${duration(t.interval_s * 1000).replace(/ 0 [ms]$/, '').replace(/^1 (?=[smhd]$)/, '')}`;
  return 'once';
}
