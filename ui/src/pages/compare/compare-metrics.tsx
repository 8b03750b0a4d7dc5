/* Each metric as bars, a bar a run; the best has a star. */
import type { JSX } from 'preact';
import { color } from '../../chart/color';
import { bestOf, lessIsBetter } from '../../lib/best';
import { number } from '../../lib/format';
import { Empty } from '../../ui/parts';
import type { CompareProps } from './compare-page';

function Bars({ of, name, values }: CompareProps & { name: string; values: (number | null)[] }): JSX.Element {
  const best = bestOf(values, name);
  const most = Math.max(...values.map((v) => Math.abs(v ?? 0)), Number.MIN_VALUE);
  return (
    <figure class="metric">
      <figcaption><strong>{name}</strong><span class="muted small">{lessIsBetter(name) ? 'less is better' : 'more is better'}</span></figcaption>
      <ol>
        {values.map((v, i) => {
          const run = of.runs[i];
          return (
            <li key={run?.run_id} title={run?.display_name}>
              <span class="num muted">#{run?.number}</span>
              <span class="metric-bar"><i style={{ width: `${(100 * Math.abs(v ?? 0)) / most}%`, background: color(i) }} /></span>
              <span class={`num${best.includes(i) ? ' best' : ''}`}>{v === null ? '–' : number(v)}</span>
            </li>
          );
        })}
      </ol>
    </figure>
  );
}

export function CompareMetrics({ of }: CompareProps): JSX.Element {
  const rows = [...of.metrics].sort((a, b) => Number(b.differs) - Number(a.differs));
  return (
    <section class="card">
      <div class="card-head"><h2>Metrics</h2></div>
      {rows.length === 0
        ? <Empty icon="experiments" title="No metrics">Steps report numbers by a Metrics artifact, or while they run.</Empty>
        : <div class="metrics card-body">{rows.map((m) => <Bars key={m.name} of={of} name={m.name} values={m.values} />)}</div>}
    </section>
  );
}
