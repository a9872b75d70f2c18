/**
 * apt over package lists of our own: the machine's sources are read, never
 * changed, and its lists and archive cache stay as they are. Used twice, as
 * root to install packages and without root only to download them.
 */
import {
  cpSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { run } from './run.ts';

export interface Apt {
  /** Installs packages on the machine; needs root. */
  install(...packages: string[]): void;
  /** Downloads packages with all they depend on and returns the files; needs no root. */
  download(...packages: string[]): string[];
}

/** Fetches the package lists, hands apt to `use` and deletes lists and downloads afterwards. */
export function withApt<T>(use: (apt: Apt) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'rna-apt-'));
  try {
    return use(openApt(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openApt(folder: string): Apt {
  // apt's download user must be able to enter the folder.
  chmodSync(folder, 0o755);
  const within = (name: string): string => join(folder, name);
  for (const name of ['lists/partial', 'cache/archives/partial', 'state', 'sources'])
    mkdirSync(within(name), { recursive: true });
  writeFileSync(within('status'), '');
  if (existsSync(SOURCE_PARTS)) cpSync(SOURCE_PARTS, within('sources'), { recursive: true, dereference: true });
  const release = addBackports(within('sources'));

  const lists = settings({
    'Dir::State::lists': within('lists'),
    'Dir::Cache': within('cache'),
    'Dir::Etc::sourceparts': within('sources'),
    'Acquire::Languages': 'none',
  });
  const rootless = settings({
    'Dir::State': within('state'),
    'Dir::State::lists': within('lists'),
    'Dir::State::status': within('status'),
    'Debug::NoLocking': '1',
  });
  const get = (...args: string[]): string =>
    run('apt-get', ['-q', '-y', '--no-install-recommends', ...lists, ...release, ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });

  let updateFailure: unknown;
  try {
    get(...(process.getuid?.() === 0 ? [] : rootless), 'update');
  } catch (error) {
    // One source of several that is out of reach need not matter; if it does, the next step fails and names this as its
    // cause.
    updateFailure = error;
  }
  const explained = <R>(step: () => R): R => {
    try {
      return step();
    } catch (error) {
      if (updateFailure instanceof Error && error instanceof Error)
        error.message += `\n  (before that, ${updateFailure.message})`;
      throw error;
    }
  };
  return {
    install: (...packages) => {
      explained(() => get('install', ...packages));
    },
    // The empty status makes apt count nothing as installed, so the set of files is complete on any machine.
    download: (...packages) =>
      explained(() => {
        get(...rootless, '--download-only', 'install', ...packages);
        const archives = within('cache/archives');
        return readdirSync(archives)
          .filter((name) => name.endsWith('.deb'))
          .map((name) => join(archives, name));
      }),
  };
}

const SOURCE_LIST = '/etc/apt/sources.list';
const SOURCE_PARTS = '/etc/apt/sources.list.d';

function settings(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/**
 * Debian 12's Mesa is older than Dawn accepts, and its backports have a newer
 * one. Adds that suite beside every entry for the release itself, at the same
 * address and with the same options; returns the arguments that prefer it.
 */
function addBackports(folder: string): string[] {
  const release = osRelease();
  const codename = release['VERSION_CODENAME'];
  if (release['ID'] !== 'debian' || release['VERSION_ID'] !== '12' || codename === undefined) return [];
  const suite = `${codename}-backports`;
  let found = false;
  const files = [
    ...(existsSync(SOURCE_LIST) ? [SOURCE_LIST] : []),
    ...readdirSync(folder).map((name) => join(folder, name)),
  ];
  for (const [index, file] of files.entries()) {
    const text = readFileSync(file, 'utf8');
    const entries =
      extname(file) === '.sources'
        ? text
            .split(/\n\s*\n/)
            .filter((stanza) => suitesOf(stanza).includes(codename))
            .map((stanza) => stanza.replace(/^Suites:.*$/m, `Suites: ${suite}`))
        : [...text.matchAll(/^(deb\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)(\s.*)$/gm)]
            .filter((match) => match[2] === codename)
            .map((match) => `${match[1]!}${suite}${match[3]!}`);
    if (entries.length === 0) continue;
    writeFileSync(join(folder, `rna-backports-${String(index)}${extname(file)}`), entries.join('\n\n') + '\n');
    found = true;
  }
  return found ? ['-t', suite] : [];
}

function suitesOf(stanza: string): string[] {
  return /^Suites:(.*)$/m.exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
}

function osRelease(): Record<string, string> {
  if (!existsSync('/etc/os-release')) return {};
  const lines = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?(.*?)"?$/gm);
  return Object.fromEntries([...lines].map((match) => [match[1]!, match[2]!]));
}
