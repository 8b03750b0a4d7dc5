import type { JSX } from 'preact';
import { param, setParams } from '../../lib/route';
import type { Json, WholeVersion } from '../../lib/types';
import { useGet } from '../../lib/use';
import { yaml } from '../../lib/yaml';
import { DiffView } from '../../ui/diff-view';
import { Empty, Show } from '../../ui/parts';
import type { VersionProps } from './pipeline-page';

const text = (v: WholeVersion): string => yaml((v.platform_spec ? [v.pipeline_spec, v.platform_spec] : v.pipeline_spec) as unknown as Json);

export function VersionDiff({ pipeline, version }: VersionProps): JSX.Element {
  const at = pipeline.versions.findIndex((v) => v.id === version.id);
  const others = pipeline.versions.filter((v) => v.id !== version.id);
  const chosen = others.find((v) => v.id === param('with')) ?? pipeline.versions[at + 1] ?? others[0];
  const other = useGet<WholeVersion>(chosen ? `/ui/versions/${chosen.id}` : null);
  if (!chosen) return <Empty icon="compare" title="Only one version">A second version of this pipeline can be compared with it.</Empty>;
  return (
    <section class="stack">
      <label class="row">From
        <select value={chosen.id} onChange={(e) => setParams({ with: e.currentTarget.value })}>{others.map((v) => <option key={v.id} value={v.id}>{v.name}</option>)}</select>
        to {version.name}
      </label>
      <Show of={other}>{(o) => <DiffView a={text(o)} b={text(version)} aName={o.name} bName={version.name} />}</Show>
    </section>
  );
}
