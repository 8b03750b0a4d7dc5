import type { JSX } from 'preact';
import { ago, dateTime, took, value } from '../../lib/format';
import { go } from '../../lib/route';
import type { Run } from '../../lib/types';
import { live, runReason } from '../../lib/words';
import { Tags } from '../../ui/parts';
import { StateBadge } from '../../ui/state';
import { ProgressBar } from '../../ui/progress';

export function cell(run: Run, column: string): string {
  const at = column.indexOf(':');
  const name = column.slice(at + 1);
  return value(column.startsWith('metric:') ? run.metrics[name] : run.parameters[name]);
}

interface Props { run: Run; index: number; columns: string[]; at: boolean; now: number; picked: boolean; best: boolean; without: 'pipeline' | 'experiment' | undefined; onPick: () => void }

export function RunRow({ run, index, columns, at, now, picked, best, without, onPick }: Props): JSX.Element {
  const to = `#/runs/details/${run.run_id}`;
  const open = (e: MouseEvent): void => {
    if (!(e.target as HTMLElement).closest('a, input, button')) go(to.slice(1));
  };
  return (
     
    <tr class={`pick${at ? ' at' : ''}`} aria-rowindex={index + 2} onClick={open}>
      <td class="fit"><input type="checkbox" aria-label={`Pick ${run.display_name}`} checked={picked} onChange={onPick} /></td>
      <td class="fit">
        <span class="row nowrap">
          <StateBadge state={run.state} />
          {live(run.state) && run.tasks.total > 0 && <ProgressBar of={run.tasks} />}
        </span>
      </td>
      <td class="name" title={runReason(run) || run.display_name}>
        <span class="row nowrap">
          <span class="muted num">#{run.number}</span>
          <a class="ellipsis" href={to}>{run.display_name}</a>
          {best && <span class="tag best">best</span>}
          <Tags tags={run.tags} />
        </span>
      </td>
      {without !== 'pipeline' && <td class="wide pipe">
        {run.pipeline && <a class="plain" href={`#/pipelines/details/${run.pipeline.id}${run.version ? `/version/${run.version.id}` : ''}`}>{run.pipeline.name}</a>}
        {run.version && run.version.name !== run.pipeline?.name && <span class="muted"> {run.version.name}</span>}
      </td>}
      {without !== 'experiment' && <td class="wide">{run.experiment && <a class="plain" href={`#/experiments/details/${run.experiment.id}`}>{run.experiment.name}</a>}</td>}
      <td class="fit made"><time dateTime={run.created_at} title={dateTime(run.created_at)}>{ago(run.created_at, now)}</time></td>
      <td class="fit right num took">{took(run.started_at, run.finished_at, now)}</td>
      {columns.map((c) => <td key={c} class="right num more">{cell(run, c)}</td>)}
      <td class="fit" />
    </tr>
  );
}
