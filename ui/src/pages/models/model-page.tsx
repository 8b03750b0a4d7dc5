/* A model: its versions, which of them is the champion, and what each came from. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post, send } from '../../lib/api';
import { bestOf } from '../../lib/best';
import { bytes, number, plural, shortType } from '../../lib/format';
import { distinct } from '../../lib/metrics';
import { attempt } from '../../lib/toast';
import type { ModelVersion, WholeModel } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Icon } from '../../ui/icons';
import { Button, Dialog, Field, Header, Show, Time } from '../../ui/parts';
import { Fact, Facts, Values } from '../../ui/values';

interface Props { model: WholeModel; reload: () => void }

function AliasForm({ model, version, onClose, onDone }: { model: string; version: string; onClose: () => void; onDone: () => void }): JSX.Element {
  const [alias, setAlias] = useState('champion');
  const set = (e: Event): void => {
    e.preventDefault();
    void attempt(send('PUT', `/ui/models/${encodeURIComponent(model)}/aliases/${encodeURIComponent(alias)}`, { version }), `${alias} is now ${version}`).then((ok) => {
      if (!ok) return;
      onDone();
      onClose();
    });
  };
  return (
    <Dialog title={`An alias for ${version}`} onClose={onClose} footer={<Button kind="primary" disabled={!alias} onClick={set}>Set</Button>}>
      <form onSubmit={set}>
        <Field label="Alias" hint="It moves here from the version that has it now."><input value={alias} list="aliases" onInput={(e) => setAlias(e.currentTarget.value)} /></Field>
        <datalist id="aliases"><option value="champion" /><option value="candidate" /></datalist>
      </form>
    </Dialog>
  );
}

function Aliases({ model, version, reload }: Props & { version: ModelVersion }): JSX.Element {
  const [setting, setSetting] = useState(false);
  const drop = (alias: string): void => {
    if (confirm(`Take the alias ${alias} from ${version.version}?`)) void attempt(send('DELETE', `/ui/models/${encodeURIComponent(model.name)}/aliases/${encodeURIComponent(alias)}`), 'Taken away').then(reload);
  };
  return (
    <span class="row">
      {version.aliases.map((a) => (
        <span key={a} class="tag alias"><Icon name="star" size={12} />{a}<button type="button" aria-label={`Take ${a} away`} onClick={() => drop(a)}><Icon name="close" size={11} /></button></span>
      ))}
      <Button icon="plus" kind="ghost" onClick={() => setSetting(true)}>Alias</Button>
      {setting && <AliasForm model={model.name} version={version.version} onClose={() => setSetting(false)} onDone={reload} />}
    </span>
  );
}

/* Whether it may be used is a person's decision, kept with who and why. */
function Approval({ model, version: v, reload }: Props & { version: ModelVersion }): JSX.Element {
  const [why, setWhy] = useState('');
  const path = `/ui/models/${encodeURIComponent(model.name)}/versions/${encodeURIComponent(v.version)}/decide`;
  const decide = (decision: 'approve' | 'reject') => (): void => void attempt(post(path, { decision, comment: why || null }), decision === 'approve' ? 'Approved' : 'Rejected').then(reload);
  const a = v.approval;
  return (
    <section class="stack tight">
      <h3>Approval</h3>
      {a ? <p><span class={`badge s-${a.state === 'APPROVED' ? 'SUCCEEDED' : 'FAILED'}`}>{a.state === 'APPROVED' ? '✓ approved' : '✕ rejected'}</span> {a.by && `by ${a.by} `}<Time at={a.at} />{a.why && `: ${a.why}`}</p> : <p class="muted">Nobody has decided yet.</p>}
      <input aria-label={`Why, of ${v.version}`} placeholder="Why (kept with the decision)" value={why} onInput={(e) => setWhy(e.currentTarget.value)} />
      <div class="row"><Button onClick={decide('approve')}>Approve</Button><Button kind="danger" onClick={decide('reject')}>Reject</Button></div>
    </section>
  );
}

function Version({ model, version: v, reload }: Props & { version: ModelVersion }): JSX.Element {
  return (
    <details class="card version" open={v.aliases.length > 0 || model.versions[0] === v}>
      <summary class="card-head">
        <span class="row"><Icon name="models" /><h2 class="mono">{v.version}</h2><Time at={v.created_at} />{v.stage && <span class="tag">{v.stage}</span>}</span>
        <span class="row">{v.aliases.map((a) => <span key={a} class="tag alias"><Icon name="star" size={12} />{a}</span>)}</span>
      </summary>
      <div class="card-body columns">
        <section class="stack tight"><h3>Aliases</h3><Aliases model={model} version={v} reload={reload} /></section>
        <Approval model={model} version={v} reload={reload} />
        <section><h3>Metrics</h3><Values of={Object.fromEntries(distinct(Object.entries(v.metrics), ([name]) => name))} empty="None recorded." /></section>
        <section>
          <h3>Where it came from</h3>
          <Facts>
            <Fact name="Run">{v.run_id && <a href={`#/runs/details/${v.run_id}`}>{v.run_name ?? v.run_id}</a>}</Fact>
            <Fact name="Artifact">{v.artifact && <a href={`#/artifacts/details/${v.artifact.artifact_id}`}>{shortType(v.artifact.type)}, {bytes(v.artifact.size_bytes)}</a>}</Fact>
            <Fact name="Digest">{v.artifact?.digest && <code>{v.artifact.digest}</code>}</Fact>
            <Fact name="Description">{v.description}</Fact>
          </Facts>
        </section>
        <section><h3>Metadata</h3><Values of={v.metadata} /></section>
      </div>
    </details>
  );
}

/* Versions over metrics, the best of each with a star. */
function Overview({ model }: { model: WholeModel }): JSX.Element | null {
  const names = distinct([...new Set(model.versions.flatMap((v) => Object.keys(v.metrics)))], (n) => n);
  if (model.versions.length < 2 || !names.length) return null;
  const best = new Map(names.map((n) => [n, bestOf(model.versions.map((v) => v.metrics[n]), n)]));
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Metrics of the versions">
      <table class="table small">
        <thead><tr><th>Version</th>{names.map((n) => <th key={n} class="right">{n}</th>)}</tr></thead>
        <tbody>
          {model.versions.map((v, i) => (
            <tr key={v.id}><td><code>{v.version}</code> {v.aliases.map((a) => <span key={a} class="tag">{a}</span>)}</td>{names.map((n) => <td key={n} class={`right num${best.get(n)?.includes(i) ? ' best' : ''}`}>{v.metrics[n] === undefined ? '' : number(v.metrics[n])}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function ModelPage({ path }: { path: string[] }): JSX.Element {
  const model = useGet<WholeModel>(`/ui/models/${encodeURIComponent(path[2] ?? '')}`, {}, 'model');
  useTitle(model.data?.name);
  return (
    <div class="page">
      <Show of={model}>
        {(m) => (
          <>
            <Header above={<a href="#/models">Models</a>} title={m.name} sub={<><span>{plural(m.n_versions, 'version')}</span>{m.description && <span>{m.description}</span>}</>} />
            <Overview model={m} />
            {m.versions.map((v) => <Version key={v.id} model={m} version={v} reload={model.reload} />)}
          </>
        )}
      </Show>
    </div>
  );
}
