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
  ['run-metrics', run('model', '?view=metrics'), '.values, .plot'],
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

async function one(page, form, [name, hash, wanted]) {
  const label = `${name}, ${form.name}`;
  page.complaints.length = 0;
  try {
    await visit(page, hash, wanted);
    await shot(page, `${name}-${form.name}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(wide <= 0, `${label}: nothing sticks out sideways`, `${wide} px`);
    const said = await faults(page, form.rules);
    check(said === '', `${label}: axe has nothing to say`, said);
  } catch (e) {
    await shot(page, `${name}-${form.name}-fault`);
    check(false, `${label}: ${wanted} is shown`, e.message);
  }
  check(page.complaints.length === 0, `${label}: nothing in the console`, page.complaints.join('\n'));
}

const FORMS = [{ name: 'light' }, { name: 'dark', scheme: 'dark', rules: ['color-contrast'] }, { name: 'phone', width: 360, height: 760, rules: ['target-size', 'link-in-text-block', 'scrollable-region-focusable'] }];
const only = process.argv.slice(2);

await withBrowser(async (browser) => {
  for (const form of FORMS) {
    const page = await open(browser, form);
    for (const entry of PAGES) if (!only.length || only.includes(entry[0])) await one(page, form, entry);
    await page.context().close();
  }
});
