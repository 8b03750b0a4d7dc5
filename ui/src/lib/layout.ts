/* Where things of a graph are: each level on its own, a box as large as what is in it. Runs in a worker. */
import dagre from '@dagrejs/dagre';
import { GAP_X, GAP_Y, layered, type Box, type Placed } from './layers';

export interface Shape { id: string; w: number; h: number; inside: { nodes: Shape[]; edges: [string, string][] } | null }
export interface LaidNode { id: string; x: number; y: number; w: number; h: number } /* x, y: the corner */
export interface LaidEdge { id: string; from: string; to: string; points: [number, number][] }
export interface Laid { nodes: LaidNode[]; edges: LaidEdge[]; w: number; h: number }

const PAD = 16;
const HEAD = 44;
const DAGRE_MAX = 150;

function byDagre(boxes: readonly Box[], edges: readonly (readonly [string, string])[]): Placed {
  const g = new dagre.graphlib.Graph();
  g.setGraph({ rankdir: 'TB', nodesep: GAP_X, ranksep: GAP_Y, edgesep: 12 });
  g.setDefaultEdgeLabel(() => ({}));
  for (const b of boxes) g.setNode(b.id, { width: b.w, height: b.h });
  for (const [a, b] of edges) g.setEdge(a, b);
  dagre.layout(g);
  const size = g.graph();
  return {
    nodes: boxes.map((b) => ({ id: b.id, x: g.node(b.id).x, y: g.node(b.id).y })),
    edges: g.edges().map((e) => ({ from: e.v, to: e.w, points: (g.edge(e).points as { x: number; y: number }[]).map((p): [number, number] => [p.x, p.y]) })),
    w: size.width ?? 0,
    h: size.height ?? 0,
  };
}

/* Lines leave a box at its bottom and come in at its top. */
function fromTop(points: [number, number][], a: LaidNode | undefined, b: LaidNode | undefined): [number, number][] {
  const first = points[0];
  const last = points[points.length - 1];
  if (!a || !b || !first || !last) return points;
  const within = (x: number, n: LaidNode): number => Math.min(n.x + n.w - 18, Math.max(n.x + 18, x));
  return [[within(first[0], a), a.y + a.h], ...points.slice(1, -1), [within(last[0], b), b.y]];
}

export function layout(nodes: readonly Shape[], edges: readonly [string, string][]): Laid {
  const inner = new Map<string, Laid>();
  const boxes = nodes.map((n): Box => {
    if (!n.inside) return n;
    const laid = layout(n.inside.nodes, n.inside.edges);
    inner.set(n.id, laid);
    return { id: n.id, w: Math.max(n.w, laid.w + 2 * PAD), h: laid.h + HEAD + PAD };
  });
  const placed = (boxes.length > DAGRE_MAX ? layered : byDagre)(boxes, edges);
  const out: Laid = { nodes: [], edges: [], w: placed.w, h: placed.h };
  const size = new Map(boxes.map((b) => [b.id, b]));
  for (const p of placed.nodes) {
    const { w, h } = size.get(p.id) as Box;
    const x = p.x - w / 2;
    const y = p.y - h / 2;
    out.nodes.push({ id: p.id, x, y, w, h });
    const laid = inner.get(p.id);
    if (!laid) continue;
    const dx = x + (w - laid.w) / 2;
    const dy = y + HEAD;
    for (const n of laid.nodes) out.nodes.push({ ...n, x: n.x + dx, y: n.y + dy });
    for (const e of laid.edges) out.edges.push({ ...e, points: e.points.map(([px, py]) => [px + dx, py + dy]) });
  }
  const at = new Map(out.nodes.map((n) => [n.id, n]));
  for (const e of placed.edges) out.edges.push({ ...e, id: `${e.from}→${e.to}`, points: fromTop(e.points, at.get(e.from), at.get(e.to)) });
  return out;
}
