/* What a person reads off a page at a glance: it is in its place, whole, and in words. */
import { check, open, RUNS, until, visit, withBrowser } from './lib.mjs';

const text = (page, selector) => page.locator(selector).first().innerText();

async function graph(page) {
  await visit(page, `#/runs/details/${RUNS.everything}`, '.dag-hint');
  check(await until(async () => (await text(page, '.dag-hint')) === "good == 'yes'"), 'a condition is read in the graph as it was written', await text(page, '.dag-hint'));
  await visit(page, `#/runs/details/${RUNS.gate}`, '.dag-node');
  check(await until(async () => (await page.locator('.dag-node', { hasText: 'deploy' }).innerText()).includes('waiting for gate')), 'a step that waits says for what');
  await visit(page, `#/runs/details/${RUNS.failing}`, '.fault');
  check(await until(async () => (await text(page, '.fault')).includes('expected a number')), 'a failed run begins with the last line of the log', await text(page, '.fault'));
  await visit(page, `#/runs/details/${RUNS.many}`, '.dag-node');
  const scale = () => page.locator('.panzoom-in').evaluate((el) => el.getBoundingClientRect().width / el.offsetWidth);
  const before = await scale();
  await page.getByRole('button', { name: 'Show all of it' }).click();
  check(await until(async () => (await scale()) < before / 2), 'a graph that is too large is shown whole when asked', `${before} ${await scale()}`);
}

async function tables(page) {
  await visit(page, `#/runs/details/${RUNS.everything}?view=tasks`, '.tasks tr.pick');
  const out = await page.locator('.run-view .scroll').evaluate((el) => el.scrollWidth - el.clientWidth);
  check(out <= 0, 'the table of tasks fits beside its panel', `${out} px too wide`);
  await visit(page, '#/runs', 'tr.pick');
  const heights = await page.locator('tr.pick').evaluateAll((all) => [...new Set(all.map((r) => Math.round(r.getBoundingClientRect().height)))]);
  check(heights.length === 1 || Math.max(...heights) - Math.min(...heights) <= 1, 'rows are of one height, whatever their tags', heights.join());
  await visit(page, `#/runs/details/${RUNS.model}?view=metrics`, '.numbers');
  const heads = await page.locator('.numbers th').allInnerTexts();
  check(heads.includes('accuracy') && (await page.locator('.numbers tbody tr').count()) > 1 && (await page.locator('.numbers .best').count()) > 0, 'metrics of a run: a row a task, the best with a star', heads.join());
  await visit(page, '#/schedules', 'tr.pick');
  check(await until(async () => (await text(page, 'tr.pick')).includes('every day at 02:30 (Europe/Berlin)')), 'a schedule says in words when it starts', await text(page, 'tr.pick'));
}

async function compare(page) {
  await visit(page, `#/compare?runlist=${RUNS.models}`, '.metric');
  check((await page.locator('.card h2').allInnerTexts()).join() === 'Parameters,Metrics', 'compared runs begin with the parameters');
  const rows = await page.locator('tbody tr').allInnerTexts();
  check(rows.length === 3 && rows.every((r) => !r.includes('same')), 'only with those that differ', rows.join(' | '));
  const out = await page.locator('.table-scroll').evaluate((el) => el.scrollWidth - el.clientWidth);
  check(out <= 0, 'all runs are seen beside one another', `${out} px too wide`);
  await page.getByRole('checkbox').check();
  await page.waitForURL(/all=1/);
  const all = await page.locator('tbody tr').allInnerTexts();
  check(all.length > 3 && all.slice(0, 3).every((r) => !r.includes('same')) && all.slice(3).every((r) => r.includes('same')), 'and the others after them, when asked');
  await page.setViewportSize({ width: 390, height: 800 });
  await visit(page, `#/compare?runlist=${RUNS.models}&tab=spec`, '.tabs');
  const at = await page.locator('.tabs [aria-selected="true"]').boundingBox();
  check(at.x >= 0 && at.x + at.width <= 390, 'on a phone the tab that is open is seen', JSON.stringify(at));
}

await withBrowser(async (browser) => {
  for (const part of [graph, tables, compare]) {
    const page = await open(browser);
    try {
      await part(page);
    } catch (e) {
      check(false, `${part.name}: ${e.message.split('\n')[0]}`, e.message);
    }
    check(page.complaints.length === 0, `${part.name}, as it is read: nothing in the console`, page.complaints.join('\n'));
    await page.context().close();
  }
});
