/* An artifact that is a folder: its files, to open and take. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { bytes } from '../lib/format';
import type { FileEntry } from '../lib/types';
import { useGet } from '../lib/use';
import { Icon } from '../ui/icons';
import { Show } from '../ui/parts';
import { contentUrl } from './preview';

export function FolderView({ id }: { id: string }): JSX.Element {
  const [path, setPath] = useState('');
  const files = useGet<{ folder: boolean; items: FileEntry[] }>(`/ui/artifacts/${id}/files`, { path });
  const up = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
  return (
    <Show of={files}>
      {({ items }) => (
        <ul class="files">
          {path && <li><button type="button" class="link" onClick={() => setPath(up)}><Icon name="up" size={13} /> {path}</button></li>}
          {items.map((f) => {
            const full = path ? `${path}/${f.name}` : f.name;
            return (
              <li key={f.name}>
                {f.folder ? <button type="button" class="link" onClick={() => setPath(full)}>{f.name}/</button> : <a href={contentUrl(id, `?path=${encodeURIComponent(full)}`)} target="_blank" rel="noreferrer">{f.name}</a>}
                <span class="muted num small">{bytes(f.bytes)}</span>
              </li>
            );
          })}
          {items.length === 0 && <li class="muted">An empty folder.</li>}
        </ul>
      )}
    </Show>
  );
}
