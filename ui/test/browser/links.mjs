/* Addresses of KFP's own page lead to the same thing here; and what is changed in one window is seen in the others. */
import { BASE, check, open, RUNS, until, visit, withBrowser } from './lib.mjs';

/* [KFP's address, ours, what is shown] */
const LINKS = [
  ['#/start', /#\/runs$/, 'tr.pick'],
  ['#/archive/runs', /#\/archive\/runs$/, 'h1'],
  ['#/archive/experiments', /#\/experiments$/, 'tr.pick'],
  ['#/shared/pipelines', /#\/shared\/pipelines$/, 'tr.pick'],
  [`#/pipelines/details/${RUNS.pipeline}`, /#\/pipelines\/details/, '.dag-node'],
  [`#/pipelines/details/${RUNS.pipeline}/version/${RUNS.version}`, /\/version\//, '.dag-node'],
  [`#/runs/details/${RUNS.everything}`, /#\/runs\/details\//, '.dag-node'],
  [`#/runs/details/${RUNS.everything}/execution/${RUNS.execution}`, /#\/runs\/details\/.*task=load/, '.dag-node.selected'],
  [`#/executions/${RUNS.execution}`, /#\/runs\/details\/.*task=load/, '.dag-node.selected'],
  ['#/executions', /#\/runs$/, 'tr.pick'],
  [`#/artifacts/${RUNS.artifact}`, /#\/artifacts\//, '.facts'],
  [`#/artifacts/${RUNS.artifact_number}`, /#\/artifacts\//, '.facts'],
  [`#/experiments/details/${RUNS.experiment}`, /#\/experiments\/details/, 'tr.pick'],
  ['#/experiments/new', /new=1/, 'dialog .field'],
  [`#/compare?runlist=${RUNS.models}`, /#\/compare/, '.metric'],
  ['#/recurringruns', /#\/recurringruns/, 'tr.pick'],
  [`#/recurringrun/details/${RUNS.schedule}`, /#\/recurringrun/, '.next li'],
  ['#/runs/new', /#\/pipelines$/, 'tr.pick'],
  [`#/runs/new?pipelineId=${RUNS.pipeline}&pipelineVersionId=${RUNS.version}`, /run=1/, 'dialog .field'],
  [`#/runs/new?cloneFromRun=${RUNS.everything}`, /again=1/, 'dialog .field'],
  [`#/runs/new?recurring=1&pipelineId=${RUNS.pipeline}`, /#\/schedules\?new=/, 'dialog .field'],
  ['#/pipeline_versions/new', /upload=1/, 'dialog .field'],
];

async function links(browser) {
  const page = await open(browser);
  for (const [old, ours, wanted] of LINKS) {
    try {
      await visit(page, old, wanted);
      check(await until(() => ours.test(page.url())), `KFP's ${old.split('?')[0].replace(/[0-9a-f-]{36}/g, 'ID')} is followed`, page.url());
    } catch (e) {
      check(false, `KFP's ${old} shows ${wanted}`, `${page.url()}\n${e.message}`);
    }
  }
  await page.goto('about:blank');
  await visit(page, '#/start', 'tr.pick');
  await page.goBack();
  check(page.url() === 'about:blank', 'and back does not come to it again', page.url());
  check(page.complaints.length === 0, "KFP's addresses: nothing in the console", page.complaints.join('\n'));
  await page.goto(`${BASE}/#/executions/999999999`);
  await page.locator('.failure').waitFor();
  check(true, 'an execution that is not there is said so');
  await page.context().close();
}

/* `change` in one window; `seen` in the other, which nobody touches. */
async function also(name, change, seen) {
  const begin = Date.now();
  await change();
  await seen().waitFor();
  check(true, `${name}: the other window sees it (${Date.now() - begin} ms)`);
}

const send = (page, method, path, data = {}) => async () => {
  const answer = await page.request.fetch(BASE + path, { method, data, headers: { Origin: BASE } });
  if (!answer.ok()) throw new Error(`${method} ${path}: ${await answer.text()}`);
};

async function windows(browser) {
  const [here, list, models, experiments] = await Promise.all([0, 1, 2, 3].map(() => open(browser)));
  const run = `/ui/runs/${RUNS.failing}`;
  await visit(here, `#/runs/details/${RUNS.failing}`, '.panel');
  await visit(list, '#/runs', 'tr.pick');
  const row = list.locator('tr.pick', { hasText: 'breaks' });
  await row.waitFor();
  await also('a tag', send(here, 'PATCH', run, { tags: { seen: 'twice' } }), () => row.locator('.tag', { hasText: 'seen: twice' }));
  await here.locator('.head .tag', { hasText: 'seen: twice' }).waitFor();
  check(true, 'and the page of the run');
  await also('notes', send(list, 'PATCH', run, { notes: 'look at line 17' }), () => here.locator('.notes', { hasText: 'line 17' }));
  await send(here, 'POST', `${run}/archive`)();
  await row.waitFor({ state: 'detached' });
  check(true, 'a run that is archived leaves the list');
  await also('and taken back', send(here, 'POST', `${run}/unarchive`), () => row);
  await visit(list, '#/runs?q=tag%3Aseen%3Dthrice', '.empty');
  await also('a run that now fits a filter', send(here, 'PATCH', run, { tags: { seen: 'thrice' } }), () => row);
  await send(here, 'PATCH', run, { tags: { seen: null }, notes: null })();
  await list.locator('.empty').waitFor();
  check(true, 'and leaves it when it no longer does');
  await visit(models, '#/models/details/breast-cancer', '.version');
  const version = await models.evaluate(() => fetch('/ui/models/breast-cancer').then((r) => r.json()).then((m) => m.versions[0].version));
  await also('an alias', send(here, 'PUT', '/ui/models/breast-cancer/aliases/elsewhere', { version }), () => models.locator('.alias', { hasText: 'elsewhere' }).first());
  await send(here, 'DELETE', '/ui/models/breast-cancer/aliases/elsewhere')();
  await visit(experiments, '#/experiments', 'tr.pick');
  await also('an experiment', send(here, 'POST', '/apis/v2beta1/experiments', { display_name: 'made elsewhere' }), () => experiments.locator('tr.pick', { hasText: 'made elsewhere' }));
  const said = [here, list, models, experiments].flatMap((p) => p.complaints);
  check(said.length === 0, 'windows: nothing in the console', said.join('\n'));
  await Promise.all([here, list, models, experiments].map((p) => p.context().close()));
}

await withBrowser(async (browser) => {
  for (const part of [links, windows]) {
    try {
      await part(browser);
    } catch (e) {
      check(false, `${part.name}: ${e.message.split('\n')[0]}`, e.message);
    }
  }
});
