import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const module = new URL('../src/node/quietAdapters.ts', import.meta.url).href;
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A shell's command that calls a function which writes these lines to descriptor 2; it is given `$0` and `$1`. */
function shell(command: string, lines: string): string {
  const script = `
    import { writeSync } from 'node:fs';
    const { withoutLimitWarnings } = await import(${JSON.stringify(module)});
    process.stderr.write('before\\n');
    const result = withoutLimitWarnings(() => { writeSync(2, ${JSON.stringify(lines)}); return 7; });
    try { withoutLimitWarnings(() => { throw new Error('refused'); }); } catch (error) { process.stderr.write(error.message + '\\n'); }
    process.stderr.write('after ' + result + '\\n');`;
  return spawnSync('sh', ['-c', command, process.execPath, script], { cwd: root, encoding: 'utf8' }).stdout;
}

const COMMANDS = '(echo first >&2; "$0" --import tsx --input-type=module --eval "$1"; echo last >&2)';

// A shell's pipe: Node's own to a child are sockets, which cannot be opened by their name.
test.runIf(process.platform === 'linux').each([
  ['a pipe', (): string => `${COMMANDS} 2>&1 | cat`],
  ['a file that is appended to', (file: string): string => `${COMMANDS} 2>> ${file}; cat ${file}`],
  ['a file', (file: string): string => `${COMMANDS} 2> ${file}; cat ${file}`],
])('two warnings of Dawn are left out of %s, and nothing else', (_, command) => {
  const folder = mkdtempSync(join(tmpdir(), 'rna-stderr-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const warning = (kind: string): string =>
    `Warning: maxDynamic${kind}BuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\n`;
  const lines = `${warning('Uniform')}Warning: anöther\n${warning('Storage')}`;
  expect(shell(command(join(folder, 'stderr')), lines)).toBe(
    'first\nbefore\nWarning: anöther\nrefused\nafter 7\nlast\n',
  );
});
