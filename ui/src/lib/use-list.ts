/* A list that comes page after page. */
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { get, type ApiError } from './api';
import { watchKind, type Kind } from './live';
import type { Page } from './types';

export interface List<T> { items: T[]; next: string | null; total: number | null; loading: boolean; error: ApiError | null; more: () => void; reload: () => void }

/* `kind`: loaded anew when something of it changes; a list that was scrolled on stays. */
export function useList<T>(path: string, query: Parameters<typeof get>[1] = {}, kind?: Kind): List<T> {
  const [state, setState] = useState<Pick<List<T>, 'items' | 'next' | 'total' | 'loading' | 'error'>>({ items: [], next: null, total: null, loading: true, error: null });
  const [turn, reload] = useReducer((n: number) => n + 1, 0);
  const shown = useRef({ further: false }); /* another one with each answer: a further page that is late belongs to rows that are gone */
  const key = JSON.stringify([path, query]);
  useEffect(() => {
    const abort = new AbortController();
    setState((s) => ({ ...s, loading: true }));
    get<Page<T>>(path, { limit: 100, ...query }, abort.signal).then(
      (page) => {
        shown.current = { further: false };
        setState({ items: page.items, next: page.next, total: page.total, loading: false, error: null });
      },
      (error: ApiError) => {
        if (!abort.signal.aborted) setState((s) => ({ ...s, loading: false, error }));
      },
    );
    return () => abort.abort();
  }, [key, turn]);
  useEffect(() => (kind ? watchKind(kind, () => shown.current.further || reload(undefined as never)) : undefined), [kind]);
  const more = (): void => {
    const of = shown.current;
    if (!state.next) return;
    void get<Page<T>>(path, { limit: 100, ...query, after: state.next }).then((page) => {
      if (of !== shown.current) return;
      shown.current = { further: true };
      setState((s) => ({ ...s, items: [...s.items, ...page.items], next: page.next }));
    });
  };
  return { ...state, more, reload: () => reload(undefined as never) };
}
