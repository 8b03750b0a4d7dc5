import type { JSX } from 'preact';
import { param, setParams } from '../../lib/route';
import type { PipelineRow } from '../../lib/types';
import { useTitle } from '../../lib/use';
import { useList } from '../../lib/use-list';
import { ListTable } from '../../ui/list-table';
import { Button, Header, Tags, Time } from '../../ui/parts';
import { SearchField } from '../../ui/search-field';
import { Upload } from './upload';

export function PipelinesPage(): JSX.Element {
  const name = param('q');
  const list = useList<PipelineRow>('/ui/pipelines', { name }, 'pipeline');
  useTitle('Pipelines');
  return (
    <div class="page">
      <Header title="Pipelines" badge={list.total !== null && <span class="count">{list.total}</span>} actions={<Button icon="upload" kind="primary" onClick={() => setParams({ upload: '1' })}>Upload</Button>} />
      <SearchField value={name} label="Find pipelines" onChange={(q) => setParams({ q })} />
      <ListTable
        list={list} id={(p) => p.id} to={(p) => `#/pipelines/details/${p.id}`}
        columns={[
          { name: 'Pipeline', cls: 'name', cell: (p) => <span class="row nowrap"><a href={`#/pipelines/details/${p.id}`}>{p.display_name || p.name}</a><Tags tags={p.tags} /></span> },
          { name: 'Description', cell: (p) => <span class="muted">{p.description}</span> },
          { name: 'Newest version', cls: 'fit', cell: (p) => p.latest_version?.name },
          { name: 'Versions', cls: 'fit right num', cell: (p) => p.n_versions },
          { name: 'Runs', cls: 'fit right num', cell: (p) => p.n_runs },
          { name: 'Last run', cls: 'fit', cell: (p) => <Time at={p.last_run_at} /> },
        ]}
        empty={name ? { icon: 'search', title: 'No pipeline of that name', text: 'Take the filter away to see all.' } : { icon: 'pipelines', title: 'No pipelines yet', text: 'Upload a compiled pipeline, or run one: it is kept with its versions.', command: 'dhow run pipeline.yaml' }}
      />
      {param('upload') && <Upload pipeline={null} onClose={() => setParams({ upload: null })} />}
    </div>
  );
}
