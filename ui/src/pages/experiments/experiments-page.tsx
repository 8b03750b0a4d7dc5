import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post } from '../../lib/api';
import { param, setParams } from '../../lib/route';
import { attempt } from '../../lib/toast';
import type { Experiment } from '../../lib/types';
import { useTitle } from '../../lib/use';
import { useList } from '../../lib/use-list';
import { ListTable } from '../../ui/list-table';
import { Button, Dialog, Field, Header, Time } from '../../ui/parts';

function NewExperiment({ onClose, onDone }: { onClose: () => void; onDone: () => void }): JSX.Element {
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const make = (e: Event): void => {
    e.preventDefault();
    if (!name) return;
    void attempt(post('/apis/v2beta1/experiments', { display_name: name, description }), 'Made').then((ok) => {
      if (!ok) return;
      onDone();
      onClose();
    });
  };
  return (
    <Dialog title="New experiment" onClose={onClose} footer={<Button kind="primary" disabled={!name} onClick={make}>Make it</Button>}>
      <form class="stack" onSubmit={make}>
        <Field label="Name"><input value={name} maxLength={128} onInput={(e) => setName(e.currentTarget.value)} /></Field>
        <Field label="Description"><input value={description} onInput={(e) => setDescription(e.currentTarget.value)} /></Field>
      </form>
    </Dialog>
  );
}

export function ExperimentsPage(): JSX.Element {
  const list = useList<Experiment>('/ui/experiments', {}, 'experiment');
  useTitle('Experiments');
  return (
    <div class="page">
      <Header title="Experiments" badge={list.total !== null && <span class="count">{list.total}</span>} actions={<Button icon="plus" onClick={() => setParams({ new: '1' })}>New experiment</Button>} />
      <ListTable
        list={list} id={(e) => e.id} to={(e) => `#/experiments/details/${e.id}`}
        columns={[
          { name: 'Experiment', cls: 'name', cell: (e) => <a href={`#/experiments/details/${e.id}`}>{e.name}</a> },
          { name: 'Description', cell: (e) => <span class="muted">{e.description}</span> },
          { name: 'Runs', cls: 'fit right num', cell: (e) => e.n_runs },
          { name: 'Last run', cls: 'fit', cell: (e) => <Time at={e.last_run_at} /> },
          { name: 'Created', cls: 'fit', cell: (e) => <Time at={e.created_at} /> },
        ]}
        empty={{ icon: 'experiments', title: 'No experiments yet', text: 'An experiment holds runs that are to be compared.', command: 'dhow run pipeline.yaml --experiment tuning' }}
      />
      {param('new') && <NewExperiment onClose={() => setParams({ new: null })} onDone={list.reload} />}
    </div>
  );
}
