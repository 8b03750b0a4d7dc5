/* CSV text (RFC 4180) to rows, for previews: the last row of a cut text may be short and is left out. */
export function parseCsv(text: string, delimiter = guess(text), complete = true): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  const endRow = (): void => {
    row.push(cell);
    cell = '';
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === delimiter) {
      row.push(cell);
      cell = '';
    } else if (c === '\n') endRow();
    else if (c !== '\r') cell += c;
  }
  if ((cell !== '' || row.length) && complete) endRow();
  return rows;
}

/* Whether a text that says nothing of itself is one: several lines, each with as many cells as the first. */
export function looksLikeCsv(text: string): boolean {
  const rows = parseCsv(text.slice(0, 8192), undefined, false).slice(0, 20);
  const width = rows[0]?.length ?? 0;
  return width > 1 && rows.length > 1 && rows.every((r) => r.length === width);
}

function guess(text: string): string {
  const head = text.slice(0, text.indexOf('\n') < 0 ? text.length : text.indexOf('\n'));
  let best = ',';
  let most = 0;
  for (const d of [',', '\t', ';', '|']) {
    const n = head.split(d).length;
    if (n > most) [best, most] = [d, n];
  }
  return best;
}
