/* States and reasons in words. */
import type { Run, Spec, State, Task } from './types';
import { parentKey } from './keys-of';
import { before, dagOf, taskLabel } from './spec';

export const ENDED: ReadonlySet<State> = new Set<State>(['SUCCEEDED', 'FAILED', 'SKIPPED', 'CACHED', 'CANCELED']);
export const ended = (state: State): boolean => ENDED.has(state);
export const live = (state: State): boolean => !ENDED.has(state);

const WORDS: { [state in State]: string } = {
  PENDING: 'Pending',
  RUNNING: 'Running',
  SUCCEEDED: 'Succeeded',
  FAILED: 'Failed',
  SKIPPED: 'Skipped',
  CACHED: 'Cached',
  CANCELED: 'Canceled',
  CANCELING: 'Canceling',
};
export const stateWord = (state: State): string => WORDS[state] ?? state;

export const label = (task: Task): string => task.display_name || task.name;

/* The key as a person types it: without the root. */
export const path = (key: string): string => key.replace(/^root\.?/, '');

const list = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(' and ').replace(/ and (?=.* and )/g, ', ');

/* What an unstarted task waits for: the tasks before it in its own DAG that have not ended, as they are shown. */
export function waitingFor(key: string, byKey: ReadonlyMap<string, Task>, spec: Spec | null): string[] {
  const scope = key.replace(/\[\d+\]/g, '').split('.');
  const name = scope.pop() ?? '';
  const tasks = (spec && dagOf(spec, scope)?.tasks) || {};
  const node = tasks[name];
  return (node ? before(node) : []).flatMap((other) => {
    const sibling = byKey.get(`${parentKey(key) ?? ''}.${other}`);
    if (sibling && ended(sibling.state)) return [];
    const task = tasks[other];
    return [sibling ? label(sibling) : task ? taskLabel(other, task) : other];
  });
}

/* The engine's words name tasks as the spec does ('condition-3'); here they are called what the page calls them. */
function labelled(text: string, key: string, byKey: ReadonlyMap<string, Task>): string {
  return text.replace(/'([^']+)'/g, (quoted, name: string) => {
    for (let at = parentKey(key); at; at = parentKey(at)) {
      const task = byKey.get(at.endsWith(`.${name}`) ? at : `${at}.${name}`);
      if (task) return `'${label(task)}'`;
    }
    return quoted;
  });
}

export const lastLine = (text: string | null | undefined): string => (text ?? '').trimEnd().split('\n').pop()?.trim() ?? '';

/* The same as a line; of what has not been started too. */
export function waits(key: string, byKey: ReadonlyMap<string, Task>, spec: Spec | null): string {
  const names = waitingFor(key, byKey, spec);
  return names.length ? `waiting for ${list(names)}` : '';
}

/* One line that says why a task is in its state; '' where the state says it all. */
export function reason(task: Task, byKey: ReadonlyMap<string, Task>, spec: Spec | null): string {
  if (task.state === 'PENDING') {
    return waits(task.key, byKey, spec) || (task.reason ?? 'waiting for a free slot');
  }
  if (task.state === 'SKIPPED') return task.reason ? `skipped: ${labelled(task.reason, task.key, byKey)}` : 'skipped';
  if (task.state === 'FAILED') return task.error?.message && task.error.message !== task.reason
    ? [task.reason, task.error.message].filter(Boolean).join(': ')
    : (task.reason ?? 'failed');
  if (task.state === 'CACHED') return task.reason ?? 'the same step with the same inputs had this result';
  if (task.state === 'RUNNING' && task.attempts > 1) return [`attempt ${task.attempts}`, task.reason].filter(Boolean).join(': ');
  return task.reason ?? '';
}

export function runReason(run: Run): string {
  if (run.error) return run.error.task ? `${run.error.task}: ${run.error.message}` : run.error.message;
  return '';
}
