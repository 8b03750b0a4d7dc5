import type { JSX } from 'preact';
import type { ModelRow } from '../../lib/types';
import { useTitle } from '../../lib/use';
import { useList } from '../../lib/use-list';
import { ListTable } from '../../ui/list-table';
import { Header, Time } from '../../ui/parts';

const to = (m: ModelRow): string => `#/models/details/${encodeURIComponent(m.name)}`;

export function ModelsPage(): JSX.Element {
  const list = useList<ModelRow>('/ui/models', {}, 'model');
  useTitle('Models');
  return (
    <div class="page">
      <Header title="Models" badge={list.total !== null && <span class="count">{list.total}</span>} />
      <ListTable
        list={list} id={(m) => m.id} to={to}
        columns={[
          { name: 'Model', cls: 'name', cell: (m) => <a href={to(m)}>{m.name}</a> },
          { name: 'Description', cell: (m) => <span class="muted">{m.description}</span> },
          { name: 'Newest version', cls: 'fit', cell: (m) => <code>{m.latest}</code> },
          { name: 'Versions', cls: 'fit right num', cell: (m) => m.n_versions },
          { name: 'Changed', cls: 'fit', cell: (m) => <Time at={m.updated_at} /> },
        ]}
        empty={{ icon: 'models', title: 'No models yet', text: 'A pipeline that promotes a model registers it here, with its metrics and where it came from.', command: 'dhow run pipelines/model_selection/pipeline.yaml' }}
      />
    </div>
  );
}
