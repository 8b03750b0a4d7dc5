/* Artifacts of a task, each opens to a preview. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { bytes, shortType } from '../../lib/format';
import type { Artifact } from '../../lib/types';
import { Preview } from '../../preview/preview';
import { Icon } from '../../ui/icons';

const VISUAL = /Metrics|HTML|Markdown/;

export function ArtifactEntry({ artifact, name, open }: { artifact: Artifact; name: string; open: boolean }): JSX.Element {
  const [shown, setShown] = useState(open);
  return (
    <details class="artifact" open={open} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>
        <span class="twisty"><Icon name="right" size={12} /></span>
        <span class="grow ellipsis"><strong>{name}</strong> <span class="muted">{shortType(artifact.type)}</span></span>
        <span class="muted num small">{bytes(artifact.size_bytes)}</span>
      </summary>
      {shown && (
        <div>
          <Preview artifact={artifact} />
          <a class="small row" href={`#/artifacts/details/${artifact.artifact_id}?tab=lineage`}><Icon name="branch" size={14} /> Where {name} came from and went</a>
        </div>
      )}
    </details>
  );
}

export function ArtifactList({ of, open }: { of: { [key: string]: Artifact[] }; open: boolean }): JSX.Element {
  const all = Object.entries(of).flatMap(([key, list]) => list.map((a, i) => ({ a, name: list.length > 1 ? `${key} ${i + 1}` : key })));
  return <>{all.map(({ a, name }) => <ArtifactEntry key={a.artifact_id + name} artifact={a} name={name} open={open && (VISUAL.test(a.type) || all.length === 1)} />)}</>;
}
