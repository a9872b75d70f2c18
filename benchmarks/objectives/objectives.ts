/**
 * SSR-LM's Table 3: the same encoder is pre-trained by masked nucleotides (MLM),
 * spans (SM) and structure-aware spans (SSM), each is fine-tuned for secondary
 * structure, and all are scored on the same held-out RNAs without
 * post-processing; a row without pre-training stands beside them. Everything is
 * done by the commands that a user has (`rna structures`, `pretrain`, `finetune`,
 * `evaluate`), each in a folder under --out, so a stopped run goes on where it was.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { z } from 'zod';
import { prepareData, type DataFiles } from './data.ts';
import { resultTable, type Result } from './table.ts';

const OBJECTIVES = ['none', 'mlm', 'sm', 'ssm'] as const;
export type Objective = (typeof OBJECTIVES)[number];

const RNA = fileURLToPath(new URL('../../packages/cli/bin/rna.js', import.meta.url));
const config = (size: string, stage: string): string => fileURLToPath(new URL(`${size}.${stage}.yaml`, import.meta.url));

interface Options extends DataFiles {
  readonly out: string;
  readonly size: 'small' | 'full';
  readonly seeds: readonly number[];
  readonly objectives: readonly Objective[];
  readonly pretrainSteps?: number;
  readonly finetuneEpochs?: number;
}

const natural = (text: string): number => {
  const value = Number(text);
  if (!(Number.isInteger(value) && value > 0)) program.error(`'${text}' must be a positive whole number`);
  return value;
};

const program: Command = new Command('npm run objectives --')
  .description('Compares pre-training objectives by the secondary structures that fine-tuned models predict (SSR-LM, Table 3).')
  .requiredOption('--corpus <files...>', 'sequences to pre-train on, FASTA or structures; structures for SSM are predicted with CONTRAfold')
  .requiredOption('--train <files...>', 'structures to fine-tune on (bpRNA TR0)')
  .requiredOption('--validation <files...>', 'structures that choose threshold and checkpoint (VL0)')
  .requiredOption('--test <files...>', 'structures to score on (TS0)')
  .requiredOption('--out <folder>', 'where everything is kept; the same command goes on with what is there')
  .option('--size <size>', 'small (two hours of two cores without a GPU) or full (ssr-lm-s, for a GPU)', 'small')
  .option('--seeds <list>', 'seeds, with commas', (text) => text.split(',').map(natural), [1])
  .option('--objectives <list>', `some of ${OBJECTIVES.join(', ')}`, (text) => text.split(',').map((name) => {
    const objective = OBJECTIVES.find((each) => each === name);
    return objective ?? program.error(`there is no objective '${name}'; there are ${OBJECTIVES.join(', ')}`);
  }), [...OBJECTIVES])
  .option('--pretrain-steps <n>', 'steps of pre-training, instead of the size\'s', natural)
  .option('--finetune-epochs <n>', 'epochs of fine-tuning, instead of the size\'s', natural)
  .option('--max-length <n>', 'leave out longer RNAs everywhere', natural)
  .option('--max-train <n>', 'fine-tune on so many RNAs, drawn once', natural)
  .option('--max-validation <n>', 'of the validation set likewise', natural)
  .option('--max-test <n>', 'of the test set likewise', natural)
  .action(async (options: Options) => {
    if (!['small', 'full'].includes(options.size)) program.error(`--size must be small or full, got '${options.size}'`);
    await compareObjectives(options);
  });

async function compareObjectives(options: Options): Promise<void> {
  const { out, size, seeds, objectives } = options;
  await mkdir(out, { recursive: true });
  await checkSettings(options);
  const data = await prepareData(options, join(out, 'data'));
  const structures = join(out, 'data', 'corpus.dbn');
  if (!existsSync(structures)) await rna(['structures', data.corpus, '--out', structures]);
  const results: Result[] = [];
  // Seed by seed, so that a run that is cut short has whole comparisons.
  for (const seed of seeds) {
    for (const objective of objectives) results.push({ objective, seed, ...await runOne(options, objective, seed, structures, data) });
  }
  const table = resultTable(results);
  await writeWhole(join(out, 'results.json'), `${JSON.stringify({ size, data: data.counts, results }, null, 2)}\n`);
  await writeWhole(join(out, 'results.md'), table);
  process.stdout.write(table);
}

/** A folder keeps one comparison: its runs must not be of different data or lengths. */
async function checkSettings({ out, seeds: _seeds, objectives: _objectives, ...settings }: Options): Promise<void> {
  const file = join(out, 'settings.json');
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (!existsSync(file)) await writeWhole(file, text);
  else if (await readFile(file, 'utf8') !== text) throw new Error(`${file}: the comparison in this folder has other settings; choose another --out, or give the same`);
}

interface Places {
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  readonly heldOut: string;
}

async function runOne({ out, size, pretrainSteps, finetuneEpochs }: Options, objective: Objective, seed: number, structures: string, data: Places): Promise<Omit<Result, 'objective' | 'seed'>> {
  const folder = join(out, `${objective}-${seed}`);
  const scores = join(folder, 'scores.json');
  if (!existsSync(scores)) {
    const [pretrained, finetuned] = [join(folder, 'pretrain'), join(folder, 'finetune')];
    await mkdir(folder, { recursive: true });
    // Without pre-training, the same initial weights: a step at rate zero, which saves them.
    const objectiveFields = objective === 'none'
      ? ['--masking.scheme', 'mlm', '--train.steps', '1', '--optimizer.learningRate', '0', '--optimizer.warmupSteps', '0']
      : ['--masking.scheme', objective, ...(pretrainSteps === undefined ? [] : ['--train.steps', String(pretrainSteps)])];
    const epochs = finetuneEpochs === undefined ? [] : ['--train.epochs', String(finetuneEpochs)];
    await rna(['pretrain', config(size, 'pretrain'), '--out', pretrained, '--seed', String(seed), '--data.train', structures, '--data.validation', data.heldOut, ...objectiveFields]);
    await rna(['finetune', 'secondary-structure', config(size, 'finetune'), '--out', finetuned, '--seed', String(seed), '--model.checkpoint', join(pretrained, 'model'), '--data.train', data.train, '--data.validation', data.validation, ...epochs]);
    const text = await rna(['evaluate', join(finetuned, 'model'), data.test, '--allow-sharp-loops', '--allow-nc-pairs', '--json'], true);
    await writeWhole(scores, text);
  }
  const { strict, averagePrecision } = evaluated.parse(JSON.parse(await readFile(scores, 'utf8')));
  return { ...strict, auprc: averagePrecision };
}

const share = z.number();
const evaluated = z.object({ strict: z.object({ precision: share, recall: share, f1: share }), averagePrecision: share });

/** Runs an `rna` command, its progress on stderr; returns its stdout if asked. */
function rna(args: readonly string[], capture = false): Promise<string> {
  process.stderr.write(`\n$ rna ${args.join(' ')}\n`);
  const child = spawn(process.execPath, [RNA, ...args], { stdio: ['ignore', capture ? 'pipe' : 2, 2] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
  // Interrupted with us: the command keeps what it has, and so the next call goes on.
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(text);
      else reject(new Error(`rna ${args[0]} ended with ${signal ?? `exit code ${code}`}; what it did is kept, the same command goes on`));
    });
  });
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.partial`, text);
  await rename(`${path}.partial`, path);
}

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`npm run objectives failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
