/**
 * SSR-LM's Table 3: the same encoder is pre-trained by masked nucleotides (MLM),
 * spans (SM) and structure-aware spans (SSM), each is fine-tuned for secondary
 * structure, and all are scored on the same held-out RNAs without
 * post-processing; a row without pre-training stands beside them. Everything is
 * done by the commands that a user has (`rna structures`, `pretrain`, `finetune`,
 * `evaluate`), each in a folder under --out, so a stopped run goes on where it was.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { z } from 'zod';
import { checkSettings, natural, resultOf, rna, writeWhole } from '../src/rnaCommand.ts';
import { prepareData, type DataFiles } from './data.ts';
import { resultTable, type Result } from './table.ts';

const OBJECTIVES = ['none', 'mlm', 'sm', 'ssm'] as const;
export type Objective = (typeof OBJECTIVES)[number];

const config = (size: string, stage: string): string =>
  fileURLToPath(new URL(`${size}.${stage}.yaml`, import.meta.url));

interface Options extends DataFiles {
  readonly out: string;
  readonly size: 'small' | 'full';
  readonly seeds: readonly number[];
  readonly objectives: readonly Objective[];
  readonly pretrainSteps?: number;
  readonly finetuneEpochs?: number;
}

const program: Command = new Command('npm run objectives --')
  .description(
    'Compares pre-training objectives by the secondary structures that fine-tuned models predict (SSR-LM, Table 3).',
  )
  .requiredOption(
    '--corpus <files...>',
    'sequences to pre-train on, FASTA or structures; structures for SSM are predicted with CONTRAfold',
  )
  .requiredOption('--train <files...>', 'structures to fine-tune on (bpRNA TR0)')
  .requiredOption('--validation <files...>', 'structures that choose threshold and checkpoint (VL0)')
  .requiredOption('--test <files...>', 'structures to score on (TS0)')
  .requiredOption('--out <folder>', 'where everything is kept; the same command goes on with what is there')
  .option('--size <size>', 'small (two hours of two cores without a GPU) or full (ssr-lm-s, for a GPU)', 'small')
  .option('--seeds <list>', 'seeds, with commas', (text) => text.split(',').map(natural), [1])
  .option(
    '--objectives <list>',
    `some of ${OBJECTIVES.join(', ')}`,
    (text) =>
      text.split(',').map((name) => {
        const objective = OBJECTIVES.find((each) => each === name);
        return objective ?? program.error(`there is no objective '${name}'; there are ${OBJECTIVES.join(', ')}`);
      }),
    [...OBJECTIVES],
  )
  .option('--pretrain-steps <n>', "steps of pre-training, instead of the size's", natural)
  .option('--finetune-epochs <n>', "epochs of fine-tuning, instead of the size's", natural)
  .option('--max-length <n>', 'leave out longer RNAs everywhere', natural)
  .option('--max-train <n>', 'fine-tune on so many RNAs, drawn once', natural)
  .option('--max-validation <n>', 'of the validation set likewise', natural)
  .option('--max-test <n>', 'of the test set likewise', natural)
  .action(async (options: Options) => {
    if (!['small', 'full'].includes(options.size)) program.error(`--size must be small or full, got '${options.size}'`);
    await compareObjectives(options);
  });

async function compareObjectives(options: Options): Promise<void> {
  const { seeds, objectives, ...settings } = options;
  const { out, size } = settings;
  await mkdir(out, { recursive: true });
  await checkSettings(join(out, 'settings.json'), { ...settings, out: undefined });
  const data = await prepareData(options, join(out, 'data'));
  const structures = join(out, 'data', 'corpus.dbn');
  if (!existsSync(structures)) await rna(['structures', data.corpus, '--out', structures]);
  const results: Result[] = [];
  // Seed by seed, so that a run that is cut short has whole comparisons.
  for (const seed of seeds) {
    for (const objective of objectives)
      results.push({ objective, seed, ...(await runOne(options, objective, seed, structures, data)) });
  }
  const table = resultTable(results);
  await writeWhole(join(out, 'results.json'), `${JSON.stringify({ size, data: data.counts, results }, null, 2)}\n`);
  await writeWhole(join(out, 'results.md'), table);
  process.stdout.write(table);
}

interface Places {
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  readonly heldOut: string;
}

async function runOne(
  { out, size, pretrainSteps, finetuneEpochs }: Options,
  objective: Objective,
  seed: number,
  structures: string,
  data: Places,
): Promise<Omit<Result, 'objective' | 'seed'>> {
  const folder = join(out, `${objective}-${seed}`);
  const scores = join(folder, 'scores.json');
  const [pretrained, finetuned] = [join(folder, 'pretrain'), join(folder, 'finetune')];
  if (!existsSync(scores)) {
    await mkdir(folder, { recursive: true });
    // Without pre-training, the same initial weights: a step at rate zero, which saves them.
    const objectiveFields =
      objective === 'none'
        ? [
            '--masking.scheme',
            'mlm',
            '--train.steps',
            '1',
            '--optimizer.learningRate',
            '0',
            '--optimizer.warmupSteps',
            '0',
          ]
        : [
            '--masking.scheme',
            objective,
            ...(pretrainSteps === undefined ? [] : ['--train.steps', String(pretrainSteps)]),
          ];
    const epochs = finetuneEpochs === undefined ? [] : ['--train.epochs', String(finetuneEpochs)];
    await rna([
      'pretrain',
      config(size, 'pretrain'),
      '--out',
      pretrained,
      '--seed',
      String(seed),
      '--data.train',
      structures,
      '--data.validation',
      data.heldOut,
      ...objectiveFields,
    ]);
    await rna([
      'finetune',
      'secondary-structure',
      config(size, 'finetune'),
      '--out',
      finetuned,
      '--seed',
      String(seed),
      '--model.checkpoint',
      join(pretrained, 'model'),
      '--data.train',
      data.train,
      '--data.validation',
      data.validation,
      ...epochs,
    ]);
  }
  const { strict, averagePrecision } = evaluated.parse(
    await resultOf(scores, ['evaluate', join(finetuned, 'model'), data.test, '--protocol', 'ssr-lm', '--json']),
  );
  return { ...strict, auprc: averagePrecision };
}

const share = z.number();
const evaluated = z.object({
  strict: z.object({ precision: share, recall: share, f1: share }),
  averagePrecision: share,
});

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`npm run objectives failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
