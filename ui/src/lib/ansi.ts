/* Log lines: ANSI colours as spans, progress bars as their last state. */

export interface Span { text: string; cls: string }

interface Style { fg: string; bg: string; bold: boolean; dim: boolean; italic: boolean; under: boolean }
const plain: Style = { fg: '', bg: '', bold: false, dim: false, italic: false, under: false };

function cls(s: Style): string {
  return [s.fg && `fg${s.fg}`, s.bg && `bg${s.bg}`, s.bold && 'ab', s.dim && 'ad', s.italic && 'ai', s.under && 'au'].filter(Boolean).join(' ');
}

/* 256 colours and true colours become the nearest of the 16 that a theme has. */
function near(r: number, g: number, b: number): string {
  const bright = Math.max(r, g, b) > 170 ? 8 : 0;
  const half = Math.max(60, Math.max(r, g, b) / 2);
  return String(bright + (r > half ? 1 : 0) + (g > half ? 2 : 0) + (b > half ? 4 : 0));
}

function near256(n: number): string {
  if (n < 16) return String(n);
  if (n >= 232) return n < 244 ? '8' : '7';
  const c = n - 16;
  return near(Math.floor(c / 36) * 51, (Math.floor(c / 6) % 6) * 51, (c % 6) * 51);
}

function extended(codes: readonly number[], i: number): [string, number] {
  if (codes[i + 1] === 5) return [near256(codes[i + 2] ?? 7), i + 2];
  return [near(codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0), i + 4];
}

const SIMPLE: { [code: number]: Partial<Style> } = {
  0: plain,
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { under: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { under: false },
  39: { fg: '' },
  49: { bg: '' },
};

function colour(code: number): Partial<Style> {
  if (code >= 30 && code <= 37) return { fg: String(code - 30) };
  if (code >= 40 && code <= 47) return { bg: String(code - 40) };
  if (code >= 90 && code <= 97) return { fg: String(code - 82) };
  return code >= 100 && code <= 107 ? { bg: String(code - 92) } : {};
}

function apply(style: Style, codes: readonly number[]): Style {
  const s = { ...style };
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i] ?? 0;
    if (c === 38) [s.fg, i] = extended(codes, i);
    else if (c === 48) [s.bg, i] = extended(codes, i);
    else Object.assign(s, SIMPLE[c] ?? colour(c));
  }
  return s;
}

// eslint-disable-next-line no-control-regex
const ESCAPE = /\x1b(?:\[([0-9;:?]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;

export function strip(text: string): string {
  return text.replace(ESCAPE, '');
}

/* What a terminal would show of one line with carriage returns: the last thing written from its start. */
export function settle(line: string): string {
  const end = line.endsWith('\r') ? line.slice(0, -1) : line;
  const at = end.lastIndexOf('\r');
  return at < 0 ? end : end.slice(at + 1);
}

export function spans(line: string): Span[] {
  const out: Span[] = [];
  let style = plain;
  let last = 0;
  const push = (text: string): void => {
    if (text) out.push({ text, cls: cls(style) });
  };
  for (const m of line.matchAll(ESCAPE)) {
    push(line.slice(last, m.index));
    if (m[2] === 'm') style = apply(style, (m[1] || '0').split(/[;:]/).map(Number));
    last = m.index + m[0].length;
  }
  push(line.slice(last));
  return out;
}

/* Cuts spans where a search hits, and marks the pieces. */
export function mark(parts: readonly Span[], needle: string): Span[] {
  if (!needle) return [...parts];
  const text = parts.map((p) => p.text).join('').toLowerCase();
  const want = needle.toLowerCase();
  const cuts = new Set<number>();
  const hits: [number, number][] = [];
  for (let at = text.indexOf(want); at >= 0; at = text.indexOf(want, at + want.length)) {
    hits.push([at, at + want.length]);
    cuts.add(at).add(at + want.length);
  }
  if (!hits.length) return [...parts];
  const out: Span[] = [];
  let pos = 0;
  for (const part of parts) {
    let from = 0;
    for (let i = 1; i <= part.text.length; i++) {
      if (i < part.text.length && !cuts.has(pos + i)) continue;
      const a = pos + from;
      const hit = hits.some(([x, y]) => a >= x && a < y);
      out.push({ text: part.text.slice(from, i), cls: hit ? `${part.cls} hit`.trim() : part.cls });
      from = i;
    }
    pos += part.text.length;
  }
  return out;
}
