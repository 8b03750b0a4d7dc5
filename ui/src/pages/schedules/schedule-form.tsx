/* A schedule, new or changed. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { post, send, type ApiError } from '../../lib/api';
import { dateTime } from '../../lib/format';
import { fromText } from '../../lib/inputs';
import type { JsonMap, Page, PipelineRow, Schedule } from '../../lib/types';
import { useGet } from '../../lib/use';
import { Button, Dialog, Failure, Field } from '../../ui/parts';

interface Draft {
  name: string; pipeline: string; kind: 'cron' | 'interval'; cron: string; minutes: string; zone: string;
  start: string; end: string; catchup: boolean; most: string; overlap: Schedule['overlap']; parameters: string;
}

const local = (t: string | null): string => dateTime(t).replace(' ', 'T').slice(0, 16);
const iso = (t: string): string | null => (t ? new Date(t).toISOString() : null);

function fresh(pipeline: string): Draft {
  return {
    name: '', pipeline, kind: 'cron', cron: '0 0 6 * * *', minutes: '60', zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    start: '', end: '', catchup: false, most: '1', overlap: 'wait', parameters: '{}',
  };
}

function draftOf(s: Schedule): Draft {
  const { trigger: t } = s;
  const base = fresh(s.pipeline?.id ?? '');
  return {
    ...base,
    name: s.name,
    kind: t.interval_s ? 'interval' : 'cron',
    cron: t.cron ?? base.cron,
    minutes: t.interval_s ? String(t.interval_s / 60) : base.minutes,
    zone: t.time_zone ?? base.zone,
    start: local(t.start_time),
    end: local(t.end_time),
    catchup: !s.no_catchup,
    most: String(s.max_concurrency),
    overlap: s.overlap,
    parameters: JSON.stringify(s.parameters, null, 2),
  };
}

function useCron(d: Draft): { next: string[]; error: string | null } {
  const [state, setState] = useState<{ next: string[]; error: string | null }>({ next: [], error: null });
  useEffect(() => {
    if (d.kind !== 'cron' || !d.cron) return undefined;
    const timer = setTimeout(() => {
      post<{ next: string[] }>('/ui/cron', { cron: d.cron, time_zone: d.zone }).then((a) => setState({ next: a.next, error: null }), (e: Error) => setState({ next: [], error: e.message }));
    }, 200);
    return () => clearTimeout(timer);
  }, [d.kind, d.cron, d.zone]);
  return state;
}

export function ScheduleForm({ schedule, pipeline, onClose, onDone }: { schedule: Schedule | null; pipeline: string; onClose: () => void; onDone: () => void }): JSX.Element {
  const [d, setDraft] = useState(() => (schedule ? draftOf(schedule) : fresh(pipeline)));
  const [error, setError] = useState<ApiError | null>(null);
  const pipelines = useGet<Page<PipelineRow>>('/ui/pipelines', { limit: 500 });
  const cron = useCron(d);
  const set = (part: Partial<Draft>): void => setDraft({ ...d, ...part });
  const parameters = fromText(d.parameters, { name: '', type: 'STRUCT', optional: true, default: null, literals: null, description: null });
  const bad = !d.name || !d.pipeline || parameters.error !== null || (d.kind === 'cron' ? cron.error !== null : !(Number(d.minutes) > 0));
  const save = (e: Event): void => {
    e.preventDefault();
    if (bad) return;
    const body = {
      name: d.name,
      pipeline_id: d.pipeline,
      trigger: {
        cron: d.kind === 'cron' ? d.cron : null,
        interval_s: d.kind === 'interval' ? Math.round(Number(d.minutes) * 60) : null,
        time_zone: d.zone || null,
        start_time: iso(d.start),
        end_time: iso(d.end),
      },
      no_catchup: !d.catchup,
      max_concurrency: Number(d.most),
      overlap: d.overlap,
      parameters: (parameters.value ?? {}) as JsonMap,
    };
    (schedule ? send('PATCH', `/ui/schedules/${schedule.id}`, body) : post('/ui/schedules', { ...body, enabled: true })).then(() => {
      onDone();
      onClose();
    }, setError);
  };
  return (
    <Dialog title={schedule ? 'Change the schedule' : 'New schedule'} wide onClose={onClose} footer={<><Button onClick={onClose}>Close</Button><Button kind="primary" disabled={bad} onClick={save}>{schedule ? 'Save' : 'Make it'}</Button></>}>
      <form class="stack" onSubmit={save}>
        {error && <Failure error={error} />}
        <div class="form-grid">
          <Field label="Name"><input value={d.name} onInput={(e) => set({ name: e.currentTarget.value })} /></Field>
          <Field label="Pipeline" hint="Its newest version at each time">
            <select value={d.pipeline} onChange={(e) => set({ pipeline: e.currentTarget.value })}>
              <option value="">choose</option>
              {pipelines.data?.items.map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}
            </select>
          </Field>
          <Field label="Starts"><select value={d.kind} onChange={(e) => set({ kind: e.currentTarget.value as Draft['kind'] })}><option value="cron">by cron</option><option value="interval">every so many minutes</option></select></Field>
          {d.kind === 'cron'
            ? <Field label="Cron" error={cron.error} hint={cron.next.length ? `Next: ${cron.next.slice(0, 3).map(dateTime).join(', ')}` : 'second minute hour day month weekday'}><input class="mono" value={d.cron} onInput={(e) => set({ cron: e.currentTarget.value })} /></Field>
            : <Field label="Minutes"><input inputMode="decimal" value={d.minutes} onInput={(e) => set({ minutes: e.currentTarget.value })} /></Field>}
          <Field label="Time zone"><input value={d.zone} onInput={(e) => set({ zone: e.currentTarget.value })} /></Field>
          <Field label="Not before"><input type="datetime-local" value={d.start} onInput={(e) => set({ start: e.currentTarget.value })} /></Field>
          <Field label="Not after"><input type="datetime-local" value={d.end} onInput={(e) => set({ end: e.currentTarget.value })} /></Field>
          <Field label="Runs at a time"><input type="number" min={1} max={10} value={d.most} onInput={(e) => set({ most: e.currentTarget.value })} /></Field>
          <Field label="Where one still runs"><select value={d.overlap} onChange={(e) => set({ overlap: e.currentTarget.value as Schedule['overlap'] })}><option value="wait">the next waits</option><option value="skip">the next is left out</option><option value="cancel">the old one is canceled</option></select></Field>
        </div>
        <label class="check"><input type="checkbox" checked={d.catchup} onChange={() => set({ catchup: !d.catchup })} /> make up for times that were missed</label>
        <Field label="Parameters" error={parameters.error} hint="As JSON; those left out have the pipeline’s values"><textarea rows={5} value={d.parameters} spellcheck={false} onInput={(e) => set({ parameters: e.currentTarget.value })} /></Field>
      </form>
    </Dialog>
  );
}
