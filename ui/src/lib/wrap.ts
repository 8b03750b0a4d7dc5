/* How many rows a line of a log has: broken hard at the last column, as a terminal does, so that nothing need be
 * measured. */
import { useEffect, useState } from 'preact/hooks';
import { strip } from './ansi';

// eslint-disable-next-line no-control-regex
const WIDE = /[^\x00-\x7f]/;

export function rowsOf(line: string, columns: number): number {
  const text = line.includes('\x1b') ? strip(line) : line;
  /* Characters that may be two columns wide are counted so: too much room is better than lines over one another. */
  const width = WIDE.test(text) ? [...text].reduce((n, c) => n + (WIDE.test(c) ? 2 : 1), 0) : text.length;
  return Math.max(1, Math.ceil(width / Math.max(1, columns)));
}

/* Columns of a fixed font that fit beside a gutter of so many. */
export function useColumns(box: () => HTMLElement | null, gutter: number): number {
  const [columns, setColumns] = useState(80);
  useEffect(() => {
    const el = box();
    if (!el) return undefined;
    const probe = document.createElement('span');
    probe.textContent = 'x'.repeat(100);
    probe.style.cssText = 'position: absolute; visibility: hidden; white-space: pre';
    el.append(probe);
    const one = probe.getBoundingClientRect().width / 100;
    probe.remove();
    const observer = new ResizeObserver(() => setColumns(Math.max(10, Math.floor((el.clientWidth - 36) / one) - gutter)));
    observer.observe(el);
    return () => observer.disconnect();
  }, [gutter]);
  return columns;
}
