import type { JSX } from 'preact';
import { value } from '../../lib/format';
import { param, setParams } from '../../lib/route';
import { RunName, type CompareProps } from './compare-page';

export function CompareParameters({ of }: CompareProps): JSX.Element {
  const all = param('all') === '1';
  const rows = [...of.parameters].sort((a, b) => Number(b.differs) - Number(a.differs));
  const same = rows.filter((r) => !r.differs).length;
  const shown = all ? rows : rows.filter((r) => r.differs);
  return (
    <section class="card">
      <div class="card-head">
        <h2>Parameters</h2>
        {same > 0 && <label class="check"><input type="checkbox" checked={all} onChange={() => setParams({ all: all ? null : '1' })} /> also the {same} that are the same</label>}
      </div>
      {shown.length === 0 ? <p class="card-body muted">{rows.length ? 'No parameter differs.' : 'These runs have no parameters.'}</p> : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Parameters">
          <table class="table small">
            <thead><tr><th>Parameter</th>{of.runs.map((r, i) => <th key={r.run_id}><RunName of={of} index={i} short={of.runs.length > 3} /></th>)}</tr></thead>
            <tbody>
              {shown.map((row) => (
                <tr key={row.name}>
                  <td><code>{row.name}</code>{!row.differs && <span class="muted small"> same</span>}</td>
                  {row.values.map((v, i) => <td key={of.runs[i]?.run_id} class={`mono${row.differs ? ' differs' : ' muted'}`} title={value(v)}>{value(v) || <span class="muted">not set</span>}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
