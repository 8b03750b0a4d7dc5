/* Numbers, times and sizes as people read them. */
import type { Json } from './types';

export function duration(ms: number): string {
  if (ms < 0) return '';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.floor(s)} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} m ${Math.floor(s % 60)} s`;
  const h = Math.floor(m / 60);
  if (h < 48) return `${h} h ${m % 60} m`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

/* From start to end, or to now; '' where it has not started. */
export function took(start: string | null, end: string | null, now = Date.now()): string {
  const ms = tookMs(start, end, now);
  return ms === null ? '' : duration(ms);
}

export function tookMs(start: string | null, end: string | null, now = Date.now()): number | null {
  if (!start) return null;
  return Math.max(0, (end ? Date.parse(end) : now) - Date.parse(start));
}

export function ago(time: string | null, now = Date.now()): string {
  if (!time) return '';
  const s = Math.round((now - Date.parse(time)) / 1000);
  if (s < 0) return `in ${span(-s)}`;
  return s < 5 ? 'just now' : `${span(s)} ago`;
}

function span(s: number): string {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  if (s < 86400 * 60) return `${Math.floor(s / 86400)} d`;
  return `${Math.floor(s / 86400 / 30)} months`;
}

const pad = (n: number): string => String(n).padStart(2, '0');

export function dateTime(time: string | null): string {
  if (!time) return '';
  const d = new Date(time);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

export function bytes(n: number | null): string {
  if (n === null) return '';
  if (n < 1024) return `${n} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let v = n;
  let unit = 'B';
  for (const u of units) {
    if (v < 1024) break;
    v /= 1024;
    unit = u;
  }
  return `${v < 10 ? v.toFixed(1) : Math.round(v)} ${unit}`;
}

/* At most six significant digits, no trailing zeros, no exponent where it can be read without. */
export function number(n: number): string {
  if (!Number.isFinite(n)) return String(n);
  if (Number.isInteger(n) && Math.abs(n) < 1e15) return String(n);
  const a = Math.abs(n);
  if (a >= 1e-4 && a < 1e9) return String(Number(n.toPrecision(6)));
  return Number(n.toPrecision(4)).toExponential();
}

export function value(v: Json | undefined): string {
  if (v === undefined || v === null) return '';
  if (typeof v === 'string') return v;
  if (typeof v === 'number') return number(v);
  if (typeof v === 'boolean') return String(v);
  return JSON.stringify(v);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/* "system.ClassificationMetrics" is "ClassificationMetrics" to a person. */
export function shortType(type: string): string {
  return type.replace(/^(system|google)\./, '');
}
