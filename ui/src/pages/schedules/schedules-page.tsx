import type { JSX } from 'preact';
import { post } from '../../lib/api';
import { param, setParams } from '../../lib/route';
import { attempt } from '../../lib/toast';
import type { Schedule } from '../../lib/types';
import { useTitle } from '../../lib/use';
import { useList } from '../../lib/use-list';
import { ListTable } from '../../ui/list-table';
import { Button, Header, Time } from '../../ui/parts';
import { when } from './schedule-words';
import { ScheduleForm } from './schedule-form';

export function Switch({ of, onDone }: { of: Schedule; onDone: () => void }): JSX.Element {
  const flip = (): void => void attempt(post(`/ui/schedules/${of.id}/${of.enabled ? 'disable' : 'enable'}`, {}), of.enabled ? 'Off' : 'On').then(onDone);
  return (
    <button type="button" class="switch" role="switch" aria-checked={of.enabled} aria-label={`${of.name} is ${of.enabled ? 'on' : 'off'}`} onClick={flip}>
      <i />{of.enabled ? 'On' : 'Off'}
    </button>
  );
}

export function SchedulesPage(): JSX.Element {
  const list = useList<Schedule>('/ui/schedules', {}, 'schedule');
  const fromPipeline = param('new'); /* a pipeline's id, or "any" */
  useTitle('Schedules');
  return (
    <div class="page">
      <Header title="Schedules" badge={list.total !== null && <span class="count">{list.total}</span>} actions={<Button icon="plus" kind="primary" onClick={() => setParams({ new: 'any' })}>New schedule</Button>} />
      <ListTable
        list={list} id={(s) => s.id} to={(s) => `#/recurringrun/details/${s.id}`}
        columns={[
          { name: 'On', cls: 'fit', cell: (s) => <Switch of={s} onDone={list.reload} /> },
          { name: 'Schedule', cls: 'name', cell: (s) => <a href={`#/recurringrun/details/${s.id}`}>{s.name}</a> },
          { name: 'Pipeline', cell: (s) => s.pipeline && <a class="plain" href={`#/pipelines/details/${s.pipeline.id}`}>{s.pipeline.name} <span class="muted">{s.version?.name ?? 'newest'}</span></a> },
          { name: 'When', cell: (s) => when(s.trigger) },
          { name: 'Next', cls: 'fit', cell: (s) => (s.enabled ? <Time at={s.next_at} /> : <span class="muted">–</span>) },
          { name: 'Last', cls: 'fit', cell: (s) => <Time at={s.last_at} /> },
          { name: 'Runs', cls: 'fit right num', cell: (s) => s.n_runs },
        ]}
        empty={{ icon: 'schedules', title: 'No schedules yet', text: 'A schedule runs a pipeline again and again: by cron, or each so many minutes. The server keeps it.' }}
      />
      {fromPipeline && <ScheduleForm schedule={null} pipeline={fromPipeline === 'any' ? '' : fromPipeline} onClose={() => setParams({ new: null })} onDone={list.reload} />}
    </div>
  );
}
