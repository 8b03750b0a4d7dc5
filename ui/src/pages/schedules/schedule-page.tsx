import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post, send } from '../../lib/api';
import { ago, dateTime, plural } from '../../lib/format';
import { go, param, setParams } from '../../lib/route';
import { attempt } from '../../lib/toast';
import type { WholeSchedule } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Icon } from '../../ui/icons';
import { Button, Header, Menu, Show } from '../../ui/parts';
import { Fact, Facts, Values } from '../../ui/values';
import { RunTable } from '../runs/run-table';
import { useRuns } from '../runs/use-runs';
import { ScheduleForm } from './schedule-form';
import { when } from './schedule-words';
import { Switch } from './schedules-page';

function Content({ of, reload }: { of: WholeSchedule; reload: () => void }): JSX.Element {
  const [editing, setEditing] = useState(false);
  const runs = useRuns({ text: '', sort: param('sort'), archived: false, schedule: of.id });
  const trigger = (): void => void attempt(post<{ run_id: string }>(`/ui/schedules/${of.id}/trigger`, {})).then((a) => a && go(`/runs/details/${a.run_id}`));
  const remove = (): void => {
    if (confirm(`Delete the schedule ${of.name}? Its runs stay.`)) void attempt(send('DELETE', `/ui/schedules/${of.id}`), 'Deleted').then((ok) => ok && go('/schedules'));
  };
  return (
    <>
      <Header
        above={<a href="#/schedules">Schedules</a>} title={of.name} badge={<Switch of={of} onDone={reload} />} sub={<><span>{when(of.trigger)}</span><span>{plural(of.n_runs, 'run')}</span>{of.description && <span>{of.description}</span>}</>}
        actions={<><Button icon="play" onClick={trigger}>Run now</Button><Button icon="edit" onClick={() => setEditing(true)}>Change…</Button><Menu button={<Icon name="more" />} label="More"><button type="button" class="danger" onClick={remove}><Icon name="trash" /> Delete…</button></Menu></>}
      />
      {of.error && <p class="why-line s-FAILED">{of.error}</p>}
      <div class="columns">
        <section class="card">
          <div class="card-head"><h2>About</h2></div>
          <div class="card-body">
            <Facts>
              <Fact name="Pipeline">{of.pipeline && <a href={`#/pipelines/details/${of.pipeline.id}`}>{of.pipeline.name}</a>}</Fact>
              <Fact name="Version">{of.version?.name ?? 'the newest at each time'}</Fact>
              <Fact name="Experiment">{of.experiment && <a href={`#/experiments/details/${of.experiment.id}`}>{of.experiment.name}</a>}</Fact>
              <Fact name="Cron">{of.trigger.cron && <code>{of.trigger.cron}</code>}</Fact>
              <Fact name="Time zone">{of.trigger.time_zone}</Fact>
              <Fact name="Not before">{dateTime(of.trigger.start_time)}</Fact>
              <Fact name="Not after">{dateTime(of.trigger.end_time)}</Fact>
              <Fact name="Missed times">{of.no_catchup ? 'are left out' : 'are made up for'}</Fact>
              <Fact name="At a time">{`${of.max_concurrency}; ${{ wait: 'the next waits', skip: 'the next is left out', cancel: 'the old one is canceled' }[of.overlap]}`}</Fact>
            </Facts>
          </div>
        </section>
        <section class="card">
          <div class="card-head"><h2>Next</h2></div>
          <ol class="card-body next">{of.enabled && of.next.length ? of.next.map((t) => <li key={t} class="num">{dateTime(t)} <span class="muted">{ago(t)}</span></li>) : <li class="muted">{of.enabled ? 'Never again.' : 'It is off.'}</li>}</ol>
        </section>
        <section class="card"><div class="card-head"><h2>Parameters</h2></div><div class="card-body"><Values of={of.parameters} empty="As the pipeline has them." /></div></section>
      </div>
      <RunTable runs={runs} columns={param('columns').split(',').filter(Boolean)} onColumns={(c) => setParams({ columns: c.join(',') })} sort={param('sort')} onSort={(s) => setParams({ sort: s })} empty={{ icon: 'runs', title: 'It has not run yet', text: 'Its runs are listed here.' }} />
      {editing && <ScheduleForm schedule={of} pipeline="" onClose={() => setEditing(false)} onDone={reload} />}
    </>
  );
}

export function SchedulePage({ path }: { path: string[] }): JSX.Element {
  const schedule = useGet<WholeSchedule>(`/ui/schedules/${path[2] ?? ''}`, {}, 'schedule');
  useTitle(schedule.data?.name);
  return <div class="page"><Show of={schedule}>{(s) => <Content of={s} reload={schedule.reload} />}</Show></div>;
}
