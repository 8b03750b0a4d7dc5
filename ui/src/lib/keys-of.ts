/* Task keys, as "root.loop[3].train". */

/* "root.loop[3].train" → "root.loop[3]" → "root.loop" → "root" → null. */
export function parentKey(key: string): string | null {
  const at = Math.max(key.lastIndexOf('.'), key.lastIndexOf('['));
  return at < 0 ? null : key.slice(0, at);
}

/* The groups that must be open for `key` to be seen. */
export function ancestors(key: string): string[] {
  const out: string[] = [];
  for (let up = parentKey(key); up !== null; up = parentKey(up)) out.push(up);
  return out;
}
