/* Runs beside each other: what differs first. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { distinct } from '../../lib/metrics';
import { param, setParams } from '../../lib/route';
import type { Comparison } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Empty, Header, Show, Tabs } from '../../ui/parts';
import { color } from '../../chart/color';
import { StateIcon } from '../../ui/state';
import '../../style/compare.css';
import { CompareMetrics } from './compare-metrics';
import { CompareParameters } from './compare-parameters';

export interface CompareProps { of: Comparison }

const TABS = [
  { id: 'table', name: 'Parameters and metrics' },
  { id: 'parallel', name: 'Parallel coordinates' },
  { id: 'curves', name: 'Curves and matrices' },
  { id: 'logs', name: 'Logs' },
  { id: 'spec', name: 'Pipeline' },
];

const LAZY: { [tab: string]: () => Promise<ComponentType<CompareProps>> } = {
  parallel: () => import('./compare-parallel').then((m) => m.CompareParallel),
  curves: () => import('./compare-curves').then((m) => m.CompareCurves),
  logs: () => import('./compare-logs').then((m) => m.CompareLogs),
  spec: () => import('./compare-specs').then((m) => m.CompareSpecs),
};

function Tab({ id, of }: { id: string; of: Comparison }): JSX.Element | null {
  const [view, setView] = useState<{ id: string; View: ComponentType<CompareProps> } | null>(null);
  useEffect(() => {
    void LAZY[id]?.().then((View) => setView({ id, View }));
  }, [id]);
  if (id === 'table') return <><CompareParameters of={of} /><CompareMetrics of={of} /></>;
  return view?.id === id ? <view.View of={of} /> : null;
}

/* One of the runs, as its colour, number and name. */
export function RunName({ of, index, short }: CompareProps & { index: number; short?: boolean }): JSX.Element | null {
  const run = of.runs[index];
  return run ? (
    <span class="run-name">
      <i class="swatch" style={{ background: color(index) }} />
      <a href={`#/runs/details/${run.run_id}`} title={run.display_name}>#{run.number}{short ? '' : ` ${run.display_name}`}</a>
    </span>
  ) : null;
}

export function ComparePage(): JSX.Element {
  const ids = param('runlist');
  const compared = useGet<Comparison>(ids ? '/ui/compare' : null, { runs: ids });
  const tab = param('tab') || 'table';
  useTitle('Compare');
  if (!ids) return <div class="page"><Empty icon="compare" title="No runs to compare" command="dhow compare 1 2">Pick two or more in the list of runs, then Compare.</Empty></div>;
  return (
    <div class="page">
      <Header above={<a href="#/runs">Runs</a>} title="Compare runs" />
      <Show of={compared}>
        {(all) => {
          const of = { ...all, metrics: distinct(all.metrics, (m) => m.name) };
          return (
          <>
            <ul class="compared">
              {of.runs.map((r, i) => (
                <li key={r.run_id}><StateIcon state={r.state} size={14} /><RunName of={of} index={i} /></li>
              ))}
            </ul>
            <Tabs label="Comparison" items={TABS} at={tab} onPick={(t) => setParams({ tab: t === 'table' ? null : t })} />
            <Tab id={tab} of={of} />
          </>
          );
        }}
      </Show>
    </div>
  );
}
