/* What the graph shows: the pipeline's DAG with the tasks' states on it. A closed group is one node, an open one a
 * box with its own level inside; of a loop one iteration is shown at a time. */
import type { Spec, SpecComponent, State, TaskType } from './types';
import { before, componentOf, conditionText, taskLabel, taskType } from './spec';
import { reason, waits } from './words';
import { isLeaf, isOpen, type Progress, type Tree } from './tree';

export interface GraphNode {
  id: string; /* the task's key, also where it has not been started */
  label: string;
  type: TaskType;
  state: State | null; /* null: only a plan, no run */
  reason: string | null;
  progress: Progress | null;
  iteration: { index: number; count: number } | null; /* of an open loop */
  inside: Level | null; /* of an open group */
  openable: boolean;
  hint: string;
}
export interface Level { nodes: GraphNode[]; edges: [string, string][] }
export interface View {
  tree: Tree | null;
  toggled: ReadonlySet<string>;
  must: ReadonlySet<string>; /* keys that are open whatever was toggled: around the selection */
  iterations: ReadonlyMap<string, number>;
}

export function graphOf(spec: Spec, view: View): Level {
  return level(spec, spec.root, 'root', view, new Set());
}

function level(spec: Spec, component: SpecComponent | undefined, key: string, view: View, above: ReadonlySet<SpecComponent>): Level {
  const tasks = component?.dag?.tasks ?? {};
  const out: Level = { nodes: [], edges: [] };
  const inside = new Set(above);
  if (component) inside.add(component);
  for (const [name, task] of Object.entries(tasks)) {
    const id = `${key}.${name}`;
    const inner = componentOf(spec, task);
    out.nodes.push(node(spec, { id, name, type: taskType(spec, task), label: taskLabel(name, task), inner, hint: conditionText(task.triggerPolicy?.condition) }, view, inside));
    for (const from of before(task)) if (from in tasks) out.edges.push([`${key}.${from}`, id]);
  }
  return out;
}

interface Plan { id: string; name: string; type: TaskType; label: string; inner: SpecComponent | undefined; hint: string }

function node(spec: Spec, plan: Plan, view: View, above: ReadonlySet<SpecComponent>): GraphNode {
  const { id, inner } = plan;
  const { tree } = view;
  const task = tree?.byKey.get(id);
  const type = task?.type ?? plan.type;
  const openable = !isLeaf(type) && inner?.dag !== undefined && !above.has(inner);
  const open = openable && (view.must.has(id) || isOpen(id, type, view.toggled));
  const loop = open && type === 'LOOP' && tree ? chosen(tree, view.iterations, id) : null;
  return {
    id,
    type,
    label: task?.display_name || plan.label,
    ...onRun(spec, tree, id),
    iteration: loop,
    inside: open ? level(spec, inner, loop ? `${id}[${loop.index}]` : id, view, above) : null,
    openable,
    hint: plan.hint,
  };
}

function onRun(spec: Spec, tree: Tree | null, id: string): Pick<GraphNode, 'state' | 'reason' | 'progress'> {
  if (!tree) return { state: null, reason: null, progress: null };
  const task = tree.byKey.get(id);
  return { state: task?.state ?? 'PENDING', reason: (task ? reason(task, tree.byKey, spec) : waits(id, tree.byKey, spec)) || null, progress: tree.progress.get(id) ?? null };
}

/* The iteration that is shown: the one picked, else the first that failed or runs, else the first. */
function chosen(tree: Tree, picks: ReadonlyMap<string, number>, id: string): { index: number; count: number } {
  const all = tree.children.get(id) ?? [];
  const telling = all.find((t) => t.state === 'FAILED') ?? all.find((t) => t.state === 'RUNNING');
  return { index: picks.get(id) ?? telling?.iteration_index ?? 0, count: all.length };
}
