/* The machine below: disk, memory, queue, environments, workers. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { ago, bytes, plural } from '../../lib/format';
import type { State, System } from '../../lib/types';
import { useGet, useTitle } from '../../lib/use';
import { Command, Header, Show, Time } from '../../ui/parts';
import { StateBadge } from '../../ui/state';
import { Fact, Facts } from '../../ui/values';

function Meter({ used, total, label }: { used: number; total: number; label: string }): JSX.Element {
  const part = total ? Math.round((100 * used) / total) : 0;
  return (
    <div class="meter">
      <div class="row between"><span>{label}</span><span class="num muted">{bytes(used)} of {bytes(total)}</span></div>
      <span class="bar full" role="img" aria-label={`${part} % used`}><i class={part > 90 ? 'fail' : 'ok'} style={{ width: `${part}%` }} /></span>
    </div>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return <section class="card"><div class="card-head"><h2>{title}</h2></div><div class="card-body stack tight">{children}</div></section>;
}

function Environments({ of }: { of: System['environments'] }): JSX.Element {
  if (!of.length) return <><p class="muted">No Python environment has been made. The first Python step makes one.</p><Command text="dhow envs" /></>;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable from the keyboard
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Environments">
      <table class="table small">
        <thead><tr><th>Environment</th><th>Python</th><th>Packages</th><th class="right">Size</th><th class="fit">Used</th></tr></thead>
        <tbody>{of.map((e) => <tr key={e.key}><td><code>{e.key.slice(0, 12)}</code></td><td>{e.python}</td><td title={e.packages.join('\n')}>{e.packages.join(', ')}</td><td class="right num">{bytes(e.bytes)}</td><td class="fit"><Time at={e.used_at} /></td></tr>)}</tbody>
      </table>
    </div>
  );
}

function Content({ of }: { of: System }): JSX.Element {
  const load = Array.isArray(of.load) ? of.load.map((l) => l.toFixed(2)).join('  ') : Number(of.load).toFixed(2);
  const states = Object.entries(of.runs).filter(([, n]) => n > 0);
  return (
    <>
      <div class="columns">
        <div class="stack">
          <Card title="Queue">
            <Facts>
              <Fact name="Running">{`${of.queue.running} of ${plural(of.queue.jobs, 'job')}`}</Fact>
              <Fact name="Waiting">{String(of.queue.waiting)}</Fact>
              <Fact name="Watching pages">{String(of.watchers)}</Fact>
            </Facts>
          </Card>
          <Card title="Runs">
            {states.length ? <div class="chips">{states.map(([s, n]) => <a key={s} class="row" href={`#/runs?q=state:${s.toLowerCase()}`}><StateBadge state={s as State} /><span class="num">{n}</span></a>)}</div> : <p class="muted">None yet.</p>}
          </Card>
        </div>
        <Card title="Space">
          <Meter label="Disk" used={of.disk.total_bytes - of.disk.free_bytes} total={of.disk.total_bytes} />
          <Meter label="Memory" used={of.memory.total_bytes - of.memory.free_bytes} total={of.memory.total_bytes} />
          <p class="muted small">The database has {bytes(of.database.bytes)}, the server {bytes(of.memory.server_bytes)} of memory. To free space:</p>
          <Command text="dhow gc --dry-run" />
        </Card>
        <Card title="Server">
          <Facts>
            <Fact name="Version">{of.version}</Fact>
            <Fact name="Up since">{ago(of.started_at)}</Fact>
            <Fact name="Cores">{`${of.cores}, load ${load}`}</Fact>
            <Fact name="Time zone">{of.time_zone}</Fact>
            <Fact name="Home"><code>{of.home}</code></Fact>
            <Fact name="Database"><code>{of.database.path}</code></Fact>
            <Fact name="Schema">{String(of.database.schema)}</Fact>
            <Fact name="You">{of.user && [of.user.name, of.user.role, of.user.namespace].filter(Boolean).join(', ')}</Fact>
          </Facts>
        </Card>
      </div>
      <Card title="Environments"><Environments of={of.environments} /></Card>
      <Card title="Workers">
        {of.workers?.length ? <ul class="uses">{of.workers.map((w) => <li key={w.pid}>process <span class="num">{w.pid}</span> with <code>{w.environment.slice(0, 12)}</code></li>)}</ul> : <p class="muted">No worker is warm. A Python step starts one and leaves it for the next.</p>}
      </Card>
    </>
  );
}

export function SystemPage(): JSX.Element {
  const system = useGet<System>('/ui/system');
  useTitle('System');
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && system.reload(), 3000);
    return () => clearInterval(timer);
  }, []);
  return <div class="page"><Header title="System" /><Show of={system}>{(s) => <Content of={s} />}</Show></div>;
}
