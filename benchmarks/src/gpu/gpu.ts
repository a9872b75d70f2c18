/**
 * `npm run bench -- gpu`: kernels through the compiler of AMD's cards, without a card. Mesa's RADV has a null device of
 * any family, which compiles and runs nothing. What is counted says what is wrong with a kernel's text, and nothing of
 * milliseconds.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { commit } from '../environment.ts';
import { GPU_CASES, missed, percent } from './cases.ts';
import { BEGIN, childLineSchema, END } from './childLines.ts';
import { compiledSchema, parseCompiled, type Compiled } from './compiled.ts';
import type { Family } from './machine.ts';

const resultsSchema = z.object({ driver: z.string(), commit: z.string(), cases: z.array(compiledSchema) });
type GpuResults = z.infer<typeof resultsSchema>;

/** The machine lacks what RADV's null device takes. */
export class NoNullDeviceError extends Error {
  override readonly name = 'NoNullDeviceError';
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Builds the driver in `folder`; returns its manifest. */
async function buildDriver(folder: string): Promise<string> {
  const [library, manifest] = [join(folder, 'libnullDevice.so'), join(folder, 'nullDevice.json')];
  const compiler = process.env['CC'] ?? 'cc';
  const built = spawnSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, here('nullDevice.c'), '-ldl'], {
    encoding: 'utf8',
  });
  if (built.error !== undefined || built.status !== 0)
    throw new NoNullDeviceError(
      `'${compiler}' did not compile the null device's driver, which needs a C compiler on Linux (the variable CC names another): ${built.error?.message ?? built.stderr}`,
    );
  await writeFile(
    manifest,
    JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.3.0' } }),
  );
  return manifest;
}

/**
 * Compiles the cases whose names match for a family. Throws a NoNullDeviceError where the machine lacks what that takes.
 */
export async function compileCases(family: Family, filter = /./): Promise<GpuResults> {
  const folder = await mkdtemp(join(tmpdir(), 'rna-gpu-'));
  try {
    const manifest = await buildDriver(folder);
    // Files instead of pipes: a driver that waits for a full pipe keeps the process from ending.
    const [out, log] = [join(folder, 'out'), join(folder, 'log')];
    const [outFile, logFile] = [openSync(out, 'w'), openSync(log, 'w')];
    const child = spawn(process.execPath, ['--import', 'tsx', here('gpu.child.ts'), filter.source], {
      // Where the loader of TypeScript is found.
      cwd: here('.'),
      env: {
        ...process.env,
        RADV_FORCE_FAMILY: family,
        RADV_DEBUG: 'asm,cs,shaderstats,nocache',
        MESA_SHADER_CACHE_DISABLE: '1',
        VK_DRIVER_FILES: manifest,
        XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] ?? '/tmp',
      },
      stdio: ['ignore', outFile, logFile],
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    closeSync(outFile);
    closeSync(logFile);
    const text = await readFile(log, 'utf8');
    const lines = (await readFile(out, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => childLineSchema.parse(JSON.parse(line)));
    const sections = new Map(
      text
        .split(`\n${BEGIN}`)
        .slice(1)
        .map((section): [string, string] => [section.slice(0, section.indexOf('\n')), section.split(`\n${END}`)[0]!]),
    );
    if (sections.size === 0)
      throw new NoNullDeviceError(
        `RADV gave no device of the family ${family} (exit code ${String(code)}); it takes Mesa 25 or newer with RADV, on Debian the package mesa-vulkan-drivers. ${text.trim().split('\n').slice(-3).join(' ')}`,
      );
    const driver = lines.flatMap((line) => ('driver' in line ? [line.driver] : []))[0] ?? '';
    const cases = lines.flatMap((line) => {
      const section = 'case' in line ? sections.get(line.case) : undefined;
      if (!('case' in line) || section === undefined) return [];
      const { case: name, threads, pinned, pass } = line;
      const { multiplyAdds = 0, turns } = pass ?? {};
      const compiled = parseCompiled(
        {
          name,
          family,
          threads,
          pinned,
          ...(pass !== undefined && { pass: { multiplyAdds, ...(turns !== undefined && { turns }) } }),
        },
        section,
      );
      return compiled === undefined ? [] : [compiled];
    });
    return { driver, commit: commit(), cases };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const COLUMNS = [
  'case',
  'registers',
  'waves',
  'spills',
  'workgroup memory',
  'multiply-adds of the hot loop',
  'bound',
  'by',
  'simulated',
];

const SOURCES = { lanes: 'instructions', workgroup: 'workgroup memory', cache: 'cache' } as const;

const cells = ({
  case: name,
  vgprs,
  waves,
  spills,
  scratch,
  lds,
  multiplyAdds = 0,
  share,
  bounds,
  simulated,
}: Compiled): string[] => {
  const source = (['lanes', 'workgroup', 'cache'] as const).find((each) => bounds?.[each] === bounds?.bound);
  return [
    name,
    String(vgprs),
    String(waves),
    scratch === 0 ? String(spills) : `${spills}, ${scratch} bytes of scratch`,
    String(lds),
    share === undefined ? '–' : `${Math.round(multiplyAdds)}, ${percent(share)}`,
    bounds === undefined ? '–' : percent(bounds.bound),
    bounds === undefined || source === undefined ? '–' : SOURCES[source],
    simulated === undefined ? '–' : percent(simulated),
  ];
};

const table = (rows: readonly (readonly string[])[]): string =>
  [COLUMNS, COLUMNS.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');

export interface GpuOptions {
  /** Cases by their names; all without one. */
  readonly filter?: RegExp;
  readonly family?: Family;
  readonly json?: string;
  readonly targets?: boolean;
}

/** What the cases whose names match miss of a family's targets, in words. */
export function missedTargets(family: Family, cases: readonly Compiled[], filter = /./): string[] {
  return GPU_CASES.filter(({ name, targets }) => targets?.[family] !== undefined && filter.test(name)).flatMap(
    (each) => {
      const compiled = cases.find(({ case: name }) => name === each.name);
      return compiled === undefined
        ? [`${each.name}: did not compile`]
        : missed(each, compiled).map((fault) => `${each.name}: ${fault}`);
    },
  );
}

/** Prints the table of a family; with `targets` says what is missed, and returns whether nothing is. */
export async function runGpu({ filter = /./, family = 'navi31', json, targets = false }: GpuOptions): Promise<boolean> {
  if (!GPU_CASES.some(({ name }) => filter.test(name))) throw new Error(`no case matches ${filter.source}`);
  const results = await compileCases(family, filter);
  process.stdout.write(`${results.driver}\n\n${table(results.cases.map(cells))}`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(results, null, 2)}\n`);
  if (!targets) return true;
  const faults = missedTargets(family, results.cases, filter);
  process.stdout.write(`\n${faults.length === 0 ? 'all targets are met' : faults.join('\n')}\n`);
  return faults.length === 0;
}

async function readResults(file: string): Promise<GpuResults> {
  if (!existsSync(file)) throw new Error(`${file}: no such file; --json writes one`);
  const parsed = resultsSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file} holds no results of the suite gpu: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Prints the cases in which two files (of two commits) differ, each figure as before and after. */
export async function compareGpu(before: string, after: string): Promise<void> {
  const [a, b] = [await readResults(before), await readResults(after)];
  const rows = b.cases.flatMap((each) => {
    const old = a.cases.find((other) => other.case === each.case && other.family === each.family);
    if (old === undefined || JSON.stringify(old) === JSON.stringify(each)) return [];
    const was = cells(old);
    return [cells(each).map((cell, i) => (cell === was[i] ? cell : `${was[i]!} → ${cell}`))];
  });
  process.stdout.write(`${a.commit} → ${b.commit}\n\n${rows.length === 0 ? 'no case differs\n' : table(rows)}`);
}
