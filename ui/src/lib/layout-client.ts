/* Asks the worker, which is started with the first graph; the newest question alone is answered. */
import type { Laid, Shape } from './layout';

let worker: Worker | null = null;
let ticket = 0;
const waiting = new Map<number, (laid: Laid) => void>();

export function askLayout(nodes: Shape[], edges: [string, string][]): { done: Promise<Laid>; drop: () => void } {
  if (!worker) {
    worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = (e: MessageEvent<{ ticket: number; laid: Laid }>) => {
      waiting.get(e.data.ticket)?.(e.data.laid);
      waiting.delete(e.data.ticket);
    };
  }
  const mine = ++ticket;
  const done = new Promise<Laid>((resolve) => waiting.set(mine, resolve));
  worker.postMessage({ ticket: mine, nodes, edges });
  return { done, drop: () => waiting.delete(mine) };
}
