/* A task's log: follows while it grows, lets go when the reader scrolls, finds, keeps colours. */
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { mark, spans, strip } from '../../lib/ansi';
import { bytes } from '../../lib/format';
import { useShortcuts } from '../../lib/keys';
import { LogStore } from '../../lib/log-store';
import { param, setParams } from '../../lib/route';
import type { RunState } from './use-run';
import { rowsOf, useColumns } from '../../lib/wrap';
import type { Attempt, Task } from '../../lib/types';
import { useVirtual } from '../../lib/use';
import { Icon } from '../../ui/icons';
import { Button } from '../../ui/parts';
import '../../style/log.css';

const ROW = 19;

interface Props { task: Task; attempts: Attempt[]; onLog: RunState['onLog']; over: boolean }

function useLog({ task, attempts, onLog, over }: Props, attempt: string): { store: LogStore | null; error: string | null } {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const [store, setStore] = useState<LogStore | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    setError(null);
    const url = `/ui/tasks/${task.task_id}/log${attempt ? `?attempt=${attempt}` : ''}`;
    const known = attempts.find((a) => String(a.number) === (attempt || String(task.attempts)))?.log_bytes ?? 0;
    const made = new LogStore(url, known, () => again(undefined as never), (e) => setError(e.message));
    setStore(made);
    void made.more();
    return onLog(task.task_id, () => void made.more());
  }, [task.task_id, attempt, over, task.attempts]);
  return { store, error };
}

function useSearch(lines: readonly string[], text: string): { hits: number[]; at: number; step: (by: number) => void } {
  const [at, setAt] = useState(0);
  const hits = useMemo(() => {
    if (!text) return [];
    const want = text.toLowerCase();
    const out: number[] = [];
    lines.forEach((l, i) => strip(l).toLowerCase().includes(want) && out.push(i));
    return out;
  }, [lines.length, text]);
  useEffect(() => setAt(0), [text]);
  return { hits, at: Math.min(at, Math.max(0, hits.length - 1)), step: (by) => setAt((i) => (i + by + hits.length) % Math.max(1, hits.length)) };
}

function Line({ text, needle }: { text: string; needle: string }): JSX.Element {
  return <>{mark(spans(text), needle).map((s, i) => <span key={i} class={s.cls}>{s.text}</span>)}</>;
}

export function LogPanel(props: Props): JSX.Element {
  const { task, attempts, over } = props;
  const attempt = param('attempt');
  const { store, error } = useLog(props, attempt);
  const [text, setText] = useState('');
  const [wrap, setWrap] = useState(true);
  const [follow, setFollow] = useState(true);
  const lines = store?.all ?? [];
  const search = useSearch(lines, text);
  const scroller = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const digits = String(lines.length).length;
  const columns = useColumns(() => scroller.current, digits + 1);
  const virtual = useVirtual({ count: lines.length, scroller: () => scroller.current, size: (i) => (wrap ? ROW * rowsOf(lines[i] ?? '', columns) : ROW), overscan: 30 });
  useEffect(() => virtual.measure(), [columns, wrap, store?.start]);
  const hit = search.hits[search.at];
  const height = virtual.getTotalSize();
  /* At once, and not again by itself: whoever scrolls away while lines come is not fetched back. */
  useLayoutEffect(() => {
    if (scroller.current && follow && lines.length && !text) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [lines.length, store?.end, height, follow]);
  useEffect(() => {
    if (hit !== undefined) virtual.scrollToIndex(hit, { align: 'center' });
  }, [hit]);
  useShortcuts([{ key: '/', what: 'Find in the log', run: () => field.current?.focus() }]);
  const scrolled = (): void => {
    const el = scroller.current;
    if (el) setFollow(el.scrollHeight - el.scrollTop - el.clientHeight < 40);
  };
  return (
    <div class="log">
      <div class="log-tools">
        {attempts.length > 1 && (
          <select aria-label="Attempt" value={attempt || String(task.attempts)} onChange={(e) => setParams({ attempt: e.currentTarget.value })}>
            {attempts.map((a) => <option key={a.number} value={String(a.number)}>Attempt {a.number}</option>)}
          </select>
        )}
        <span class="log-find">
          <input ref={field} type="search" aria-label="Find in the log" placeholder="Find" value={text} onInput={(e) => setText(e.currentTarget.value)}
            onKeyDown={(e) => e.key === 'Enter' && search.step(e.shiftKey ? -1 : 1)} />
          {text && <span class="muted num small">{search.hits.length ? `${search.at + 1}/${search.hits.length}` : 'none'}</span>}
        </span>
        {text && <Button icon="up" kind="ghost" label="Hit before" onClick={() => search.step(-1)} />}
        {text && <Button icon="down" kind="ghost" label="Next hit" onClick={() => search.step(1)} />}
        <Button icon="wrap" kind="ghost" label="Wrap long lines" aria-pressed={wrap} onClick={() => setWrap(!wrap)} />
        <Button icon="follow" kind="ghost" label="Follow" aria-pressed={follow} onClick={() => setFollow(!follow)} />
        <a class="button ghost square" href={`/ui/tasks/${task.task_id}/log?download=1${attempt ? `&attempt=${attempt}` : ''}`} aria-label="Download" title="Download"><Icon name="download" /></a>
      </div>
      {task.cached_from && <p class="log-note muted small">From the run that made this result.</p>}
      {error && <p class="log-note">{error}</p>}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard */}
      <div class={`log-text${wrap ? ' wrap' : ''}`} ref={scroller} tabIndex={0} role="region" aria-label="Log" onScroll={scrolled}>
        {store && store.start > 0 && <button type="button" class="link log-note" onClick={() => void store.earlier()}>Show earlier lines ({bytes(store.start)})</button>}
        <div class="log-lines" style={{ height: `${height}px` }}>
          {virtual.getVirtualItems().map((v) => (
            <div key={v.index} class={`log-line${v.index === hit ? ' at' : ''}`} style={{ transform: `translateY(${v.start}px)` }}>
              <i class="num" style={{ width: `${digits + 1}ch` }}>{v.index + 1}</i>
              <span><Line text={lines[v.index] ?? ''} needle={text} /></span>
            </div>
          ))}
        </div>
        {lines.length === 0 && !error && <p class="log-note muted">{over ? 'It wrote nothing.' : 'Nothing written yet.'}</p>}
      </div>
    </div>
  );
}
