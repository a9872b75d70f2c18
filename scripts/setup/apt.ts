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

/**
 * Fetches the package lists, hands apt to `use` and deletes lists and downloads afterwards. The packages are those of
 * the machine's own release and its backports, or of another `release` of Debian, which is only to download from.
 */
export function withApt<T>(use: (apt: Apt) => T, release?: string): T {
  const folder = mkdtempSync(join(tmpdir(), 'rna-apt-'));
  try {
    return use(openApt(folder, release));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openApt(folder: string, otherRelease: string | undefined): Apt {
  // apt's download user must be able to enter the folder.
  chmodSync(folder, 0o755);
  const within = (name: string): string => join(folder, name);
  for (const name of ['lists/partial', 'cache/archives/partial', 'state', 'sources'])
    mkdirSync(within(name), { recursive: true });
  writeFileSync(within('status'), '');
  if (existsSync(SOURCE_PARTS)) cpSync(SOURCE_PARTS, within('sources'), { recursive: true, dereference: true });
  const release =
    otherRelease === undefined ? addBackports(within('sources')) : onlyRelease(within('sources'), otherRelease);

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
    run('apt-get', ['-q', '-y', '--no-remove', '--no-install-recommends', ...lists, ...release, ...args], {
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
 * Debian 12's Mesa is older than Dawn accepts, and the backports of both Debian 12 and 13 have one that is faster.
 * Adds that suite beside every entry for the release itself, at the same address and with the same options; returns
 * the arguments that prefer it.
 */
function addBackports(folder: string): string[] {
  const debian = debianRelease();
  if (debian === undefined || !['12', '13'].includes(debian.version)) return [];
  const suite = `${debian.codename}-backports`;
  const entries = entriesLike(folder, debian.codename, [suite]);
  writeEntries(folder, entries);
  return entries.length > 0 ? ['-t', suite] : [];
}

/**
 * Leaves as only sources those of another release of Debian with its backports, at the addresses of this machine's own
 * release; returns the arguments that read no others.
 */
function onlyRelease(folder: string, release: string): string[] {
  const codename = debianRelease()?.codename;
  const suite = `${release}-backports`;
  const entries = codename === undefined ? [] : entriesLike(folder, codename, [release, suite]);
  if (entries.length === 0) throw new Error('the sources of apt have no entry for the release of this system');
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  writeEntries(folder, entries);
  return ['-o', 'Dir::Etc::sourcelist=/dev/null', '-t', suite];
}

interface Entry {
  readonly extension: string;
  readonly text: string;
}

/** The machine's entries for its release, for other suites instead. */
function entriesLike(folder: string, codename: string, suites: readonly string[]): Entry[] {
  const files = [
    ...(existsSync(SOURCE_LIST) ? [SOURCE_LIST] : []),
    ...readdirSync(folder).map((name) => join(folder, name)),
  ];
  return files.flatMap((file): Entry[] => {
    const text = readFileSync(file, 'utf8');
    if (extname(file) === '.sources') {
      return text
        .split(/\n\s*\n/)
        .filter((stanza) => suitesOf(stanza).includes(codename))
        .map((stanza) => ({
          extension: '.sources',
          text: stanza.replace(/^Suites:.*$/m, `Suites: ${suites.join(' ')}`),
        }));
    }
    return [...text.matchAll(/^(deb\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)(\s.*)$/gm)]
      .filter((match) => match[2] === codename)
      .flatMap((match) => suites.map((suite) => ({ extension: '.list', text: `${match[1]!}${suite}${match[3]!}` })));
  });
}

function writeEntries(folder: string, entries: readonly Entry[]): void {
  for (const [index, { extension, text }] of entries.entries())
    writeFileSync(join(folder, `rna-${String(index)}${extension}`), `${text}\n`);
}

function suitesOf(stanza: string): string[] {
  return /^Suites:(.*)$/m.exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
}

/** The release of Debian that this machine runs; undefined on another system. */
export function debianRelease(): { readonly version: string; readonly codename: string } | undefined {
  if (!existsSync('/etc/os-release')) return undefined;
  const lines = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?(.*?)"?$/gm);
  const values = Object.fromEntries([...lines].map((match) => [match[1]!, match[2]!]));
  const { ID: id, VERSION_ID: version, VERSION_CODENAME: codename } = values;
  return id === 'debian' && version !== undefined && codename !== undefined ? { version, codename } : undefined;
}
