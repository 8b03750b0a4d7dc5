/* What people write onto a run: tags, by which it is found, and notes. */
import type { JSX, RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { send } from '../../lib/api';
import { attempt } from '../../lib/toast';
import type { Run } from '../../lib/types';
import { Icon } from '../../ui/icons';
import { Button } from '../../ui/parts';

interface Props { run: Run; onChange: () => void }

const change = (run: Run, body: object, done: string): Promise<unknown> => attempt(send('PATCH', `/ui/runs/${run.run_id}`, body), done);

/* The field that a button was replaced by has the keyboard. */
function useFocus<T extends HTMLElement>(): RefObject<T> {
  const ref = useRef<T>(null);
  useLayoutEffect(() => ref.current?.focus(), []);
  return ref;
}

const escape = (close: () => void) => (e: KeyboardEvent): void => {
  if (e.key === 'Escape') close();
};

function TagForm({ run, onChange, onClose }: Props & { onClose: () => void }): JSX.Element {
  const [text, setText] = useState('');
  const ref = useFocus<HTMLInputElement>();
  const [name = '', ...value] = text.split('=');
  const add = (e: Event): void => {
    e.preventDefault();
    if (!name.trim()) return;
    void change(run, { tags: { [name.trim()]: value.join('=').trim() } }, 'Tagged').then((ok) => {
      if (!ok) return;
      onChange();
      onClose();
    });
  };
  return (
    <form class="row" onSubmit={add}>
      <input ref={ref} aria-label="New tag" placeholder="team=risk" value={text} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={escape(onClose)} />
      <Button disabled={!name.trim()} onClick={add}>Add</Button>
    </form>
  );
}

export function RunTags({ run, onChange }: Props): JSX.Element {
  const [adding, setAdding] = useState(false);
  const drop = (name: string): void => void change(run, { tags: { [name]: null } }, 'Taken away').then(onChange);
  return (
    <section class="stack tight">
      <h3>Tags</h3>
      <div class="row">
        {Object.entries(run.tags ?? {}).map(([k, v]) => (
          <span key={k} class="tag alias">{v ? `${k}: ${v}` : k}<button type="button" aria-label={`Take the tag ${k} away`} onClick={() => drop(k)}><Icon name="close" size={11} /></button></span>
        ))}
        {adding ? <TagForm run={run} onChange={onChange} onClose={() => setAdding(false)} /> : <Button icon="plus" kind="ghost" onClick={() => setAdding(true)}>Tag</Button>}
      </div>
    </section>
  );
}

function NotesForm({ run, onChange, onClose }: Props & { onClose: () => void }): JSX.Element {
  const [text, setText] = useState(run.notes ?? '');
  const ref = useFocus<HTMLTextAreaElement>();
  const save = (e: Event): void => {
    e.preventDefault();
    void change(run, { notes: text || null }, 'Kept').then((ok) => {
      if (!ok) return;
      onChange();
      onClose();
    });
  };
  return (
    <form class="stack tight" onSubmit={save}>
      <textarea ref={ref} aria-label="Notes" rows={5} value={text} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={escape(onClose)} />
      <div class="row"><Button kind="primary" onClick={save}>Keep</Button><Button kind="ghost" onClick={onClose}>Leave as it was</Button></div>
    </form>
  );
}

export function RunNotes({ run, onChange }: Props): JSX.Element {
  const [editing, setEditing] = useState(false);
  return (
    <section class="stack tight">
      <h3>Notes</h3>
      {editing ? <NotesForm run={run} onChange={onChange} onClose={() => setEditing(false)} /> : (
        <>
          {run.notes && <p class="notes">{run.notes}</p>}
          <div class="row"><Button icon={run.notes ? 'edit' : 'plus'} kind="ghost" onClick={() => setEditing(true)}>{run.notes ? 'Change' : 'Note'}</Button></div>
        </>
      )}
    </section>
  );
}
