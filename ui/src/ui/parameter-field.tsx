import type { JSX } from 'preact';
import type { SpecInput } from '../lib/types';
import { toText } from '../lib/inputs';

export function ParameterField({ input, text, onText }: { input: SpecInput; text: string; onText: (text: string) => void }): JSX.Element {
  const options = input.literals?.map((l) => toText(l, input.type)) ?? (input.type === 'BOOLEAN' ? ['true', 'false'] : null);
  if (options)
    return (
      <select value={text} onChange={(e) => onText(e.currentTarget.value)}>
        {!options.includes(text) && <option value={text}>{text || 'choose'}</option>}
        {options.map((o) => <option key={o} value={o}>{o}</option>)}
      </select>
    );
  if (input.type === 'LIST' || input.type === 'STRUCT')
    return <textarea rows={4} value={text} spellcheck={false} onInput={(e) => onText(e.currentTarget.value)} />;
  const numeric = input.type.startsWith('NUMBER');
  return <input value={text} inputMode={numeric ? 'decimal' : 'text'} spellcheck={false} onInput={(e) => onText(e.currentTarget.value)} />;
}
