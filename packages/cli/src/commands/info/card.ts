/** The work of `rna info MODEL`: what a model is, and of the built-in one its card. */
import { parameterCount, type OpenedModel } from '@rna/model';
import type { ModelCard } from '@rna/builtin';
import { megabytes } from '@rna/tensor';
import { CommandError } from '../../commandLine/errors.ts';
import { writeResult } from '../../commandLine/terminal.ts';
import { BUILTIN, readCard, weightsDigest } from '../../models/builtin.ts';
import { withModel } from '../../models/loadModel.ts';

/**
 * Throws a CheckpointError for what is no model, and a CommandError where the built-in weights are not those of their
 * card.
 */
export async function showModel(name: string, json: boolean): Promise<void> {
  await withModel(name, {}, async (model) => {
    const facts = modelFacts(name, model);
    if (name !== BUILTIN) return writeResult(json ? `${JSON.stringify(facts, null, 2)}\n` : rowsText(factRows(facts)));
    const card = await readCard();
    const { sha256 } = await weightsDigest();
    if (sha256 !== card.sha256)
      throw new CommandError(
        `the weights of the built-in model have the digest ${sha256}, their card says ${card.sha256}; install the package again`,
      );
    await writeResult(
      json ? `${JSON.stringify({ ...facts, card }, null, 2)}\n` : rowsText([...factRows(facts), ...cardRows(card)]),
    );
  });
}

type Facts = ReturnType<typeof modelFacts>;

const modelFacts = (name: string, { config, layout, lmHead, task, scalars, shapes }: OpenedModel) => ({
  model: name,
  kind: config.model,
  names: layout.scheme,
  parameters: parameterCount(shapes),
  dim: config.dim,
  blocks: config.layers,
  heads: config.heads,
  feedForward: config.ffnDim,
  languageModelHead: lmHead,
  task: task === undefined ? null : { name: task.head.name, predicts: task.head.title, sizes: { ...task.sizes } },
  scalars: Object.fromEntries(scalars),
});

type Row = readonly [string, string];

/** Sizes by their names, those of a group with the group's before a dot, as options of a fine-tuning have them. */
const sizeList = (sizes: object, group = ''): string =>
  Object.entries(sizes)
    .map(([name, size]: [string, unknown]) =>
      typeof size === 'object' && size !== null && !Array.isArray(size)
        ? sizeList(size, `${group}${name}.`)
        : `${group}${name} ${String(size)}`,
    )
    .join(', ');

const factRows = ({ model, kind, names, parameters, task, scalars, ...facts }: Facts): Row[] => [
  ['model', `${model}: ${kind}, ${names} names`],
  ['parameters', parameters.toLocaleString('en')],
  [
    'encoder',
    `dim ${facts.dim}, ${facts.blocks} blocks, ${facts.heads} heads, feed-forward ${facts.feedForward}; ${facts.languageModelHead ? 'with' : 'without'} a language-model head`,
  ],
  ['task', task === null ? 'none' : `${task.name} (${task.predicts}): ${sizeList(task.sizes)}`],
  ...Object.entries(scalars).map(([name, value]): Row => [name, String(value)]),
];

const cardRows = (card: ModelCard): Row[] => [
  ['what it is', card.summary],
  ['letters', card.trained.languageModel ? 'learnt' : 'not learnt: its language-model head was not trained'],
  ...card.trainingData.map(({ set, rnas, source }): Row => [
    'trained on',
    `${set}: ${rnas.toLocaleString('en')} RNAs (${source})`,
  ]),
  ['training', card.training],
  ...card.scores.map(({ set, rnas, use, f1, f1WithinOne, auprc }): Row => [
    'scores',
    `${set}, ${rnas.toLocaleString('en')} RNAs (${use}): F1 ${f1}, within one position ${f1WithinOne}, AUPRC ${auprc}`,
  ]),
  ['licence', card.licence],
  ['size', megabytes(card.bytes)],
  ['sha256', `${card.sha256} (verified)`],
];

export function rowsText(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(([name, value], i) => `${(name === rows[i - 1]?.[0] ? '' : name).padEnd(width)}  ${value}\n`)
    .join('');
}
