import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOf } from '../../src/lib/graph-model';
import { layered } from '../../src/lib/layers';
import { layout, type Shape } from '../../src/lib/layout';
import { ancestors } from '../../src/lib/keys-of';
import { buildTree, treeRows } from '../../src/lib/tree';
import type { Spec, State, Task, TaskType } from '../../src/lib/types';
import { lastLine, reason, waits } from '../../src/lib/words';

function task(key: string, type: TaskType, state: State, more: Partial<Task> = {}): Task {
  const name = key.replace(/\[\d+\]$/, '').split('.').pop() ?? '';
  const index = /\[(\d+)\]$/.exec(key);
  return {
    task_id: key, parent_task_id: null, name, display_name: null, scope_path: key.replace(/\[\d+\]/g, ''), key, type, iteration_index: index ? Number(index[1]) : null, iteration_count: null, state, reason: null,
    attempts: 1, cached_from: null, created_at: '', started_at: null, finished_at: null, exit_code: null, error: null, inputs: null, outputs: null, attempt_list: null, ...more,
  };
}

const tasks = [
  task('root', 'ROOT', 'RUNNING'),
  task('root.load', 'RUNTIME', 'SUCCEEDED'),
  task('root.loop', 'LOOP', 'RUNNING'),
  task('root.loop[1]', 'LOOP_ITERATION', 'RUNNING'),
  task('root.loop[1].train', 'RUNTIME', 'FAILED'),
  task('root.loop[0]', 'LOOP_ITERATION', 'SUCCEEDED'),
  task('root.loop[0].train', 'RUNTIME', 'CACHED'),
  task('root.best', 'RUNTIME', 'PENDING'),
];

const spec: Spec = {
  components: { c: { executorLabel: 'x' }, l: { dag: { tasks: { train: { componentRef: { name: 'c' } } } } } },
  root: {
    dag: {
      tasks: {
        load: { componentRef: { name: 'c' } },
        loop: { componentRef: { name: 'l' }, parameterIterator: {}, dependentTasks: ['load'] },
        best: { componentRef: { name: 'c' }, inputs: { parameters: { x: { taskOutputParameter: { producerTask: 'loop' } } } }, dependentTasks: ['loop'] },
      },
    },
  },
};

test('keys lead up to the root', () => {
  assert.deepEqual(ancestors('root.a.loop[3].train'), ['root.a.loop[3]', 'root.a.loop', 'root.a', 'root']);
});

test('groups count their leaves', () => {
  const tree = buildTree(tasks);
  assert.deepEqual(tree.progress.get('root.loop'), { total: 2, done: 2, failed: 1, running: 0 });
  assert.deepEqual(tree.progress.get('root'), { total: 4, done: 3, failed: 1, running: 0 });
  assert.deepEqual(tree.children.get('root.loop')?.map((t) => t.key), ['root.loop[0]', 'root.loop[1]']);
});

test('a loop is closed until it is opened; a filter opens what it finds', () => {
  const tree = buildTree(tasks);
  const keys = (rows: ReturnType<typeof treeRows>): string[] => rows.map((r) => r.task.key);
  assert.deepEqual(keys(treeRows(tree, new Set())), ['root.load', 'root.loop', 'root.best']);
  assert.deepEqual(keys(treeRows(tree, new Set(['root.loop']))), ['root.load', 'root.loop', 'root.loop[0]', 'root.loop[0].train', 'root.loop[1]', 'root.loop[1].train', 'root.best']);
  assert.deepEqual(keys(treeRows(tree, new Set(), (t) => t.state === 'FAILED')), ['root.loop', 'root.loop[1]', 'root.loop[1].train']);
});

test('an open loop shows the iteration that failed, or the one picked', () => {
  const tree = buildTree(tasks.map((t) => (t.key === 'root.loop[1]' ? { ...t, state: 'FAILED' as State } : t)));
  const view = { tree, toggled: new Set(['root.loop']), must: new Set<string>(), iterations: new Map<string, number>() };
  const level = graphOf(spec, view);
  assert.deepEqual(level.edges, [['root.load', 'root.loop'], ['root.loop', 'root.best']]);
  assert.deepEqual(level.nodes[1]?.iteration, { index: 1, count: 2 });
  assert.equal(level.nodes[1]?.inside?.nodes[0]?.id, 'root.loop[1].train');
  const picked = graphOf(spec, { ...view, iterations: new Map([['root.loop', 0]]) });
  assert.equal(picked.nodes[1]?.inside?.nodes[0]?.state, 'CACHED');
  assert.equal(graphOf(spec, { ...view, toggled: new Set() }).nodes[1]?.inside, null);
});

test('a component that holds itself is not opened for ever', () => {
  const self: Spec = { components: { a: { dag: { tasks: { again: { componentRef: { name: 'a' } } } } } }, root: { dag: { tasks: { first: { componentRef: { name: 'a' } } } } } };
  const must = new Set(['root.first', 'root.first.again', 'root.first.again.again']);
  const level = graphOf(self, { tree: null, toggled: new Set(), must, iterations: new Map() });
  assert.equal(level.nodes[0]?.inside?.nodes[0]?.inside, null);
});

test('why a task is as it is', () => {
  const best = tasks[7] as Task;
  assert.equal(reason(best, buildTree(tasks).byKey, spec), 'waiting for loop');
  assert.equal(reason(task('root.x', 'RUNTIME', 'SKIPPED', { reason: 'condition accuracy >= 0.9 was false' }), new Map(), spec), 'skipped: condition accuracy >= 0.9 was false');
  assert.equal(reason(task('root.x', 'RUNTIME', 'RUNNING', { attempts: 2 }), new Map(), spec), 'attempt 2');
  assert.equal(reason(task('root.x', 'RUNTIME', 'RUNNING', { attempts: 2, reason: 'its image is not to be had' }), new Map(), spec), 'attempt 2: its image is not to be had');
  assert.equal(reason(task('root.x', 'RUNTIME', 'PENDING'), new Map(), spec), 'waiting for a free slot');
});

const box = (id: string): Shape => ({ id, w: 100, h: 40, inside: null });

function overlaps(nodes: { x: number; y: number; w: number; h: number }[]): boolean {
  return nodes.some((a, i) => nodes.some((b, j) => j > i && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h));
}

test('boxes do not lie over one another, and what is inside is inside', () => {
  const laid = layout([box('a'), { id: 'g', w: 100, h: 40, inside: { nodes: [box('g.x'), box('g.y')], edges: [['g.x', 'g.y']] } }, box('b')], [['a', 'g'], ['g', 'b']]);
  const at = new Map(laid.nodes.map((n) => [n.id, n]));
  const g = at.get('g');
  const y = at.get('g.y');
  assert.ok(g && y && y.x >= g.x && y.y >= g.y && y.x + y.w <= g.x + g.w && y.y + y.h <= g.y + g.h);
  assert.ok(!overlaps(laid.nodes.filter((n) => !n.id.includes('.'))));
  assert.deepEqual(laid.edges.map((e) => e.id).sort(), ['a→g', 'g.x→g.y', 'g→b']);
});

test('a thousand boxes are laid out at once', () => {
  const boxes = Array.from({ length: 1000 }, (_, i) => box(`n${i}`));
  const edges = boxes.slice(1).map((b, i): [string, string] => [`n${Math.floor(i / 3)}`, b.id]);
  const start = process.cpuUsage(); /* not the clock: others may have the machine meanwhile */
  const laid = layout(boxes, edges);
  assert.ok(process.cpuUsage(start).user < 1e6);
  assert.equal(laid.nodes.length, 1000);
  assert.ok(!overlaps(laid.nodes));
  const circle = layered([box('a'), box('b')], [['a', 'b'], ['b', 'a']]);
  assert.equal(circle.nodes.length, 2);
});

test('what is waited for and why something was skipped is said in the names that are shown', () => {
  const spec: Spec = { root: { dag: { tasks: { 'condition-3': { taskInfo: { name: 'not-good' } }, fit: { taskInfo: { name: 'train' } }, tell: { dependentTasks: ['fit'] } } } } };
  const { byKey } = buildTree([task('root.condition-3', 'CONDITION', 'SKIPPED', { display_name: 'not-good' }), task('root.condition-3.reject', 'RUNTIME', 'SKIPPED', { reason: "'condition-3' was skipped" })]);
  assert.equal(waits('root.tell', byKey, spec), 'waiting for train');
  assert.equal(reason(byKey.get('root.condition-3.reject') as Task, byKey, spec), "skipped: 'not-good' was skipped");
  assert.equal(lastLine('a\n  b \n\n'), 'b');
  assert.equal(lastLine(null), '');
});
