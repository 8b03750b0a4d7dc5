/* Gates that wait for a person, and what was decided. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post } from '../../lib/api';
import { dateTime } from '../../lib/format';
import { href } from '../../lib/route';
import { attempt } from '../../lib/toast';
import type { Approval } from '../../lib/types';
import { useTitle } from '../../lib/use';
import { useList } from '../../lib/use-list';
import { Button, Empty, Failure, Field, Header, Time } from '../../ui/parts';

type Answers = { [name: string]: string };

/* What the task asks for, each with its choices or its default. */
function Questions({ of, answers, onAnswer }: { of: Approval; answers: Answers; onAnswer: (answers: Answers) => void }): JSX.Element | null {
  const all = Object.entries(of.parameters ?? {});
  if (!all.length) return null;
  return (
    <div class="form-grid">
      {all.map(([name, q]) => (
        <Field key={name} label={name} hint={q.description}>
          {q.enum?.length ? (
            <select value={answers[name] ?? ''} onChange={(e) => onAnswer({ ...answers, [name]: e.currentTarget.value })}>
              <option value="">as the decision says</option>
              {q.enum.map((v) => <option key={v}>{v}</option>)}
            </select>
          ) : <input value={answers[name] ?? ''} placeholder={q.default ?? ''} onInput={(e) => onAnswer({ ...answers, [name]: e.currentTarget.value })} />}
        </Field>
      ))}
    </div>
  );
}

function Waiting({ of, onDone }: { of: Approval; onDone: () => void }): JSX.Element {
  const [comment, setComment] = useState('');
  const [answers, setAnswers] = useState<Answers>({});
  const given = Object.fromEntries(Object.entries(answers).filter(([, v]) => v !== ''));
  const decide = (decision: 'approve' | 'reject') => (): void => void attempt(post(`/ui/approvals/${of.id}`, { decision, comment: comment || null, answers: given }), decision === 'approve' ? 'Approved' : 'Rejected').then(onDone);
  return (
    <article class="card approval">
      <div class="card-body stack tight">
        <p><a href={href(`runs/details/${of.run_id}`, { task: of.task })}><strong>{of.task}</strong></a> <span class="muted">in <a href={`#/runs/details/${of.run_id}`}>{of.run_name}</a>, asked <Time at={of.asked_at} /></span></p>
        {of.message && <p>{of.message}</p>}
        <Questions of={of} answers={answers} onAnswer={setAnswers} />
        <div class="row">
          <input class="grow" aria-label={`Comment on ${of.task}`} placeholder="Why (kept with the decision)" value={comment} onInput={(e) => setComment(e.currentTarget.value)} />
          <Button kind="primary" onClick={decide('approve')}>Approve</Button>
          <Button kind="danger" onClick={decide('reject')}>Reject</Button>
        </div>
      </div>
    </article>
  );
}

function Decided({ items }: { items: Approval[] }): JSX.Element | null {
  if (!items.length) return null;
  return (
    <section class="stack tight">
      <h2>Decided</h2>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class="table-wrap" tabIndex={0} role="region" aria-label="Decided">
        <table class="table">
          <thead><tr><th>Task</th><th>Run</th><th>Decision</th><th>By</th><th>Why</th><th>When</th></tr></thead>
          <tbody>
            {items.map((a) => (
              <tr key={a.id}>
                <td class="name"><a href={href(`runs/details/${a.run_id}`, { task: a.task })}>{a.task}</a></td>
                <td>{a.run_name}</td>
                <td><span class={`badge s-${a.state === 'approved' ? 'SUCCEEDED' : 'FAILED'}`}>{a.state === 'approved' ? '✓' : '✕'} {a.state}</span></td>
                <td>{a.decided_by}</td>
                <td class="muted">{a.comment}</td>
                <td class="num">{dateTime(a.decided_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function ApprovalsPage(): JSX.Element {
  const list = useList<Approval>('/ui/approvals', {}, 'approval');
  useTitle('Approvals');
  const waiting = list.items.filter((a) => a.state === 'waiting');
  return (
    <div class="page">
      <Header title="Approvals" badge={waiting.length > 0 && <span class="count">{waiting.length} waiting</span>} />
      {list.error && <Failure error={list.error} retry={list.reload} />}
      {!list.loading && !list.error && waiting.length === 0 && <div class="card"><Empty icon="approvals" title="Nothing waits for you">A gate in a pipeline can wait until a person has looked at it. It is then listed here, and counted beside Approvals.</Empty></div>}
      {waiting.map((a) => <Waiting key={a.id} of={a} onDone={list.reload} />)}
      <Decided items={list.items.filter((a) => a.state !== 'waiting')} />
    </div>
  );
}
