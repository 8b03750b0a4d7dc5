/* What a person types to find runs, and what the server is asked:
 *   words   state:failed,running   tag:team=risk   param:lr>0.1   metric:accuracy>=0.9   since:7d   until:2026-01-31 */

export interface Filter {
  name: string;
  states: string[];
  tags: string[];
  params: string[];
  metrics: string[];
  since: string;
  until: string;
}

export function none(): Filter {
  return { name: '', states: [], tags: [], params: [], metrics: [], since: '', until: '' };
}

function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map((m) => m[0].replace(/"/g, ''));
}

export function parseFilter(text: string): Filter {
  const f = none();
  const rest: string[] = [];
  for (const word of words(text)) {
    const [, key, value = ''] = /^(state|tag|param|metric|since|until):(.*)$/s.exec(word) ?? [];
    if (key === 'state') f.states.push(...value.toUpperCase().split(',').filter(Boolean));
    else if (key === 'tag') f.tags.push(value);
    else if (key === 'param') f.params.push(value);
    else if (key === 'metric') f.metrics.push(value);
    else if (key === 'since' || key === 'until') f[key] = value;
    else rest.push(word);
  }
  f.name = rest.join(' ');
  return f;
}

const quote = (s: string): string => (/\s/.test(s) ? `"${s}"` : s);

export function filterText(f: Filter): string {
  return [
    f.name,
    f.states.length ? `state:${f.states.join(',').toLowerCase()}` : '',
    ...f.tags.map((t) => quote(`tag:${t}`)),
    ...f.params.map((t) => quote(`param:${t}`)),
    ...f.metrics.map((t) => quote(`metric:${t}`)),
    f.since && `since:${f.since}`,
    f.until && `until:${f.until}`,
  ].filter(Boolean).join(' ');
}

const UNITS: { [unit: string]: number } = { m: 60e3, h: 3600e3, d: 86400e3, w: 7 * 86400e3 };

/* "7d" before now, or a date; null where it is neither. */
export function when(text: string, now = Date.now()): string | null {
  const [, n, unit = ''] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  const ms = n ? now - Number(n) * (UNITS[unit] ?? 0) : Date.parse(text);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

export function filterQuery(f: Filter, now = Date.now()): { [key: string]: string | string[] | null } {
  return {
    name: f.name,
    state: f.states.join(','),
    tag: f.tags,
    param: f.params,
    metric: f.metrics,
    since: f.since ? when(f.since, now) : null,
    until: f.until ? when(f.until, now) : null,
  };
}
