/* The tasks of a run as a tree: what is open, which rows there are, how far a group has come. */
import type { State, Task, TaskType } from './types';
import { ancestors, parentKey } from './keys-of';
import { ended } from './words';

export interface Progress { total: number; done: number; failed: number; running: number }
export interface Tree {
  byKey: Map<string, Task>;
  byId: Map<string, Task>;
  children: Map<string, Task[]>; /* by parent's key */
  progress: Map<string, Progress>; /* of groups, by key; leaves below them */
}

const LEAF: ReadonlySet<TaskType> = new Set<TaskType>(['RUNTIME', 'IMPORTER']);
export const isLeaf = (type: TaskType): boolean => LEAF.has(type);
const OPEN: ReadonlySet<TaskType> = new Set<TaskType>(['ROOT', 'CONDITION', 'CONDITION_BRANCH', 'EXIT_HANDLER', 'LOOP_ITERATION']);

export function buildTree(tasks: readonly Task[]): Tree {
  const tree: Tree = { byKey: new Map(), byId: new Map(), children: new Map(), progress: new Map() };
  for (const task of tasks) {
    tree.byKey.set(task.key, task);
    tree.byId.set(task.task_id, task);
  }
  for (const task of tasks) {
    const parent = parentKey(task.key);
    if (parent === null) continue;
    const list = tree.children.get(parent);
    if (list) list.push(task);
    else tree.children.set(parent, [task]);
    if (isLeaf(task.type)) count(tree, parent, task.state);
  }
  for (const [key, list] of tree.children)
    if (tree.byKey.get(key)?.type === 'LOOP') list.sort((a, b) => (a.iteration_index ?? 0) - (b.iteration_index ?? 0));
  return tree;
}

function count(tree: Tree, from: string, state: State): void {
  for (let key: string | null = from; key !== null; key = parentKey(key)) {
    let p = tree.progress.get(key);
    if (!p) tree.progress.set(key, (p = { total: 0, done: 0, failed: 0, running: 0 }));
    p.total++;
    if (ended(state)) p.done++;
    if (state === 'FAILED') p.failed++;
    if (state === 'RUNNING') p.running++;
  }
}

/* A group is open by its kind, unless a person has toggled it. */
export function isOpen(key: string, type: TaskType, toggled: ReadonlySet<string>): boolean {
  return OPEN.has(type) !== toggled.has(key);
}

export interface TreeRow { task: Task; depth: number; group: boolean; open: boolean; progress: Progress | null }

/* The visible rows, in order; `keep` leaves only those that fit, and what they are in. */
export function treeRows(tree: Tree, toggled: ReadonlySet<string>, keep: ((task: Task) => boolean) | null = null): TreeRow[] {
  const rows: TreeRow[] = [];
  const wanted = keep ? wantedKeys(tree, keep) : null;
  const walk = (key: string, depth: number): void => {
    for (const task of tree.children.get(key) ?? []) {
      if (wanted && !wanted.has(task.key)) continue;
      const group = !isLeaf(task.type);
      const open = group && (wanted !== null || isOpen(task.key, task.type, toggled));
      rows.push({ task, depth, group, open, progress: tree.progress.get(task.key) ?? null });
      if (open) walk(task.key, depth + 1);
    }
  };
  walk('root', 0);
  return rows;
}

function wantedKeys(tree: Tree, keep: (task: Task) => boolean): Set<string> {
  const wanted = new Set<string>();
  for (const task of tree.byKey.values())
    if (task.type !== 'ROOT' && keep(task)) {
      wanted.add(task.key);
      for (const up of ancestors(task.key)) wanted.add(up);
    }
  return wanted;
}
