/* Reading a pipeline spec: which DAG a place in it is, what a task waits for, of which kind it is. */
import type { Spec, SpecComponent, SpecTask, TaskType } from './types';

type Dag = NonNullable<SpecComponent['dag']>;

export function componentOf(spec: Spec, task: SpecTask | undefined): SpecComponent | undefined {
  const name = task?.componentRef?.name;
  return name === undefined ? undefined : spec.components?.[name];
}

/* The DAG at a scope path, as ["root", "for-loop-1", "train"]. */
export function dagOf(spec: Spec, scope: readonly string[]): Dag | null {
  let dag = spec.root?.dag;
  for (const name of scope.slice(1)) dag = componentOf(spec, dag?.tasks[name])?.dag;
  return dag ?? null;
}

export function taskType(spec: Spec, task: SpecTask): TaskType {
  const component = componentOf(spec, task);
  if (task.parameterIterator || task.artifactIterator) return 'LOOP';
  if (!component?.dag) {
    const executor = component?.executorLabel === undefined ? undefined : spec.deploymentSpec?.executors?.[component.executorLabel];
    return executor?.importer ? 'IMPORTER' : 'RUNTIME';
  }
  const name = task.taskInfo?.name ?? '';
  if (name.startsWith('condition-branches')) return 'CONDITION_BRANCH';
  if (task.triggerPolicy?.condition) return 'CONDITION';
  return name.startsWith('exit-handler') ? 'EXIT_HANDLER' : 'DAG';
}

function producers(inputs: SpecTask['inputs']): string[] {
  const names: string[] = [];
  for (const group of [inputs?.parameters, inputs?.artifacts]) {
    for (const input of Object.values(group ?? {})) {
      for (const kind of ['taskOutputParameter', 'taskOutputArtifact', 'taskFinalStatus']) {
        const from = input[kind] as { producerTask?: string } | undefined;
        if (from?.producerTask) names.push(from.producerTask);
      }
    }
  }
  return names;
}

/* The tasks of the same DAG that come before it. */
export function before(task: SpecTask): string[] {
  return [...new Set([...(task.dependentTasks ?? []), ...producers(task.inputs)])];
}

/* The steps that a run has at least: those of loops counted once. */
export function leafCount(spec: Spec, component: SpecComponent | undefined = spec.root, depth = 0): number {
  if (depth > 20) return 0;
  return Object.values(component?.dag?.tasks ?? {}).reduce((n, task) => {
    const inner = componentOf(spec, task);
    return n + (inner?.dag ? leafCount(spec, inner, depth + 1) : 1);
  }, 0);
}

export function taskLabel(name: string, task: SpecTask): string {
  return task.taskInfo?.name || name;
}

/* A condition as its author wrote it, near enough: without what the compiler put around the names. */
export function conditionText(condition: string | undefined): string {
  return (condition ?? '').replace(/inputs\.parameter_values\['(?:pipelinechannel--)?([^']+)'\]/g, '$1');
}
