/* Ctrl-K: any place, any thing by its name, from the keyboard. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ago } from '../lib/format';
import { go } from '../lib/route';
import { toggleTheme } from '../lib/theme';
import type { Found, Page } from '../lib/types';
import { useGet } from '../lib/use';
import { Icon, type IconName } from './icons';
import { PLACES } from './shell';
import { StateIcon } from './state';

interface Item { id: string; name: string; kind: string; icon: IconName; state?: Found['state']; run: () => void }

const ROUTES: { [kind in Found['kind']]: [string, IconName] } = {
  run: ['runs/details', 'runs'],
  pipeline: ['pipelines/details', 'pipelines'],
  experiment: ['experiments/details', 'experiments'],
  model: ['models/details', 'models'],
  schedule: ['recurringrun/details', 'schedules'],
  artifact: ['artifacts/details', 'artifacts'],
};

function places(text: string): Item[] {
  const all: Item[] = [
    ...PLACES.map((p) => ({ id: p.path, name: p.name, kind: 'Page', icon: p.icon, run: () => go(`/${p.path}`) })),
    { id: 'theme', name: 'Dark or light', kind: 'Command', icon: 'moon', run: toggleTheme },
  ];
  return all.filter((i) => i.name.toLowerCase().includes(text.toLowerCase()));
}

function found(f: Found): Item {
  const [path, icon] = ROUTES[f.kind];
  const id = f.kind === 'model' ? f.name : f.id;
  return { id: f.kind + f.id, name: f.name, kind: `${f.kind} ${ago(f.at)}`, icon, state: f.state, run: () => go(`/${path}/${encodeURIComponent(id)}`) };
}

export function Palette({ onClose }: { onClose: () => void }): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const search = useGet<Page<Found>>(text ? '/ui/search' : null, { q: text });
  const items = [...places(text), ...(text ? (search.data?.items ?? []).map(found) : [])];
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  const pick = (item: Item | undefined): void => {
    if (!item) return;
    onClose();
    item.run();
  };
  const key = (e: KeyboardEvent): void => {
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (step) {
      e.preventDefault();
      setAt((i) => (i + step + items.length) % Math.max(1, items.length));
    } else if (e.key === 'Enter') pick(items[at]);
  };
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events -- Escape closes it as well
    <dialog ref={ref} class="palette" aria-label="Find" onCancel={onClose} onClick={(e) => e.target === ref.current && onClose()}>
      <input
        role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant={`found-${at}`} aria-label="Find"
        placeholder="Find runs, pipelines, models, pages" value={text} onKeyDown={key}
        onInput={(e) => { setText(e.currentTarget.value); setAt(0); }}
      />
      <ul id="found" role="listbox" aria-label="Found">
        {items.map((item, i) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- keys are heard by the field
          <li key={item.id} id={`found-${i}`} role="option" aria-selected={i === at} onClick={() => pick(item)} onPointerMove={() => setAt(i)}>
            {item.state ? <StateIcon state={item.state} /> : <Icon name={item.icon} />}
            <span class="ellipsis">{item.name}</span>
            <span class="kind">{item.kind}</span>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p class="waiting">Nothing of that name.</p>}
    </dialog>
  );
}
