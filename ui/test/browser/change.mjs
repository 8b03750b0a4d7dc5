/* What people change: tags and notes of a run, a schedule, a model's aliases and approval. Seen at once, and kept. */
import { check, open, RUNS, shot, until, visit, withBrowser } from './lib.mjs';

async function marks(page) {
  await visit(page, `#/runs/details/${RUNS.everything}`, '.panel');
  await page.getByRole('button', { name: 'Tag', exact: true }).click();
  await page.getByLabel('New tag').fill('stage=golden');
  await page.keyboard.press('Enter');
  await page.locator('.head .tag', { hasText: 'stage: golden' }).waitFor();
  await page.getByRole('button', { name: 'Note', exact: true }).click();
  await page.getByLabel('Notes').fill('the first one\nthat worked');
  await shot(page, 'run-notes');
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.locator('.notes').waitFor();
  await visit(page, '#/runs?q=tag:stage=golden', 'tr.pick');
  check(await until(async () => (await page.locator('tr.pick').count()) === 1), 'a run that was tagged by hand is found by its tag');
  await visit(page, `#/runs/details/${RUNS.everything}`, '.notes');
  check(await until(async () => (await page.locator('.notes').innerText()) === 'the first one\nthat worked'), 'notes are kept');
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await page.locator('textarea:focus').press('Escape');
  await page.locator('.notes').waitFor();
  await page.getByRole('button', { name: 'Take the tag stage away' }).click();
  await page.locator('.head .tag', { hasText: 'stage: golden' }).waitFor({ state: 'detached' });
  check(true, 'a tag is taken away');
}

async function schedule(page) {
  await visit(page, `#/recurringrun/details/${RUNS.schedule}`, '.next li');
  await page.getByRole('button', { name: 'Change…' }).click();
  await page.getByRole('textbox', { name: /^Cron/ }).fill('nonsense');
  await page.locator('dialog .field-error').first().waitFor();
  check(await until(() => page.getByRole('button', { name: 'Save' }).isDisabled()), 'a schedule is not saved with a time that is none');
  await page.getByRole('textbox', { name: /^Cron/ }).fill('0 15 4 * * *');
  await page.getByLabel('Name', { exact: true }).fill('every morning');
  await page.getByLabel('Where one still runs').selectOption('skip');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.locator('h1', { hasText: 'every morning' }).waitFor();
  const next = () => page.locator('.next li').first().innerText();
  check(await until(async () => /\b0[23]:15\b/.test(await next()) && (await page.getByText('the next is left out').count()) === 1), 'a changed schedule says when it starts next', await next());
  const off = page.locator('.head').getByRole('switch');
  await off.click();
  await page.getByText('It is off.').waitFor();
  await off.click();
  await page.getByText('It is off.').waitFor({ state: 'detached' });
  check(true, 'it is switched off and on');
}

async function model(page) {
  await visit(page, '#/models/details/breast-cancer', '.version');
  const newest = page.locator('.version').first();
  await newest.getByRole('button', { name: 'Alias', exact: true }).click();
  await page.locator('dialog').getByLabel('Alias').fill('shadow');
  await page.getByRole('button', { name: 'Set' }).click();
  await newest.locator('.card-body .alias', { hasText: 'shadow' }).waitFor();
  check(true, 'a version is given an alias');
  page.once('dialog', (d) => d.accept());
  await newest.getByRole('button', { name: 'Take shadow away' }).click();
  await newest.locator('.card-body .alias', { hasText: 'shadow' }).waitFor({ state: 'detached' });
  check(true, 'and it is taken away');
  await newest.getByPlaceholder('Why').fill('seen by two');
  await newest.getByRole('button', { name: 'Approve' }).click();
  await newest.locator('.badge', { hasText: 'approved' }).waitFor();
  check(await until(async () => (await newest.innerText()).includes('seen by two')), 'a version is approved, with the reason');
  await newest.getByRole('button', { name: 'Reject' }).click();
  await newest.locator('.badge', { hasText: 'rejected' }).waitFor();
  check(true, 'and rejected');
}

await withBrowser(async (browser) => {
  const page = await open(browser);
  for (const part of [marks, schedule, model]) {
    try {
      await part(page);
    } catch (e) {
      await shot(page, `change-${part.name}-fault`);
      check(false, `${part.name}: ${e.message.split('\n')[0]}`, e.message);
    }
  }
  check(page.complaints.filter((c) => !c.includes('/ui/cron') && !c.includes('400 (Bad Request)')).length === 0, 'changes: nothing in the console', page.complaints.join('\n'));
  await page.context().close();
});
