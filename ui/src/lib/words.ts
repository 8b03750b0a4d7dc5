/* States and reasons in words. */
import type { Run, Spec, State, Task } from './types';
import { parentKey } from './keys-of';
import { before, dagOf } from './spec';

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

/* What an unstarted task waits for: names of the tasks before it in its own DAG that have not ended. */
export function waitingFor(key: string, byKey: ReadonlyMap<string, Task>, spec: Spec | null): string[] {
  const scope = key.replace(/\[\d+\]/g, '').split('.');
  const name = scope.pop() ?? '';
  const node = spec && dagOf(spec, scope)?.tasks[name];
  return (node ? before(node) : []).filter((other) => {
    const sibling = byKey.get(`${parentKey(key) ?? ''}.${other}`);
    return !sibling || !ended(sibling.state);
  });
}

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
  if (task.state === 'SKIPPED') return task.reason ? `skipped: ${task.reason}` : 'skipped';
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
