/* Numbers that steps reported: as curves where there are steps or times, live while the run goes on. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { Plot, type Series } from '../../chart/plot';
import type { MetricPoint, Page } from '../../lib/types';
import { useGet } from '../../lib/use';
import { bestOf } from '../../lib/best';
import { number } from '../../lib/format';
import { Empty, Show } from '../../ui/parts';
import type { RunState } from './use-run';

interface Chart { name: string; x: number[]; series: Series[]; time: boolean }

/* One chart a metric, a line a task. */
export function charts(points: readonly MetricPoint[]): { charts: Chart[]; single: MetricPoint[] } {
  const byName = new Map<string, MetricPoint[]>();
  for (const p of points) byName.set(p.name, [...(byName.get(p.name) ?? []), p]);
  const out: Chart[] = [];
  const single: MetricPoint[] = [];
  for (const [name, all] of byName) {
    const tasks = [...new Set(all.map((p) => p.task))];
    if (all.length === tasks.length) {
      single.push(...all);
      continue;
    }
    const time = all.some((p) => p.step === null);
    const at = (p: MetricPoint): number => (time ? Date.parse(p.time) / 1000 : (p.step as number));
    const x = [...new Set(all.map(at))].sort((a, b) => a - b);
    const place = new Map(x.map((v, i) => [v, i]));
    const series = tasks.map((task) => {
      const values: (number | null)[] = x.map(() => null);
      for (const p of all) if (p.task === task) values[place.get(at(p)) as number] = p.value;
      return { name: task, values };
    });
    out.push({ name, x, series, time });
  }
  return { charts: out, single };
}

/* A row a task, a column a metric; where several tasks have it, the best has a star. */
function Numbers({ of }: { of: readonly MetricPoint[] }): JSX.Element {
  const tasks = [...new Set(of.map((p) => p.task))];
  const columns = [...new Set(of.map((p) => p.name))].map((name) => {
    const values = tasks.map((task) => of.find((p) => p.task === task && p.name === name)?.value);
    return { name, values, best: bestOf(values, name) };
  });
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Metrics by task">
      <table class="table small numbers">
        <thead><tr><th>Task</th>{columns.map((c) => <th key={c.name} class="right">{c.name}</th>)}</tr></thead>
        <tbody>
          {tasks.map((task, i) => (
            <tr key={task}>
              <td>{task}</td>
              {columns.map((c) => <td key={c.name} class={`right num${c.best.includes(i) ? ' best' : ''}`}>{c.values[i] === undefined ? '–' : number(c.values[i])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function RunMetrics({ state }: { state: RunState }): JSX.Element {
  const stored = useGet<Page<MetricPoint>>(`/ui/runs/${state.run?.run_id}/metrics`, { limit: 500 });
  const all = useMemo(() => {
    const byId = new Map([...(stored.data?.items ?? []), ...state.points].map((p) => [p.id, p]));
    return charts([...byId.values()]);
  }, [stored.data, state.points]);
  return (
    <Show of={stored}>
      {() => all.charts.length + all.single.length === 0 ? (
        <Empty icon="experiments" title="No metrics yet">A step reports numbers by a Metrics artifact, or while it runs.</Empty>
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
        <div class="scroll pad stack" tabIndex={0} role="region" aria-label="Metrics">
          {all.charts.map((c) => <section key={c.name} class="card"><div class="card-head"><h2>{c.name}</h2></div><div class="card-body"><Plot x={c.x} series={c.series} time={c.time} /></div></section>)}
          {all.single.length > 0 && <Numbers of={all.single} />}
        </div>
      )}
    </Show>
  );
}
