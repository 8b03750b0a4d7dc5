/* A person starts a run from its form, watches it, reads its log, stops one, retries one: no reload in between. */
import { existsSync } from 'node:fs';
import { BASE, check, file, letGo, open, RUNS, say, shot, until, visit, withBrowser } from './lib.mjs';

const state = (page) => page.locator('.head .badge').innerText();

async function startAndWatch(browser) {
  const page = await open(browser);
  await visit(page, `#/pipelines/details/${RUNS.slow}`, '.dag-node');
  await page.getByRole('button', { name: 'Run…' }).click();
  await page.getByLabel('threshold').fill('nonsense');
  await page.getByRole('button', { name: 'Start' }).last().click();
  check(await until(() => page.getByText('This takes a number').isVisible()), 'a form says what a parameter takes');
  await page.getByLabel('threshold').fill('0.5');
  await page.getByLabel('Name of the run').fill('watched');
  await page.getByLabel('Cache').selectOption('off');
  await page.getByRole('button', { name: 'Start' }).last().click();
  await page.waitForURL(/#\/runs\/details\//);
  await page.locator('.dag-node').first().waitFor();
  const seen = new Set();
  const end = Date.now() + 120000;
  let shown = false;
  while (Date.now() < end) {
    const word = await state(page);
    seen.add(word);
    for (const cls of await page.locator('.dag-node').evaluateAll((all) => all.map((n) => /s-(\w+)/.exec(n.className)?.[1]))) seen.add(cls);
    if (!shown && seen.has('RUNNING')) {
      await shot(page, 'live-running');
      shown = true;
    }
    if (seen.has('Running') && seen.has('RUNNING') && seen.has('PENDING')) letGo('slow-may-go-on'); /* its first step waits for that */
    if (word === 'Succeeded') break;
    await page.waitForTimeout(60);
  }
  check(seen.has('Running') && (await state(page)) === 'Succeeded', 'a run is seen to run and to end', [...seen].join());
  check(seen.has('PENDING') && seen.has('RUNNING') && seen.has('SUCCEEDED'), 'its tasks are seen to wait, run and end', [...seen].join());
  await shot(page, 'live-done');
  check(page.complaints.length === 0, 'a watched run: nothing in the console', page.complaints.join('\n'));
  await page.context().close();
}

async function listAndCancel(browser) {
  const list = await open(browser);
  await visit(list, '#/runs', 'tr.pick');
  const before = await list.locator('tr.pick').first().innerText();
  const page = await open(browser);
  await visit(page, '#/system', '.meter');
  const made = await list.request.post(`${BASE}/ui/runs`, { data: { pipeline_id: RUNS.stopped, parameters: {}, display_name: 'to be stopped', cache: 'off' }, headers: { Origin: BASE } });
  check(made.ok(), 'a run is started', await made.text());
  const row = list.locator('tr.pick', { hasText: 'to be stopped' });
  const start = Date.now();
  await row.waitFor();
  say(`a new run is in the list after ${Date.now() - start} ms`);
  check(!before.includes('to be stopped'), 'a list shows a new run by itself');
  const { run_id: id } = await made.json();
  await page.goto(`${BASE}/#/runs/details/${id}`);
  await until(() => existsSync(file('held'))); /* its step has begun, and knows that when it is retried */
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('.head .badge', { hasText: 'Canceled' }).waitFor();
  check(true, 'a run is canceled from its page');
  await row.locator('.badge', { hasText: 'Canceled' }).waitFor();
  check(true, 'and the list knows');
  await page.getByRole('button', { name: 'Retry what failed' }).click();
  await page.locator('.head .badge', { hasText: 'Succeeded' }).waitFor();
  check(true, 'and retried to its end');
  check(page.complaints.length + list.complaints.length === 0, 'cancel and retry: nothing in the console', [...page.complaints, ...list.complaints].join('\n'));
  await page.context().close();
  await list.context().close();
}

async function followLog(browser) {
  const page = await open(browser);
  const made = await page.request.post(`${BASE}/ui/runs`, { data: { pipeline_id: RUNS.talks, parameters: {}, cache: 'off' }, headers: { Origin: BASE } });
  const { run_id: id } = await made.json();
  await visit(page, `#/runs/details/${id}?task=talk&tab=log`, '.log-line');
  const last = () => page.locator('.log-line').last().innerText();
  const first = await last();
  await page.waitForFunction((text) => [...document.querySelectorAll('.log-line')].pop()?.innerText !== text, first);
  check(true, 'a log grows while it is read');
  /* At the worst moment: a line has just come, and what follows it may not have been done yet. */
  await page.locator('.log-text').evaluate((el) => new Promise((done) => {
    new MutationObserver((_, seen) => {
      seen.disconnect();
      el.scrollTop = 0;
      el.dispatchEvent(new Event('scroll'));
      done();
    }).observe(el, { subtree: true, childList: true });
  }));
  await page.waitForTimeout(700);
  check(await page.locator('.log-text').evaluate((el) => el.scrollTop < 40), 'and lets the reader scroll away');
  check(await until(async () => (await page.getByRole('button', { name: 'Follow' }).getAttribute('aria-pressed')) === 'false'), 'and says so');
  letGo('talked'); /* it talks until then */
  await page.locator('.head .badge', { hasText: 'Succeeded' }).waitFor();
  await page.getByLabel('Find in the log').fill('word 19');
  await page.locator('.hit').first().waitFor();
  check((await page.locator('.hit').first().innerText()) === 'word 19', 'a search finds and marks');
  check((await page.locator('.log-line .fg2').count()) > 0, 'colours are kept');
  check(page.complaints.length === 0, 'a followed log: nothing in the console', page.complaints.join('\n'));
  await page.context().close();
}

async function decide(browser) {
  const page = await open(browser);
  await visit(page, '#/approvals', '.approval');
  await page.locator('.approval').first().getByPlaceholder('Why').fill('looked at it');
  await page.locator('.approval').first().getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('cell', { name: 'looked at it' }).waitFor();
  check(true, 'a gate is approved on its page');
  await visit(page, `#/runs/details/${RUNS.gate}`, '.dag-node');
  await page.locator('.head .badge', { hasText: 'Succeeded' }).waitFor();
  check(true, 'and the run goes on to its end');
  await page.context().close();
}

await withBrowser(async (browser) => {
  for (const part of [startAndWatch, listAndCancel, followLog, decide]) {
    try {
      await part(browser);
    } catch (e) {
      check(false, `${part.name}: ${e.message.split('\n')[0]}`, e.message);
    }
  }
});
