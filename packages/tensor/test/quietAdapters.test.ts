import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const module = new URL('../src/node/quietAdapters.ts', import.meta.url).href;
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What a process writes to stderr, a pipe, that calls a function which writes these lines to descriptor 2. */
function stderrOf(lines: string): string {
  const script = `
    import { writeSync } from 'node:fs';
    const { withoutLimitWarnings } = await import(${JSON.stringify(module)});
    process.stderr.write('before\\n');
    const result = withoutLimitWarnings(() => { writeSync(2, ${JSON.stringify(lines)}); return 7; });
    try { withoutLimitWarnings(() => { throw new Error('refused'); }); } catch (error) { process.stderr.write(error.message + '\\n'); }
    process.stderr.write('after ' + result + '\\n');`;
  // A shell's pipe: Node's own to a child are sockets, which cannot be opened by their name.
  return spawnSync(
    'sh',
    ['-c', '"$0" --import tsx --input-type=module --eval "$1" 2>&1 | cat', process.execPath, script],
    { cwd: root, encoding: 'utf8' },
  ).stdout;
}

test.runIf(process.platform === 'linux')('two warnings of Dawn are left out, and nothing else', () => {
  const warning = (kind: string): string =>
    `Warning: maxDynamic${kind}BuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\n`;
  expect(stderrOf(`${warning('Uniform')}Warning: another\n${warning('Storage')}`)).toBe(
    'before\nWarning: another\nrefused\nafter 7\n',
  );
});
