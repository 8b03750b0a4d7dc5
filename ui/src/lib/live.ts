/* Server-sent events: one stream for what the page shows, closed with it. */
import type { MetricPoint, Run, Task } from './types';

export interface LiveEvents {
  run?: (run: Partial<Run> & { run_id: string }) => void;
  task?: (task: Task & { run_id: string }) => void;
  log?: (log: { run_id: string; task_id: string; attempt: number; bytes: number }) => void;
  metric?: (metric: { run_id: string; items: MetricPoint[] }) => void;
  approval?: (approval: { waiting: number }) => void;
  schedule?: () => void;
  model?: () => void;
  pipeline?: () => void;
  experiment?: () => void;
  reset?: () => void;
}

/* Browsers keep few connections to one server, for all tabs together: a tab that is not seen gives its stream up, and
 * goes on where it was when it is seen again. */
export function watch(path: string, events: LiveEvents): () => void {
  let source: EventSource | null = null;
  let last = '';
  const open = (): void => {
    const from = last ? `${path.includes('?') ? '&' : '?'}last_event_id=${encodeURIComponent(last)}` : '';
    source = new EventSource(path.replace(last ? /&last_event_id=[^&]*/ : '', '') + from);
    for (const [name, call] of Object.entries(events)) {
      source.addEventListener(name, (e) => {
        const message = e as MessageEvent<string>;
        last = message.lastEventId || last;
        (call as (data: unknown) => void)(JSON.parse(message.data));
      });
    }
  };
  const close = (): void => {
    source?.close();
    source = null;
  };
  const seen = (): void => {
    if (document.hidden) close();
    else if (!source) open();
  };
  seen();
  document.addEventListener('visibilitychange', seen);
  return () => {
    document.removeEventListener('visibilitychange', seen);
    close();
  };
}

/* The stream of all runs, shared by whoever listens. */
const ALL = ['run', 'approval', 'schedule', 'model', 'pipeline', 'experiment', 'reset'] as const;
export type Kind = 'approval' | 'schedule' | 'model' | 'pipeline' | 'experiment';
const listeners = new Set<LiveEvents>();
let stopAll: (() => void) | null = null;

export function watchAll(events: LiveEvents): () => void {
  listeners.add(events);
  const tell = (name: keyof LiveEvents) => (data?: unknown): void => {
    for (const l of listeners) (l[name] as ((data: unknown) => void) | undefined)?.(data);
  };
  stopAll ??= watch('/ui/events', Object.fromEntries(ALL.map((name) => [name, tell(name)])));
  return () => {
    listeners.delete(events);
    if (listeners.size) return;
    stopAll?.();
    stopAll = null;
  };
}

/* Calls `reload` when something of the kind has changed: in this window, another, or on the command line; a burst is one call. */
export function watchKind(kind: Kind, reload: () => void): () => void {
  const soon = throttled(reload, 200);
  const stop = watchAll({ [kind]: soon.call, reset: soon.call });
  return () => {
    stop();
    soon.drop();
  };
}

/* At once, and then at most once in `gapMs`; the last of a burst is never lost. */
export function throttled(call: () => void, gapMs: number): { call: () => void; drop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = -Infinity;
  return {
    call: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        last = Date.now();
        call();
      }, Math.max(0, last + gapMs - Date.now()));
    },
    drop: () => clearTimeout(timer),
  };
}

/* Calls of one kind in a burst become one call in the next frame, with all of them. */
export function batched<T>(call: (items: T[]) => void): (item: T) => void {
  let items: T[] = [];
  return (item) => {
    items.push(item);
    if (items.length === 1)
      requestAnimationFrame(() => {
        const all = items;
        items = [];
        call(all);
      });
  };
}
