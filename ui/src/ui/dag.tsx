/* A pipeline's graph: boxes that are buttons, lines behind them. Layout comes from a worker. */
import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { GraphNode, Level } from '../lib/graph-model';
import { askLayout } from '../lib/layout-client';
import type { Laid, LaidEdge, LaidNode, Shape } from '../lib/layout';
import { DagNode } from './dag-node';
import { PanZoom, type Seen } from './pan-zoom';

export const NODE_W = 216;
export const NODE_H = 54;

function shapes(level: Level): Shape[] {
  return level.nodes.map((n) => ({ id: n.id, w: NODE_W, h: NODE_H, inside: n.inside && { nodes: shapes(n.inside), edges: n.inside.edges } }));
}

function flatten(level: Level, into: Map<string, GraphNode>): Map<string, GraphNode> {
  for (const n of level.nodes) {
    into.set(n.id, n);
    if (n.inside) flatten(n.inside, into);
  }
  return into;
}

const meets = (s: Seen, x: number, y: number, w: number, h: number): boolean => x < s.x + s.w + 200 && x + w > s.x - 200 && y < s.y + s.h + 200 && y + h > s.y - 200;

export function curve(points: readonly [number, number][]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let d = `M${first[0]} ${first[1]}`;
  let [x, y] = first;
  for (const [px, py] of rest) {
    const my = (y + py) / 2;
    d += `C${x} ${my} ${px} ${my} ${px} ${py}`;
    [x, y] = [px, py];
  }
  return d;
}

function edgeSeen(seen: Seen, e: LaidEdge): boolean {
  const xs = e.points.map((p) => p[0]);
  const ys = e.points.map((p) => p[1]);
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return meets(seen, x, y, Math.max(...xs) - x, Math.max(...ys) - y);
}

/* The nearest box in the direction of an arrow key. */
function neighbour(nodes: readonly LaidNode[], from: LaidNode, key: string): LaidNode | null {
  const dir: [number, number] | undefined = ({ ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] } as { [k: string]: [number, number] })[key];
  if (!dir) return null;
  let best: LaidNode | null = null;
  let least = Infinity;
  for (const n of nodes) {
    const dx = n.x + n.w / 2 - from.x - from.w / 2;
    const dy = n.y + n.h / 2 - from.y - from.h / 2;
    const along = dx * dir[0] + dy * dir[1];
    const across = Math.abs(dx * dir[1] + dy * dir[0]);
    if (n.id === from.id || along < 8) continue;
    const cost = along + 2 * across;
    if (cost < least) [best, least] = [n, cost];
  }
  return best;
}

/* The middle of the first of the topmost boxes: where one begins to read. */
export function firstOf(nodes: readonly LaidNode[]): number {
  const top = nodes.reduce<LaidNode | null>((a, n) => (a && (a.y < n.y || (a.y === n.y && a.x <= n.x)) ? a : n), null);
  return top ? top.x + top.w / 2 : 0;
}

interface Props {
  level: Level;
  selected: string | null;
  times: (id: string) => string;
  onSelect: (id: string) => void;
  onToggle: (id: string) => void;
  onIteration?: (id: string, index: number) => void;
}

export function Dag({ level, selected, times, onSelect, onToggle, onIteration }: Props): JSX.Element {
  const [laid, setLaid] = useState<Laid | null>(null);
  const nodes = useMemo(() => flatten(level, new Map()), [level]);
  const shape = useMemo(() => JSON.stringify([shapes(level), level.edges]), [level]);
  useEffect(() => {
    const [boxes, edges] = JSON.parse(shape) as [Shape[], [string, string][]];
    const { done, drop } = askLayout(boxes, edges);
    void done.then(setLaid);
    return () => void drop();
  }, [shape]);
  if (!laid) return <div class="panzoom" />;
  const at = laid.nodes.find((n) => n.id === selected) ?? null;
  const key = (e: KeyboardEvent): void => {
    const from = laid.nodes.find((n) => n.id === (e.target as HTMLElement).dataset.id) ?? at;
    const to = from && neighbour(laid.nodes, from, e.key);
    if (!to) return;
    e.preventDefault();
    onSelect(to.id);
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-id="${CSS.escape(to.id)}"]`)?.focus({ preventScroll: true }));
  };
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- arrow keys of the buttons in it
    <div class="dag" onKeyDown={key}>
      <PanZoom w={laid.w} h={laid.h} first={firstOf(laid.nodes)} focus={at}>
        {(seen) => (
          <>
            <svg class="edges" width={laid.w} height={laid.h} aria-hidden="true">
              {laid.edges.filter((e) => edgeSeen(seen, e)).map((e) => (
                <path key={e.id} d={curve(e.points)} class={e.from === selected || e.to === selected ? 'on' : ''} />
              ))}
            </svg>
            {laid.nodes.map((box) => {
              const n = nodes.get(box.id);
              return n && meets(seen, box.x, box.y, box.w, box.h) && (
                <DagNode key={box.id} box={box} node={n} selected={box.id === selected} time={times(box.id)} onSelect={onSelect} onToggle={onToggle} onIteration={onIteration} />
              );
            })}
          </>
        )}
      </PanZoom>
    </div>
  );
}
