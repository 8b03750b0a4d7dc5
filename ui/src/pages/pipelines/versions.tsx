import type { JSX } from 'preact';
import { href } from '../../lib/route';
import type { WholePipeline } from '../../lib/types';
import { Tags, Time } from '../../ui/parts';

export function Versions({ pipeline, at }: { pipeline: WholePipeline; at: string }): JSX.Element {
  const path = (id: string): string => `pipelines/details/${pipeline.id}/version/${id}`;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Versions">
      <table class="table">
        <thead><tr><th>Version</th><th>Description</th><th>Code</th><th class="fit">Created</th><th class="fit">Spec</th><th class="fit"><span class="sr">Changes</span></th></tr></thead>
        <tbody>
          {pipeline.versions.map((v, i) => {
            const older = pipeline.versions[i + 1];
            return (
              <tr key={v.id} class={v.id === at ? 'at' : ''}>
                <td class="name"><span class="row nowrap"><a href={href(path(v.id))}>{v.display_name || v.name}</a>{i === 0 && <span class="tag">newest</span>}<Tags tags={v.tags} /></span></td>
                <td class="muted">{v.description}</td>
                <td>{v.code_source_url && <a href={v.code_source_url} rel="noreferrer">{v.code_source_url}</a>}</td>
                <td class="fit"><Time at={v.created_at} /></td>
                <td class="fit"><code title={v.spec_digest}>{v.spec_digest.slice(0, 8)}</code></td>
                <td class="fit">{older && <a href={href(path(v.id), { tab: 'diff', with: older.id })}>what changed</a>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
