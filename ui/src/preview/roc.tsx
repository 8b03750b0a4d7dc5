/* ROC curves over one another, on one square. */
import type { JSX } from 'preact';
import type { JsonMap } from '../lib/types';
import { color } from '../chart/color';
import { number } from '../lib/format';
import '../style/preview.css';

export type RocPoints = [number, number, number | null][]; /* false positive rate, true positive rate, threshold */
interface Entry { confidenceThreshold?: number; falsePositiveRate?: number; recall?: number }

export function rocOf(metadata: JsonMap): RocPoints | null {
  const raw = metadata.confidenceMetrics as Entry[] | { list?: Entry[] } | undefined;
  const list = Array.isArray(raw) ? raw : raw?.list;
  if (!list?.length) return null;
  const points = list.map((e): RocPoints[number] => [e.falsePositiveRate ?? 0, e.recall ?? 0, e.confidenceThreshold ?? null]);
  return points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

export function auc(points: RocPoints): number {
  let area = 0;
  let [x, y] = [0, 0];
  for (const [px, py] of [...points, [1, 1] as const]) {
    area += ((px - x) * (py + y)) / 2;
    [x, y] = [px, py];
  }
  return area;
}

const S = 240;
const px = (v: number): number => 34 + v * S;
const py = (v: number): number => 10 + (1 - v) * S;

export function RocCurve({ of }: { of: { name: string; points: RocPoints }[] }): JSX.Element {
  const lines = of.map((c, i) => ({ ...c, color: color(i), d: `M${px(0)} ${py(0)}` + c.points.map((p) => `L${px(p[0])} ${py(p[1])}`).join('') + `L${px(1)} ${py(1)}` }));
  return (
    <figure class="figure roc">
      <svg viewBox={`0 0 ${S + 50} ${S + 46}`} role="img" aria-label={`ROC curve: ${of.map((c) => `${c.name}, area ${number(auc(c.points))}`).join('; ')}`}>
        {[0, 0.25, 0.5, 0.75, 1].map((t) => (
          <g key={t} class="grid">
            <path d={`M${px(t)} ${py(0)}V${py(1)}M${px(0)} ${py(t)}H${px(1)}`} />
            <text x={px(t)} y={py(0) + 15} text-anchor="middle">{t}</text>
            <text x={px(0) - 6} y={py(t) + 4} text-anchor="end">{t}</text>
          </g>
        ))}
        <path class="chance" d={`M${px(0)} ${py(0)}L${px(1)} ${py(1)}`} />
        {lines.map((l) => <path key={l.name} class="line" d={l.d} style={{ stroke: l.color }} />)}
        <text class="label" x={px(0.5)} y={S + 42} text-anchor="middle">false positive rate</text>
      </svg>
      <figcaption>
        {lines.map((l) => <span key={l.name} class="legend"><i style={{ background: l.color }} />{l.name} <span class="muted num">area {number(auc(l.points))}</span></span>)}
      </figcaption>
    </figure>
  );
}
