/* Names with values, as a list. */
import type { ComponentChildren, JSX } from 'preact';
import { value } from '../lib/format';
import type { Json, JsonMap } from '../lib/types';
import { CopyButton } from './parts';
import { Pre } from './pre';

const LONG = 80;

export function Value({ of }: { of: Json | undefined }): JSX.Element {
  if (of === null || of === undefined) return <span class="muted">not set</span>;
  if (of === '') return <span class="muted">empty text</span>;
  const text = typeof of === 'object' ? JSON.stringify(of, null, 1) : value(of);
  const long = text.length > LONG || text.includes('\n');
  return long ? <Pre text={text} label="Value" cls="value-long" /> : <span class={typeof of === 'string' ? 'value' : 'value num'}>{text}</span>;
}

export function Values({ of, empty = 'none' }: { of: JsonMap; empty?: string }): JSX.Element {
  const all = Object.entries(of);
  if (!all.length) return <p class="muted">{empty}</p>;
  return (
    <dl class="values">
      {all.map(([name, v]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Value of={v} />
            <CopyButton text={value(v)} label={`Copy ${name}`} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Facts({ children }: { children: ComponentChildren }): JSX.Element {
  return <dl class="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element | null {
  if (children === null || children === undefined || children === '') return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
