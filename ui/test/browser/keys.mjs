/* All from the keyboard; one selection in every view; all of it in the address. */
import { check, open, RUNS, shot, until, visit, withBrowser } from './lib.mjs';

async function palette(page) {
  await visit(page, '#/runs', 'tr.pick');
  await page.keyboard.press('Control+k');
  await page.locator('.palette').waitFor();
  await shot(page, 'palette');
  await page.keyboard.type('model');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/models/);
  check(true, 'Ctrl-K goes to a page by its name');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('nightly');
  await page.locator('.palette li', { hasText: 'nightly' }).first().waitFor();
  check(true, 'and finds things of that name');
  await page.keyboard.press('Escape');
  await page.locator('.palette').waitFor({ state: 'detached' });
}

async function list(page) {
  await visit(page, '#/runs', 'tr.pick');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  check(await until(async () => (await page.locator('tr.at').getAttribute('aria-rowindex')) === '3'), 'j goes down the list');
  await page.keyboard.press('k');
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  check(await until(async () => (await page.locator('tr input:checked').count()) === 2), 'x picks');
  await page.keyboard.press('c');
  await page.waitForURL(/#\/compare\?runlist=/);
  check(true, 'c compares');
  await page.goBack();
  await page.locator('tr.pick').first().waitFor();
  await page.keyboard.press('/');
  check(await until(() => page.getByLabel('Filter').evaluate((el) => el === document.activeElement)), '/ goes to the filter');
  await page.keyboard.type('state:failed');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=state/);
  await page.locator('.chip[aria-pressed="true"]', { hasText: 'Failed' }).waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('tr.pick .badge')].every((b) => b.textContent === 'Failed')).catch(() => null);
  const words = await page.locator('tr.pick .badge').allInnerTexts();
  check(words.length > 0 && words.every((w) => w === 'Failed'), 'a filter is in the address and holds', words.join());
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.locator('dialog', { hasText: 'Shortcuts' }).waitFor();
  await shot(page, 'shortcuts');
  check(true, '? tells the keys');
}

/* What the command line's runs were made with finds them. */
async function filters(page) {
  for (const [q, rows] of [['param:max_depth>4', 2], ['tag:team=risk', 1], ['metric:accuracy>2', 0], ['model-selection since:1h', 4], ['state:failed breaks', 1], ['nightly until:2001-01-01', 0]]) {
    await visit(page, `#/runs?q=${encodeURIComponent(q)}`, rows ? 'tr.pick' : '.empty');
    await page.waitForFunction((n) => document.querySelectorAll('tr.pick').length === n, rows).catch(() => null);
    const found = await page.locator('tr.pick').count();
    check(found === rows, `${q}: ${rows} runs`, `${found} are shown`);
  }
  await visit(page, '#/runs?q=model-selection&columns=param:max_depth', 'tr.pick');
  await page.locator('th', { hasText: 'max_depth' }).getByRole('button').click();
  await page.waitForURL(/sort=-param/);
  await page.waitForFunction(() => document.querySelector('tr.pick td.more')?.textContent === '8');
  check(true, 'a column sorts by a parameter');
}

async function run(page) {
  await visit(page, `#/runs/details/${RUNS.everything}`, '.dag-node');
  await page.locator('.dag-face', { hasText: 'judge' }).click();
  await page.waitForURL(/task=judge/);
  await page.keyboard.press('2');
  await page.locator('.gantt-row.at', { hasText: 'judge' }).waitFor();
  await page.keyboard.press('3');
  await page.locator('tr.at', { hasText: 'judge' }).waitFor();
  check(true, 'one selection in graph, timeline and table');
  await page.reload();
  await page.locator('tr.at', { hasText: 'judge' }).waitFor();
  check(true, 'and it is there after a reload');
  await page.keyboard.press('1');
  await page.locator('.dag-open').first().waitFor();
  await page.getByRole('button', { name: 'Open folds' }).click();
  await page.locator('.dag-node', { hasText: 'fit' }).waitFor();
  await page.getByRole('button', { name: 'Next iteration' }).click();
  await page.waitForURL(/it=folds/);
  check(await until(async () => (await page.locator('.dag-iter').innerText()).includes('2 of 6')), 'a loop opens to one of its iterations');
  await page.locator('.dag-face', { hasText: 'judge' }).focus();
  await page.keyboard.press('ArrowUp');
  await page.waitForFunction(() => !location.hash.includes('task=judge'));
  check(true, 'arrow keys go through the graph');
}

async function theme(page) {
  await visit(page, '#/runs', 'tr.pick');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await ground();
  await page.keyboard.press('t');
  check(await until(async () => (await ground()) !== before), 't goes dark');
  await page.reload();
  await page.locator('tr.pick').first().waitFor();
  check(await until(async () => (await ground()) !== before), 'and it stays so');
}

await withBrowser(async (browser) => {
  for (const part of [palette, list, filters, run, theme]) {
    const page = await open(browser);
    try {
      await part(page);
    } catch (e) {
      await shot(page, `keys-${part.name}-fault`);
      check(false, `${part.name}: ${e.message.split('\n')[0]}`, e.message);
    }
    check(page.complaints.length === 0, `${part.name}, by keyboard: nothing in the console`, page.complaints.join('\n'));
    await page.context().close();
  }
});
