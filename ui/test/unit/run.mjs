/* Bundles the unit tests beside this file and runs them with node's own runner; prints TAP. */
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'dhow-ui-'));
try {
  const tests = readdirSync(here).filter((f) => f.endsWith('.test.ts'));
  await build({ entryPoints: tests.map((t) => join(here, t)), outdir: out, outExtension: { '.js': '.mjs' }, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...tests.map((t) => join(out, t.replace(/\.ts$/, '.mjs')))], { stdio: 'inherit', env: { ...process.env, TZ: 'UTC' } });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
