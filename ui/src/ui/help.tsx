import type { JSX } from 'preact';
import { allShortcuts } from '../lib/keys';
import { Dialog } from './parts';

export function Help({ onClose }: { onClose: () => void }): JSX.Element {
  const keys = [{ key: 'Ctrl K', what: 'Find runs, pipelines, pages' }, ...allShortcuts()];
  return (
    <Dialog title="Shortcuts" onClose={onClose}>
      <dl class="keys">
        {keys.map((s) => (
          <>
            <dt>{s.key.split(' ').map((k) => <kbd key={k}>{k}</kbd>)}</dt>
            <dd>{s.what}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}
