/* The runs of a pipeline: as a list, and below it which task ended how in each. */
import type { JSX } from 'preact';
import { param, setParams } from '../../lib/route';
import { RunTable } from '../runs/run-table';
import { useRuns } from '../runs/use-runs';
import type { VersionProps } from './pipeline-page';
import { RunGrid } from './run-grid';

const MOST = 300; /* tasks of a run that the grid still shows */

export function PipelineRuns({ pipeline }: VersionProps): JSX.Element {
  const runs = useRuns({ text: '', sort: param('sort'), archived: false, pipeline: pipeline.id });
  const shown = runs.items.slice(0, 20).filter((r) => r.tasks.total <= MOST);
  return (
    <>
      {shown.length > 1 && <RunGrid runs={shown} />}
      <RunTable
        without="pipeline" runs={runs} columns={param('columns').split(',').filter(Boolean)} onColumns={(c) => setParams({ columns: c.join(',') })} sort={param('sort')} onSort={(s) => setParams({ sort: s }, true)}
        empty={{ icon: 'runs', title: 'No runs of this pipeline', text: 'Press Run to start the first.' }}
      />
    </>
  );
}
