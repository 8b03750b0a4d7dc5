/* The selected task: why it is as it is, what went in and came out, what it wrote. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { param, setParams } from '../../lib/route';
import { isLeaf } from '../../lib/tree';
import type { Io, Task, WholeTask } from '../../lib/types';
import { ended, live, path, waits } from '../../lib/words';
import { useGet } from '../../lib/use';
import { kindName } from '../../ui/dag-node';
import { Button, Tabs, type TabItem } from '../../ui/parts';
import { StateBadge, StateIcon } from '../../ui/state';
import { Values } from '../../ui/values';
import { ArtifactList } from './artifact-list';
import { LogPanel } from './log-panel';
import { select } from './selection';
import { TaskOverview } from './task-overview';
import { nameOf } from './task-table';
import type { RunState } from './use-run';

function IoView({ io, what }: { io: Io | null; what: string }): JSX.Element {
  if (!io) return <p class="muted">Not known yet.</p>;
  const none = Object.keys(io.parameters).length + Object.keys(io.artifacts).length === 0;
  if (none) return <p class="muted">{`This task has no ${what}.`}</p>;
  return (
    <>
      {Object.keys(io.parameters).length > 0 && <section><h3>Parameters</h3><Values of={io.parameters} /></section>}
      {Object.keys(io.artifacts).length > 0 && <section class="stack tight"><h3>Artifacts</h3><ArtifactList of={io.artifacts} open={what === 'outputs'} /></section>}
    </>
  );
}

const size = (io: Io | null): number | null => io && Object.keys(io.parameters).length + Object.values(io.artifacts).reduce((n, a) => n + a.length, 0);

/* Selected in the graph before it was started. */
function NotStarted({ at, state }: { at: string; state: RunState }): JSX.Element {
  const why = state.run && live(state.run.state) ? waits(at, state.tree.byKey, state.spec) : '';
  return (
    <div class="panel">
      <div class="panel-head">
        <div class="grow"><h2>{path(at)}</h2><span><StateBadge state="PENDING" /></span></div>
        <Button icon="close" kind="ghost" label="Close" onClick={() => select(null)} />
      </div>
      <div class="panel-body">{why && <p class="why-line s-PENDING"><StateIcon state="PENDING" /><span>{why}</span></p>}<p class="muted">This task has not been reached. Its inputs, outputs and log come here when it is.</p></div>
    </div>
  );
}

export function TaskPanel({ at, state, now }: { at: string; state: RunState; now: number }): JSX.Element {
  const task = state.tree.byKey.get(at);
  return task ? <Panel task={task} state={state} now={now} /> : <NotStarted at={at} state={state} />;
}

function Panel({ task, state, now }: { task: Task; state: RunState; now: number }): JSX.Element {
  const whole = useGet<WholeTask>(`/ui/tasks/${task.task_id}`);
  useEffect(() => {
    if (whole.data) whole.reload();
  }, [task.state, task.attempts]);
  const leaf = isLeaf(task.type);
  const inputs = whole.data?.inputs ?? task.inputs;
  const outputs = whole.data?.outputs ?? task.outputs;
  const tabs: TabItem[] = [
    { id: 'overview', name: 'Overview' },
    { id: 'inputs', name: 'Inputs', count: size(inputs) },
    { id: 'outputs', name: 'Outputs', count: size(outputs) },
    ...(leaf ? [{ id: 'log', name: 'Log' }] : []),
  ];
  const wanted = param('tab') || 'overview';
  const tab = tabs.some((t) => t.id === wanted) ? wanted : 'overview';
  const wide = param('wide') === '1';
  return (
    <div class={`panel${tab === 'log' ? ' logs' : ''}${wide ? ' wide-panel' : ''}`}>
      <div class="panel-head">
        <div class="grow">
          <h2>{nameOf(task)}</h2>
          <span class="row"><StateBadge state={task.state} /><span class="muted small">{kindName(task.type)}{path(task.key) !== nameOf(task) && <> · <code>{path(task.key)}</code></>}</span></span>
        </div>
        <Button icon={wide ? 'right' : 'left'} kind="ghost" label={wide ? 'Narrower' : 'Wider'} onClick={() => setParams({ wide: wide ? null : '1' })} />
        <Button icon="close" kind="ghost" label="Close" onClick={() => select(null)} />
      </div>
      <Tabs label="Of the task" items={tabs} at={tab} onPick={(id) => setParams({ tab: id === 'overview' ? null : id })} />
      {tab === 'log' ? (
        <LogPanel task={task} attempts={whole.data?.attempt_list ?? []} onLog={state.onLog} over={ended(task.state)} />
      ) : (
        <div class="panel-body">
          {tab === 'overview' && <TaskOverview task={task} whole={whole.data} state={state} now={now} />}
          {tab === 'inputs' && <IoView io={inputs} what="inputs" />}
          {tab === 'outputs' && <IoView io={outputs} what="outputs" />}
        </div>
      )}
    </div>
  );
}
