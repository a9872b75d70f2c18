/**
 * `npm test`: set-up, then type check, format, lint and all tests, one after the other
 * and all of them even if one fails. Arguments go to vitest. The last line is
 * `N passed, N failed`, over vitest's tests and one each for type check,
 * format and lint; whatever breaks off without naming a test counts as one failed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

/** @typedef {{ name: string, passed: number, failed: number, skipped: number, seconds: number }} Result */

/**
 * Runs a tool of ours in this terminal; true if it ended well.
 * @param {string} file
 * @param {string[]} args
 */
function tool(file, ...args) {
  const child = spawnSync(process.execPath, [join(root, 'node_modules', file), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  return child.status === 0;
}

/**
 * @param {string} name
 * @param {() => Omit<Result, 'name' | 'seconds'>} step
 * @returns {Result}
 */
function timed(name, step) {
  process.stdout.write(`\n${name}\n`);
  const start = performance.now();
  return { name, ...step(), seconds: (performance.now() - start) / 1000 };
}

/** @param {boolean} ok */
const single = (ok) => ({ passed: Number(ok), failed: Number(!ok), skipped: 0 });

/** @param {string[]} args */
function vitest(args) {
  const file = join(root, 'node_modules', '.rna-test-counts.json');
  rmSync(file, { force: true });
  process.env['RNA_TEST_COUNTS'] = file;
  const ok = tool('vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=./scripts/countReporter.ts', ...args);
  const counts = readCounts(file);
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/**
 * @param {string} file
 * @returns {import('./countReporter.ts').Counts}
 */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // vitest died before the end of its run; its exit code says that it failed.
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

/** @param {Result[]} results */
function report(results) {
  process.stdout.write('\n');
  for (const { name, passed, failed, skipped, seconds } of results) {
    process.stdout.write(
      `${name.padEnd(12)} ${String(passed)} passed, ${String(failed)} failed${skipped > 0 ? `, ${String(skipped)} skipped` : ''} (${seconds.toFixed(0)} s)\n`,
    );
  }
}

/** @returns {Promise<Result[]>} */
async function test() {
  const { noBrowser, noMpi } = await setup({ browser: true, mpi: true });
  const results = [
    timed('type check', () =>
      single(
        ['tsconfig.json', 'tsconfig.dom.json'].every((project) =>
          tool('typescript-newest/bin/tsc', '--noEmit', '-p', project),
        ),
      ),
    ),
    timed('format', () => single(tool('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'))),
    timed('lint', () =>
      single(tool('oxlint/bin/oxlint', '--deny-warnings', '--report-unused-disable-directives', '.')),
    ),
    timed('tests', () => vitest(process.argv.slice(2))),
  ];
  if (noBrowser !== undefined) {
    process.stdout.write(`\nThe browser tests did not run: ${noBrowser}\n`);
    // A machine of one's own may lack a browser; where the result is the verdict, it may not.
    if (process.env['CI'] === 'true') results.push({ name: 'browser', ...single(false), seconds: 0 });
  }
  if (noMpi !== undefined) process.stdout.write(`\nThe tests of training over ranks by MPI did not run: ${noMpi}\n`);
  return results;
}

const results = await test().catch((/** @type {unknown} */ error) => {
  process.stderr.write(`set-up failed: ${error instanceof Error ? error.message : String(error)}\n`);
  return [{ name: 'set-up', ...single(false), seconds: 0 }];
});
report(results);
const total = (/** @type {'passed' | 'failed'} */ key) => results.reduce((sum, result) => sum + result[key], 0);
process.stdout.write(`${String(total('passed'))} passed, ${String(total('failed'))} failed\n`);
process.exitCode = total('failed') > 0 ? 1 : 0;
