/* A server that wants a token: the page asks for it, refuses a wrong one, and works with the right one. */
import { BASE, check, open, shot, withBrowser } from './lib.mjs';

await withBrowser(async (browser) => {
  const page = await open(browser);
  await page.goto(`${BASE}/#/runs`);
  const dialog = page.locator('dialog', { hasText: 'Log in' });
  await dialog.waitFor();
  await shot(page, 'login');
  check(true, 'a token is asked for');
  await page.getByLabel('Token').fill('wrong');
  await page.keyboard.press('Enter');
  await page.locator('.field-error').waitFor();
  check(true, 'a wrong one is refused');
  await page.getByLabel('Token').fill(process.env.DHOW_TOKEN);
  await page.keyboard.press('Enter');
  await page.locator('tr.pick').first().waitFor();
  check((await dialog.count()) === 0, 'the right one shows the runs');
  check(!(await page.evaluate(() => document.cookie)).includes('dhow'), 'the session is out of reach of scripts');
});
