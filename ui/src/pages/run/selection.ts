/* What is chosen and open in a run, all of it in the address. */
import { param, setParams } from '../../lib/route';
import { ancestors } from '../../lib/keys-of';

export type RunView = 'graph' | 'timeline' | 'tasks' | 'metrics' | 'spec';

export const view = (): RunView => (param('view') || 'graph') as RunView;
export const selected = (): string | null => (param('task') ? `root.${param('task')}` : null);
export const toggled = (): Set<string> => new Set(param('t').split(',').filter(Boolean).map((k) => `root.${k}`));

export function select(key: string | null): void {
  setParams({ task: key ? key.replace(/^root\./, '') : null, attempt: null }, true);
}

export function toggle(key: string): void {
  const set = toggled();
  if (!set.delete(key)) set.add(key);
  setParams({ t: [...set].map((k) => k.replace(/^root\./, '')).join(',') });
}

/* Which iteration of each loop the graph shows: those picked, and those the selection is in. */
export function iterations(): Map<string, number> {
  const out = new Map<string, number>();
  for (const part of param('it').split(',').filter(Boolean)) {
    const at = part.lastIndexOf(':');
    out.set(`root.${part.slice(0, at)}`, Number(part.slice(at + 1)));
  }
  const key = selected();
  for (const k of key ? [key, ...ancestors(key)] : []) {
    const [, loop = '', index = ''] = /^(.*)\[(\d+)\]$/.exec(k) ?? [];
    if (loop) out.set(loop, Number(index));
  }
  return out;
}

export function pickIteration(loop: string, index: number): void {
  const all = iterations();
  all.set(loop, index);
  const key = selected();
  const inLoop = key?.startsWith(`${loop}[`);
  setParams({
    it: [...all].map(([k, i]) => `${k.replace(/^root\./, '')}:${i}`).join(','),
    ...(inLoop ? { task: loop.replace(/^root\./, '') } : {}),
  });
}

/* Groups that are open because the selection is in them. */
export function around(key: string | null): Set<string> {
  return new Set(key ? ancestors(key) : []);
}
