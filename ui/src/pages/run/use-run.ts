/* One run as it goes on: loaded once, then kept by events. */
import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { get, type ApiError } from '../../lib/api';
import { batched, watch } from '../../lib/live';
import { buildTree, type Tree } from '../../lib/tree';
import type { MetricPoint, Run, Spec, Task, WholeRun } from '../../lib/types';

export interface RunState {
  run: WholeRun | null;
  tree: Tree;
  tasks: Task[];
  spec: Spec | null;
  error: ApiError | null;
  loading: boolean;
  reload: () => void;
  onLog: (taskId: string, grew: () => void) => () => void; /* calls `grew` when that task's log has more */
  points: MetricPoint[]; /* numbers that came while the page was open */
}

type Action =
  | { kind: 'loaded'; run: WholeRun }
  | { kind: 'run'; run: Partial<Run> }
  | { kind: 'tasks'; tasks: Task[] };
interface Held { run: WholeRun | null; tasks: Task[]; at: Map<string, number> }

function reduce(held: Held, action: Action): Held {
  if (action.kind === 'loaded') {
    const tasks = action.run.tasks_list;
    return { run: action.run, tasks, at: new Map(tasks.map((t, i) => [t.task_id, i])) };
  }
  if (action.kind === 'run') return held.run ? { ...held, run: { ...held.run, ...action.run } } : held;
  const tasks = [...held.tasks];
  for (const task of action.tasks) {
    const i = held.at.get(task.task_id);
    if (i === undefined) held.at.set(task.task_id, tasks.push(task) - 1);
    else tasks[i] = { ...(tasks[i] as Task), ...task };
  }
  return { ...held, tasks };
}

export function useRun(id: string): RunState {
  const [held, act] = useReducer(reduce, { run: null, tasks: [], at: new Map<string, number>() });
  const [spec, setSpec] = useState<Spec | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [loading, setLoading] = useState(true);
  const [turn, reload] = useReducer((n: number) => n + 1, 0);
  const [points, setPoints] = useState<MetricPoint[]>([]);
  const logs = useRef(new Map<string, () => void>());

  useEffect(() => {
    const abort = new AbortController();
    let stop = (): void => undefined;
    const fail = (e: ApiError): void => {
      if (!abort.signal.aborted) setError(e);
    };
    get<{ pipeline_spec: Spec }>(`/ui/runs/${id}/spec`, {}, abort.signal).then((s) => setSpec(s.pipeline_spec), fail);
    get<WholeRun>(`/ui/runs/${id}`, { io: 0 }, abort.signal).then((run) => {
      act({ kind: 'loaded', run });
      setError(null);
      stop = watch(`/ui/events?run=${id}${run.last_event_id ? `&last_event_id=${encodeURIComponent(run.last_event_id)}` : ''}`, {
        run: (r) => act({ kind: 'run', run: r }),
        task: batched<Task>((tasks) => act({ kind: 'tasks', tasks })),
        log: (l) => logs.current.get(l.task_id)?.(),
        metric: (m) => setPoints((p) => [...p, ...m.items]),
        reset: () => reload(undefined as never),
      });
    }, fail).finally(() => setLoading(false));
    return () => {
      abort.abort();
      stop();
    };
  }, [id, turn]);

  const tree = useMemo(() => buildTree(held.tasks), [held.tasks]);
  return { run: held.run, tasks: held.tasks, tree, spec, error, loading, reload: () => reload(undefined as never), points, onLog: (taskId, grew) => {
    logs.current.set(taskId, grew);
    return () => void logs.current.delete(taskId);
  } };
}
