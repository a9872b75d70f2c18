/** The worker that runs models: embeddings, predictions of any task, and scores of mutations. */
import { figureFile, mutationMap, type ScoredMutation } from '@rna/figures';
import { defaultTokenBudget, type RnaModel } from '@rna/inference/browser';
import { groupByTokenBudget, scoreVariants, type OpenedModel } from '@rna/model';
import {
  formatMutations,
  InputError,
  MutationError,
  mutationsBetween,
  singleMutations,
  type Mutation,
} from '@rna/structure';
import { predictionColumns, predictions } from '@rna/train';
import type { ModelCalls, ModelProgress, ModelTask, Pool } from '../calls/modelCalls.ts';
import { answerCalls, handingOver, type Asked } from './answer.ts';
import { checkLength, loadModel } from './openedModel.ts';
import { TooLongError, UnfitModelError } from './refusals.ts';
import { readRnas, type Rnas } from './rnas.ts';
import type { RnaRecord } from './records.ts';
import { predictStructures } from './structurePredictions.ts';

/** One call at a time: there is one model on the device. */
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work);
  turn = result.catch(() => undefined);
  return result;
}

answerCalls<ModelCalls>({
  embed: (task, asked) => inTurn(() => embed(task, asked)),
  predict: (task, asked) => inTurn(() => predict(task, asked)),
  score: (task, asked) => inTurn(() => score(task, asked)),
  '3d': (task, asked) => inTurn(() => predictStructures(task, asked)),
});

interface Prepared extends Rnas {
  readonly model: RnaModel;
  /** Which of the RNAs that were given these are. */
  readonly kept: readonly number[];
  readonly leftOut: readonly string[];
}

/** Reads the RNAs, which costs nothing, then the model, and leaves out what is too long. */
async function prepare(
  { text, file, model, weights }: ModelTask,
  { tell, signal }: Asked<ModelProgress>,
  check: (model: OpenedModel) => void = () => undefined,
): Promise<Prepared> {
  const { records, columns } = await readRnas(text, file);
  const loaded = await loadModel(model, weights, tell);
  signal.throwIfAborted();
  check(loaded.opened);
  const leftOut: string[] = [];
  const kept = [...records.keys()].filter((at) => {
    const { id, line, sequence } = records[at]!;
    try {
      checkLength(loaded, sequence.length);
      return true;
    } catch (error) {
      if (!(error instanceof TooLongError)) throw error;
      leftOut.push(`${file}:${line}: “${id}”: ${error.message}`);
      return false;
    }
  });
  if (kept.length === 0) throw new TooLongError(leftOut.join('\n'));
  return {
    model: loaded,
    kept,
    leftOut,
    records: kept.map((at) => records[at]!),
    columns: columns.map(({ name, cells }) => ({ name, cells: kept.map((at) => cells[at]!) })),
  };
}

async function embed({ pool, ...task }: ModelTask & { readonly pool: Pool }, asked: Asked<ModelProgress>) {
  const { model, records, columns, leftOut } = await prepare(task, asked);
  const { device, config } = model.encoder;
  const values = new Float32Array(records.length * config.dim);
  const budget = defaultTokenBudget(device, config);
  let done = 0;
  for await (const batch of groupByTokenBudget(records, budget, ({ sequence }) => sequence.length + 2)) {
    asked.signal.throwIfAborted();
    const sequences = batch.map(({ sequence }) => sequence);
    for (const vector of await model.embed(sequences, { pool })) values.set(vector, config.dim * done++);
    asked.tell({ done, total: records.length });
  }
  const ids = records.map(({ id }) => id);
  const lengths = records.map(({ sequence }) => sequence.length);
  return handingOver({ ids, dim: config.dim, values, lengths, columns, leftOut }, [values.buffer]);
}

async function predict(task: ModelTask, asked: Asked<ModelProgress>) {
  const { model, records, columns, leftOut } = await prepare(task, asked, requireTable);
  const { encoder, opened } = model;
  const head = opened.task!;
  const { names, cells } = predictionColumns(head, opened.scalars);
  const rows: (string | number)[][] = [];
  for await (const prediction of predictions(
    { encoder, task: head, parameters: encoder.parameters },
    records,
    opened.scalars,
  )) {
    asked.signal.throwIfAborted();
    const record = records[rows.length]!;
    const row = cells(prediction);
    rows.push([
      record.id,
      record.sequence.length,
      ...names.map((name) => {
        const cell = row[name]!;
        return typeof cell === 'object' ? cell.join(';') : cell;
      }),
      ...columns.map((column) => column.cells[rows.length]!),
    ]);
    asked.tell({ done: rows.length, total: records.length });
  }
  const own = ['id', 'length', ...names];
  const header = [...own, ...columns.map(({ name }) => (own.includes(name) ? `input ${name}` : name))];
  return { task: head.head.title, header, rows, leftOut };
}

function requireTable({ task }: OpenedModel): void {
  if (task === undefined) throw new UnfitModelError('the model has no task: it was not fine-tuned');
  if (task.head.kind === 'pairs') throw new UnfitModelError('the model predicts base pairs, which the Fold view shows');
  if (task.head.kind === 'coordinates')
    throw new UnfitModelError('the model predicts structures in space, which the 3D view shows');
}

async function score(
  { mode, method, ...task }: ModelCalls['score']['ask'],
  asked: Asked<ModelProgress>,
): Promise<ModelCalls['score']['answer']> {
  const { model, records, leftOut } = await prepare(task, asked, ({ lmHead }) => {
    if (!lmHead)
      throw new UnfitModelError('the model has no language-model head, so it cannot say how likely a letter is');
  });
  const { encoder } = model;
  const options = (from: number, of: number) => ({
    score: method,
    signal: asked.signal,
    onProgress: (done: number, total: number) => {
      asked.tell({ done: from + done / total, total: of });
    },
  });
  if (mode === 'variants') {
    const [wildType, ...others] = records;
    if (others.length === 0)
      throw new InputError(
        task.file,
        wildType!.line,
        'there is one RNA, and variants are those behind the first',
        'give its variants too, or score every single substitution',
      );
    const variants = others.map((record) => ({ record, mutations: mutationsOf(wildType!, record, task.file) }));
    const scores = await scoreVariants(
      encoder,
      wildType!.sequence,
      variants.map(({ mutations }) => mutations),
      options(0, 1),
    );
    const rows = variants.map(({ record: { id }, mutations }, at) => [
      id,
      formatMutations(mutations),
      significant(scores[at]!),
    ]);
    return { header: ['id', 'mutations', 'score'], rows, maps: [], leftOut };
  }
  const rows: (string | number)[][] = [];
  const maps: { id: string; svg: string; file: string }[] = [];
  for (const [at, { id, sequence }] of records.entries()) {
    const mutations = singleMutations(sequence);
    const scores = await scoreVariants(
      encoder,
      sequence,
      mutations.map((mutation) => [mutation]),
      options(at, records.length),
    );
    mutations.forEach(({ position, from, to }, k) => {
      rows.push([id, position + 1, from, to, significant(scores[k]!)]);
    });
    const drawn = mutations.map(({ position, to }, k): ScoredMutation => ({ position, to, score: scores[k]! }));
    const svg = mutationMap(`Single substitutions of ${id}`, sequence, drawn);
    maps.push({ id, svg: svg.markup, file: figureFile({ name: id, caption: '', svg }) });
  }
  return { header: ['id', 'position', 'from', 'to', 'score'], rows, maps, leftOut };
}

function mutationsOf(wildType: RnaRecord, { line, sequence }: RnaRecord, file: string): Mutation[] {
  try {
    return mutationsBetween(wildType.sequence, sequence);
  } catch (error) {
    if (!(error instanceof MutationError)) throw error;
    throw new InputError(file, line, error.message, 'correct it, or put its wild type first');
  }
}

/** Digits that a float32 holds. */
const significant = (value: number): number => Number(value.toPrecision(6));
