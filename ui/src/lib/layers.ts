/* A quick layered layout for levels that are too big for dagre: ranks by longest path, order in a rank by the mean of
 * the neighbours' places, in a few sweeps. Linear in nodes and edges but for the sorting. */

export interface Box { id: string; w: number; h: number }
export interface Placed { nodes: { id: string; x: number; y: number }[]; edges: { from: string; to: string; points: [number, number][] }[]; w: number; h: number }
export const GAP_X = 28;
export const GAP_Y = 44;
const MAX_ROW = 40;

function ranks(boxes: readonly Box[], edges: readonly (readonly [string, string])[]): Map<string, number> {
  const next = new Map<string, string[]>();
  const missing = new Map<string, number>(boxes.map((b) => [b.id, 0]));
  for (const [a, b] of edges) {
    next.set(a, [...(next.get(a) ?? []), b]);
    missing.set(b, (missing.get(b) ?? 0) + 1);
  }
  const rank = new Map<string, number>();
  const ready = boxes.filter((b) => !missing.get(b.id)).map((b) => b.id);
  for (const id of ready) rank.set(id, 0);
  for (let i = 0; i < ready.length; i++) {
    const id = ready[i] as string;
    for (const to of next.get(id) ?? []) {
      rank.set(to, Math.max(rank.get(to) ?? 0, (rank.get(id) ?? 0) + 1));
      const left = (missing.get(to) ?? 1) - 1;
      missing.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return rank;
}

function order(rows: string[][], edges: readonly (readonly [string, string])[]): void {
  const up = new Map<string, string[]>();
  const down = new Map<string, string[]>();
  for (const [a, b] of edges) {
    up.set(b, [...(up.get(b) ?? []), a]);
    down.set(a, [...(down.get(a) ?? []), b]);
  }
  const place = new Map<string, number>();
  const number = (row: string[]): void => row.forEach((id, i) => place.set(id, i / row.length));
  rows.forEach(number);
  for (let sweep = 0; sweep < 4; sweep++) {
    const near = sweep % 2 ? down : up;
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const mean = new Map(row.map((id) => {
        const all = (near.get(id) ?? []).map((n) => place.get(n) ?? 0);
        return [id, all.length ? all.reduce((s, v) => s + v, 0) / all.length : (place.get(id) ?? 0)];
      }));
      row.sort((a, b) => (mean.get(a) ?? 0) - (mean.get(b) ?? 0));
      number(row);
    }
  }
}

export function layered(boxes: readonly Box[], edges: readonly (readonly [string, string])[]): Placed {
  const rank = ranks(boxes, edges);
  const rows: string[][] = [];
  for (const b of boxes) (rows[rank.get(b.id) ?? 0] ??= []).push(b.id);
  const full = rows.filter(Boolean);
  order(full, edges);
  const size = new Map(boxes.map((b) => [b.id, b]));
  const at = new Map<string, { x: number; y: number }>();
  let y = 0;
  let w = 0;
  for (const row of full.flatMap(cut)) {
    const tall = Math.max(...row.map((id) => size.get(id)?.h ?? 0));
    let x = 0;
    for (const id of row) {
      const box = size.get(id) as Box;
      at.set(id, { x: x + box.w / 2, y: y + tall / 2 });
      x += box.w + GAP_X;
    }
    w = Math.max(w, x - GAP_X);
    y += tall + GAP_Y;
  }
  const spot = (id: string): { x: number; y: number } => at.get(id) ?? { x: 0, y: 0 };
  return {
    nodes: boxes.map((b) => ({ id: b.id, ...spot(b.id) })),
    edges: edges.map(([from, to]) => {
      const a = spot(from);
      const b = spot(to);
      return { from, to, points: [[a.x, a.y + (size.get(from)?.h ?? 0) / 2], [b.x, b.y - (size.get(to)?.h ?? 0) / 2]] };
    }),
    w,
    h: Math.max(0, y - GAP_Y),
  };
}

/* A rank of hundreds becomes several rows. */
function cut(row: string[]): string[][] {
  if (row.length <= MAX_ROW) return [row];
  const out: string[][] = [];
  for (let i = 0; i < row.length; i += MAX_ROW) out.push(row.slice(i, i + MAX_ROW));
  return out;
}
