/* How far something has come: a bar, and the numbers for those who do not see it. */
import type { JSX } from 'preact';

export function ProgressBar({ of }: { of: { total: number; done: number; failed: number } }): JSX.Element {
  const part = of.total ? (100 * of.done) / of.total : 0;
  return (
    <span class="bar" role="img" aria-label={`${of.done} of ${of.total} steps done`} title={`${of.done} of ${of.total} steps done`}>
      <i class={of.failed ? 'fail' : of.done === of.total ? 'ok' : ''} style={{ width: `${part}%` }} />
    </span>
  );
}
