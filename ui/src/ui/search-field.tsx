/* A field that filters a list a moment after the last key; "/" goes to it. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useShortcuts } from '../lib/keys';
import { Icon } from './icons';

export function SearchField({ value, label, onChange }: { value: string; label: string; onChange: (text: string) => void }): JSX.Element {
  const ref = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(value);
  useShortcuts([{ key: '/', what: label, run: () => ref.current?.focus() }]);
  useEffect(() => setDraft(value), [value]);
  useEffect(() => {
    if (draft === value) return undefined;
    const timer = setTimeout(() => onChange(draft), 200);
    return () => clearTimeout(timer);
  }, [draft]);
  return (
    <div class="filters">
      <div class="search">
        <Icon name="search" />
        <input ref={ref} type="search" aria-label={label} placeholder={label} value={draft} onInput={(e) => setDraft(e.currentTarget.value)} onKeyDown={(e) => e.key === 'Escape' && e.currentTarget.blur()} />
        {!draft && <kbd aria-hidden="true">/</kbd>}
      </div>
    </div>
  );
}
