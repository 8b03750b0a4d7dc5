/* The same pipeline once more, with other parameters if one likes. */
import type { JSX } from 'preact';
import type { WholeRun } from '../../lib/types';
import { useGet } from '../../lib/use';
import type { Spec } from '../../lib/types';
import { inputsOf } from '../../lib/inputs';
import { RunForm } from '../../ui/run-form';

export function Rerun({ run, onClose }: { run: WholeRun; onClose: () => void }): JSX.Element | null {
  const spec = useGet<{ pipeline_spec: Spec }>(`/ui/runs/${run.run_id}/spec`);
  if (!spec.data) return null;
  return (
    <RunForm
      title={`Run ${run.pipeline?.name ?? 'the pipeline'} again`}
      inputs={inputsOf(spec.data.pipeline_spec)}
      start={run.parameters}
      source={{ run_id: run.run_id }}
      experiment={run.experiment?.name ?? 'Default'}
      onClose={onClose}
    />
  );
}
