/* The logs of one task in two runs, line by line. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { settle, strip } from '../../lib/ansi';
import { request } from '../../lib/api';
import { param, setParams } from '../../lib/route';
import { isLeaf } from '../../lib/tree';
import type { Task, WholeRun } from '../../lib/types';
import { useGet } from '../../lib/use';
import { path } from '../../lib/words';
import { DiffView } from '../../ui/diff-view';
import { Empty, Show } from '../../ui/parts';
import type { CompareProps } from './compare-page';
import { pair, PairChoice } from './pair';

const MOST = 1 << 20;

function useLogText(task: Task | undefined): string | null {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    setText(null);
    if (!task) return;
    const plain = (t: string): string => strip(t.slice(0, MOST)).split('\n').map(settle).join('\n');
    request(`/ui/tasks/${task.task_id}/log`).then((r) => r.text()).then((t) => setText(plain(t)), () => setText(''));
  }, [task?.task_id]);
  return text;
}

function Logs({ a, b }: { a: WholeRun; b: WholeRun }): JSX.Element | null {
  const inB = new Map(b.tasks_list.map((t) => [t.key, t]));
  const both = a.tasks_list.filter((t) => isLeaf(t.type) && inB.has(t.key));
  const key = both.find((t) => path(t.key) === param('task'))?.key ?? both[0]?.key;
  const left = useLogText(a.tasks_list.find((t) => t.key === key));
  const right = useLogText(inB.get(key ?? ''));
  if (!key) return <Empty icon="compare" title="No task in both">These runs have no step in common.</Empty>;
  return (
    <>
      <label class="row">Task
        <select value={key} onChange={(e) => setParams({ task: path(e.currentTarget.value) })}>
          {both.map((t) => <option key={t.key} value={t.key}>{path(t.key)}</option>)}
        </select>
      </label>
      {left !== null && right !== null && <DiffView a={left} b={right} aName={`#${a.number}`} bName={`#${b.number}`} />}
    </>
  );
}

export function CompareLogs({ of }: CompareProps): JSX.Element | null {
  const two = pair(of);
  const a = useGet<WholeRun>(two && `/ui/runs/${two[0].run_id}`, { io: 0 });
  const b = useGet<WholeRun>(two && `/ui/runs/${two[1].run_id}`, { io: 0 });
  if (!two) return null;
  return (
    <section class="stack">
      <div class="row"><PairChoice of={of} a={two[0]} b={two[1]} /></div>
      <Show of={a}>{(x) => <Show of={b}>{(y) => <Logs a={x} b={y} />}</Show>}</Show>
    </section>
  );
}
