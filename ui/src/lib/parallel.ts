/* Axes of a parallel coordinates plot: numbers on a scale, words in their order. */
import { number, value } from './format';
import type { Comparison, Json } from './types';

export interface Axis {
  name: string;
  metric: boolean;
  at: (number | null)[]; /* of each run: 0 (bottom) to 1 (top) */
  ticks: { at: number; text: string }[];
}

function numeric(name: string, values: readonly (number | null)[], metric: boolean): Axis {
  const known = values.filter((v): v is number => v !== null);
  const min = Math.min(...known);
  const max = Math.max(...known);
  const span = max - min;
  const place = (v: number): number => (span ? (v - min) / span : 0.5);
  const ticks = span ? [min, min + span / 2, max].map((v) => ({ at: place(v), text: number(v) })) : [{ at: 0.5, text: number(min) }];
  return { name, metric, at: values.map((v) => (v === null ? null : place(v))), ticks };
}

function words(name: string, values: readonly Json[]): Axis {
  const texts = values.map((v) => value(v));
  const all = [...new Set(texts)].sort();
  const place = (t: string): number => (all.length > 1 ? all.indexOf(t) / (all.length - 1) : 0.5);
  return { name, metric: false, at: texts.map(place), ticks: all.slice(0, 12).map((t) => ({ at: place(t), text: t || 'not set' })) };
}

/* What differs: parameters left, metrics right. */
export function axes(of: Comparison): Axis[] {
  const parameters = of.parameters.filter((p) => p.differs).map((p) => {
    const isNumber = p.values.every((v) => v === null || typeof v === 'number') && p.values.some((v) => v !== null);
    return isNumber ? numeric(p.name, p.values as (number | null)[], false) : words(p.name, p.values);
  });
  const metrics = of.metrics.filter((m) => m.differs && m.values.some((v) => v !== null)).map((m) => numeric(m.name, m.values, true));
  return [...parameters, ...metrics];
}
