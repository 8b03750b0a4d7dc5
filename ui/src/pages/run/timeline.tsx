/* When each task ran: a bar a task, on one axis of time. */
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { timeTicks } from '../../lib/axis';
import { duration, took } from '../../lib/format';
import { treeRows, type TreeRow } from '../../lib/tree';
import { stateWord } from '../../lib/words';
import { useVirtual } from '../../lib/use';
import { StateIcon } from '../../ui/state';
import { select, selected, toggled } from './selection';
import { nameOf, TaskName } from './task-table';
import type { RunState } from './use-run';

const ROW = 32;

interface Range { from: number; span: number }

function range(state: RunState, now: number): Range {
  const run = state.run;
  const from = Date.parse(run?.started_at ?? run?.created_at ?? '');
  const to = run?.finished_at ? Date.parse(run.finished_at) : now;
  return { from, span: Math.max(1, to - from) };
}

function Bar({ row, range: r, now }: { row: TreeRow; range: Range; now: number }): JSX.Element | null {
  const { task } = row;
  if (!task.started_at && !task.finished_at) return null;
  const from = Date.parse(task.started_at ?? task.finished_at ?? '');
  const to = task.finished_at ? Date.parse(task.finished_at) : now;
  const left = (100 * (from - r.from)) / r.span;
  const width = (100 * (to - from)) / r.span;
  const text = task.state === 'CACHED' || task.state === 'SKIPPED' ? stateWord(task.state).toLowerCase() : took(task.started_at, task.finished_at, now);
  const outside = width < 14;
  const flip = left + width > 82;
  return (
    <span class={`gantt-bar s-${task.state}${row.group ? ' group' : ''}`} style={{ left: `${Math.min(99.6, left)}%`, width: `max(3px, ${Math.min(width, 100 - left)}%)` }}>
      <span class={`gantt-text num${outside ? (flip ? ' before' : ' after') : ''}`}>{text}</span>
    </span>
  );
}

export function Timeline({ state, now }: { state: RunState; now: number }): JSX.Element {
  const open = [...toggled()].join();
  const rows = useMemo(() => treeRows(state.tree, toggled()), [state.tree, open]);
  const scroller = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const virtual = useVirtual({ count: rows.length, scroller: () => scroller.current, size: ROW, margin: 30 });
  useEffect(() => {
    const el = scroller.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  const key = selected();
  useEffect(() => {
    const i = rows.findIndex((r) => r.task.key === key);
    if (i >= 0) virtual.scrollToIndex(i, { align: 'auto' });
  }, [key]);
  const r = range(state, now);
  const ticks = timeTicks(r.span, Math.max(2, Math.floor((width - 260) / 90)));
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="gantt scroll" ref={scroller} tabIndex={0} role="region" aria-label="Timeline">
      <div class="gantt-axis" aria-hidden="true">
        <span class="gantt-name">Task</span>
        <span class="gantt-lane">{ticks.map((t) => <i key={t} style={{ left: `${(100 * t) / r.span}%` }}><b class="num">{duration(t)}</b></i>)}</span>
      </div>
      <div class="gantt-rows" role="list" style={{ height: `${virtual.getTotalSize()}px` }}>
        <span class="gantt-grid" aria-hidden="true"><span class="gantt-lane">{ticks.map((t) => <i key={t} style={{ left: `${(100 * t) / r.span}%` }} />)}</span></span>
        {virtual.getVirtualItems().map((v) => {
          const row = rows[v.index];
          if (!row) return null;
          const { task } = row;
          return (
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- the button in it does the same
            <div key={task.key} role="listitem" class={`gantt-row${task.key === key ? ' at' : ''}`} style={{ transform: `translateY(${v.start - virtual.options.scrollMargin}px)` }}
              onClick={(e) => !(e.target as HTMLElement).closest('button') && select(task.key)}>
              <span class="gantt-name"><StateIcon state={task.state} size={14} /><TaskName row={row} bar={false} /></span>
              <span class="gantt-lane" title={`${nameOf(task)}: ${stateWord(task.state)}`}><Bar row={row} range={r} now={now} /></span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
