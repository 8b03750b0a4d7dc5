/* A pipeline: its graph before any run, its versions, what differs between them, its runs. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { send } from '../../lib/api';
import { plural } from '../../lib/format';
import { go, href, param, setParams } from '../../lib/route';
import { attempt } from '../../lib/toast';
import type { WholePipeline, WholeVersion } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Icon } from '../../ui/icons';
import { Button, Empty, Header, Menu, Show, Tabs, Tags, Time } from '../../ui/parts';
import { RunForm } from '../../ui/run-form';
import '../../style/run.css';
import { Upload } from './upload';
import { VersionGraph } from './version-graph';
import { Versions } from './versions';

export interface VersionProps { pipeline: WholePipeline; version: WholeVersion }

const LAZY: { [tab: string]: () => Promise<ComponentType<VersionProps>> } = {
  diff: () => import('./version-diff').then((m) => m.VersionDiff),
  spec: () => import('./version-spec').then((m) => m.VersionSpec),
  runs: () => import('./pipeline-runs').then((m) => m.PipelineRuns),
};

function Tab({ id, ...props }: VersionProps & { id: string }): JSX.Element | null {
  const [view, setView] = useState<{ id: string; View: ComponentType<VersionProps> } | null>(null);
  useEffect(() => {
    void LAZY[id]?.().then((View) => setView({ id, View }));
  }, [id]);
  if (id === 'graph') return <VersionGraph version={props.version} />;
  if (id === 'versions') return <Versions pipeline={props.pipeline} at={props.version.id} />;
  return view?.id === id ? <view.View {...props} /> : null;
}

function Actions({ pipeline, version }: VersionProps): JSX.Element {
  const asking = param('run') === '1';
  const remove = (what: 'version' | 'pipeline') => (): void => {
    if (!confirm(`Delete the ${what} ${what === 'version' ? version.name : pipeline.name}? Its runs stay.`)) return;
    const path = `/apis/v2beta1/pipelines/${pipeline.id}${what === 'version' ? `/versions/${version.id}` : '?cascade=true'}`;
    void attempt(send('DELETE', path), 'Deleted').then((ok) => ok && go(what === 'version' ? `/pipelines/details/${pipeline.id}` : '/pipelines'));
  };
  return (
    <>
      <Button icon="play" kind="primary" onClick={() => setParams({ run: '1' })}>Run…</Button>
      <a class="button" href={href('schedules', { new: pipeline.id })}><Icon name="schedules" /> Schedule…</a>
      <Menu button={<Icon name="more" />} label="More">
        <button type="button" onClick={() => setParams({ upload: '1' })}><Icon name="upload" /> New version…</button>
        <hr />
        <button type="button" class="danger" onClick={remove('version')}><Icon name="trash" /> Delete this version…</button>
        <button type="button" class="danger" onClick={remove('pipeline')}><Icon name="trash" /> Delete the pipeline…</button>
      </Menu>
      {asking && <RunForm title={`Run ${pipeline.name}`} inputs={version.inputs} start={{}} source={{ version_id: version.id }} experiment="Default" onClose={() => setParams({ run: null })} />}
      {param('upload') && <Upload pipeline={pipeline} onClose={() => setParams({ upload: null })} />}
    </>
  );
}

function Content({ pipeline, id }: { pipeline: WholePipeline; id: string }): JSX.Element {
  const version = useGet<WholeVersion>(`/ui/versions/${id}`);
  const tab = param('tab') || 'graph';
  const full = tab === 'graph' || tab === 'spec';
  return (
    <Show of={version}>
      {(v) => (
        <div class={`page${full ? ' full' : ''}`}>
          <Header
            above={<a href="#/pipelines">Pipelines</a>}
            title={pipeline.display_name || pipeline.name}
            badge={
              <select aria-label="Version" value={id} onChange={(e) => go(`/pipelines/details/${pipeline.id}/version/${e.currentTarget.value}?tab=${tab}`)}>
                {pipeline.versions.map((x) => <option key={x.id} value={x.id}>{x.name}</option>)}
              </select>
            }
            sub={<><span>{plural(pipeline.n_versions, 'version')}</span><span>{plural(pipeline.n_runs, 'run')}</span><span>this one from <Time at={v.created_at} /></span>{(v.description || pipeline.description) && <span>{v.description || pipeline.description}</span>}<Tags tags={{ ...pipeline.tags, ...v.tags }} /></>}
            actions={<Actions pipeline={pipeline} version={v} />}
          />
          <div class="run-bar">
            <Tabs label="Views of the pipeline" at={tab} onPick={(t) => setParams({ tab: t === 'graph' ? null : t, task: null })}
              items={[{ id: 'graph', name: 'Graph' }, { id: 'versions', name: 'Versions', count: pipeline.versions.length }, { id: 'diff', name: 'Differences' }, { id: 'runs', name: 'Runs', count: pipeline.n_runs }, { id: 'spec', name: 'Spec' }]} />
          </div>
          <Tab id={tab} pipeline={pipeline} version={v} />
        </div>
      )}
    </Show>
  );
}

export function PipelinePage({ path }: { path: string[] }): JSX.Element {
  const pipeline = useGet<WholePipeline>(`/ui/pipelines/${path[2] ?? ''}`, {}, 'pipeline');
  useTitle(pipeline.data?.name);
  return (
    <Show of={pipeline}>
      {(p) => {
        const id = path[3] === 'version' && path[4] ? path[4] : p.versions[0]?.id;
        return id ? <Content pipeline={p} id={id} /> : <div class="page"><Header title={p.name} /><Empty icon="pipelines" title="No versions">Upload a file as its first version.</Empty></div>;
      }}
    </Show>
  );
}
