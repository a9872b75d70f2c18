/**
 * The work of `rna predict`: what a fine-tuned model says of RNAs, one row a
 * record. Input is read twice, so that a bad record is refused before any work;
 * stdin is kept. Structures go the way of `rna fold`, which has files of its own.
 */
import {
  batchPart,
  type BatchPart,
  type Head,
  type OpenedModel,
  type Precision,
  type Scalars,
  type TaskHead,
} from '@rna/model';
import { csvLine, parseFasta, recordFormat, standardLetters } from '@rna/structure';
import { predictionColumns, predictions } from '@rna/train';
import { openRecords } from '../../input/fastaIndex.ts';
import type { FastaPart } from '../../input/fastaInput.ts';
import { columnsOf, readUnlabelled, type UnlabelledFileRna } from '../../input/labelled.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { fold, type FoldOptions } from '../fold/fold.ts';
import { BUILTIN, readCard } from '../../models/builtin.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import type { ColumnNames } from '../../commandLine/options.ts';
import { headOfTask } from '../../commandLine/tasks.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { isFinitePrediction, overflow } from '../../models/nonFinite.ts';
import { partOf, type ShardPart } from '../../shards/runShard.ts';
import { runRecords } from '../../shards/runRecords.ts';
import type { ShardOption } from '../../shards/shard.ts';

export interface PredictOptions
  extends
    Precision,
    ShardOption,
    Partial<Pick<FoldOptions, 'format'>>,
    Pick<FoldOptions, 'threshold' | 'allowNcPairs' | 'allowSharpLoops' | 'probs'> {
  /** Without one, what the model was fine-tuned for. */
  readonly task?: string;
  readonly model: string;
  readonly input: string;
  /** A file for a table, a folder for structures. */
  readonly out?: string;
  readonly json?: boolean;
  readonly config?: string;
  readonly columns?: ColumnNames;
}

/** Throws a UsageError, InputError, CheckpointError or CommandError before any output is begun. */
export async function predict(options: PredictOptions): Promise<void> {
  const { input, out } = options;
  const head = headOfTask(options.task ?? (await taskOf(options)));
  if (head.kind === 'pairs') {
    if (options.columns) throw new UsageError('--columns is for tables; structures are predicted of FASTA');
    return fold({ ...options, engine: 'model', inputs: [input], format: options.format ?? ['dbn'] });
  }
  if (head.kind === 'coordinates')
    throw new UsageError(`${head.title} are predicted by rna tertiary, which writes a file a record`);
  if (
    options.format !== undefined ||
    options.allowNcPairs !== undefined ||
    options.allowSharpLoops !== undefined ||
    options.probs !== undefined ||
    (options.threshold !== undefined && head.kind !== 'probability')
  ) {
    throw new UsageError(
      `--format, --allow-…, --probs${head.kind === 'probability' ? '' : ' and --threshold'} say nothing about ${head.title}; leave them out`,
    );
  }
  if (out !== undefined) await checkOutputFile(out);
  if (options.shard !== undefined && recordFormat(input) !== 'fasta')
    throw new UsageError(`--shard needs a FASTA file as its input; ${input} is none`);
  const kind = options.json ? 'json' : 'table';
  const overRanks = recordFormat(input) === 'fasta';
  await runRecords({ name: 'predict', inputs: [input], overRanks, kindOf: () => kind }, options, (own) =>
    predictRnas(head, own),
  );
}

/** Predictions for the RNAs of the input, or of the shard, in a table. */
async function predictRnas(head: Head, options: PredictOptions & ShardPart): Promise<void> {
  const { input, out } = options;
  const part = options.part && batchPart(options.part.range, options.part.index.records);
  const { part: toRead } = partOf(options, part?.read);
  await interruptible((signal) =>
    withModel(options.model, options, async (model) => {
      const task = requireTask(model, head, options);
      const scalars = new Map([
        ...model.scalars,
        ...(options.threshold === undefined ? [] : [['threshold', options.threshold] as const]),
      ]);
      const stdin = input === '-' ? await collect(readUnlabelled(task, [input])) : undefined;
      const records = (): AsyncIterable<UnlabelledFileRna> | readonly UnlabelledFileRna[] =>
        stdin ?? (toRead === undefined ? readUnlabelled(task, [input], options.columns) : recordsOf(input, toRead));
      const { total, columns } = await lookThrough(
        records(),
        columnsOf(head, task.sizes, { id: options.columns?.id }).id,
        model,
        part,
      );
      if (total === 0) throw new CommandError(`${input}: there is no RNA to predict for`);
      await withEncoder(
        model,
        async (encoder) => {
          const bar = progressBar('predict', total, 'RNAs');
          const predicted = async function* (): AsyncGenerator<readonly [UnlabelledFileRna, unknown], void, undefined> {
            // Those that were read for the pass and have no prediction yet.
            const waiting: UnlabelledFileRna[] = [];
            const read = async function* (): AsyncGenerator<UnlabelledFileRna, void, undefined> {
              for await (const [record, isWanted] of withWanted(records(), part)) {
                if (isWanted) waiting.push(record);
                yield record;
              }
            };
            let done = 0;
            try {
              for await (const prediction of predictions(
                { encoder, task, parameters: encoder.parameters },
                read(),
                scalars,
                part,
              )) {
                signal.throwIfAborted();
                const record = waiting.shift()!;
                if (!isFinitePrediction(prediction)) throw await overflow(encoder, record.file, record);
                yield [record, prediction];
                bar.update(++done);
              }
            } catch (error) {
              throw waiting[0] === undefined ? error : naming(error, waiting[0].file, waiting[0]);
            }
          };
          try {
            const lines = options.json
              ? jsonLines(predicted(), task, scalars, columns)
              : csvLines(predicted(), task, scalars, columns);
            if (out === undefined) for await (const line of lines) await writeResult(line);
            else
              await writeAtomically(out, async (sink) => {
                for await (const line of lines) await sink.write(new TextEncoder().encode(line));
              });
          } finally {
            bar.stop();
          }
        },
        options,
      );
      if (out !== undefined) note(`${total} predictions in ${out}`);
    }),
  );
}

/** What a model was fine-tuned for, where nobody says for what it is asked. */
async function taskOf({ model, ...options }: PredictOptions): Promise<string> {
  if (model === BUILTIN) return (await readCard()).trained.tasks[0]!;
  return withModel(model, options, ({ task }) => {
    if (task === undefined) throw new CommandError(`${model} has no task head; fine-tune one with rna finetune TASK`);
    return Promise.resolve(task.head.name);
  });
}

function requireTask({ task }: OpenedModel, { name }: Head, { model }: PredictOptions): TaskHead {
  if (task?.head.name !== name) {
    throw new CommandError(
      `${model} ${task === undefined ? 'has no task head' : `was fine-tuned for ${task.head.name}`}; fine-tune one with rna finetune ${name}, or name such a model`,
    );
  }
  return task;
}

type Predicted = AsyncIterable<readonly [UnlabelledFileRna, unknown]>;

/** The prediction of each RNA, and behind it the columns of the table that the RNA comes from. */
async function* csvLines(
  predicted: Predicted,
  task: TaskHead,
  scalars: Scalars,
  columns: readonly string[],
): AsyncGenerator<string, void, undefined> {
  const { names, cells } = predictionColumns(task, scalars);
  const header = ['id', 'length', ...names];
  yield csvLine([...header, ...columns.map((column) => keptName(column, header))]);
  for await (const [{ id, sequence, cells: given = [] }, prediction] of predicted) {
    const row = cells(prediction);
    const own = new Map(given);
    yield csvLine([
      id,
      sequence.length,
      ...names.map((name) => row[name]!),
      ...columns.map((column) => own.get(column) ?? ''),
    ]);
  }
}

/** What a column of the input is called beside those of the predictions. */
const keptName = (column: string, header: readonly string[]): string =>
  header.includes(column) ? `input ${column}` : column;

/** One JSON document, written row by row. */
async function* jsonLines(
  predicted: Predicted,
  task: TaskHead,
  scalars: Scalars,
  columns: readonly string[],
): AsyncGenerator<string, void, undefined> {
  const { cells } = predictionColumns(task, scalars);
  yield `{"task":${JSON.stringify(task.head.name)},"scalars":${JSON.stringify(Object.fromEntries(scalars))},"predictions":[`;
  let separator = '\n';
  for await (const [{ id, sequence, cells: given = [] }, prediction] of predicted) {
    const input = Object.fromEntries(given.filter(([column]) => columns.includes(column)));
    yield `${separator}${JSON.stringify({
      id,
      length: sequence.length,
      ...cells(prediction),
      ...(columns.length > 0 && { input }),
    })}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

/** The records of an indexed FASTA file, as they are read of the whole. */
async function* recordsOf(
  file: string,
  { index, range }: FastaPart,
): AsyncGenerator<UnlabelledFileRna, void, undefined> {
  const { text, firstLine } = await openRecords(index, range);
  for await (const { id, sequence, line } of parseFasta(text(), { file, firstLine }))
    yield { id, sequence: standardLetters(sequence), file, line };
}

/** Each record with whether it is one of those that are wanted of all that are read. */
async function* withWanted<T>(
  records: AsyncIterable<T> | Iterable<T>,
  part: BatchPart | undefined,
): AsyncGenerator<readonly [record: T, isWanted: boolean], void, undefined> {
  const { first, count } = part?.own ?? { first: 0, count: Infinity };
  let number = part?.read.first ?? 0;
  for await (const record of records) {
    yield [record, number >= first && number < first + count];
    number++;
  }
}

/**
 * How many records are wanted, and the columns of their tables but for that of their ids. Throws an InputError for an RNA
 * that is too long for the model.
 */
async function lookThrough(
  records: AsyncIterable<UnlabelledFileRna> | Iterable<UnlabelledFileRna>,
  id: string,
  { config }: OpenedModel,
  part: BatchPart | undefined,
): Promise<{ total: number; columns: readonly string[] }> {
  const columns = new Set<string>();
  let total = 0;
  for await (const [record, isWanted] of withWanted(records, part)) {
    checkLengths(config, [record]);
    if (isWanted) total++;
    for (const [column] of record.cells ?? []) columns.add(column);
  }
  columns.delete(columns.has(id) ? id : 'id');
  return { total, columns: [...columns] };
}

async function collect<T>(records: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const record of records) all.push(record);
  return all;
}
