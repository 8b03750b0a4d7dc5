/* The page: what is always there, and the view that the address names. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ApiError } from './lib/api';
import { followOld } from './lib/old-links';
import { route } from './lib/route';
import { toast } from './lib/toast';
import { RunsPage } from './pages/runs/runs-page';
import { Shell } from './ui/shell';
import { Empty, Failure, Header } from './ui/parts';

type View = ComponentType<{ path: string[] }>;
type Loader = () => Promise<View>;

/* The first load has the list of runs; each other view comes when it is asked for. */
const VIEWS: [RegExp, Loader][] = [
  [/^runs\/details\/[^/]+$/, () => import('./pages/run/run-page').then((m) => m.RunPage)],
  [/^compare$/, () => import('./pages/compare/compare-page').then((m) => m.ComparePage)],
  [/^experiments$/, () => import('./pages/experiments/experiments-page').then((m) => m.ExperimentsPage)],
  [/^experiments\/details\//, () => import('./pages/experiments/experiment-page').then((m) => m.ExperimentPage)],
  [/^(shared\/)?pipelines$/, () => import('./pages/pipelines/pipelines-page').then((m) => m.PipelinesPage)],
  [/^pipelines\/details\//, () => import('./pages/pipelines/pipeline-page').then((m) => m.PipelinePage)],
  [/^(schedules|recurringruns)$/, () => import('./pages/schedules/schedules-page').then((m) => m.SchedulesPage)],
  [/^recurringrun\/details\/[^/]+$/, () => import('./pages/schedules/schedule-page').then((m) => m.SchedulePage)],
  [/^models$/, () => import('./pages/models/models-page').then((m) => m.ModelsPage)],
  [/^models\/details\//, () => import('./pages/models/model-page').then((m) => m.ModelPage)],
  [/^artifacts$/, () => import('./pages/artifacts/artifacts-page').then((m) => m.ArtifactsPage)],
  [/^artifacts\/(details\/)?/, () => import('./pages/artifacts/artifact-page').then((m) => m.ArtifactPage)],
  [/^approvals$/, () => import('./pages/approvals/approvals-page').then((m) => m.ApprovalsPage)],
  [/^system$/, () => import('./pages/system/system-page').then((m) => m.SystemPage)],
];

const loaded = new Map<Loader, View>();

/* An address of KFP's page that is another one here, or none. */
function Elsewhere({ at }: { at: string }): JSX.Element | null {
  const [old, setOld] = useState(true);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => setOld(followOld(route.value, setError)), [at]);
  if (error) return <div class="page"><Header title="Not found" /><Failure error={error} /></div>;
  return old ? null : <div class="page"><Header title="Not found" /><Empty icon="search" title="There is no such page"><a href="#/runs">To the runs</a></Empty></div>;
}

function Outlet(): JSX.Element | null {
  const { path } = route.value;
  const at = path.join('/');
  const loader = VIEWS.find(([pattern]) => pattern.test(at))?.[1];
  const [, again] = useState(0);
  useEffect(() => {
    if (!loader || loaded.has(loader)) return;
    void loader().then((view) => {
      loaded.set(loader, view);
      again((n) => n + 1);
    });
  }, [loader]);
  if (at === '' || at === 'runs' || at === 'archive/runs') return <RunsPage />;
  if (!loader) return <Elsewhere at={at} key={at} />;
  const Found = loaded.get(loader);
  return Found ? <Found path={path} key={path.join('/')} /> : null;
}

export function App(): JSX.Element {
  return (
    <Shell>
      <Outlet />
      {toast.value && <div class="toast" role="status">{toast.value}</div>}
    </Shell>
  );
}
