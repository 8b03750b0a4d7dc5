/* All tasks as a table that opens like a tree: the same groups, the same selection as the graph. */
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { dateTime, took } from '../../lib/format';
import { treeRows, type TreeRow } from '../../lib/tree';
import type { State, Task } from '../../lib/types';
import { label, reason, stateWord } from '../../lib/words';
import { useVirtual } from '../../lib/use';
import { Icon } from '../../ui/icons';
import { kindIcon } from '../../ui/dag-node';
import { ProgressBar } from '../../ui/progress';
import { StateBadge, StateIcon } from '../../ui/state';
import { select, selected, toggle, toggled } from './selection';
import type { RunState } from './use-run';

const ROW = 37;

export function nameOf(task: Task): string {
  return task.type === 'LOOP_ITERATION' ? `iteration ${task.iteration_index ?? 0}` : label(task);
}

export function TaskName({ row, bar = true }: { row: TreeRow; bar?: boolean }): JSX.Element {
  const { task } = row;
  return (
    <span class="task-name" style={{ paddingLeft: `${row.depth * 18}px` }}>
      {row.group ? (
        <button type="button" class="twist" aria-expanded={row.open} aria-label={`${row.open ? 'Close' : 'Open'} ${nameOf(task)}`} onClick={(e) => { e.stopPropagation(); toggle(task.key); }}>
          <Icon name={row.open ? 'down' : 'right'} size={12} />
        </button>
      ) : <span class="twist" />}
      {row.group && <Icon name={kindIcon(task.type)} size={13} />}
      <button type="button" class="name-button ellipsis" onClick={() => select(task.key)}>{nameOf(task)}</button>
      {row.progress && row.group && task.state !== 'SKIPPED' && <>{bar && <ProgressBar of={row.progress} />}<span class="muted num small">{row.progress.done}/{row.progress.total}</span></>}
    </span>
  );
}

function Row({ row, state, now, at }: { row: TreeRow; state: RunState; now: number; at: boolean }): JSX.Element {
  const { task } = row;
  return (
     
    <tr class={`pick${at ? ' at' : ''}`} onClick={(e) => !(e.target as HTMLElement).closest('button') && select(task.key)}>
      <td class="task-cell"><TaskName row={row} /></td>
      <td class="fit"><StateBadge state={task.state} /></td>
      <td class="why muted" title={reason(task, state.tree.byKey, state.spec)}>{reason(task, state.tree.byKey, state.spec)}</td>
      <td class="fit num muted">{dateTime(task.started_at).slice(11)}</td>
      <td class="fit right num">{task.state === 'CACHED' || task.state === 'SKIPPED' ? '' : took(task.started_at, task.finished_at, now)}</td>
      <td class="fit right num">{task.attempts > 1 ? task.attempts : ''}</td>
    </tr>
  );
}

export function TaskTable({ state, now }: { state: RunState; now: number }): JSX.Element {
  const [text, setText] = useState('');
  const [only, setOnly] = useState<State | ''>('');
  const open = [...toggled()].join();
  const rows = useMemo(() => {
    const want = text.toLowerCase();
    const keep = text || only ? (t: Task): boolean => (!only || t.state === only) && t.key.toLowerCase().includes(want) : null;
    return treeRows(state.tree, toggled(), keep);
  }, [state.tree, text, only, open]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtual({ count: rows.length, scroller: () => scroller.current, size: ROW });
  const key = selected();
  useEffect(() => {
    const i = rows.findIndex((r) => r.task.key === key);
    if (i >= 0) virtual.scrollToIndex(i, { align: 'auto' });
  }, [key]);
  const shown = virtual.getVirtualItems();
  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown[shown.length - 1]?.end ?? 0);
  const states = [...new Set([...state.tree.byKey.values()].map((t) => t.state))].sort();
  return (
    <div class="fill">
      <div class="tools">
        <input type="search" aria-label="Find tasks" placeholder="Find tasks" value={text} onInput={(e) => setText(e.currentTarget.value)} />
        <div class="chips" role="group" aria-label="State">
          {states.map((s) => (
            <button key={s} type="button" class="chip" aria-pressed={only === s} onClick={() => setOnly(only === s ? '' : s)}>
              <span aria-hidden="true"><StateIcon state={s} size={13} /></span>{stateWord(s)}
            </button>
          ))}
        </div>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class="scroll" ref={scroller} tabIndex={0} role="region" aria-label="Tasks">
        <table class="table small tasks" aria-rowcount={rows.length}>
          <thead>
            <tr><th>Task</th><th class="fit">State</th><th>Why</th><th class="fit">Started</th><th class="fit right">Took</th><th class="fit right">Tries</th></tr>
          </thead>
          <tbody>
            {before > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={6} style={{ height: `${before}px` }} /></tr>}
            {shown.map((v) => {
              const row = rows[v.index];
              return row && <Row key={row.task.key} row={row} state={state} now={now} at={row.task.key === key} />;
            })}
            {after > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={6} style={{ height: `${after}px` }} /></tr>}
          </tbody>
        </table>
        {rows.length === 0 && <p class="waiting">{state.tasks.length ? 'No task fits.' : 'No task has been started yet.'}</p>}
      </div>
    </div>
  );
}
