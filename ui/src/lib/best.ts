/* Which of some numbers is the best: the largest, or the smallest where the name says so. */
const LESS = /loss|error|mse|rmse|mae|mape|time|seconds|duration|latency|perplexity|brier/i;

export const lessIsBetter = (metric: string): boolean => LESS.test(metric);

/* Indexes of the best; none where all are the same or there is only one. */
export function bestOf(values: readonly (number | null | undefined)[], metric: string): number[] {
  const known = values.filter((v): v is number => typeof v === 'number' && Number.isFinite(v));
  if (known.length < 2 || known.every((v) => v === known[0])) return [];
  const best = lessIsBetter(metric) ? Math.min(...known) : Math.max(...known);
  return values.flatMap((v, i) => (v === best ? [i] : []));
}
