/* Where an artifact came from, and what came of it. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { shortType } from '../../lib/format';
import { askLayout } from '../../lib/layout-client';
import type { Laid, LaidNode } from '../../lib/layout';
import { go, href, param, setParams } from '../../lib/route';
import type { Lineage, State } from '../../lib/types';
import { useGet } from '../../lib/use';
import { curve, firstOf, NODE_H, NODE_W } from '../../ui/dag';
import { Icon } from '../../ui/icons';
import { PanZoom } from '../../ui/pan-zoom';
import { Show } from '../../ui/parts';
import { StateIcon } from '../../ui/state';

type Node = Lineage['nodes'][number];

function open(n: Node): void {
  if (n.kind === 'artifact') go(href(`artifacts/details/${n.id}`, { tab: 'lineage' }).slice(1));
  else if (n.run_id) go(href(`runs/details/${n.run_id}`, { task: n.name }).slice(1));
}

function LineageNode({ n, box, at }: { n: Node; box: LaidNode; at: boolean }): JSX.Element {
  const artifact = n.kind === 'artifact';
  return (
    <div class={`dag-node ${artifact ? 'artifact-node' : `s-${n.state ?? 'SUCCEEDED'}`}${at ? ' selected' : ''}`} style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px`, height: `${box.h}px` }}>
      <button type="button" class="dag-face" title={n.run_name ?? n.name} onClick={() => open(n)}>
        {artifact ? <Icon name="artifacts" size={18} /> : <StateIcon state={(n.state as State | null) ?? 'SUCCEEDED'} size={18} />}
        <span class="dag-text">
          <span class="dag-name ellipsis">{n.name}</span>
          <span class="dag-sub ellipsis">{artifact ? shortType(n.type) : n.run_name}</span>
        </span>
      </button>
    </div>
  );
}

function Drawn({ of, id }: { of: Lineage; id: string }): JSX.Element {
  const [laid, setLaid] = useState<Laid | null>(null);
  useEffect(() => {
    const { done, drop } = askLayout(of.nodes.map((n) => ({ id: n.id, w: NODE_W, h: NODE_H, inside: null })), of.edges.map((e) => [e.from, e.to]));
    void done.then(setLaid);
    return () => void drop();
  }, [of]);
  if (!laid) return <div class="panzoom" />;
  const nodes = new Map(of.nodes.map((n) => [n.id, n]));
  const at = laid.nodes.find((n) => n.id === id) ?? null;
  return (
    <PanZoom w={laid.w} h={laid.h} first={firstOf(laid.nodes)} focus={at}>
      {() => (
        <>
          <svg class="edges" width={laid.w} height={laid.h} aria-hidden="true">{laid.edges.map((e) => <path key={e.id} d={curve(e.points)} class={e.from === id || e.to === id ? 'on' : ''} />)}</svg>
          {laid.nodes.map((box) => {
            const n = nodes.get(box.id);
            return n && <LineageNode key={n.id} n={n} box={box} at={n.id === id} />;
          })}
        </>
      )}
    </PanZoom>
  );
}

export function LineageGraph({ id }: { id: string }): JSX.Element {
  const depth = param('depth') || '3';
  const direction = param('way') || 'both';
  const lineage = useGet<Lineage>(`/ui/artifacts/${id}/lineage`, { depth, direction });
  return (
    <div class="fill bleed">
      <div class="tools">
        <label class="row">Show <select value={direction} onChange={(e) => setParams({ way: e.currentTarget.value === 'both' ? null : e.currentTarget.value })}><option value="both">both ways</option><option value="up">what it came from</option><option value="down">what came of it</option></select></label>
        <label class="row">Steps <select value={depth} onChange={(e) => setParams({ depth: e.currentTarget.value })}>{['1', '3', '6', '10', '20'].map((d) => <option key={d}>{d}</option>)}</select></label>
        {lineage.data?.more && <span class="muted">There is more further away.</span>}
      </div>
      <div class="grow"><Show of={lineage}>{(l) => <Drawn of={l} id={id} />}</Show></div>
    </div>
  );
}
