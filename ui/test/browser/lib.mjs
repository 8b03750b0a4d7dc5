/* What the browser's tests share: Chromium, checks as TAP lines, a page that notes every complaint of the console. */
import { chromium } from 'playwright-core';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const BASE = process.env.DHOW_URL;
export const SHOTS = process.env.DHOW_SHOTS;
export const RUNS = JSON.parse(process.env.DHOW_RUNS ?? '{}');

export function check(ok, name, detail = '') {
  console.log(`${ok ? 'ok' : 'not ok'} - ${name}`);
  if (!ok && detail) console.log(detail.split('\n').map((l) => `# ${l}`).join('\n'));
  return ok;
}

export const say = (text) => console.log(`# ${text}`);

export async function withBrowser(call) {
  const browser = await chromium.launch({ executablePath: process.env.DHOW_CHROMIUM, args: ARGS });
  try {
    await call(browser);
  } catch (e) {
    check(false, `the test itself: ${e.message.split('\n')[0]}`, e.stack);
  } finally {
    await browser.close();
  }
}

export async function open(browser, { scheme = 'light', width = 1360, height = 860 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC' });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && page.complaints.push(`${m.type()}: ${m.text()} (${page.url()})`));
  page.on('response', (r) => r.status() >= 400 && page.complaints.push(`${r.status()} of ${r.url()}`));
  page.on('pageerror', (e) => page.complaints.push(`${e.message} (${page.url()})`));
  page.on('request', (r) => !r.url().startsWith(BASE) && !/^(data|blob):/.test(r.url()) && page.complaints.push(`an outside address: ${r.url()}`));
  page.setDefaultTimeout(60000); /* for what hangs: a busy machine is waited for */
  return page;
}

/* What `what` gives once that is true, or the last that it gave. */
export async function until(what, ms = 60000) {
  const end = Date.now() + ms;
  let value = await what();
  while (!value && Date.now() < end) {
    await new Promise((done) => setTimeout(done, 50));
    value = await what();
  }
  return value;
}

/* Runs of the test wait for such a file, or make one. */
export const file = (name) => `${RUNS.home}/${name}`;
export const letGo = (name) => writeFileSync(file(name), '');

/* Goes there and waits until it stands still: the wanted thing is seen, and nothing is being loaded. */
export async function visit(page, hash, wanted) {
  await page.goto(`${BASE}/${hash}`);
  await page.locator(wanted).first().waitFor();
  await settled(page);
}

export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('.waiting[role="status"]'));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.waitForTimeout(50);
}

export async function shot(page, name) {
  await page.screenshot({ path: `${SHOTS}/${name}.png` });
}

/* WCAG 2.2 A and AA, or the rules given; '' where there is nothing to say. */
export async function faults(page, rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe); /* not as a script: the page's own policy allows none but its own */
  const result = await page.evaluate((wanted) => window.axe.run(document, { runOnly: wanted, resultTypes: ['violations'], iframes: false }), rules);
  return result.violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? n.all[0]?.message ?? ''}`).join('\n   ')}`).join('\n');
}
