/* A plain list as a table: heads, rows that open something, "more" below. */
import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useShortcuts } from '../lib/keys';
import { go } from '../lib/route';
import type { List } from '../lib/use-list';
import { Button, Empty, Failure, Waiting } from './parts';
import type { IconName } from './icons';

export interface Column<T> { name: string; cls?: string; cell: (item: T) => ComponentChildren }
interface Props<T> {
  list: List<T>;
  id: (item: T) => string;
  columns: Column<T>[];
  to: (item: T) => string; /* "#/…" */
  empty: { icon: IconName; title: string; text: string; command?: string };
}

export function ListTable<T>({ list, id, columns, to, empty }: Props<T>): JSX.Element {
  const [at, setAt] = useState(-1);
  const { items } = list;
  useShortcuts([
    { key: 'j', what: 'Next row', run: () => setAt((i) => Math.min(items.length - 1, i + 1)) },
    { key: 'k', what: 'Row before', run: () => setAt((i) => Math.max(0, i - 1)) },
    { key: 'Enter', what: 'Open the row', run: (e) => {
      const item = items[at];
      if (item && !(e.target as HTMLElement).closest('button, a, summary')) go(to(item).slice(1));
    } },
  ]);
  if (list.error && !items.length) return <Failure error={list.error} retry={list.reload} />;
  if (!items.length && list.loading) return <Waiting on />;
  if (!items.length) return <div class="card"><Empty {...empty}>{empty.text}</Empty></div>;
  const open = (item: T) => (e: MouseEvent): void => {
    if (!(e.target as HTMLElement).closest('a, button, input, label')) go(to(item).slice(1));
  };
  return (
    <>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class="table-wrap" tabIndex={0} role="region" aria-label="List">
        <table class="table">
          <thead><tr>{columns.map((c) => <th key={c.name} class={c.cls}>{c.name}</th>)}</tr></thead>
          <tbody>
            {items.map((item, i) => (
              <tr key={id(item)} class={`pick${i === at ? ' at' : ''}`} onClick={open(item)}>
                {columns.map((c) => <td key={c.name} class={c.cls}>{c.cell(item)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.next && <div class="row center-row"><Button onClick={list.more}>Show more</Button></div>}
    </>
  );
}
