/* Two texts as one, with what was taken away and what was added. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { diffLines, hunks } from '../lib/diff';
import '../style/diff.css';

const SIGN = { same: ' ', del: '−', add: '+' } as const;
const MOST = 3000;

export function DiffView({ a, b, aName, bName }: { a: string; b: string; aName: string; bName: string }): JSX.Element {
  const lines = useMemo(() => diffLines(a.split('\n'), b.split('\n')), [a, b]);
  const added = lines.filter((l) => l.kind === 'add').length;
  const taken = lines.filter((l) => l.kind === 'del').length;
  if (!added && !taken) return <p class="waiting">They are the same.</p>;
  const shown = hunks(lines);
  return (
    <div class="diff">
      <p class="diff-head"><span class="del">− {aName} <b class="num">{taken}</b></span><span class="add">+ {bName} <b class="num">{added}</b></span></p>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class="diff-body" tabIndex={0} role="region" aria-label="Difference">
        {shown.slice(0, MOST).map((l, i) =>
          l ? (
            <div key={i} class={`diff-line ${l.kind}`}>
              <i class="num">{l.a ?? ''}</i><i class="num">{l.b ?? ''}</i><b>{SIGN[l.kind]}</b><span>{l.text}</span>
            </div>
          ) : <div key={i} class="diff-gap">⋯</div>,
        )}
        {shown.length > MOST && <p class="waiting">and {shown.length - MOST} lines more</p>}
      </div>
    </div>
  );
}
