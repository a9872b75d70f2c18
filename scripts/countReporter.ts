/**
 * A vitest reporter that counts, into the file that `RNA_TEST_COUNTS` names, and
 * prints which files took longest. vitest's own JSON leaves out what has no test
 * to its name: a file that does not load, an error outside any test, a crash.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

function count(modules: readonly TestModule[], errors: readonly unknown[]): Counts {
  let [passed, failed, skipped] = [0, errors.length, 0];
  for (const module of modules) {
    const before = failed;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed++;
      else if (state === 'skipped') skipped++;
      // A test still pending when the run is over never ended: its process died.
      else failed++;
    }
    if (module.state() === 'failed' && failed === before) failed++;
  }
  return { passed, failed, skipped };
}

const SLOWEST = 10;

/** Lines with the files that took longest, in seconds. */
function slowest(modules: readonly TestModule[]): string {
  const lines = modules
    .map((module) => ({ name: module.relativeModuleId, seconds: module.diagnostic().duration / 1000 }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST)
    .map(({ name, seconds }) => `${seconds.toFixed(0).padStart(5)} s  ${name}`);
  return `\n the slowest files\n${lines.join('\n')}\n`;
}

// oxlint-disable-next-line import/no-default-export -- vitest takes a reporter from the default export
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    if (modules.length > SLOWEST) process.stdout.write(slowest(modules));
    writeFileSync(process.env['RNA_TEST_COUNTS']!, JSON.stringify(count(modules, errors)));
  }
}
