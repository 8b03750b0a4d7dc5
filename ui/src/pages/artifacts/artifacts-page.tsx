import type { JSX } from 'preact';
import { bytes, shortType } from '../../lib/format';
import { param, setParams } from '../../lib/route';
import type { Artifact } from '../../lib/types';
import { useTitle } from '../../lib/use';
import { useList } from '../../lib/use-list';
import { ListTable } from '../../ui/list-table';
import { Header, Time } from '../../ui/parts';
import { SearchField } from '../../ui/search-field';

const TYPES = ['Artifact', 'Dataset', 'Model', 'Metrics', 'ClassificationMetrics', 'SlicedClassificationMetrics', 'HTML', 'Markdown'];
const to = (a: Artifact): string => `#/artifacts/details/${a.artifact_id}`;

export function ArtifactsPage(): JSX.Element {
  const name = param('q');
  const type = param('type');
  const list = useList<Artifact>('/ui/artifacts', { name, type: type && `system.${type}` });
  useTitle('Artifacts');
  return (
    <div class="page">
      <Header title="Artifacts" />
      <div class="row nowrap">
        <div class="grow"><SearchField value={name} label="Find artifacts" onChange={(q) => setParams({ q })} /></div>
        <select aria-label="Type" value={type} onChange={(e) => setParams({ type: e.currentTarget.value })}>
          <option value="">Any type</option>
          {TYPES.map((t) => <option key={t}>{t}</option>)}
        </select>
      </div>
      <ListTable
        list={list} id={(a) => a.artifact_id} to={to}
        columns={[
          { name: 'Artifact', cls: 'name', cell: (a) => <a href={to(a)}>{a.name ?? a.artifact_id}</a> },
          { name: 'Type', cls: 'fit', cell: (a) => shortType(a.type) },
          { name: 'Made by', cell: (a) => a.producer && <a class="plain" href={`#/runs/details/${a.producer.run_id}?task=${encodeURIComponent(a.producer.task)}`}>{a.producer.task}</a> },
          { name: 'Size', cls: 'fit right num', cell: (a) => bytes(a.size_bytes) },
          { name: 'Digest', cls: 'fit', cell: (a) => a.digest && <code title={a.digest}>{a.digest.slice(0, 12)}</code> },
          { name: 'Created', cls: 'fit', cell: (a) => <Time at={a.created_at ?? null} /> },
        ]}
        empty={name || type ? { icon: 'search', title: 'No artifact fits', text: 'Take the filter away to see all.' } : { icon: 'artifacts', title: 'No artifacts yet', text: 'What steps make is listed here, and can be followed back to where it came from.', command: 'dhow run pipeline.yaml' }}
      />
    </div>
  );
}
