import type { JSX } from 'preact';
import { dateTime, duration, took } from '../../lib/format';
import { setParams } from '../../lib/route';
import type { Attempt, Task, WholeTask } from '../../lib/types';
import { path, reason } from '../../lib/words';
import { Command } from '../../ui/parts';
import { Pre } from '../../ui/pre';
import { StateBadge, StateIcon } from '../../ui/state';
import { Fact, Facts } from '../../ui/values';
import { select } from './selection';
import type { RunState } from './use-run';

function Iterations({ task, state }: { task: Task; state: RunState }): JSX.Element | null {
  const all = task.type === 'LOOP' ? (state.tree.children.get(task.key) ?? []) : [];
  if (!all.length) return null;
  const p = state.tree.progress.get(task.key);
  return (
    <section class="stack tight">
      <h3>{all.length} iterations{p && <span class="muted"> · {p.done} of {p.total} steps done{p.failed ? `, ${p.failed} failed` : ''}</span>}</h3>
      <div class="cells">
        {all.map((t) => (
          <button key={t.key} type="button" class={`s-${t.state}`} title={`iteration ${t.iteration_index}`} onClick={() => select(t.key)}>
            <StateIcon state={t.state} size={14} />
            <span class="sr">iteration {t.iteration_index}</span>
          </button>
        ))}
      </div>
    </section>
  );
}

function Attempts({ list, now }: { list: Attempt[]; now: number }): JSX.Element | null {
  if (list.length < 2) return null;
  return (
    <section class="stack tight">
      <h3>Attempts</h3>
      <div class="table-wrap">
        <table class="table small">
          <thead><tr><th>No.</th><th>State</th><th>Why</th><th class="right">Took</th><th><span class="sr">Log</span></th></tr></thead>
          <tbody>
            {list.map((a) => (
              <tr key={a.number}>
                <td class="num">{a.number}</td>
                <td><StateBadge state={a.state} /></td>
                <td class="muted">{a.reason ?? (a.exit_code ? `exit code ${a.exit_code}` : '')}</td>
                <td class="right num">{took(a.started_at, a.finished_at, now)}</td>
                <td class="right"><button type="button" class="link" onClick={() => setParams({ tab: 'log', attempt: String(a.number) })}>Log</button></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function waited(task: Task): string {
  const ms = task.started_at ? Date.parse(task.started_at) - Date.parse(task.created_at) : 0;
  return ms >= 1 ? duration(ms) : '';
}

export function TaskOverview({ task, whole, state, now }: { task: Task; whole: WholeTask | null; state: RunState; now: number }): JSX.Element {
  const why = reason(task, state.tree.byKey, state.spec);
  const tail = (whole?.error ?? task.error)?.log_tail;
  const runNumber = state.run?.number;
  return (
    <>
      {why && <p class={`why-line s-${task.state}`}><StateIcon state={task.state} /><span>{why}</span></p>}
      {tail && <section class="stack tight"><h3>Last lines of the log</h3><Pre text={tail} label="Last lines of the log" /></section>}
      <Iterations task={task} state={state} />
      <section>
        <Facts>
          <Fact name="Took"><span class="num">{task.started_at && took(task.started_at, task.finished_at, now)}</span></Fact>
          <Fact name="Waited">{waited(task)}</Fact>
          <Fact name="Started">{dateTime(task.started_at)}</Fact>
          <Fact name="Finished">{dateTime(task.finished_at)}</Fact>
          <Fact name="Exit code">{task.exit_code === null ? '' : String(task.exit_code)}</Fact>
          <Fact name="Attempts">{task.attempts ? String(task.attempts) : ''}</Fact>
          <Fact name="Result from">{task.cached_from && <code>{task.cached_from}</code>}</Fact>
          <Fact name="Place"><code>{path(task.scope_path)}</code></Fact>
        </Facts>
      </section>
      <Attempts list={whole?.attempt_list ?? []} now={now} />
      <section class="stack tight"><h3>On the command line</h3><Command text={`dhow show ${runNumber}/${path(task.key)}`} /></section>
    </>
  );
}
