/* Text as it is, in a box that scrolls: also from the keyboard. */
import type { JSX } from 'preact';

export function Pre({ text, label, cls = 'tail' }: { text: string; label: string; cls?: string }): JSX.Element {
  // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
  return <pre class={cls} tabIndex={0} role="group" aria-label={label}>{text}</pre>;
}
