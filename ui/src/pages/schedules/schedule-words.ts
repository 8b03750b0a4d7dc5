/* When a schedule starts runs, in words. */
import { duration } from '../../lib/format';
import type { Trigger } from '../../lib/types';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const SHORT = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const two = (n: string): string => n.padStart(2, '0');
const fixed = (field: string): boolean => /^\d{1,2}$/.test(field);

function weekday(field: string): string | null {
  if (field === '*' || field === '?') return 'every day';
  const days = field.split('-').map((d) => DAYS[SHORT.includes(d.toUpperCase()) ? SHORT.indexOf(d.toUpperCase()) : /^[0-7]$/.test(d) ? Number(d) % 7 : -1]);
  if (days.length > 2 || days.includes(undefined)) return null;
  return days.length === 2 ? `${days[0]} to ${days[1]}` : `every ${days[0]}`;
}

function dayWords(day: string, week: string): string | null {
  const any = (field: string): boolean => field === '*' || field === '?';
  if (any(day)) return weekday(week);
  return fixed(day) && any(week) ? `on day ${day} of each month` : null;
}

/* Within an hour of any day. */
function minuteWords(minute: string): string {
  if (fixed(minute)) return `every hour at :${two(minute)}`;
  const step = minute === '*' ? 1 : Number(/^[*0]\/(\d{1,2})$/.exec(minute)?.[1]);
  if (step === 1) return 'every minute';
  return 60 % step === 0 ? `every ${step} minutes` : '';
}

/* The usual six fields in words; '' for what is better read as it is. */
export function cronWords(cron: string): string {
  const [second, minute = '', hour = '', day = '', month, week, more] = cron.trim().split(/\s+/);
  if (second !== '0' || month !== '*' || !week || more !== undefined) return '';
  const days = dayWords(day, week);
  if (days && fixed(minute) && fixed(hour)) return `${days} at ${two(hour)}:${two(minute)}`;
  return days === 'every day' && hour === '*' ? minuteWords(minute) : '';
}

export function when(t: Trigger): string {
  if (t.cron) return `${cronWords(t.cron) || t.cron}${t.time_zone && t.time_zone !== 'UTC' ? ` (${t.time_zone})` : ''}`;
  if (t.interval_s) return `every ${duration(t.interval_s * 1000).replace(/ 0 [ms]$/, '').replace(/^1 (?=[smhd]$)/, '')}`;
  return 'once';
}
