/* Runs in rows: of hundreds of thousands only those on the screen are made. */
import type { Virtualizer } from '@tanstack/virtual-core';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useShortcuts } from '../../lib/keys';
import { go, href } from '../../lib/route';
import { plural } from '../../lib/format';
import { live } from '../../lib/words';
import { useNow, useVirtual } from '../../lib/use';
import { Button, Empty, Failure, Waiting } from '../../ui/parts';
import type { IconName } from '../../ui/icons';
import { ColumnMenu } from './column-menu';
import { RunRow } from './run-row';
import { SortHead } from './sort-head';
import type { RunList } from './use-runs';

export interface TableEmpty { icon: IconName; title: string; text: string; command?: string; action?: ComponentChildren }
interface Props {
  runs: RunList;
  columns: string[]; /* "metric:NAME", "param:NAME" */
  onColumns: (columns: string[]) => void;
  sort: string;
  onSort: (sort: string) => void;
  empty: TableEmpty;
  best?: string | null; /* the run that is marked */
  without?: 'pipeline' | 'experiment'; /* the same in all rows */
}

const ROW = 41;
const CARD = 70; /* on a phone */

export function RunTable({ runs, columns, onColumns, sort, onSort, empty, best, without }: Props): JSX.Element {
  const { items } = runs;
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState(-1);
  const wrap = useRef<HTMLDivElement>(null);
  const now = useNow(items.some((r) => live(r.state)));
  const rows = useVirtual({ count: items.length, scroller: () => document.getElementById('main'), size: matchMedia('(max-width: 760px)').matches ? CARD : ROW, margin: wrap.current?.offsetTop ?? 0 });
  const shown = rows.getVirtualItems();
  const last = shown[shown.length - 1]?.index ?? 0;
  useEffect(() => {
    if (last > items.length - 30) runs.more?.();
  }, [last, items.length]);

  const move = (step: number): void => {
    const to = Math.min(items.length - 1, Math.max(0, at + step));
    setAt(to);
    rows.scrollToIndex(to, { align: 'auto' });
  };
  const toggle = (id: string | undefined): void => {
    if (!id) return;
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    setPicked(next);
  };
  const compare = (): void => {
    if (picked.size > 1) go(href('compare', { runlist: [...picked].join(',') }));
  };
  useShortcuts([
    { key: 'j', what: 'Next run', run: () => move(1) },
    { key: 'k', what: 'Run before', run: () => move(-1) },
    { key: 'Enter', what: 'Open the run', run: (e) => {
      const run = items[at];
      if (run && !(e.target as HTMLElement).closest('button, a, summary')) go(`/runs/details/${run.run_id}`);
    } },
    { key: 'x', what: 'Pick the run', run: () => toggle(items[at]?.run_id) },
    { key: 'c', what: 'Compare picked runs', run: compare },
  ]);
  const names = useMemo(() => columnNames(runs), [items.length]);
  if (runs.error && !items.length) return <Failure error={runs.error} retry={runs.reload} />;
  if (!items.length && runs.loading) return <Waiting on />;
  if (!items.length) return <div class="card"><Empty {...empty}>{empty.text}</Empty>{empty.action && <div class="row center">{empty.action}</div>}</div>;

  const { before, after } = gaps(rows);
  const width = 7 + columns.length;
  return (
    <>
      <div class={`table-wrap flat${columns.length > 3 ? ' broad' : ''}`} ref={wrap}>
        <table class="table runs" aria-rowcount={runs.total ?? items.length}>
          <Head columns={columns} names={names} sort={sort} onSort={onSort} onColumns={onColumns} without={without} />
          <tbody>
            {before > 0 && <Spacer height={before} width={width} />}
            {shown.map((v) => {
              const run = items[v.index];
              return run && (
                <RunRow key={run.run_id} run={run} index={v.index} columns={columns} at={v.index === at} now={now} picked={picked.has(run.run_id)}
                  best={best === run.run_id} without={without} onPick={() => toggle(run.run_id)} />
              );
            })}
            {after > 0 && <Spacer height={after} width={width} />}
          </tbody>
        </table>
      </div>
      {picked.size > 0 && (
        <div class="selection" role="status">
          <span>{plural(picked.size, 'run')} picked</span>
          <Button kind="ghost" onClick={() => setPicked(new Set())}>Clear</Button>
          <Button kind="primary" icon="compare" disabled={picked.size < 2} onClick={compare}>Compare</Button>
        </div>
      )}
    </>
  );
}

function Head({ columns, names, sort, onSort, onColumns, without }: Pick<Props, 'columns' | 'sort' | 'onSort' | 'onColumns' | 'without'> & { names: string[] }): JSX.Element {
  const head = (id: string, name: string, cls = ''): JSX.Element => <SortHead id={id} name={name} sort={sort} onSort={onSort} cls={cls} />;
  return (
    <thead>
      <tr>
        <th class="fit"><span class="sr">Pick</span></th>
        {head('state', 'State', 'fit')}
        {head('name', 'Run')}
        {without !== 'pipeline' && <th class="wide">Pipeline</th>}
        {without !== 'experiment' && <th class="wide">Experiment</th>}
        {head('created_at', 'Created', 'fit')}
        {head('duration', 'Duration', 'fit right')}
        {columns.map((c) => head(c, c.slice(c.indexOf(':') + 1), 'right'))}
        <th class="fit"><ColumnMenu names={names} chosen={columns} onChange={onColumns} /></th>
      </tr>
    </thead>
  );
}

/* The height of the rows above and below those that are made. */
function gaps(rows: Virtualizer<HTMLElement, HTMLElement>): { before: number; after: number } {
  const shown = rows.getVirtualItems();
  const margin = rows.options.scrollMargin;
  return { before: (shown[0]?.start ?? margin) - margin, after: rows.getTotalSize() - ((shown[shown.length - 1]?.end ?? margin) - margin) };
}

function Spacer({ height, width }: { height: number; width: number }): JSX.Element {
  return <tr class="spacer" aria-hidden="true"><td colSpan={width + 1} style={{ height: `${height}px` }} /></tr>;
}

function columnNames(runs: RunList): string[] {
  const names = new Set<string>();
  for (const run of runs.items) {
    for (const m of Object.keys(run.metrics)) names.add(`metric:${m}`);
    for (const p of Object.keys(run.parameters)) names.add(`param:${p}`);
  }
  return [...names].sort();
}
