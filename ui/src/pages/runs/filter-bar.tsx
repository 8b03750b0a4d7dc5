/* One field for the whole filter, and buttons for what is wanted most. */
import type { JSX, RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { filterText, type Filter } from '../../lib/filters';
import type { State } from '../../lib/types';
import { stateWord } from '../../lib/words';
import { Icon } from '../../ui/icons';
import { StateIcon } from '../../ui/state';

const STATES: State[] = ['RUNNING', 'FAILED', 'SUCCEEDED', 'PENDING', 'CANCELED'];
const SINCE: [string, string][] = [['', 'Any time'], ['1h', 'Last hour'], ['24h', 'Last 24 hours'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days']];

export function FilterBar({ filter, text, onText, inputRef }: {
  filter: Filter;
  text: string;
  onText: (text: string) => void;
  inputRef: RefObject<HTMLInputElement>;
}): JSX.Element {
  const [draft, setDraft] = useState(text);
  useEffect(() => setDraft(text), [text]);
  useEffect(() => {
    if (draft === text) return undefined;
    const timer = setTimeout(() => onText(draft), 250);
    return () => clearTimeout(timer);
  }, [draft]);
  const toggle = (state: State): void => {
    const has = filter.states.includes(state);
    onText(filterText({ ...filter, states: has ? filter.states.filter((s) => s !== state) : [...filter.states, state] }));
  };
  const drop = (list: 'tags' | 'params' | 'metrics', item: string): void => onText(filterText({ ...filter, [list]: filter[list].filter((x) => x !== item) }));
  const tokens = (['tags', 'params', 'metrics'] as const).flatMap((list) => filter[list].map((item) => ({ list, item })));
  return (
    <div class="stack tight">
      <div class="filters">
        <div class="search">
          <Icon name="search" />
          <input
            ref={inputRef} type="search" aria-label="Filter" value={draft} spellcheck={false}
            placeholder="Name, or state:failed  param:lr>0.1  metric:accuracy>=0.9  tag:team=risk"
            onInput={(e) => setDraft(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key === 'Enter') onText(draft);
              if (e.key === 'Escape') e.currentTarget.blur();
            }}
          />
          {!draft && <kbd aria-hidden="true">/</kbd>}
        </div>
        <select aria-label="Created" value={filter.since} onChange={(e) => onText(filterText({ ...filter, since: e.currentTarget.value }))}>
          {SINCE.map(([v, name]) => <option key={v} value={v}>{name}</option>)}
          {!SINCE.some(([v]) => v === filter.since) && <option value={filter.since}>Since {filter.since}</option>}
        </select>
      </div>
      <div class="chips" role="group" aria-label="State">
        {STATES.map((s) => (
          <button key={s} type="button" class="chip" aria-pressed={filter.states.includes(s)} onClick={() => toggle(s)}>
            <span aria-hidden="true"><StateIcon state={s} size={14} /></span>{stateWord(s)}
          </button>
        ))}
        {tokens.map(({ list, item }) => (
          <button key={list + item} type="button" class="chip" aria-pressed="true" aria-label={`Without ${item}`} onClick={() => drop(list, item)}>
            {item}<Icon name="close" size={12} />
          </button>
        ))}
      </div>
    </div>
  );
}
