/* Navigation, palette, help and log-in, around whatever is shown. */
import type { ComponentChildren, ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { onLoginNeeded } from '../lib/api';
import { listenKeys, useShortcuts, type Shortcut } from '../lib/keys';
import { go, page } from '../lib/route';
import { theme, toggleTheme } from '../lib/theme';
import type { Approval, Page } from '../lib/types';
import { useGet } from '../lib/use';
import { watchAll } from '../lib/live';
import { Icon, Logo, type IconName } from './icons';
import { Button } from './parts';

export const PLACES: { path: string; name: string; icon: IconName; key: string }[] = [
  { path: 'runs', name: 'Runs', icon: 'runs', key: 'g r' },
  { path: 'experiments', name: 'Experiments', icon: 'experiments', key: 'g e' },
  { path: 'pipelines', name: 'Pipelines', icon: 'pipelines', key: 'g p' },
  { path: 'schedules', name: 'Schedules', icon: 'schedules', key: 'g s' },
  { path: 'models', name: 'Models', icon: 'models', key: 'g m' },
  { path: 'artifacts', name: 'Artifacts', icon: 'artifacts', key: 'g a' },
  { path: 'approvals', name: 'Approvals', icon: 'approvals', key: 'g w' },
  { path: 'system', name: 'System', icon: 'system', key: 'g y' },
];

type Overlay = 'palette' | 'help' | 'login' | null;

function Nav({ waiting, onGo }: { waiting: number; onGo: () => void }): JSX.Element {
  const at = page.value;
  const here = (path: string): boolean => at.startsWith(path) || (path === 'runs' && (at === '' || at.startsWith('compare'))) || (path === 'schedules' && at.startsWith('recurringrun'));
  return (
    <nav aria-label="Main">
      {PLACES.map((p) => (
        <a key={p.path} href={`#/${p.path}`} aria-current={here(p.path) ? 'page' : undefined} onClick={onGo}>
          <Icon name={p.icon} />
          {p.name}
          {p.path === 'approvals' && waiting > 0 && <span class="count" aria-label={`${waiting} waiting`}>{waiting}</span>}
        </a>
      ))}
    </nav>
  );
}

function useOverlay(open: Overlay): ComponentType<{ onClose: () => void }> | null {
  const [views, set] = useState<{ [name: string]: ComponentType<{ onClose: () => void }> }>({});
  useEffect(() => {
    if (!open || views[open]) return;
    const load = { palette: () => import('./palette').then((m) => m.Palette), help: () => import('./help').then((m) => m.Help), login: () => import('./login').then((m) => m.Login) }[open];
    void load().then((view) => set((v) => ({ ...v, [open]: view })));
  }, [open]);
  return (open && views[open]) || null;
}

export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  const [overlay, setOverlay] = useState<Overlay>(null);
  const [menu, setMenu] = useState(false);
  const approvals = useGet<Page<Approval>>('/ui/approvals', { state: 'waiting' });
  const View = useOverlay(overlay);
  const shortcuts: Shortcut[] = [
    { key: '?', what: 'Show the shortcuts', run: () => setOverlay('help') },
    { key: 't', what: 'Dark or light', run: toggleTheme },
    ...PLACES.map((p) => ({ key: p.key, what: `Go to ${p.name.toLowerCase()}`, run: () => go(`/${p.path}`) })),
  ];
  useShortcuts(shortcuts);
  useEffect(listenKeys, []);
  useEffect(() => {
    onLoginNeeded.call = () => setOverlay('login');
    const hear = (e: KeyboardEvent): void => {
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') {
        e.preventDefault();
        setOverlay('palette');
      }
    };
    addEventListener('keydown', hear);
    return () => removeEventListener('keydown', hear);
  }, []);
  /* A run's page has a stream of its own. */
  const onRun = page.value.startsWith('runs/details');
  useEffect(() => {
    approvals.reload();
    return onRun ? undefined : watchAll({ approval: () => approvals.reload() });
  }, [onRun]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>To the content</a>
      <header class="topbar">
        <Button icon="menu" kind="ghost" label="Menu" onClick={() => setMenu(true)} />
        <a class="brand" href="#/runs"><Logo />dhow</a>
        <Button icon="search" kind="ghost" label="Find" onClick={() => setOverlay('palette')} />
      </header>
      {menu && <button type="button" class="veil" aria-label="Close the menu" onClick={() => setMenu(false)} />}
      <aside class={`side${menu ? ' open' : ''}`} aria-label="Sidebar">
        <a class="brand" href="#/runs"><Logo />dhow</a>
        <button type="button" class="find" onClick={() => setOverlay('palette')}>
          <Icon name="search" /><span>Find</span><kbd>Ctrl K</kbd>
        </button>
        <Nav waiting={approvals.data?.items.length ?? 0} onGo={() => setMenu(false)} />
        <div class="side-foot">
          <span />
          <Button icon="keyboard" kind="ghost" label="Shortcuts" onClick={() => setOverlay('help')} />
          <Button icon={theme.value === 'dark' ? 'sun' : 'moon'} kind="ghost" label={theme.value === 'dark' ? 'Light' : 'Dark'} onClick={toggleTheme} />
        </div>
      </aside>
      <main class="main" id="main" tabIndex={-1}>{children}</main>
      {View && <View onClose={() => setOverlay(null)} />}
    </div>
  );
}
