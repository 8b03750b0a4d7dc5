/* A column's head that sorts: downwards first, then upwards, then as it was. */
import type { JSX } from 'preact';
import { Icon } from '../../ui/icons';

export function SortHead({ id, name, sort, onSort, cls }: { id: string; name: string; sort: string; onSort: (sort: string) => void; cls: string }): JSX.Element {
  const down = sort === `-${id}`;
  const up = sort === id;
  return (
    <th class={cls} aria-sort={down ? 'descending' : up ? 'ascending' : 'none'}>
      <button type="button" onClick={() => onSort(down ? id : up ? '' : `-${id}`)}>
        {name}
        {(down || up) && <Icon name={down ? 'down' : 'up'} size={12} />}
      </button>
    </th>
  );
}
