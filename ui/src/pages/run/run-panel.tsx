/* The run itself, where no task is selected. */
import type { JSX } from 'preact';
import { dateTime } from '../../lib/format';
import { distinct } from '../../lib/metrics';
import type { WholeRun } from '../../lib/types';
import { Command } from '../../ui/parts';
import { Pre } from '../../ui/pre';
import { Fact, Facts, Values } from '../../ui/values';
import { RunNotes, RunTags } from './run-marks';

export function RunPanel({ run, onChange }: { run: WholeRun; onChange: () => void }): JSX.Element {
  return (
    <div class="panel">
      <h2 class="sr">The run</h2>
      <div class="panel-body">
        {run.error && (
          <section>
            <p class="why-line s-FAILED">{run.error.task ? `${run.error.task}: ` : ''}{run.error.message}</p>
            {run.error.log_tail && <Pre text={run.error.log_tail} label="Last lines of the log" />}
          </section>
        )}
        {Object.keys(run.metrics).length > 0 && <section><h3>Metrics</h3><Values of={Object.fromEntries(distinct(Object.entries(run.metrics), ([name]) => name))} /></section>}
        <section><h3>Parameters</h3><Values of={run.parameters} empty="This pipeline has no parameters." /></section>
        {Object.keys(run.outputs ?? {}).length > 0 && <section><h3>Outputs</h3><Values of={run.outputs} /></section>}
        <RunTags run={run} onChange={onChange} />
        <RunNotes run={run} onChange={onChange} />
        <section>
          <h3>About</h3>
          <Facts>
            <Fact name="Pipeline">{run.pipeline && <a href={`#/pipelines/details/${run.pipeline.id}`}>{run.pipeline.name}</a>}</Fact>
            <Fact name="Version">{run.version && run.pipeline && <a href={`#/pipelines/details/${run.pipeline.id}/version/${run.version.id}`}>{run.version.name}</a>}</Fact>
            <Fact name="Experiment">{run.experiment && <a href={`#/experiments/details/${run.experiment.id}`}>{run.experiment.name}</a>}</Fact>
            <Fact name="Schedule">{run.schedule_id && <a href={`#/recurringrun/details/${run.schedule_id}`}>started by a schedule</a>}</Fact>
            <Fact name="Created">{dateTime(run.created_at)}</Fact>
            <Fact name="Started">{dateTime(run.started_at)}</Fact>
            <Fact name="Finished">{dateTime(run.finished_at)}</Fact>
            <Fact name="Cache">{run.cache_mode}</Fact>
            <Fact name="Id"><code>{run.run_id}</code></Fact>
            <Fact name="Description">{run.description}</Fact>
          </Facts>
        </section>
        {run.command && <section class="stack tight"><h3>On the command line</h3><Command text={run.command} /></section>}
      </div>
    </div>
  );
}
