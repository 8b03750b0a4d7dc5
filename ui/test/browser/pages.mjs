/* Every page: shown in light, dark and on a phone, without a fault of axe and without a word in the console. */
import { check, faults, open, RUNS, shot, visit, withBrowser } from './lib.mjs';

const run = (name, more = '') => `#/runs/details/${RUNS[name]}${more}`;
const PAGES = [
  ['runs', '#/runs', 'tr.pick'],
  ['runs-none', '#/runs?q=nothing-is-called-so', '.empty'],
  ['runs-columns', '#/runs?q=model&columns=metric:evaluate/accuracy,param:max_depth', 'tr.pick'],
  ['run-graph', run('everything'), '.dag-node'],
  ['run-task', run('everything', '?task=load&tab=outputs'), '.artifact'],
  ['run-loop', run('everything', '?task=folds&t=folds'), '.cells button'],
  ['run-timeline', run('everything', '?view=timeline&t=folds,report-pipeline'), '.gantt-row'],
  ['run-tasks', run('everything', '?view=tasks&t=folds'), '.tasks tr.pick'],
  ['run-log', run('everything', '?task=load&tab=log'), '.log-line'],
  ['run-failed', run('failing', '?task=parse'), '.why-line'],
  ['run-model', run('model', '?task=evaluate&tab=outputs'), '.matrix'],
  ['run-metrics', run('model', '?view=metrics'), '.numbers, .plot'],
  ['run-spec', run('model', '?view=spec'), '.log-line'],
  ['compare', `#/compare?runlist=${RUNS.models}`, '.metric'],
  ['compare-parallel', `#/compare?runlist=${RUNS.models}&tab=parallel`, '.pline'],
  ['compare-curves', `#/compare?runlist=${RUNS.models}&tab=curves`, '.matrix'],
  ['compare-logs', `#/compare?runlist=${RUNS.models}&tab=logs`, '.diff, .waiting'],
  ['compare-spec', `#/compare?runlist=${RUNS.model},${RUNS.everything}&tab=spec`, '.diff'],
  ['experiments', '#/experiments', 'tr.pick'],
  ['experiment', `#/experiments/details/${RUNS.experiment}`, '.plot'],
  ['pipelines', '#/pipelines', 'tr.pick'],
  ['pipeline', `#/pipelines/details/${RUNS.pipeline}`, '.dag-node'],
  ['pipeline-versions', `#/pipelines/details/${RUNS.pipeline}?tab=versions`, '.table tr'],
  ['pipeline-diff', `#/pipelines/details/${RUNS.pipeline}?tab=diff`, '.diff'],
  ['pipeline-runs', `#/pipelines/details/${RUNS.pipeline}?tab=runs`, '.run-grid'],
  ['pipeline-form', `#/pipelines/details/${RUNS.pipeline}?run=1`, 'dialog .field'],
  ['schedules', '#/schedules', 'tr.pick'],
  ['schedule', `#/recurringrun/details/${RUNS.schedule}`, '.next li'],
  ['schedule-form', '#/schedules?new=1', 'dialog .field'],
  ['models', '#/models', 'tr.pick'],
  ['model', '#/models/details/breast-cancer', '.version'],
  ['artifacts', '#/artifacts', 'tr.pick'],
  ['artifact', `#/artifacts/details/${RUNS.artifact}`, '.facts'],
  ['lineage', `#/artifacts/details/${RUNS.artifact}?tab=lineage&depth=6`, '.dag-node'],
  ['approvals', '#/approvals', '.approval, .empty'],
  ['system', '#/system', '.meter'],
  ['nowhere', '#/nowhere', '.empty'],
];

async function look(page, name, form) {
  const label = `${name}, ${form.name}`;
  if (form.scheme) await page.emulateMedia({ colorScheme: form.scheme });
  await shot(page, `${name}-${form.name}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${label}: nothing sticks out sideways`, `${wide} px`);
  const said = await faults(page, form.rules);
  check(said === '', `${label}: axe has nothing to say`, said);
}

async function one(page, forms, [name, hash, wanted]) {
  const label = `${name}, ${forms.map((f) => f.name).join(' and ')}`;
  page.complaints.length = 0;
  try {
    await visit(page, hash, wanted);
    for (const form of forms) await look(page, name, form);
  } catch (e) {
    await shot(page, `${name}-${forms[0].name}-fault`);
    check(false, `${label}: ${wanted} is shown`, e.message);
  }
  check(page.complaints.length === 0, `${label}: nothing in the console`, page.complaints.join('\n'));
}

/* A wide window, by day and by night; and a phone. Beside one another: most of the time is the browser's. */
const WINDOWS = [
  { size: {}, forms: [{ name: 'light', scheme: 'light' }, { name: 'dark', scheme: 'dark', rules: ['color-contrast'] }] },
  { size: { width: 360, height: 760 }, forms: [{ name: 'phone', rules: ['target-size', 'link-in-text-block', 'scrollable-region-focusable'] }] },
];
const only = process.argv.slice(2);

await withBrowser(async (browser) => {
  await Promise.all(WINDOWS.map(async ({ size, forms }) => {
    const page = await open(browser, size);
    for (const entry of PAGES) if (!only.length || only.includes(entry[0])) await one(page, forms, entry);
    await page.context().close();
  }));
});
