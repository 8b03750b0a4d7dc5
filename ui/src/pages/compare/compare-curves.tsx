/* ROC curves of all runs over one another; confusion matrices side by side. */
import type { JSX } from 'preact';
import { ConfusionMatrix, matrixOf } from '../../preview/confusion';
import { RocCurve, rocOf } from '../../preview/roc';
import { Empty } from '../../ui/parts';
import type { CompareProps } from './compare-page';

export function CompareCurves({ of }: CompareProps): JSX.Element {
  const found = of.artifacts.filter((a) => a.type.includes('ClassificationMetrics'));
  const name = (i: number): string => `Run #${of.runs[i]?.number}`;
  const cards = found.flatMap((row) => {
    const rocs = row.values.flatMap((a, i) => {
      const points = a && rocOf(a.metadata);
      return points ? [{ name: name(i), points }] : [];
    });
    const matrices = row.values.flatMap((a, i) => {
      const m = a && matrixOf(a.metadata);
      return m ? [{ name: name(i), m }] : [];
    });
    if (!rocs.length && !matrices.length) return [];
    return [
      <section key={row.key} class="card">
        <div class="card-head"><h2>{row.key}</h2></div>
        <div class="card-body curves">
          {rocs.length > 0 && <RocCurve of={rocs} />}
          {matrices.length > 0 && <div class="matrices">{matrices.map((x) => <ConfusionMatrix key={x.name} of={x.m} title={x.name} />)}</div>}
        </div>
      </section>,
    ];
  });
  if (!cards.length) return <Empty icon="experiments" title="No curves">None of these runs has a ClassificationMetrics artifact.</Empty>;
  return <div class="stack">{cards}</div>;
}
