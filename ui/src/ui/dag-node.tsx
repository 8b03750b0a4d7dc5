import type { JSX } from 'preact';
import type { GraphNode } from '../lib/graph-model';
import type { LaidNode } from '../lib/layout';
import type { TaskType } from '../lib/types';
import { stateWord } from '../lib/words';
import { Icon, type IconName } from './icons';
import { StateIcon } from './state';

const KINDS: { [type in TaskType]: [IconName, string] } = {
  ROOT: ['pipelines', 'pipeline'],
  RUNTIME: ['box', 'step'],
  IMPORTER: ['download', 'importer'],
  CONDITION: ['branch', 'condition'],
  CONDITION_BRANCH: ['branch', 'branches'],
  LOOP: ['loop', 'loop'],
  LOOP_ITERATION: ['loop', 'iteration'],
  EXIT_HANDLER: ['external', 'exit handler'],
  DAG: ['pipelines', 'pipeline'],
};
export const kindName = (type: TaskType): string => KINDS[type][1];
export const kindIcon = (type: TaskType): IconName => KINDS[type][0];

interface Props {
  box: LaidNode;
  node: GraphNode;
  selected: boolean;
  time: string;
  onSelect: (id: string) => void;
  onToggle: (id: string) => void;
  onIteration: ((id: string, index: number) => void) | undefined;
}

function Second({ node, time }: { node: GraphNode; time: string }): JSX.Element {
  const { progress: p, state } = node;
  if (p && node.openable && !node.inside)
    return (
      <span class="dag-sub">
        <span class="bar"><i class={p.failed ? 'fail' : p.done === p.total ? 'ok' : ''} style={{ width: `${(100 * p.done) / p.total}%` }} /></span>
        <span class="num">{p.done}/{p.total}</span>
        {time && <span class="num">{time}</span>}
      </span>
    );
  const told = state === 'RUNNING' || state === 'PENDING' ? node.reason : null; /* what it waits for: a task, a person, its image */
  const word = told ?? (state && state !== 'SUCCEEDED' ? stateWord(state).toLowerCase() : '');
  return <span class="dag-sub ellipsis">{[word, time].filter(Boolean).join(' · ') || node.hint || kindName(node.type)}</span>;
}

function Iteration({ node, onIteration }: { node: GraphNode; onIteration: (id: string, index: number) => void }): JSX.Element | null {
  const it = node.iteration;
  if (!it || it.count < 1) return null;
  const to = (step: number): void => onIteration(node.id, (it.index + step + it.count) % it.count);
  return (
    <span class="dag-iter num">
      <button type="button" aria-label="Iteration before" onClick={() => to(-1)}><Icon name="left" size={12} /></button>
      {it.index + 1} of {it.count}
      <button type="button" aria-label="Next iteration" onClick={() => to(1)}><Icon name="right" size={12} /></button>
    </span>
  );
}

export function DagNode({ box, node, selected, time, onSelect, onToggle, onIteration }: Props): JSX.Element {
  const style = { left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px`, height: `${box.h}px` };
  const state = node.state;
  const opener = node.openable && (
    <button type="button" class="dag-open" aria-label={`${node.inside ? 'Close' : 'Open'} ${node.label}`} aria-expanded={node.inside !== null} onClick={() => onToggle(node.id)}>
      <Icon name={node.inside ? 'up' : 'down'} size={14} />
    </button>
  );
  return (
    <div class={`dag-node ${state ? `s-${state}` : 'plan'}${node.inside ? ' group' : ''}${selected ? ' selected' : ''}`} style={style}>
      <button type="button" class="dag-face" data-id={node.id} aria-pressed={selected} title={node.reason ?? node.label} onClick={() => onSelect(node.id)} onDblClick={() => node.openable && onToggle(node.id)}>
        {state ? <StateIcon state={state} size={18} /> : <Icon name={kindIcon(node.type)} size={18} />}
        <span class="dag-text">
          <span class="dag-name ellipsis">
            {state && node.openable && <Icon name={kindIcon(node.type)} size={13} />}
            {node.label}
            <span class="sr">, {kindName(node.type)}</span>
          </span>
          {node.inside ? node.hint && <code class="dag-hint ellipsis" title={node.hint}>{node.hint}</code> : <Second node={node} time={time} />}
        </span>
      </button>
      {node.inside && onIteration && <Iteration node={node} onIteration={onIteration} />}
      {opener}
    </div>
  );
}
