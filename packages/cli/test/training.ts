/** What the tests of `rna pretrain`, `finetune` and `evaluate` share: one tiny model, few RNAs, and runs read back. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseStructureFile, writeDotBracket, type Structure } from '@rna/structure';
import type { LogEntry } from '@rna/train';

/** Twenty RNAs of 34 to 67 nucleotides with their structures. */
export const rnas: readonly Structure[] = parseStructureFile(
  readFileSync(new URL('../../train/test/fixtures/short.dbn', import.meta.url), 'utf8'),
  'short.dbn',
);

/** Writes some of the RNAs as dot-bracket. */
export function structures(folder: string, name: string, some: readonly Structure[]): string {
  const path = join(folder, name);
  writeFileSync(path, some.map(writeDotBracket).join(''));
  return path;
}

/** Overrides of a model that compiles and runs in seconds. RiNALMo has dropout, so all that is random is in it. */
export const tinyModel = [
  '--model.preset',
  'rinalmo-nano',
  '--model.dim',
  '16',
  '--model.layers',
  '2',
  '--model.heads',
  '2',
  '--model.ffnDim',
  '24',
];

/** Steps of `tinyRun`. */
export const STEPS = 20;
const small = [
  '--batch.maxTokens',
  '60',
  '--batch.rows',
  '4',
  '--batch.accumulation',
  '2',
  '--optimizer.learningRate',
  '0.01',
  '--optimizer.warmupSteps',
  '5',
];

/** `rna pretrain` of the tiny model, a run that ends in seconds. */
export function tinyRun(folder: string, out = join(folder, 'run')): string[] {
  const train = structures(folder, 'train.dbn', rnas.slice(4));
  const validation = structures(folder, 'validation.dbn', rnas.slice(0, 4));
  return [
    'pretrain',
    ...tinyModel,
    ...small,
    '--out',
    out,
    '--data.train',
    train,
    '--data.validation',
    validation,
    '--seed',
    '3',
    '--train.steps',
    String(STEPS),
    '--run.evaluateEvery',
    '5',
    '--run.checkpointEvery',
    '3',
  ];
}

export const config = (name: string): string => fileURLToPath(new URL(`../configs/${name}`, import.meta.url));

export const readLog = (run: string): LogEntry[] =>
  readFileSync(join(run, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogEntry);

/** The last evaluation of a run. */
export function lastEvaluation(run: string): Readonly<Record<string, number>> {
  const evaluations = readLog(run).flatMap((entry) => ('evaluation' in entry ? [entry.evaluation] : []));
  return evaluations.at(-1)!;
}

/** Files of a run that name it or its times, and so differ between runs of the same bits. */
export const RUN_ITSELF: ReadonlySet<string> = new Set(['/config.yaml', '/timings.jsonl', '/report.html']);

/** Every file under a folder, by its path there. */
export function filesUnder(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, 'latin1')]),
  );
}
