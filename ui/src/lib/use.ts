/* Hooks: data from the server, virtual rows, time that goes on. */
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect, type VirtualizerOptions } from '@tanstack/virtual-core';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { get, type ApiError } from './api';
import { watchKind, type Kind } from './live';

export interface Loaded<T> { data: T | null; error: ApiError | null; loading: boolean; reload: () => void; set: (data: T) => void }

/* Loads when `path` or a query value changes; what was there stays until the new is there, so nothing flickers.
 * `kind`: also when something of it changes. */
export function useGet<T>(path: string | null, query: Parameters<typeof get>[1] = {}, kind?: Kind): Loaded<T> {
  const [state, setState] = useState<{ data: T | null; error: ApiError | null; loading: boolean }>({ data: null, error: null, loading: true });
  const [turn, reload] = useReducer((n: number) => n + 1, 0);
  const key = path === null ? null : JSON.stringify([path, query]);
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    setState((s) => ({ ...s, loading: true }));
    get<T>(path, query, abort.signal).then(
      (data) => setState({ data, error: null, loading: false }),
      (error: ApiError) => {
        if (!abort.signal.aborted) setState((s) => ({ ...s, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, turn]);
  useEffect(() => (kind ? watchKind(kind, () => reload(undefined as never)) : undefined), [kind]);
  return { ...state, reload: () => reload(undefined as never), set: (data) => setState({ data, error: null, loading: false }) };
}

export function useVirtual(options: {
  count: number;
  scroller: () => HTMLElement | null;
  size: number | ((index: number) => number);
  margin?: number;
  overscan?: number;
}): Virtualizer<HTMLElement, HTMLElement> {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const resolved: VirtualizerOptions<HTMLElement, HTMLElement> = {
    count: options.count,
    getScrollElement: options.scroller,
    estimateSize: typeof options.size === 'number' ? () => options.size as number : options.size,
    overscan: options.overscan ?? 8,
    scrollMargin: options.margin ?? 0,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => again(undefined as never),
  };
  const [instance] = useState(() => new Virtualizer(resolved));
  instance.setOptions(resolved);
  useLayoutEffect(() => instance._didMount(), []);
  useLayoutEffect(() => instance._willUpdate());
  return instance;
}

/* Now, each second, while `on`. */
export function useNow(on: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!on) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [on]);
  return now;
}

/* True once `on` has lasted 100 ms: what is quicker gets no sign of waiting. */
export function useSlow(on: boolean): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!on) return undefined;
    const timer = setTimeout(() => setSlow(true), 100);
    return () => clearTimeout(timer);
  }, [on]);
  return slow;
}

export function useTitle(title: string | null | undefined): void {
  useEffect(() => {
    if (title) document.title = `${title} · dhow`;
  }, [title]);
}

/* The newest of a value for a callback that is made once. */
export function useLatest<T>(value: T): { current: T } {
  const ref = useRef(value);
  ref.current = value;
  return ref;
}
