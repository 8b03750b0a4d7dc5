/* Lines of two texts beside each other: Myers' shortest edit script, given up for a plain one where texts differ
 * in more than MAX_EDITS lines. */

export interface DiffLine { kind: 'same' | 'del' | 'add'; text: string; a: number | null; b: number | null }
const MAX_EDITS = 2000;

function trail(a: readonly string[], b: readonly string[]): Int32Array[] | null {
  const n = a.length;
  const m = b.length;
  const max = Math.min(n + m, MAX_EDITS);
  const v = new Int32Array(2 * max + 3);
  const mid = max + 1;
  const steps: Int32Array[] = [];
  for (let d = 0; d <= max; d++) {
    steps.push(v.slice(mid - d - 1, mid + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (v[mid + k - 1] ?? 0) < (v[mid + k + 1] ?? 0));
      let x = down ? (v[mid + k + 1] ?? 0) : (v[mid + k - 1] ?? 0) + 1;
      while (x < n && x - k < m && a[x] === b[x - k]) x++;
      v[mid + k] = x;
      if (x >= n && x - k >= m) return steps;
    }
  }
  return null;
}

function plain(a: readonly string[], b: readonly string[]): DiffLine[] {
  return [
    ...a.map((text, i): DiffLine => ({ kind: 'del', text, a: i + 1, b: null })),
    ...b.map((text, i): DiffLine => ({ kind: 'add', text, a: null, b: i + 1 })),
  ];
}

export function diffLines(a: readonly string[], b: readonly string[]): DiffLine[] {
  const steps = trail(a, b);
  if (!steps) return plain(a, b);
  const out: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = steps.length - 1; d >= 0; d--) {
    const v = steps[d] as Int32Array; /* as it was before step d: v[k + d + 1] */
    const at = (k: number): number => v[k + d + 1] ?? 0;
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = at(fromK);
    const fromY = fromX - fromK;
    for (; x > fromX && y > fromY; x--, y--) out.push({ kind: 'same', text: a[x - 1] as string, a: x, b: y });
    if (d > 0 && down) out.push({ kind: 'add', text: b[y - 1] as string, a: null, b: y });
    else if (d > 0) out.push({ kind: 'del', text: a[x - 1] as string, a: x, b: null });
    x = fromX;
    y = fromY;
  }
  return out.reverse();
}

/* Only what differs, with `context` lines around it; null stands for lines that are left out. */
export function hunks(lines: readonly DiffLine[], context = 3): (DiffLine | null)[] {
  const keep = new Set<number>();
  lines.forEach((line, i) => {
    if (line.kind === 'same') return;
    for (let j = i - context; j <= i + context; j++) keep.add(j);
  });
  const out: (DiffLine | null)[] = [];
  lines.forEach((line, i) => {
    if (keep.has(i)) out.push(line);
    else if (out.length === 0 || out[out.length - 1] !== null) out.push(null);
  });
  return out;
}
