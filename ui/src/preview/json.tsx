/* JSON that opens and closes. */
import type { JSX } from 'preact';
import { plural } from '../lib/format';
import type { Json } from '../lib/types';

const MOST = 200;

function Leaf({ of }: { of: Exclude<Json, object> | null }): JSX.Element {
  const kind = of === null ? 'null' : typeof of;
  return <span class={`j-${kind}`}>{JSON.stringify(of)}</span>;
}

function Node({ name, of, depth }: { name: string | null; of: Json; depth: number }): JSX.Element {
  const key = name !== null && <span class="j-key">{name}: </span>;
  if (of === null || typeof of !== 'object') return <li>{key}<Leaf of={of} /></li>;
  const all = Object.entries(of);
  const size = Array.isArray(of) ? plural(all.length, 'item') : plural(all.length, 'key');
  return (
    <li>
      <details open={depth < 2 && all.length <= 40}>
        <summary>{key}<span class="muted">{size}</span></summary>
        <ul>
          {all.slice(0, MOST).map(([k, v]) => <Node key={k} name={k} of={v} depth={depth + 1} />)}
          {all.length > MOST && <li class="muted">and {all.length - MOST} more</li>}
        </ul>
      </details>
    </li>
  );
}

export function JsonView({ of }: { of: Json }): JSX.Element {
  return <ul class="json"><Node name={null} of={of} depth={0} /></ul>;
}
