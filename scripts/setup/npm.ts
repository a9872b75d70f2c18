/**
 * Files out of the npm package `@sparticuz/chromium`, a Chromium for machines
 * on which nothing can be installed: its headless browser, and SwiftShader, the
 * software Vulkan driver that it carries. The package is fetched into a
 * temporary folder and is no dependency of the project.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.ts';

const PACKAGE = '@sparticuz/chromium';
const VERSION = '153.0.0';

/** Why the package is of no use on this machine, or undefined if it is. */
export function whyNotFromNpm(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `${PACKAGE} has files for Linux on x64 only`;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined
    ? `${PACKAGE} needs glibc, and this system has another C library`
    : undefined;
}

/** Unpacks some of the package's archives (`swiftshader.tar.br`, `chromium.br`, …) into `folder`. */
export function unpackFromNpm(archives: readonly string[], folder: string): void {
  const temporary = mkdtempSync(join(tmpdir(), 'rna-npm-'));
  try {
    // A manifest makes the folder npm's project. `--prefix` would do so too, but also hide the machine's own npm
    // settings.
    writeFileSync(join(temporary, 'package.json'), '{}');
    run(
      'npm',
      [
        'install',
        '--no-save',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        '--fetch-retries=1',
        `${PACKAGE}@${VERSION}`,
      ],
      { cwd: temporary },
    );
    // The package unpacks into the temporary folder of its process, so that is set to ours.
    const unpack = `import(${JSON.stringify(PACKAGE)}).then(({ inflate }) => Promise.all(process.argv.slice(1).map((file) => inflate(file))))`;
    const bin = join(temporary, 'node_modules', PACKAGE, 'bin');
    run(process.execPath, ['--eval', unpack, ...archives.map((name) => join(bin, name))], {
      cwd: temporary,
      env: { TMPDIR: folder },
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

export const NPM_SOURCE = `${PACKAGE} ${VERSION}`;
