/* Where addresses of KFP's own page lead here: those that are not the same. */
import { get, type ApiError } from './api';
import { go, href, type Route } from './route';
import { path as taskPath } from './words';

type To = (path: readonly string[], query: URLSearchParams) => string | Promise<string>;

/* KFP's executions are tasks: a run's page with the task chosen. */
async function task(id: string): Promise<string> {
  const found = await get<{ run_id: string; key: string }>(`/ui/tasks/${id}`);
  return href(`runs/details/${found.run_id}`, { task: taskPath(found.key) });
}

function newRun(query: URLSearchParams): string {
  const pipeline = query.get('pipelineId');
  const version = query.get('pipelineVersionId');
  const clone = query.get('cloneFromRun');
  if (clone) return href(`runs/details/${clone}`, { again: '1' });
  if (query.get('recurring') === '1') return href('schedules', { new: pipeline ?? 'any' });
  return pipeline ? href(`pipelines/details/${pipeline}${version ? `/version/${version}` : ''}`, { run: '1' }) : href('pipelines');
}

const OLD: [RegExp, To][] = [
  [/^start$/, () => href('runs')],
  [/^executions$/, () => href('runs')],
  [/^executions\/[^/]+$/, (path) => task(path[1] ?? '')],
  [/^runs\/details\/[^/]+\/execution\/[^/]+$/, (path) => task(path[4] ?? '')],
  [/^runs\/new$/, (_, query) => newRun(query)],
  [/^experiments\/new$/, () => href('experiments', { new: '1' })],
  [/^pipeline_versions\/new$/, (_, query) => (query.get('pipelineId') ? href(`pipelines/details/${query.get('pipelineId')}`, { upload: '1' }) : href('pipelines', { upload: '1' }))],
  [/^archive\/experiments$/, () => href('experiments')],
  [/^recurringrun\/?$/, () => href('schedules')],
];

/* True where it is one: the address is then replaced by ours; `fail` where what it names is not there. */
export function followOld(route: Route, fail: (e: ApiError) => void): boolean {
  const to = OLD.find(([pattern]) => pattern.test(route.path.join('/')))?.[1];
  if (to) void Promise.resolve(to(route.path, route.query)).then((hash) => go(hash, true), fail);
  return to !== undefined;
}
