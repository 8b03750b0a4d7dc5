/* JSON as YAML text, for people to read and to compare line by line. Keys in their order. */
import type { Json } from './types';

const PLAIN = /^[A-Za-z_./][\w./ -]*$/;
const WORD = /^(true|false|null|yes|no|on|off|~)$/i;

function scalar(v: Exclude<Json, object> | null): string {
  if (typeof v !== 'string') return String(v);
  return PLAIN.test(v) && !WORD.test(v) && !v.endsWith(' ') ? v : JSON.stringify(v);
}

const empty = (v: Json): boolean => typeof v === 'object' && v !== null && Object.keys(v).length === 0;

function lines(v: Json, indent: string, out: string[]): void {
  if (Array.isArray(v)) {
    for (const item of v) entry(`${indent}-`, item, `${indent}  `, out);
  } else if (v !== null && typeof v === 'object') {
    for (const [key, item] of Object.entries(v)) entry(`${indent}${scalar(key)}:`, item, `${indent}  `, out);
  } else out.push(indent + scalar(v));
}

function entry(head: string, v: Json, indent: string, out: string[]): void {
  if (v !== null && typeof v === 'object') {
    if (empty(v)) out.push(`${head} ${Array.isArray(v) ? '[]' : '{}'}`);
    else {
      out.push(head);
      lines(v, indent, out);
    }
  } else if (typeof v === 'string' && v.includes('\n')) {
    out.push(`${head} |${v.endsWith('\n') ? '' : '-'}`);
    for (const line of v.replace(/\n$/, '').split('\n')) out.push(line ? indent + line : '');
  } else out.push(`${head} ${scalar(v)}`);
}

export function yaml(v: Json): string {
  const out: string[] = [];
  lines(v, '', out);
  return out.join('\n');
}
