/**
 * `npm run bench`: what the kernels, the ops, a training step and inference
 * take on this machine's adapter, and what other libraries take for the same
 * work. `--help` says how it is called, docs/performance.md what the figures
 * mean. Rows go to stdout as they are done, everything else to stderr.
 */
import { writeFile } from 'node:fs/promises';
import { openDevice } from '@rna/tensor/node';
import { Command, Option } from 'commander';
import { measureCeilings, type Ceilings } from './ceilings.ts';
import { peerChart } from './chart.ts';
import { describeEnvironment, type Environment } from './environment.ts';
import { benchmarkFolding } from './folding.ts';
import { compareGpu, runGpu } from './gpu/gpu.ts';
import { TARGET_FAMILIES } from './gpu/cases.ts';
import { FAMILIES, type Family } from './gpu/machine.ts';
import { benchmarkKernels } from './kernels.ts';
import { benchmarkModels } from './models.ts';
import { benchmarkPeers } from './peers.ts';
import { benchmarkRanks } from './ranks.ts';
import { terminalReport, type Report } from './report.ts';
import { benchmarkShards } from './shards.ts';
import { benchmarkTertiary } from './tertiary.ts';
import { readResults, writeResults, type Results } from './rows.ts';
import { compareTable, peerTable } from './tables.ts';

const SUITES = ['kernels', 'peers', 'step', 'inference', 'tertiary', 'folding', 'ranks', 'shards'] as const;
type Suite = (typeof SUITES)[number];
/** Those whose figures are not held against what the adapter can do. */
const WITHOUT_CEILINGS: ReadonlySet<Suite> = new Set(['peers', 'folding', 'ranks', 'shards']);
/** It runs nothing, and so is not among all suites. */
const COMPILED = 'gpu';

interface Options {
  readonly filter?: RegExp;
  readonly json?: string;
  readonly svg?: string;
  readonly compare?: readonly string[];
  readonly limit?: number;
  readonly cold?: boolean;
  readonly family?: Family;
  readonly targets?: boolean;
}

// Longest runs that are timed on a software driver, where the largest presets take minutes.
const SOFTWARE_LIMITS = { kernelMs: 2000, modelMs: 5000 } as const;

const program: Command = new Command('npm run bench --')
  .description("Benchmarks on this machine's WebGPU adapter. Without a suite, all of them.")
  .argument(
    '[suite]',
    `${SUITES.join(', ')}; or ${COMPILED}, which compiles kernels for AMD's cards and runs nothing`,
    (name: string): Suite | typeof COMPILED => {
      const suite = [...SUITES, COMPILED].find((each) => each === name);
      if (suite === undefined)
        program.error(`there is no suite '${name}'; there are ${SUITES.join(', ')}, ${COMPILED}`);
      return suite as Suite | typeof COMPILED;
    },
  )
  .option(
    '--filter <regex>',
    'only cases whose name matches; of the checks, kernels whose name matches',
    (text: string) => new RegExp(text),
  )
  .option('--json <file>', 'write the results, for --compare')
  .option('--svg <file>', 'draw the peer suite')
  .addOption(
    new Option('--compare <files...>', 'compare two files written by --json, and run nothing').conflicts([
      'json',
      'svg',
      'limit',
      'cold',
    ]),
  )
  .option(
    '--limit <seconds>',
    `longest run that is timed; on a software driver ${SOFTWARE_LIMITS.kernelMs / 1000} for a kernel and ${SOFTWARE_LIMITS.modelMs / 1000} for a model by default, on a GPU no limit`,
    (text: string) => {
      const seconds = Number(text);
      if (!(seconds > 0)) program.error(`--limit must be a positive number of seconds, got '${text}'`);
      return seconds;
    },
  )
  .addOption(new Option('--family <name>', 'of gpu: the cards that kernels are compiled for').choices(FAMILIES))
  .option('--targets', `of gpu: exit with 1 where a kernel misses its target (${TARGET_FAMILIES.join(', ')})`)
  .option('--cold', 'give the first step and the first inference an empty shader cache of the driver (Mesa)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- kernels --filter "matmul|linear"\n  npm run bench -- peers --json after.json --svg peers.svg\n  npm run bench -- --compare before.json after.json\n',
  )
  .action(async (suite: Suite | typeof COMPILED | undefined, options: Options) => {
    if (suite === COMPILED) await compiled(options);
    else if (options.family !== undefined || options.targets === true)
      program.error(`--family and --targets are of the suite ${COMPILED}`);
    else if (options.compare !== undefined) await compare(options.compare);
    else await benchmark(suite === undefined ? SUITES : [suite], options);
  });

async function compiled({ filter, compare: files, family, json, targets = false }: Options): Promise<void> {
  if (files !== undefined) {
    await compareGpu(...twoFiles(files));
    return;
  }
  if (targets && family !== undefined && !TARGET_FAMILIES.includes(family))
    program.error(`--targets are those of the families ${TARGET_FAMILIES.join(', ')}`);
  const met = await runGpu({
    ...(filter && { filter }),
    ...(family && { family }),
    ...(json !== undefined && { json }),
    targets,
  });
  if (!met) process.exitCode = 1;
}

function twoFiles(files: readonly string[]): [string, string] {
  const [a, b, ...more] = files;
  if (a === undefined || b === undefined || more.length > 0)
    program.error(`--compare takes two files written by --json, got ${files.length}`);
  return [a, b];
}

async function compare(files: readonly string[]): Promise<void> {
  const [a, b] = twoFiles(files);
  process.stdout.write(compareTable(await readResults(a), await readResults(b)));
}

async function benchmark(
  suites: readonly Suite[],
  { filter = /./, json, svg, limit, cold = false }: Options,
): Promise<void> {
  const { report, rows, skipped } = terminalReport();
  const { environment, ceilings, limits, adapterClass, memoryBudget } = await measureAlone(
    suites,
    filter,
    limit,
    report,
  );
  const peerVersions = suites.includes('peers') ? await benchmarkPeers(filter, report) : {};
  for (const suite of ['step', 'inference'] as const) {
    if (suites.includes(suite) && ceilings !== undefined)
      await benchmarkModels(suite, {
        filter,
        limitMs: limits.modelMs,
        ceilings,
        cold,
        report,
        adapterClass,
        memoryBudget,
      });
  }
  if (suites.includes('folding')) await benchmarkFolding(filter, report);
  if (suites.includes('ranks')) await benchmarkRanks(filter, report);
  if (suites.includes('shards')) await benchmarkShards(filter, report);
  const results: Results = { ...environment, versions: { ...environment.versions, ...peerVersions }, rows: [...rows] };
  if (suites.includes('peers')) process.stdout.write(`\n${peerTable(rows)}`);
  process.stdout.write(
    `\n${environment.adapter}, commit ${environment.commit.slice(0, 12)}, ${environment.date}, load ${environment.load.map((load) => load.toFixed(2)).join(' ')}\n`,
  );
  if (skipped.length > 0)
    process.stderr.write(`\n${skipped.length} without a figure:\n${skipped.map((line) => `  ${line}\n`).join('')}`);
  if (rows.length === 0 && skipped.length === 0) program.error(`no case matches --filter ${filter.source}`);
  if (json !== undefined) await writeResults(json, results);
  if (svg !== undefined) await writeFile(svg, peerChart(results));
}

interface Found {
  readonly environment: Environment;
  /** Absent where no suite needs them. */
  readonly ceilings: Ceilings | undefined;
  readonly limits: { readonly kernelMs: number; readonly modelMs: number };
  readonly adapterClass: 'cpu' | 'gpu';
  readonly memoryBudget: number;
}

/** What runs in this process, which then lets go of the adapter: the ceilings and the kernel suite. */
async function measureAlone(
  suites: readonly Suite[],
  filter: RegExp,
  limit: number | undefined,
  report: Report,
): Promise<Found> {
  const device = await openDevice();
  try {
    const environment = describeEnvironment(device);
    const limits =
      limit === undefined && device.traits.class === 'cpu'
        ? SOFTWARE_LIMITS
        : { kernelMs: 1000 * (limit ?? Infinity), modelMs: 1000 * (limit ?? Infinity) };
    report.progress(`adapter: ${environment.adapter}`);
    const found = { environment, limits, adapterClass: device.traits.class, memoryBudget: device.memory.use().budget };
    if (suites.every((suite) => WITHOUT_CEILINGS.has(suite))) return { ...found, ceilings: undefined };
    const ceilings = await measureCeilings(device, (row) => {
      report.row(row);
    });
    if (suites.includes('kernels'))
      await benchmarkKernels({ device, ceilings, filter, limitMs: limits.kernelMs, report });
    if (suites.includes('tertiary'))
      await benchmarkTertiary({ device, ceilings, filter, limitMs: limits.modelMs, report });
    return { ...found, ceilings };
  } finally {
    device.destroy();
  }
}

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(
    `npm run bench failed: ${error instanceof Error ? error.message : String(error)}\n${error instanceof Error && process.env['RNA_DEBUG'] === '1' ? `${error.stack ?? ''}\n` : ''}`,
  );
  process.exitCode = 1;
});
