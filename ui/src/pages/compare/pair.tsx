/* Two of the runs that are compared, chosen in the address. */
import type { JSX } from 'preact';
import { param, setParams } from '../../lib/route';
import type { Comparison, Run } from '../../lib/types';

export function pair(of: Comparison): [Run, Run] | null {
  const find = (name: string, or: number): Run | undefined => of.runs.find((r) => r.run_id === param(name)) ?? of.runs[or];
  const a = find('a', 0);
  const b = find('b', 1);
  return a && b ? [a, b] : null;
}

function Choice({ of, name, at, label }: { of: Comparison; name: string; at: Run; label: string }): JSX.Element {
  return (
    <select aria-label={label} value={at.run_id} onChange={(e) => setParams({ [name]: e.currentTarget.value })}>
      {of.runs.map((r) => <option key={r.run_id} value={r.run_id}>#{r.number} {r.display_name}</option>)}
    </select>
  );
}

export function PairChoice({ of, a, b }: { of: Comparison; a: Run; b: Run }): JSX.Element {
  return <><Choice of={of} name="a" at={a} label="From run" /><span aria-hidden="true">→</span><Choice of={of} name="b" at={b} label="To run" /></>;
}
