/* What can be done with a run. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { post, send } from '../../lib/api';
import { go, param, setParams } from '../../lib/route';
import { attempt, say } from '../../lib/toast';
import type { Task, WholeRun } from '../../lib/types';
import { live, path } from '../../lib/words';
import { Icon } from '../../ui/icons';
import { Button, Menu } from '../../ui/parts';

export function RunActions({ run, selected, onChange }: { run: WholeRun; selected: Task | null; onChange: () => void }): JSX.Element {
  const [Form, setForm] = useState<ComponentType<{ run: WholeRun; onClose: () => void }> | null>(null);
  const act = (what: string, done: string) => (): void => void attempt(post(`/ui/runs/${run.run_id}/${what}`, {}), done).then(onChange);
  const retry = (from: string[]): void => {
    void attempt(post<{ run_id: string }>(`/ui/runs/${run.run_id}/retry`, { from })).then((answer) => {
      if (!answer) return;
      say(from.length ? `Runs again from ${from.join(', ')}` : 'What failed runs again');
      if (answer.run_id && answer.run_id !== run.run_id) go(`/runs/details/${answer.run_id}`);
      else onChange();
    });
  };
  const remove = (): void => {
    if (!confirm(`Delete the run ${run.display_name}, its tasks and logs?`)) return;
    void attempt(send('DELETE', `/ui/runs/${run.run_id}`), 'Deleted').then((ok) => ok && go('/runs'));
  };
  const asking = param('again') === '1';
  useEffect(() => {
    if (asking) void import('./rerun').then((m) => setForm(() => m.Rerun));
  }, [asking]);
  const copy = (): void => void navigator.clipboard.writeText(run.command).then(() => say('Copied the command'));
  const again = !live(run.state);
  return (
    <>
      {live(run.state) && <Button icon="stop" kind="danger" onClick={act('cancel', 'Canceling')} disabled={run.state === 'CANCELING'}>Cancel</Button>}
      {again && selected && selected.type !== 'LOOP_ITERATION' && <Button icon="retry" onClick={() => retry([path(selected.key)])}>Retry from here</Button>}
      {again && (run.state === 'FAILED' || run.state === 'CANCELED') && <Button icon="retry" kind="primary" onClick={() => retry([])}>Retry what failed</Button>}
      <Button icon="play" kind={run.state === 'SUCCEEDED' ? 'primary' : 'plain'} onClick={() => setParams({ again: '1' })}>Run again…</Button>
      <Menu button={<Icon name="more" />} label="More">
        <button type="button" onClick={copy}><Icon name="copy" /> Copy as command</button>
        <a href={`/ui/runs/${run.run_id}`} download={`run-${run.number}.json`}><Icon name="download" /> Download as JSON</a>
        <hr />
        <button type="button" onClick={act(run.archived ? 'unarchive' : 'archive', run.archived ? 'Back in the list' : 'Archived')}>
          <Icon name="archive" /> {run.archived ? 'Take from the archive' : 'Archive'}
        </button>
        {again && <button type="button" class="danger" onClick={remove}><Icon name="trash" /> Delete…</button>}
      </Menu>
      {asking && Form && <Form run={run} onClose={() => setParams({ again: null })} />}
    </>
  );
}
