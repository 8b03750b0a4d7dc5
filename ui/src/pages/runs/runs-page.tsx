/* All runs: found by what a person types, sorted, compared. */
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { parseFilter } from '../../lib/filters';
import { useShortcuts } from '../../lib/keys';
import { param, route, setParams } from '../../lib/route';
import { useTitle } from '../../lib/use';
import { Button, Header } from '../../ui/parts';
import { Icon } from '../../ui/icons';
import { Menu } from '../../ui/parts';
import { FilterBar } from './filter-bar';
import { RunTable } from './run-table';
import { useRuns } from './use-runs';

const NO_RUNS = 'dhow run pipeline.yaml';

export function RunsPage(): JSX.Element {
  const archived = param('archived') === '1' || route.value.path[0] === 'archive';
  const text = param('q');
  const runs = useRuns({ text, sort: param('sort'), archived });
  const search = useRef<HTMLInputElement>(null);
  useTitle('Runs');
  useShortcuts([{ key: '/', what: 'Filter', run: () => search.current?.focus() }]);
  const filtered = text !== '' || archived;
  return (
    <div class="page">
      <Header
        title={archived ? 'Archived runs' : 'Runs'}
        badge={runs.total !== null && <span class="count">{runs.total}</span>}
        actions={
          <>
            <Menu button={<Icon name="more" />} label="More">
              <button type="button" onClick={() => setParams({ archived: archived ? null : '1' }, true)}>
                <Icon name="archive" /> {archived ? 'Runs that are not archived' : 'Archived runs'}
              </button>
            </Menu>
            <a class="button primary" href="#/pipelines"><Icon name="play" /> New run</a>
          </>
        }
      />
      <FilterBar inputRef={search} filter={parseFilter(text)} text={text} onText={(q) => setParams({ q })} />
      <RunTable
        runs={runs}
        columns={param('columns').split(',').filter(Boolean)}
        onColumns={(c) => setParams({ columns: c.join(',') })}
        sort={param('sort')}
        onSort={(s) => setParams({ sort: s }, true)}
        empty={filtered
          ? { icon: 'search', title: 'No run fits', text: 'Nothing has all that the filter asks for.', action: <Button onClick={() => setParams({ q: null, archived: null })}>Take the filter away</Button> }
          : { icon: 'runs', title: 'No runs yet', text: 'Every run of a pipeline is listed here while it goes on and after, with its parameters and metrics.', command: NO_RUNS }}
      />
    </div>
  );
}
