/* CSV as a table: only the rows on the screen are made. */
import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { parseCsv } from '../lib/csv';
import { useVirtual } from '../lib/use';

export function Csv({ text, whole }: { text: string; whole: boolean }): JSX.Element {
  const [head = [], ...rows] = useMemo(() => parseCsv(text, undefined, whole), [text, whole]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtual({ count: rows.length, scroller: () => scroller.current, size: 29 });
  const shown = virtual.getVirtualItems();
  const numeric = head.map((_, i) => rows.slice(0, 50).every((r) => !r[i] || !Number.isNaN(Number(r[i]))));
  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown[shown.length - 1]?.end ?? 0);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="table-wrap csv" ref={scroller} tabIndex={0} role="region" aria-label="CSV">
      <table class="table small">
        <thead><tr><th class="right num">#</th>{head.map((h, i) => <th key={i} class={numeric[i] ? 'right' : ''}>{h}</th>)}</tr></thead>
        <tbody>
          {before > 0 && <tr class="spacer"><td colSpan={head.length + 1} style={{ height: `${before}px` }} /></tr>}
          {shown.map((v) => (
            <tr key={v.index}>
              <td class="right muted num">{v.index + 1}</td>
              {head.map((_, i) => <td key={i} class={numeric[i] ? 'right num' : ''}>{rows[v.index]?.[i]}</td>)}
            </tr>
          ))}
          {after > 0 && <tr class="spacer"><td colSpan={head.length + 1} style={{ height: `${after}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}
