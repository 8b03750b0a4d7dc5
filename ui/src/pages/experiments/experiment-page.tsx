/* The runs of an experiment: which was best, and how it went over time. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Plot as PlotType } from '../../chart/plot';
import { bestOf, lessIsBetter } from '../../lib/best';
import { parseFilter } from '../../lib/filters';
import { useShortcuts } from '../../lib/keys';
import { number, plural } from '../../lib/format';
import { go, param, setParams } from '../../lib/route';
import type { Run, WholeExperiment } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Header, Show, Time } from '../../ui/parts';
import { FilterBar } from '../runs/filter-bar';
import { RunTable } from '../runs/run-table';
import { useRuns } from '../runs/use-runs';

type PlotView = ComponentType<Parameters<typeof PlotType>[0]>;

function MetricOverTime({ runs, metric }: { runs: readonly Run[]; metric: string }): JSX.Element | null {
  const [view, setView] = useState<{ Plot: PlotView } | null>(null);
  useEffect(() => void import('../../chart/plot').then((m) => setView({ Plot: m.Plot })), []);
  const points = useMemo(() => runs.filter((r) => typeof r.metrics[metric] === 'number').sort((a, b) => a.created_at.localeCompare(b.created_at)), [runs, metric]);
  const x = useMemo(() => points.map((r) => Date.parse(r.created_at) / 1000), [points]);
  const series = useMemo(() => [{ name: metric, values: points.map((r) => r.metrics[metric] ?? null) }], [points]);
  if (points.length < 2) return <p class="card-body muted">A line comes when two runs have this metric.</p>;
  return view && <div class="card-body"><view.Plot x={x} series={series} time dots height={190} onPick={(i) => points[i] && go(`/runs/details/${points[i].run_id}`)} /></div>;
}

function Content({ of }: { of: WholeExperiment }): JSX.Element {
  const text = param('q');
  const metric = param('metric') || of.metric_names[0] || '';
  const runs = useRuns({ text, sort: param('sort'), archived: false, experiment: of.id });
  const search = useRef<HTMLInputElement>(null);
  useShortcuts([{ key: '/', what: 'Filter', run: () => search.current?.focus() }]);
  const best = useMemo(() => {
    const at = bestOf(runs.items.map((r) => r.metrics[metric]), metric)[0];
    return at === undefined ? null : (runs.items[at] ?? null);
  }, [runs.items, metric]);
  const columns = param('columns') ? param('columns').split(',').filter(Boolean) : of.metric_names.slice(0, 3).map((m) => `metric:${m}`);
  return (
    <>
      {of.metric_names.length > 0 && (
        <section class="card">
          <div class="card-head">
            <label class="row"><span class="field-label">Metric</span>
              <select value={metric} onChange={(e) => setParams({ metric: e.currentTarget.value })}>{of.metric_names.map((m) => <option key={m}>{m}</option>)}</select>
            </label>
            {best && <span>best: <a href={`#/runs/details/${best.run_id}`}>#{best.number} {best.display_name}</a> <strong class="num">{number(best.metrics[metric] ?? NaN)}</strong> <span class="muted small">({lessIsBetter(metric) ? 'less' : 'more'} is better)</span></span>}
          </div>
          <MetricOverTime runs={runs.items} metric={metric} />
        </section>
      )}
      <FilterBar inputRef={search} filter={parseFilter(text)} text={text} onText={(q) => setParams({ q })} />
      <RunTable
        runs={runs} columns={columns} onColumns={(c) => setParams({ columns: c.join(',') || ',' })} sort={param('sort')} onSort={(s) => setParams({ sort: s }, true)} best={best?.run_id ?? null} without="experiment"
        empty={{ icon: 'runs', title: 'No runs here', text: text ? 'Nothing has all that the filter asks for.' : 'Runs of this experiment are listed here.', command: `dhow run pipeline.yaml --experiment ${of.name}` }}
      />
    </>
  );
}

export function ExperimentPage({ path }: { path: string[] }): JSX.Element {
  const experiment = useGet<WholeExperiment>(`/ui/experiments/${path[2] ?? ''}`, {}, 'experiment');
  useTitle(experiment.data?.name);
  return (
    <div class="page">
      <Show of={experiment}>
        {(e) => (
          <>
            <Header above={<a href="#/experiments">Experiments</a>} title={e.name} sub={<><span>{plural(e.n_runs, 'run')}</span>{e.last_run_at && <span>last <Time at={e.last_run_at} /></span>}{e.description && <span>{e.description}</span>}</>} />
            <Content of={e} />
          </>
        )}
      </Show>
    </div>
  );
}
