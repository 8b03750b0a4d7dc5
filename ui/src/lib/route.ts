/* The address: KFP's hash routes, and after them all that a view remembers, as query parameters. */
import { computed, signal } from '@preact/signals';

export interface Route { path: string[]; query: URLSearchParams }

export function parse(hash: string): Route {
  const [path = '', text = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(text) };
}

export const route = signal<Route>(parse(typeof location === 'undefined' ? '' : location.hash));
export const page = computed(() => route.value.path.join('/'));

export function listen(): void {
  addEventListener('hashchange', () => {
    route.value = parse(location.hash);
  });
}

export function href(path: string, parts: { [key: string]: string | null | undefined } = {}): string {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(parts)) if (value) q.set(key, value);
  const text = q.toString();
  return `#/${path}${text ? `?${text}` : ''}`;
}

/* `instead`: this address is not one to come back to. */
export function go(to: string, instead = false): void {
  if (instead) location.replace(to);
  else location.hash = to;
}

export function param(name: string): string {
  return route.value.query.get(name) ?? '';
}

/* Changes query parameters of this view; an empty value leaves one out. What a person would want to step back
 * through (`push`) makes an entry in the history, the rest replaces this one. */
export function setParams(parts: { [key: string]: string | null }, push = false): void {
  const query = new URLSearchParams(route.value.query);
  for (const [key, value] of Object.entries(parts)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  const path = route.value.path.map(encodeURIComponent).join('/');
  const text = query.toString();
  const hash = `#/${path}${text ? `?${text}` : ''}`;
  if (hash === location.hash) return;
  if (push) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  route.value = { path: route.value.path, query };
}
