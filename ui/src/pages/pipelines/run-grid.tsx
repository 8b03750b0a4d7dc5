/* The newest runs beside each other, a row a task: what fails often stands out. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get } from '../../lib/api';
import { href } from '../../lib/route';
import { isLeaf } from '../../lib/tree';
import type { Run, Task, WholeRun } from '../../lib/types';
import { path, stateWord } from '../../lib/words';
import { StateIcon } from '../../ui/state';

const WORST: Task['state'][] = ['FAILED', 'RUNNING', 'CANCELED', 'PENDING', 'SUCCEEDED', 'CACHED', 'SKIPPED'];

/* By place in the pipeline; of the iterations of a loop the worst counts. */
function states(run: WholeRun): Map<string, Task> {
  const out = new Map<string, Task>();
  for (const task of run.tasks_list) {
    const had = out.get(task.scope_path);
    if (isLeaf(task.type) && (!had || WORST.indexOf(task.state) < WORST.indexOf(had.state))) out.set(task.scope_path, task);
  }
  return out;
}

export function RunGrid({ runs }: { runs: readonly Run[] }): JSX.Element | null {
  const [whole, setWhole] = useState<WholeRun[]>([]);
  const key = runs.map((r) => r.run_id + r.state).join();
  useEffect(() => void Promise.all(runs.map((r) => get<WholeRun>(`/ui/runs/${r.run_id}`, { io: 0 }))).then(setWhole, () => setWhole([])), [key]);
  if (!whole.length) return null;
  const columns = [...whole].reverse().map((run) => ({ run, at: states(run) }));
  const places = [...new Set(columns.flatMap((c) => [...c.at.keys()]))];
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="card grid-card" tabIndex={0} role="region" aria-label="Tasks of the newest runs">
      <table class="run-grid">
        <thead>
          <tr><th class="right muted">Tasks of the newest runs</th>{columns.map(({ run }) => <th key={run.run_id}><a class="num" href={`#/runs/details/${run.run_id}`} title={run.display_name}>#{run.number}</a></th>)}</tr>
        </thead>
        <tbody>
          {places.map((place) => (
            <tr key={place}>
              <th class="right" scope="row">{path(place)}</th>
              {columns.map(({ run, at }) => {
                const task = at.get(place);
                return <td key={run.run_id}>{task && <a href={href(`runs/details/${run.run_id}`, { task: path(task.key) })} title={`#${run.number} ${path(task.key)}: ${stateWord(task.state)}`}><StateIcon state={task.state} /></a>}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
