import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mark, settle, spans, strip } from '../../src/lib/ansi';
import { parseCsv } from '../../src/lib/csv';
import { diffLines, hunks } from '../../src/lib/diff';
import { ago, bytes, duration, number, value } from '../../src/lib/format';
import { rowsOf } from '../../src/lib/wrap';
import { yaml } from '../../src/lib/yaml';

test('colours become classes, other escapes go', () => {
  assert.deepEqual(spans('\x1b[31mred\x1b[0m plain'), [{ text: 'red', cls: 'fg1' }, { text: ' plain', cls: '' }]);
  assert.deepEqual(spans('\x1b[1;38;5;196mbold red'), [{ text: 'bold red', cls: 'fg9 ab' }]);
  assert.deepEqual(spans('\x1b[38;2;0;0;255mblue\x1b[39m.'), [{ text: 'blue', cls: 'fg12' }, { text: '.', cls: '' }]);
  assert.equal(strip('\x1b]0;title\x07a\x1b[2Kb'), 'ab');
  assert.deepEqual(spans(''), []);
});

test('rows of a line', () => {
  assert.deepEqual(['', 'x'.repeat(10), 'x'.repeat(11), '\x1b[31mred\x1b[0m', '漢字漢字漢字'].map((l) => rowsOf(l, 10)), [1, 1, 2, 1, 2]);
});

test('a progress bar shows its last state', () => {
  assert.equal(settle('10%\r50%\r100%'), '100%');
  assert.equal(settle('done\r'), 'done');
});

test('a hit is marked across colours', () => {
  const parts = mark([{ text: 'hello ', cls: '' }, { text: 'world', cls: 'fg1' }], 'LO WO');
  assert.deepEqual(parts, [{ text: 'hel', cls: '' }, { text: 'lo ', cls: 'hit' }, { text: 'wo', cls: 'fg1 hit' }, { text: 'rld', cls: 'fg1' }]);
});

test('csv with quotes, line ends in cells, other delimiters', () => {
  assert.deepEqual(parseCsv('a,b\n1,"x, ""y""\nz"\r\n2,3'), [['a', 'b'], ['1', 'x, "y"\nz'], ['2', '3']]);
  assert.deepEqual(parseCsv('a\tb\n1\t2\n'), [['a', 'b'], ['1', '2']]);
  assert.deepEqual(parseCsv('a,b\n1,2\n3', undefined, false), [['a', 'b'], ['1', '2']]);
});

function apply(lines: ReturnType<typeof diffLines>): [string[], string[]] {
  return [lines.filter((l) => l.kind !== 'add').map((l) => l.text), lines.filter((l) => l.kind !== 'del').map((l) => l.text)];
}

test('a difference gives both texts back and is the shortest', () => {
  const a = 'a b c a b b a'.split(' ');
  const b = 'c b a b a c'.split(' ');
  const lines = diffLines(a, b);
  assert.deepEqual(apply(lines), [a, b]);
  assert.equal(lines.filter((l) => l.kind !== 'same').length, 5);
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 16807) % 2147483647) % n;
  for (let i = 0; i < 200; i++) {
    const x = Array.from({ length: random(12) }, () => 'abc'[random(3)] as string);
    const y = Array.from({ length: random(12) }, () => 'abc'[random(3)] as string);
    assert.deepEqual(apply(diffLines(x, y)), [x, y]);
  }
});

test('lines that are the same are left out, but for those around', () => {
  const a = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  const b = a.map((l, i) => (i === 15 ? 'changed' : l));
  const shown = hunks(diffLines(a, b), 2);
  assert.equal(shown.filter((l) => l === null).length, 2);
  assert.equal(shown.filter((l) => l !== null).length, 6);
});

test('numbers, times and sizes', () => {
  assert.deepEqual([0, 999, 1500, 61_000, 3_700_000, 90_000_000 * 2].map(duration), ['0 ms', '999 ms', '1.5 s', '1 m 1 s', '1 h 1 m', '2 d 2 h']);
  assert.deepEqual([0, 0.1 + 0.2, 1e-9, 123456789, 0.99122807].map(number), ['0', '0.3', '1e-9', '123456789', '0.991228']);
  assert.deepEqual([0, 1023, 1024, 5 << 20].map(bytes), ['0 B', '1023 B', '1.0 KiB', '5.0 MiB']);
  assert.equal(ago('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:02:00Z')), '2 min ago');
  assert.equal(value({ a: [1] }), '{"a":[1]}');
});

test('json as yaml', () => {
  assert.equal(yaml({ a: { b: [1, 'x: y', true] }, t: 'two\nlines', e: [], n: null, y: 'yes' }), 'a:\n  b:\n    - 1\n    - "x: y"\n    - true\nt: |-\n  two\n  lines\ne: []\nn: null\n"y": "yes"'.replace('"y": ', 'y: '));
});
