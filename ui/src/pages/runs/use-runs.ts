/* The list of runs behind a table: page after page as it is scrolled, and changed by events as it stands. */
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { get, type ApiError } from '../../lib/api';
import { filterQuery, parseFilter } from '../../lib/filters';
import { batched, throttled, watchAll } from '../../lib/live';
import { useLatest } from '../../lib/use';
import type { Page, Run } from '../../lib/types';

export interface RunList {
  items: Run[];
  total: number | null;
  loading: boolean;
  error: ApiError | null;
  more: (() => void) | null;
  reload: () => void;
}
interface Question { text: string; sort: string; archived: boolean; experiment?: string; pipeline?: string; schedule?: string }

const PAGE = 100;

/* Where it belongs, newest first; one that is older than all of them is not among those that were loaded. */
function place(items: Run[], run: Run): void {
  const at = items.findIndex((r) => r.created_at <= run.created_at);
  if (at >= 0 || !items.length) items.splice(Math.max(0, at), 0, run);
}

/* Events bring any run. One that is in the list stays in its place with what is new, and leaves when it is archived; only
 * an unfiltered list, newest first, takes a new one in without asking. */
function merge(items: readonly Run[], changed: readonly (Partial<Run> & { run_id: string })[], plain: boolean, archived: boolean): Run[] {
  let next = [...items];
  for (const run of changed) {
    const at = next.findIndex((r) => r.run_id === run.run_id);
    if (run.archived !== undefined && run.archived !== archived) next = next.filter((_, i) => i !== at);
    else if (at >= 0) next[at] = { ...(next[at] as Run), ...run };
    else if (plain && run.created_at !== undefined) place(next, run as Run);
  }
  return next;
}

export function useRuns(q: Question): RunList {
  const [state, setState] = useState<{ items: Run[]; total: number | null; next: string | null; error: ApiError | null; loading: boolean }>(
    { items: [], total: null, next: null, error: null, loading: true });
  const [turn, reload] = useReducer((n: number) => n + 1, 0);
  const busy = useRef(false);
  const shown = useLatest(state.items.length);
  const key = JSON.stringify(q);
  const parts = (): Parameters<typeof get>[1] => ({
    ...filterQuery(parseFilter(q.text)),
    sort: q.sort,
    archived: q.archived ? 1 : 0,
    experiment: q.experiment,
    pipeline: q.pipeline,
    schedule: q.schedule,
    limit: PAGE,
  });

  useEffect(() => {
    const abort = new AbortController();
    setState((s) => ({ ...s, loading: true }));
    get<Page<Run>>('/ui/runs', parts(), abort.signal).then(
      (page) => setState({ items: page.items, total: page.total, next: page.next, error: null, loading: false }),
      (error: ApiError) => {
        if (!abort.signal.aborted) setState((s) => ({ ...s, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, turn]);

  useEffect(() => {
    const plain = q.text === '' && q.sort === '' && !q.archived && !q.experiment && !q.pipeline && !q.schedule;
    /* Which of the changed runs fit a filter, and where, is for the server to say; a list that was scrolled on stays. */
    const soon = throttled(() => reload(undefined as never), 400);
    const apply = batched<Run>((runs) => {
      setState((s) => ({ ...s, items: merge(s.items, runs, plain, q.archived) }));
      if (!plain && shown.current <= PAGE) soon.call();
    });
    const stop = watchAll({ run: apply as (run: Partial<Run>) => void, reset: () => reload(undefined as never) });
    return () => {
      stop();
      soon.drop();
    };
  }, [key]);

  const more = (): void => {
    if (busy.current || !state.next) return;
    busy.current = true;
    get<Page<Run>>('/ui/runs', { ...parts(), after: state.next }).then(
      (page) => setState((s) => ({ ...s, items: [...s.items, ...page.items], next: page.next })),
      (error: ApiError) => setState((s) => ({ ...s, error })),
    ).finally(() => (busy.current = false));
  };
  return { ...state, more: state.next ? more : null, reload: () => reload(undefined as never) };
}
