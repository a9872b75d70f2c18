/**
 * The Chromium of the browser tests: found where the machine has one, else
 * installed. Only `npm test` needs it. The tests run on SwiftShader, which
 * every Chromium carries, so no GPU is needed.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../packages/tensor/src/node/driver.ts';
import { withApt } from './apt.ts';
import { NPM_SOURCE, unpackFromNpm, whyNotFromNpm } from './npm.ts';
import { isOnPath, run, type Say } from './run.ts';

export interface Chromium {
  readonly executable: string;
  /** What the browser's process needs beside the current environment. */
  readonly env: Record<string, string>;
}

const SYSTEM_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  String.raw`C:\Program Files\Google\Chrome\Application\chrome.exe`,
];

/**
 * The browser named by `CHROME_PATH`, else the system's, else the one that set-up fetched; undefined where there is
 * none.
 */
export function findChromium(): Chromium | undefined {
  const chosen = process.env['CHROME_PATH'];
  if (chosen !== undefined && chosen !== '') {
    if (!existsSync(chosen)) throw new Error(`CHROME_PATH names ${chosen}, and no file is there`);
    return { executable: chosen, env: {} };
  }
  const system = SYSTEM_PATHS.find((path) => existsSync(path));
  if (system !== undefined) return { executable: system, env: {} };
  const executable = join(privateFolder(), 'chromium');
  return existsSync(executable)
    ? { executable, env: { LD_LIBRARY_PATH: join(privateFolder(), 'al2023', 'lib') } }
    : undefined;
}

/** Returns the browser's path; installs one where there is none that starts. Throws with every road's failure. */
export function ensureChromium(say: Say): string {
  const failures: string[] = [];
  const present = findChromium();
  if (present !== undefined) {
    const failure = whyNotStarting(present);
    if (failure === undefined) return present.executable;
    failures.push(failure);
  }
  const noApt = isOnPath('apt-get') ? undefined : 'this system has no apt';
  const roads = [
    {
      what: 'Chromium by apt',
      closed: noApt ?? (process.getuid?.() === 0 ? undefined : 'needs root'),
      take: () => {
        withApt((apt) => {
          apt.install('chromium');
        });
      },
    },
    {
      what: `a headless Chromium from npm into ${privateFolder()} (about 70 MB to download)`,
      closed: whyNotFromNpm(),
      take: chromiumFromNpm,
    },
  ];
  for (const { what, closed, take } of roads) {
    if (closed !== undefined) {
      failures.push(`${what}: ${closed}`);
      continue;
    }
    say(`installing ${what} for the browser tests …`);
    try {
      take();
      const found = findChromium();
      const failure = found === undefined ? `no browser at any of ${SYSTEM_PATHS.join(', ')}` : whyNotStarting(found);
      if (found !== undefined && failure === undefined) return found.executable;
      failures.push(`${what}: ${failure ?? ''}`);
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
    say(`that did not work: ${failures.at(-1)!}`);
  }
  throw new Error(
    `no Chromium:\n- ${failures.join('\n- ')}\nInstall Chromium or Chrome by hand, or name one in CHROME_PATH.`,
  );
}

function privateFolder(): string {
  return join(cacheFolder(), `chromium-${NPM_SOURCE.replace(/^.* /, '')}`);
}

function chromiumFromNpm(): void {
  const folder = privateFolder();
  mkdirSync(dirname(folder), { recursive: true });
  const staged = mkdtempSync(`${folder}-staged-`);
  try {
    // al2023 holds the system libraries (NSS) that a bare machine lacks.
    unpackFromNpm(['chromium.br', 'swiftshader.tar.br', 'al2023.tar.br', 'fonts.tar.br'], staged);
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

function whyNotStarting({ executable, env }: Chromium): string | undefined {
  try {
    run(executable, ['--version'], { env });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
