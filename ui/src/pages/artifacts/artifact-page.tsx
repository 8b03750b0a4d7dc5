/* An artifact: what is in it, who made it, who used it, and the way there and on from it. */
import type { JSX } from 'preact';
import { bytes, dateTime, shortType } from '../../lib/format';
import { href, param, setParams } from '../../lib/route';
import type { Use, WholeArtifact } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Preview } from '../../preview/preview';
import { Command, Header, Show, Tabs } from '../../ui/parts';
import { Fact, Facts } from '../../ui/values';
import '../../style/run.css';
import { LineageGraph } from './lineage-graph';

function Uses({ title, of, none }: { title: string; of: Use[]; none: string }): JSX.Element {
  return (
    <section class="card">
      <div class="card-head"><h2>{title}</h2></div>
      <ul class="card-body uses">
        {of.map((u) => <li key={u.task_id + u.key}><a href={href(`runs/details/${u.run_id}`, { task: u.task })}>{u.task}</a> <span class="muted">as {u.key}, in {u.run_name}</span></li>)}
        {of.length === 0 && <li class="muted">{none}</li>}
      </ul>
    </section>
  );
}

function About({ of }: { of: WholeArtifact }): JSX.Element {
  return (
    <div class="columns">
      <section class="card"><div class="card-head"><h2>Content</h2></div><div class="card-body stack"><Preview artifact={of} /></div></section>
      <div class="stack">
        <section class="card">
          <div class="card-head"><h2>About</h2></div>
          <div class="card-body">
            <Facts>
              <Fact name="Type">{of.type}</Fact>
              <Fact name="Size">{bytes(of.size_bytes)}</Fact>
              <Fact name="Created">{dateTime(of.created_at ?? null)}</Fact>
              <Fact name="Digest">{of.digest && <code>{of.digest}</code>}</Fact>
              <Fact name="Address">{of.uri && <code>{of.uri}</code>}</Fact>
              <Fact name="Model">{of.model_versions?.map((m) => <a key={m.model + m.version} href={`#/models/details/${encodeURIComponent(m.model)}`}>{m.model} {m.version} </a>)}</Fact>
            </Facts>
          </div>
        </section>
        <Uses title="Made by" of={of.producers} none="Nobody that is recorded: it was imported, or its run was deleted." />
        <Uses title="Used by" of={of.consumers} none="No task has used it." />
        <Command text={`dhow lineage ${of.artifact_id.slice(0, 13)}`} />
      </div>
    </div>
  );
}

export function ArtifactPage({ path }: { path: string[] }): JSX.Element {
  const id = path[1] === 'details' ? (path[2] ?? '') : (path[1] ?? '');
  const artifact = useGet<WholeArtifact>(`/ui/artifacts/${id}`);
  const tab = param('tab') || 'about';
  useTitle(artifact.data?.name);
  return (
    <div class={`page${tab === 'lineage' ? ' full' : ''}`}>
      <Show of={artifact}>
        {(a) => (
          <>
            <Header above={<a href="#/artifacts">Artifacts</a>} title={a.name ?? a.artifact_id} badge={<span class="tag">{shortType(a.type)}</span>} />
            <div class="run-bar"><Tabs label="Views of the artifact" items={[{ id: 'about', name: 'Content' }, { id: 'lineage', name: 'Lineage' }]} at={tab} onPick={(t) => setParams({ tab: t === 'about' ? null : t })} /></div>
            {tab === 'lineage' ? <LineageGraph id={a.artifact_id} /> : <About of={a} />}
          </>
        )}
      </Show>
    </div>
  );
}
