/* A failed run begins with what failed, and one step to its log. */
import type { JSX } from 'preact';
import { setParams } from '../../lib/route';
import { isLeaf, type Tree } from '../../lib/tree';
import type { Run } from '../../lib/types';
import { lastLine, path } from '../../lib/words';
import { StateIcon } from '../../ui/state';

export function RunFault({ run, tree }: { run: Run; tree: Tree }): JSX.Element | null {
  if (run.state !== 'FAILED') return null;
  const failed = [...tree.byKey.values()].filter((t) => t.state === 'FAILED' && isLeaf(t.type));
  const first = failed[0];
  if (!first) return run.error && <p class="fault"><StateIcon state="FAILED" /> {run.error.message}</p>;
  const said = lastLine(first.error?.log_tail);
  const show = (): void => setParams({ task: path(first.key), tab: 'log', attempt: null }, true);
  return (
    <p class="fault">
      <StateIcon state="FAILED" />
      <span class="ellipsis"><strong>{path(first.key)}</strong> {first.reason ?? 'failed'}{said && `: ${said}`}{failed.length > 1 && `, and ${failed.length - 1} more failed`}</span>
      <button type="button" class="link" onClick={show}>Show the log</button>
    </p>
  );
}
