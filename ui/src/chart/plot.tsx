/* A line chart (uPlot, in the chunk of the pages that need one). */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dateTime, number } from '../lib/format';
import { theme } from '../lib/theme';
import { colorNow } from './color';

export interface Series { name: string; values: (number | null)[] }

/* [from this many seconds between ticks, how it is written, …what it is where a larger unit begins]: as dateTime() has it. */
const DAY = '{YYYY}-{MM}-{DD}';
const TIMES = [
  [86400, DAY, null, null, null, null, null, null, 1],
  [60, '{HH}:{mm}', `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
  [0.001, ':{ss}.{fff}', `\n${DAY} {HH}:{mm}`, null, `\n${DAY} {HH}:{mm}`, null, `\n${DAY} {HH}:{mm}`, null, 1],
] as unknown as uPlot.Axis.Values;

function options(width: number, height: number, series: readonly Series[], time: boolean, dots: boolean): uPlot.Options {
  const css = getComputedStyle(document.documentElement);
  const muted = css.getPropertyValue('--muted').trim();
  const line = css.getPropertyValue('--line').trim();
  const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: `11px ${css.getPropertyValue('--sans').trim()}` };
  return {
    width,
    height,
    scales: { x: { time } },
    cursor: { points: { size: 7 } },
    axes: [time ? { ...axis, values: TIMES } : axis, { ...axis, size: 58, values: (_u, ticks) => ticks.map((t) => number(t)) }],
    series: [
      { value: (_u, v) => (v === null ? '' : time ? dateTime(new Date(v * 1000).toISOString()) : String(v)), label: time ? 'time' : 'step' },
      ...series.map((s, i) => ({ label: s.name, stroke: colorNow(i), width: 2, spanGaps: true, points: { show: dots, size: 6 }, value: (_u: uPlot, v: number | null) => (v === null ? '' : number(v)) })),
    ],
  };
}

export function Plot({ x, series, time = false, height = 220, dots = false, onPick }: {
  x: number[];
  series: Series[];
  time?: boolean;
  height?: number;
  dots?: boolean;
  onPick?: (index: number) => void;
}): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const el = ref.current as HTMLDivElement;
    const plot = new uPlot(options(el.clientWidth, height, series, time, dots), [x, ...series.map((s) => s.values)] as uPlot.AlignedData, el);
    const resize = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height }));
    resize.observe(el);
    const click = (): void => {
      if (plot.cursor.idx !== null && plot.cursor.idx !== undefined) onPick?.(plot.cursor.idx);
    };
    plot.over.addEventListener('click', click);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [x, series, theme.value]);
  return <div class="plot" ref={ref} role="img" aria-label={`Chart of ${series.map((s) => s.name).join(', ')}`} />;
}
