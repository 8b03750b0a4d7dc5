import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { took } from '../../lib/format';
import { graphOf } from '../../lib/graph-model';
import { Dag } from '../../ui/dag';
import { around, iterations, pickIteration, select, selected, toggle, toggled } from './selection';
import type { RunState } from './use-run';

export function RunGraph({ state, now }: { state: RunState; now: number }): JSX.Element | null {
  const { spec, tree } = state;
  const key = selected();
  const open = [...toggled()].join();
  const picks = JSON.stringify([...iterations()]);
  const level = useMemo(
    () => spec && graphOf(spec, { tree, toggled: toggled(), must: around(key), iterations: iterations() }),
    [spec, tree, open, picks, key],
  );
  if (!level) return null;
  const times = (id: string): string => {
    const task = tree.byKey.get(id);
    return task && task.state !== 'SKIPPED' && task.state !== 'CACHED' ? took(task.started_at, task.finished_at, now) : '';
  };
  return <Dag level={level} selected={key} times={times} onSelect={select} onToggle={toggle} onIteration={pickIteration} />;
}
