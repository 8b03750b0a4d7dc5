/* Long text with line numbers; only what is seen is made. */
import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { useVirtual } from '../lib/use';
import { CopyButton } from './parts';
import '../style/log.css';

export function TextView({ text, label }: { text: string; label: string }): JSX.Element {
  const lines = useMemo(() => text.split('\n'), [text]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtual({ count: lines.length, scroller: () => scroller.current, size: 19, overscan: 30 });
  const digits = String(lines.length).length;
  return (
    <div class="log fill">
      <div class="log-tools"><span class="grow muted">{lines.length} lines</span><CopyButton text={text} label={`Copy the ${label.toLowerCase()}`} /></div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class="log-text" ref={scroller} tabIndex={0} role="region" aria-label={label}>
        <div class="log-lines" style={{ height: `${virtual.getTotalSize()}px` }}>
          {virtual.getVirtualItems().map((v) => (
            <div key={v.index} class="log-line" style={{ transform: `translateY(${v.start}px)` }}>
              <i class="num" style={{ width: `${digits + 1}ch` }}>{v.index + 1}</i>
              <span>{lines[v.index]}</span>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
