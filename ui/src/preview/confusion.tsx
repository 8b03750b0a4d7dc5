/* A confusion matrix as KFP's ClassificationMetrics have it. */
import type { JSX } from 'preact';
import type { JsonMap } from '../lib/types';
import '../style/preview.css';

export interface Matrix { names: string[]; rows: number[][] }

export function matrixOf(metadata: JsonMap): Matrix | null {
  const m = metadata.confusionMatrix as { annotationSpecs?: { displayName?: string }[]; rows?: ({ row?: number[] } | number[])[]; struct?: JsonMap } | undefined;
  const found = m?.struct ? (m.struct as unknown as typeof m) : m;
  if (!found?.annotationSpecs || !found.rows) return null;
  return {
    names: found.annotationSpecs.map((s) => s.displayName ?? ''),
    rows: found.rows.map((r) => (Array.isArray(r) ? r : (r.row ?? []))),
  };
}

export function ConfusionMatrix({ of, title }: { of: Matrix; title?: string }): JSX.Element {
  const most = Math.max(1, ...of.rows.flat());
  const total = of.rows.flat().reduce((s, n) => s + n, 0);
  return (
    <figure class="figure">
      {title && <figcaption>{title}</figcaption>}
      <div class="matrix-wrap">
        <table class="matrix">
          <thead>
            <tr><td class="corner">true ↓ · predicted →</td>{of.names.map((n) => <th key={n} scope="col">{n}</th>)}</tr>
          </thead>
          <tbody>
            {of.rows.map((row, i) => (
              <tr key={of.names[i]}>
                <th scope="row">{of.names[i]}</th>
                {row.map((n, j) => {
                  const heat = Math.round((100 * n) / most);
                  return (
                    <td key={of.names[j]} class={`${i === j ? 'hit' : 'miss'}`} style={{ '--heat': `${heat}%` }} title={total ? `${((100 * n) / total).toFixed(1)} % of all` : ''}>
                      <span>{n}</span>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
