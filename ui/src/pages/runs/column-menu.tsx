/* Which parameters and metrics have a column. */
import type { JSX } from 'preact';
import { Icon } from '../../ui/icons';
import { Menu } from '../../ui/parts';

export function ColumnMenu({ names, chosen, onChange }: { names: string[]; chosen: string[]; onChange: (columns: string[]) => void }): JSX.Element {
  const toggle = (name: string): void => onChange(chosen.includes(name) ? chosen.filter((c) => c !== name) : [...chosen, name]);
  const group = (kind: string, title: string): JSX.Element | null => {
    const of = names.filter((n) => n.startsWith(`${kind}:`));
    return of.length ? (
      <>
        <div class="menu-title">{title}</div>
        {of.map((n) => (
          <label key={n}>
            <input type="checkbox" checked={chosen.includes(n)} onChange={() => toggle(n)} />
            {n.slice(kind.length + 1)}
          </label>
        ))}
      </>
    ) : null;
  };
  return (
    <Menu button={<Icon name="columns" />} label="Columns">
      {group('metric', 'Metrics')}
      {group('param', 'Parameters')}
      {names.length === 0 && <div class="menu-title">These runs have no parameters and no metrics.</div>}
    </Menu>
  );
}
