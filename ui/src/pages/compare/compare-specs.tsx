import type { JSX } from 'preact';
import type { Json } from '../../lib/types';
import { useGet } from '../../lib/use';
import { yaml } from '../../lib/yaml';
import { DiffView } from '../../ui/diff-view';
import { Show } from '../../ui/parts';
import type { CompareProps } from './compare-page';
import { pair, PairChoice } from './pair';

interface SpecAnswer { pipeline_spec: Json; platform_spec: Json }
const text = (s: SpecAnswer): string => yaml(s.platform_spec ? [s.pipeline_spec, s.platform_spec] : s.pipeline_spec);

export function CompareSpecs({ of }: CompareProps): JSX.Element | null {
  const two = pair(of);
  const a = useGet<SpecAnswer>(two && `/ui/runs/${two[0].run_id}/spec`);
  const b = useGet<SpecAnswer>(two && `/ui/runs/${two[1].run_id}/spec`);
  if (!two) return null;
  return (
    <section class="stack">
      <div class="row"><PairChoice of={of} a={two[0]} b={two[1]} /></div>
      {!of.specs_differ && <p class="muted">All of these runs used the same pipeline.</p>}
      <Show of={a}>{(x) => <Show of={b}>{(y) => <DiffView a={text(x)} b={text(y)} aName={`#${two[0].number}`} bName={`#${two[1].number}`} />}</Show>}</Show>
    </section>
  );
}
