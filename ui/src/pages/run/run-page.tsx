/* One run: graph, timeline and table of one selection, and beside them what is selected. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { took } from '../../lib/format';
import { useShortcuts } from '../../lib/keys';
import { setParams } from '../../lib/route';
import { leafCount } from '../../lib/spec';
import { isLeaf, treeRows } from '../../lib/tree';
import { live } from '../../lib/words';
import { useNow, useTitle } from '../../lib/use';
import { Failure, Header, Tabs, Tags, Time, Waiting, type TabItem } from '../../ui/parts';
import { StateBadge } from '../../ui/state';
import '../../style/run.css';
import { RunActions } from './run-actions';
import { RunFault } from './run-fault';
import { RunGraph } from './run-graph';
import { RunPanel } from './run-panel';
import { select, selected, toggle, toggled, view, type RunView } from './selection';
import { TaskPanel } from './task-panel';
import { TaskTable } from './task-table';
import { Timeline } from './timeline';
import { useRun, type RunState } from './use-run';

function useLazy(name: RunView): ComponentType<{ state: RunState }> | null {
  const [views, set] = useState<{ [name: string]: ComponentType<{ state: RunState }> }>({});
  useEffect(() => {
    if (views[name]) return;
    if (name === 'metrics') void import('./run-metrics').then((m) => set((v) => ({ ...v, metrics: m.RunMetrics })));
    if (name === 'spec') void import('./run-spec').then((m) => set((v) => ({ ...v, spec: m.RunSpec })));
  }, [name]);
  return views[name] ?? null;
}

function View({ state, now }: { state: RunState; now: number }): JSX.Element | null {
  const name = view();
  const Lazy = useLazy(name);
  if (name === 'graph') return <RunGraph state={state} now={now} />;
  if (name === 'timeline') return <Timeline state={state} now={now} />;
  if (name === 'tasks') return <TaskTable state={state} now={now} />;
  return Lazy && <Lazy state={state} />;
}

function useRunKeys(state: RunState): void {
  const move = (step: number): void => {
    const rows = treeRows(state.tree, toggled());
    const at = rows.findIndex((r) => r.task.key === selected());
    const to = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
    if (to) select(to.task.key);
  };
  const open = (): void => {
    const task = state.tree.byKey.get(selected() ?? '');
    if (task && !isLeaf(task.type)) toggle(task.key);
  };
  useShortcuts([
    { key: 'j', what: 'Next task', run: () => move(1) },
    { key: 'k', what: 'Task before', run: () => move(-1) },
    { key: 'o', what: 'Open or close the group', run: open },
    { key: 'l', what: 'Log of the task', run: () => setParams({ tab: 'log' }) },
    { key: 'Escape', what: 'Select nothing', run: () => select(null) },
    ...(['graph', 'timeline', 'tasks'] as const).map((v, i) => ({ key: String(i + 1), what: `Show the ${v}`, run: () => setParams({ view: v }) })),
  ]);
}

export function RunPage({ path }: { path: string[] }): JSX.Element {
  const state = useRun(path[2] ?? '');
  const { run } = state;
  const now = useNow(run !== null && live(run.state));
  useTitle(run?.display_name);
  useRunKeys(state);
  if (!run) return <div class="page">{state.error ? <Failure error={state.error} retry={state.reload} /> : <Waiting on={state.loading} />}</div>;
  const steps = Math.max(run.tasks.total, live(run.state) && state.spec ? leafCount(state.spec) : 0);
  const tabs: TabItem[] = [
    { id: 'graph', name: 'Graph' },
    { id: 'timeline', name: 'Timeline' },
    { id: 'tasks', name: 'Tasks', count: run.tasks.total },
    { id: 'metrics', name: 'Metrics' },
    { id: 'spec', name: 'Spec' },
  ];
  const key = selected();
  return (
    <div class="page full run-page">
      <Header
        above={<><a href="#/runs">Runs</a> / {run.pipeline && <a href={`#/pipelines/details/${run.pipeline.id}`}>{run.pipeline.name}</a>}</>}
        title={run.display_name}
        badge={<StateBadge state={run.state} />}
        sub={
          <>
            <span class="num">#{run.number}</span>
            {run.started_at && <span>started <Time at={run.started_at} /></span>}
            {run.started_at && <span class="num">{live(run.state) ? 'for' : 'took'} {took(run.started_at, run.finished_at, now)}</span>}
            <span class="num">{run.tasks.done} of {steps} steps</span>
            {run.experiment && <a href={`#/experiments/details/${run.experiment.id}`}>{run.experiment.name}</a>}
            <Tags tags={run.tags} />
          </>
        }
        actions={<RunActions run={run} selected={state.tree.byKey.get(key ?? '') ?? null} onChange={state.reload} />}
      />
      <div class="run-bar">
        <Tabs label="Views of the run" items={tabs} at={view()} onPick={(v) => setParams({ view: v === 'graph' ? null : v })} />
        <RunFault run={run} tree={state.tree} />
      </div>
      <div class={`run-body${key ? ' chosen' : ''}`}>
        <section class="run-view" aria-label="View"><View state={state} now={now} /></section>
        <aside class="run-side" aria-label={key ? 'Selected task' : 'Run'}>
          {key ? <TaskPanel key={key} at={key} state={state} now={now} /> : <RunPanel run={run} onChange={state.reload} />}
        </aside>
      </div>
    </div>
  );
}
