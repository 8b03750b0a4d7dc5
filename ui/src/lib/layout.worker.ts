import { layout, type Shape } from './layout';

addEventListener('message', (e: MessageEvent<{ ticket: number; nodes: Shape[]; edges: [string, string][] }>) => {
  postMessage({ ticket: e.data.ticket, laid: layout(e.data.nodes, e.data.edges) });
});
