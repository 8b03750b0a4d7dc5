/* What a run would do: the graph of the spec, and what each of its tasks is. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { graphOf } from '../../lib/graph-model';
import { before, componentOf, dagOf, taskLabel, taskType } from '../../lib/spec';
import type { Json, JsonMap, Spec, SpecComponent, SpecInput, SpecTask, WholeVersion } from '../../lib/types';
import { typeName } from '../../lib/inputs';
import { shortType, value } from '../../lib/format';
import { Dag } from '../../ui/dag';
import { kindName } from '../../ui/dag-node';
import { Button } from '../../ui/parts';
import { Pre } from '../../ui/pre';
import { Fact, Facts } from '../../ui/values';
import { around, select, selected, toggle, toggled } from '../run/selection';

function Ports({ title, of }: { title: string; of: SpecComponent['inputDefinitions'] }): JSX.Element | null {
  const all: [string, string][] = [
    ...Object.entries(of?.parameters ?? {}).map(([k, p]): [string, string] => [k, String(p.parameterType ?? '').toLowerCase().replace('number_', '')]),
    ...Object.entries(of?.artifacts ?? {}).map(([k, a]): [string, string] => [k, shortType(((a.artifactType as JsonMap | undefined)?.schemaTitle as string | undefined) ?? 'artifact')]),
  ];
  if (!all.length) return null;
  return <section><h3>{title}</h3><dl class="values">{all.map(([k, t]) => <div key={k}><dt>{k}</dt><dd class="muted">{t}</dd></div>)}</dl></section>;
}

type Container = { image?: string; command?: string[]; args?: string[] };

function containerOf(spec: Spec, component: SpecComponent | undefined): Container | undefined {
  const label = component?.executorLabel;
  return label === undefined ? undefined : (spec.deploymentSpec?.executors?.[label]?.container as Container | undefined);
}

function TaskFacts({ task, container }: { task: SpecTask; container: Container | undefined }): JSX.Element {
  const number = (n: number | undefined): string => (n ? String(n) : '');
  return (
    <Facts>
      <Fact name="Condition">{task.triggerPolicy?.condition && <code>{task.triggerPolicy.condition}</code>}</Fact>
      <Fact name="After">{before(task).join(', ')}</Fact>
      <Fact name="Retries">{number(task.retryPolicy?.maxRetryCount)}</Fact>
      <Fact name="At a time">{number(task.iteratorPolicy?.parallelismLimit)}</Fact>
      <Fact name="Cache">{task.cachingOptions?.enableCache ? 'on' : 'off'}</Fact>
      <Fact name="Image">{container?.image && <code>{container.image}</code>}</Fact>
    </Facts>
  );
}

function TaskSide({ spec, at }: { spec: Spec; at: string }): JSX.Element | null {
  const scope = at.split('.');
  const name = scope.pop() ?? '';
  const task = dagOf(spec, scope)?.tasks[name];
  if (!task) return null;
  const component = componentOf(spec, task);
  const container = containerOf(spec, component);
  return (
    <div class="panel">
      <div class="panel-head">
        <div class="grow"><h2>{taskLabel(name, task)}</h2><span class="muted small">{kindName(taskType(spec, task))}</span></div>
        <Button icon="close" kind="ghost" label="Close" onClick={() => select(null)} />
      </div>
      <div class="panel-body">
        <TaskFacts task={task} container={container} />
        <Ports title="Inputs" of={component?.inputDefinitions} />
        <Ports title="Outputs" of={component?.outputDefinitions} />
        {container?.command && <section class="stack tight"><h3>Command</h3><Pre text={[...container.command, ...(container.args ?? [])].join('\n')} label="Command" /></section>}
      </div>
    </div>
  );
}

function Inputs({ of }: { of: SpecInput[] }): JSX.Element {
  const shown = (d: Json): string => value(d) || 'empty';
  return (
    <div class="panel">
      <h2 class="sr">The pipeline</h2>
      <div class="panel-body">
        <section>
          <h3>Parameters</h3>
          {of.length === 0 && <p class="muted">This pipeline has no parameters.</p>}
          <dl class="values">{of.map((i) => <div key={i.name}><dt>{i.name}</dt><dd><span>{i.default === null ? <span class="muted">{typeName(i.type)}{i.optional ? '' : ', needed'}</span> : <span class="value">{shown(i.default)}</span>}{i.description && <span class="muted small"> {i.description}</span>}</span></dd></div>)}</dl>
        </section>
      </div>
    </div>
  );
}

export function VersionGraph({ version }: { version: WholeVersion }): JSX.Element {
  const spec = version.pipeline_spec;
  const key = selected();
  const open = [...toggled()].join();
  const level = useMemo(() => graphOf(spec, { tree: null, toggled: toggled(), must: around(key), iterations: new Map() }), [spec, open, key]);
  return (
    <div class={`run-body${key ? ' chosen' : ''}`}>
      <section class="run-view" aria-label="Graph"><Dag level={level} selected={key} times={() => ''} onSelect={select} onToggle={toggle} /></section>
      <aside class="run-side" aria-label={key ? 'Selected task' : 'Parameters'}>{key ? <TaskSide spec={spec} at={key} /> : <Inputs of={version.inputs} />}</aside>
    </div>
  );
}
