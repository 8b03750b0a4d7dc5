/* Parallel coordinates: a line a run, from its parameters to its metrics. */
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { color } from '../../chart/color';
import { axes } from '../../lib/parallel';
import { Empty } from '../../ui/parts';
import { RunName, type CompareProps } from './compare-page';

const H = 340;
const TOP = 46;
const GAP = 150;

export function CompareParallel({ of }: CompareProps): JSX.Element {
  const all = useMemo(() => axes(of), [of]);
  const [over, setOver] = useState(-1);
  if (all.length < 2) return <Empty icon="compare" title="Too little differs">Parallel coordinates need two parameters or metrics that differ.</Empty>;
  const x = (i: number): number => 70 + i * GAP;
  const y = (at: number): number => TOP + (1 - at) * H;
  const line = (run: number): string => {
    let d = '';
    all.forEach((axis, i) => {
      const at = axis.at[run];
      if (at !== null && at !== undefined) d += `${d ? 'L' : 'M'}${x(i)} ${y(at)}`;
    });
    return d;
  };
  const width = x(all.length - 1) + 120;
  return (
    <section class="card">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class="parallel" tabIndex={0} role="region" aria-label="Parallel coordinates">
        <svg width={width} height={H + TOP + 26} role="img" aria-label={`Runs over ${all.map((a) => a.name).join(', ')}`}>
          {of.runs.map((r, i) => (
            <path key={r.run_id} d={line(i)} class={`pline${over >= 0 && over !== i ? ' off' : ''}`} style={{ stroke: color(i) }} onPointerEnter={() => setOver(i)} onPointerLeave={() => setOver(-1)} />
          ))}
          {all.map((axis, i) => (
            <g key={axis.name} class={`paxis${axis.metric ? ' metric' : ''}`} transform={`translate(${x(i)} 0)`}>
              <text y={16} text-anchor="middle" class="pname">{axis.name.length > 22 ? `${axis.name.slice(0, 21)}…` : axis.name}<title>{axis.name}</title></text>
              <text y={31} text-anchor="middle">{axis.metric ? 'metric' : 'parameter'}</text>
              <path d={`M0 ${TOP}V${TOP + H}`} />
              {axis.ticks.map((t) => (
                <g key={t.text} transform={`translate(0 ${y(t.at)})`}><path d="M-4 0H4" /><text x={9} y={4}>{t.text.length > 16 ? `${t.text.slice(0, 15)}…` : t.text}</text></g>
              ))}
            </g>
          ))}
        </svg>
      </div>
      <ul class="legend-list">
        {of.runs.map((r, i) => <li key={r.run_id} class={over === i ? 'on' : ''} onPointerEnter={() => setOver(i)} onPointerLeave={() => setOver(-1)}><RunName of={of} index={i} /></li>)}
      </ul>
    </section>
  );
}
