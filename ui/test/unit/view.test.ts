import assert from 'node:assert/strict';
import { test } from 'node:test';
import { niceTicks, timeTicks } from '../../src/lib/axis';
import { bestOf } from '../../src/lib/best';
import { filterQuery, filterText, parseFilter, when } from '../../src/lib/filters';
import { fromText, given, inputsOf } from '../../src/lib/inputs';
import { axes } from '../../src/lib/parallel';
import { parse } from '../../src/lib/route';
import type { Comparison, Spec } from '../../src/lib/types';
import { matrixOf } from '../../src/preview/confusion';
import { auc, rocOf } from '../../src/preview/roc';
import { cronWords } from '../../src/pages/schedules/schedule-words';
import { conditionText } from '../../src/lib/spec';
import { charts } from '../../src/pages/run/run-metrics';

test('the routes that the SDK prints', () => {
  assert.deepEqual(parse('#/runs/details/1-2').path, ['runs', 'details', '1-2']);
  assert.deepEqual(parse('#/pipelines/details/p/version/v?tab=diff').path, ['pipelines', 'details', 'p', 'version', 'v']);
  assert.equal(parse('#/compare?runlist=a,b').query.get('runlist'), 'a,b');
  assert.deepEqual(parse('').path, []);
});

test('a filter is read and written back', () => {
  const text = 'nightly state:failed,running "tag:team=risk and co" param:lr>0.1 metric:accuracy>=0.9 since:7d';
  const f = parseFilter(text);
  assert.deepEqual(f.states, ['FAILED', 'RUNNING']);
  assert.deepEqual(f.tags, ['team=risk and co']);
  assert.equal(filterText(f), text);
  const now = Date.parse('2026-01-08T00:00:00Z');
  assert.deepEqual(filterQuery(f, now), {
    name: 'nightly', state: 'FAILED,RUNNING', tag: ['team=risk and co'], param: ['lr>0.1'], metric: ['accuracy>=0.9'], since: '2026-01-01T00:00:00.000Z', until: null,
  });
  assert.equal(when('nonsense'), null);
  assert.equal(filterText(parseFilter('')), '');
});

test('a form takes what the type allows', () => {
  const spec: Spec = { root: { inputDefinitions: { parameters: { n: { parameterType: 'NUMBER_INTEGER' }, l: { parameterType: 'LIST', defaultValue: [1] }, s: { parameterType: 'STRING', isOptional: true } } } } };
  const [n, l, s] = inputsOf(spec) as [ReturnType<typeof inputsOf>[0], ReturnType<typeof inputsOf>[0], ReturnType<typeof inputsOf>[0]];
  assert.equal(fromText('1.5', n).error, 'This takes a whole number');
  assert.equal(fromText('', n).error, 'This is needed');
  assert.deepEqual(fromText('[2]', l), { value: [2], error: null });
  assert.equal(fromText('{}', l).error, 'This takes a JSON list');
  assert.deepEqual(fromText('', s), { value: '', error: null });
  assert.deepEqual(given({ n: '3', l: '', s: 'x' }, [n, l, s]), { values: { n: 3, s: 'x' }, errors: {} });
});

test('the best of some numbers', () => {
  assert.deepEqual(bestOf([0.8, 0.9, null, 0.9], 'accuracy'), [1, 3]);
  assert.deepEqual(bestOf([0.8, 0.9], 'log_loss'), [0]);
  assert.deepEqual(bestOf([1, 1], 'accuracy'), []);
  assert.deepEqual(bestOf([1, null], 'accuracy'), []);
});

test('axes of parallel coordinates', () => {
  const of = { runs: [], parameters: [{ name: 'c', values: [1, 3], differs: true }, { name: 'kind', values: ['b', 'a'], differs: true }, { name: 'same', values: [1, 1], differs: false }], metrics: [{ name: 'acc', values: [0.5, null], differs: true }], artifacts: [], specs_differ: false } as Comparison;
  const all = axes(of);
  assert.deepEqual(all.map((a) => a.name), ['c', 'kind', 'acc']);
  assert.deepEqual(all.map((a) => a.at), [[0, 1], [1, 0], [0.5, null]]);
});

test('ticks are round and within', () => {
  assert.deepEqual(timeTicks(100, 4), [0, 50, 100]);
  assert.deepEqual(niceTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.equal(timeTicks(10 * 86400e3, 5).length, 6);
});

test('matrix and curve as KFP writes them', () => {
  const metadata = {
    confusionMatrix: { annotationSpecs: [{ displayName: 'a' }, { displayName: 'b' }], rows: [{ row: [3, 1] }, { row: [0, 2] }] },
    confidenceMetrics: [{ confidenceThreshold: 0, falsePositiveRate: 1, recall: 1 }, { confidenceThreshold: 0.5, falsePositiveRate: 0, recall: 1 }],
  };
  assert.deepEqual(matrixOf(metadata), { names: ['a', 'b'], rows: [[3, 1], [0, 2]] });
  const roc = rocOf(metadata);
  assert.ok(roc);
  assert.equal(auc(roc), 1);
  assert.equal(rocOf({}), null);
  assert.equal(matrixOf({}), null);
});

test('numbers of steps become lines, single ones stay numbers', () => {
  const point = (id: number, task: string, name: string, step: number | null, v: number) => ({ id, task_id: task, task, name, step, value: v, time: '2026-01-01T00:00:00Z' });
  const { charts: all, single } = charts([point(1, 'a', 'loss', 1, 0.5), point(2, 'a', 'loss', 2, 0.4), point(3, 'b', 'loss', 2, 0.3), point(4, 'a', 'acc', null, 0.9)]);
  assert.deepEqual(single.map((p) => [p.task, p.name, p.value]), [['a', 'acc', 0.9]]);
  assert.deepEqual(all[0]?.x, [1, 2]);
  assert.deepEqual(all[0]?.series, [{ name: 'a', values: [0.5, 0.4] }, { name: 'b', values: [null, 0.3] }]);
});

test('cron in words, where there are words for it', () => {
  const said: [string, string][] = [
    ['0 30 2 * * *', 'every day at 02:30'], ['0 0 9 ? * MON-FRI', 'Monday to Friday at 09:00'], ['0 0 6 * * 7', 'every Sunday at 06:00'], ['0 15 4 1 * *', 'on day 1 of each month at 04:15'],
    ['0 5 * * * *', 'every hour at :05'], ['0 */15 * * * *', 'every 15 minutes'], ['0 * * * * *', 'every minute'],
    ['0 */7 * * * *', ''], ['30 0 6 * * *', ''], ['0 0 6 1 1 *', ''], ['0 0 6 * * MON,WED', ''], ['0 0 6 1 * MON', ''], ['@every 1h', ''], ['', ''],
  ];
  for (const [cron, words] of said) assert.equal(cronWords(cron), words, cron);
});

test('a condition is read as it was written', () => {
  assert.equal(conditionText("inputs.parameter_values['pipelinechannel--flip-Output'] == 'heads' && int(inputs.parameter_values['n']) > 3"), "flip-Output == 'heads' && int(n) > 3");
  assert.equal(conditionText(undefined), '');
});
