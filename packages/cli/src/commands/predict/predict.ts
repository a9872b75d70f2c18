/**
 * The work of `rna predict`: what a fine-tuned model says of RNAs, one row a
 * record. Input is read twice, so that a bad record is refused before any work;
 * stdin is kept. Structures go the way of `rna fold`, which has files of its own.
 */
import type { Head, OpenedModel, Precision, Scalars, TaskHead } from '@rna/model';
import { predictions } from '@rna/train';
import { readUnlabelled, type UnlabelledFileRna } from '../../input/labelled.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { fold, type FoldOptions } from '../fold/fold.ts';
import { BUILTIN, readCard } from '../../models/builtin.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { csvLine, predictionColumns } from '../../tables/predictionTable.ts';
import { headOfTask } from '../../commandLine/tasks.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { isFinitePrediction, overflow } from '../../models/nonFinite.ts';

export interface PredictOptions
  extends
    Precision,
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
}

/** Throws a UsageError, InputError, CheckpointError or CommandError before any output is begun. */
export async function predict(options: PredictOptions): Promise<void> {
  const { input, out } = options;
  const head = headOfTask(options.task ?? (await taskOf(options)));
  if (head.kind === 'pairs') {
    return fold({ ...options, engine: 'model', inputs: [input], format: options.format ?? ['dbn'] });
  }
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
  await interruptible((signal) =>
    withModel(options.model, options, async (model) => {
      const task = requireTask(model, head, options);
      const scalars = new Map([
        ...model.scalars,
        ...(options.threshold === undefined ? [] : [['threshold', options.threshold] as const]),
      ]);
      const stdin = input === '-' ? await collect(readUnlabelled(head, [input])) : undefined;
      const records = (): AsyncIterable<UnlabelledFileRna> | readonly UnlabelledFileRna[] =>
        stdin ?? readUnlabelled(head, [input]);
      const total = await count(records());
      if (total === 0) throw new CommandError(`${input}: there is no RNA to predict for`);
      await withEncoder(
        model,
        async (encoder) => {
          const bar = progressBar('predict', total, 'RNAs');
          const predicted = async function* (): AsyncGenerator<readonly [UnlabelledFileRna, unknown], void, undefined> {
            // Those that were read for the pass and have no prediction yet.
            const waiting: UnlabelledFileRna[] = [];
            const read = async function* (): AsyncGenerator<UnlabelledFileRna, void, undefined> {
              for await (const record of records()) {
                waiting.push(record);
                yield record;
              }
            };
            let done = 0;
            try {
              for await (const prediction of predictions(
                { encoder, task, parameters: encoder.parameters },
                read(),
                scalars,
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
            const lines = options.json ? jsonLines(predicted(), task, scalars) : csvLines(predicted(), task, scalars);
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

async function* csvLines(
  predicted: Predicted,
  task: TaskHead,
  scalars: Scalars,
): AsyncGenerator<string, void, undefined> {
  const { names, cells } = predictionColumns(task, scalars);
  yield csvLine(['id', 'length', ...names]);
  for await (const [{ id, sequence }, prediction] of predicted) {
    const row = cells(prediction);
    yield csvLine([id, sequence.length, ...names.map((name) => row[name]!)]);
  }
}

/** One JSON document, written row by row. */
async function* jsonLines(
  predicted: Predicted,
  task: TaskHead,
  scalars: Scalars,
): AsyncGenerator<string, void, undefined> {
  const { cells } = predictionColumns(task, scalars);
  yield `{"task":${JSON.stringify(task.head.name)},"scalars":${JSON.stringify(Object.fromEntries(scalars))},"predictions":[`;
  let separator = '\n';
  for await (const [{ id, sequence }, prediction] of predicted) {
    yield `${separator}${JSON.stringify({ id, length: sequence.length, ...cells(prediction) })}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

async function count(records: AsyncIterable<unknown> | Iterable<unknown>): Promise<number> {
  let total = 0;
  for await (const record of records) if (record !== undefined) total++;
  return total;
}

async function collect<T>(records: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const record of records) all.push(record);
  return all;
}
