/* Shortcuts. A page adds its own while it is shown; nothing is heard while a person types. */
import { useEffect } from 'preact/hooks';
import { useLatest } from './use';

export interface Shortcut { key: string; what: string; run: (e: KeyboardEvent) => void }
const sets = new Set<{ current: readonly Shortcut[] }>();

export function allShortcuts(): Shortcut[] {
  return [...sets].flatMap((s) => [...s.current]);
}

function typing(e: KeyboardEvent): boolean {
  const el = e.target as HTMLElement | null;
  return !!el?.closest('input:not([type="checkbox"]), textarea, select, [contenteditable]') || document.querySelector('dialog[open]') !== null;
}

export function useShortcuts(list: readonly Shortcut[]): void {
  const latest = useLatest(list);
  useEffect(() => {
    sets.add(latest);
    return () => void sets.delete(latest);
  }, []);
}

let first = ''; /* of two keys, as g r */
let firstAt = 0;

export function listenKeys(): () => void {
  const hear = (e: KeyboardEvent): void => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
    const both = performance.now() - firstAt < 900 ? `${first} ${e.key}` : '';
    const hit = allShortcuts().reverse().find((s) => s.key === both || s.key === e.key);
    first = e.key;
    firstAt = performance.now();
    if (!hit) return;
    e.preventDefault();
    hit.run(e);
  };
  addEventListener('keydown', hear);
  return () => removeEventListener('keydown', hear);
}
