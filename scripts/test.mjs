/**
 * `npm test`: set-up, then type check, format and lint side by side, then all tests,
 * and all of them even if one fails. Arguments go to vitest. The last line is
 * `N passed, N failed`, over vitest's tests and one each for type check,
 * format and lint; whatever breaks off without naming a test counts as one failed.
 */
import { spawn, spawnSync } from 'node:child_process';
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
 * Runs a tool of ours and gives what it wrote; true if it ended well.
 * @param {string} file
 * @param {string[]} args
 * @returns {Promise<{ ok: boolean, text: string }>}
 */
function quietTool(file, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', file), ...args], { cwd: root });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (/** @type {string} */ part) => {
        text += part;
      });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ ok: code === 0, text });
    });
  });
}

/**
 * A check of one tool, which may have several runs, one after the other. What it says is printed when it is done.
 * @param {string} name
 * @param {[string, ...string[]][]} runs
 * @returns {Promise<Result>}
 */
async function check(name, ...runs) {
  const start = performance.now();
  let ok = true;
  let text = '';
  for (const run of runs) {
    const result = await quietTool(...run);
    ok &&= result.ok;
    text += result.text;
  }
  process.stdout.write(`\n${name}\n${text}`);
  return { name, passed: Number(ok), failed: Number(!ok), skipped: 0, seconds: (performance.now() - start) / 1000 };
}

/** @param {string[]} args */
function tests(args) {
  process.stdout.write('\ntests\n');
  const start = performance.now();
  return { name: 'tests', ...vitest(args), seconds: (performance.now() - start) / 1000 };
}

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
  const results = await Promise.all([
    check(
      'type check',
      ['typescript-newest/bin/tsc', '--noEmit', '-p', 'tsconfig.json'],
      ['typescript-newest/bin/tsc', '--noEmit', '-p', 'tsconfig.dom.json'],
    ),
    // It takes one core, the other two take what there is.
    check('format', ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']),
    check('lint', ['oxlint/bin/oxlint', '--deny-warnings', '--report-unused-disable-directives', '.']),
  ]);
  results.push(tests(process.argv.slice(2)));
  if (noBrowser !== undefined) {
    process.stdout.write(`\nThe browser tests did not run: ${noBrowser}\n`);
    // A machine of one's own may lack a browser; where the result is the verdict, it may not.
    if (process.env['CI'] === 'true') results.push({ name: 'browser', passed: 0, failed: 1, skipped: 0, seconds: 0 });
  }
  if (noMpi !== undefined) process.stdout.write(`\nThe tests of training over ranks by MPI did not run: ${noMpi}\n`);
  return results;
}

const results = await test().catch((/** @type {unknown} */ error) => {
  process.stderr.write(`set-up failed: ${error instanceof Error ? error.message : String(error)}\n`);
  return [{ name: 'set-up', passed: 0, failed: 1, skipped: 0, seconds: 0 }];
});
report(results);
const total = (/** @type {'passed' | 'failed'} */ key) => results.reduce((sum, result) => sum + result[key], 0);
process.stdout.write(`${String(total('passed'))} passed, ${String(total('failed'))} failed\n`);
process.exitCode = total('failed') > 0 ? 1 : 0;
