/**
 * Fine-tuning in the browser: a run's table is kept beside it as the rows that were read of it, so that a run outlives the
 * page and the file that it was begun with. Models are kept elsewhere, by name; whoever serves runs opens them.
 */
import { HEADS, type Head, type OpenedModel, type TaskHead } from '@rna/model';
import {
  ConfigError,
  finetuneConfig,
  finetuneSteps,
  labelColumns,
  labelledTable,
  learntBy,
  RUN_FILES,
  tuned,
  validateConfig,
  type FinetuneConfig,
  type LabelledData,
  type LabelledRow,
  type RowColumns,
} from '@rna/train';
import { z } from 'zod';
import { readText, writeFile } from './opfs.ts';
import type { TableChoice } from './protocol.ts';

/** What fine-tuning needs of whoever serves runs. */
export interface TuningServer {
  readonly openModel: (name: string) => Promise<OpenedModel>;
  /** Rejects with an InputError that names file and line for a table that cannot be read or lacks a column. */
  readonly readRows: (table: TableChoice['table'], columns: RowColumns) => Promise<LabelledRow[]>;
}

/** A fine-tuning as it is kept beside its config. */
const tuning = z.strictObject({
  task: z.string(),
  /** Updates in all. */
  steps: z.int().positive(),
  rows: z
    .array(
      z.strictObject({
        id: z.string(),
        sequence: z.string(),
        file: z.string(),
        line: z.int(),
        labels: z.array(z.string()).readonly(),
        group: z.string().exactOptional(),
      }),
    )
    .readonly(),
});
type Tuning = z.infer<typeof tuning>;

const TUNING_FILE = 'tuning.json';

/** What is kept of a fine-tuning; undefined for a pre-training. */
export async function readTuning(folder: FileSystemDirectoryHandle): Promise<Tuning | undefined> {
  const text = await readText(folder, TUNING_FILE);
  return text === undefined ? undefined : tuning.parse(JSON.parse(text));
}

/** All that a fine-tuning is run with. */
export interface PlannedTuning extends LabelledData {
  readonly model: OpenedModel;
  readonly task: TaskHead;
}

/** Keeps a new fine-tuning, once its table, its config and its model are known to fit each other. */
export async function keepTuning(
  folder: FileSystemDirectoryHandle,
  fields: Readonly<Record<string, unknown>>,
  { task, table, columns }: TableChoice,
  server: TuningServer,
): Promise<void> {
  const head = headOf(task);
  const config = validateConfig(
    finetuneConfig(head),
    { ...fields, out: folder.name, data: { ...(fields['data'] as object), train: [table.file], columns } },
    folder.name,
  );
  const rows = await server.readRows(table, labelColumns(head, head.sizes.parse(config.head), columns));
  const planned = await planOf(head, config, rows, server, () => undefined);
  const steps = finetuneSteps(planned.config, Math.ceil(planned.train.length / config.train.batchSize));
  await writeJson(folder, RUN_FILES.config, config, 2);
  await writeJson(folder, TUNING_FILE, { task, steps, rows } satisfies Tuning);
}

/** A kept fine-tuning, ready to be run. */
export async function plannedTuning(
  folder: FileSystemDirectoryHandle,
  { task, rows }: Tuning,
  server: TuningServer,
  note: (text: string) => void,
): Promise<PlannedTuning> {
  const head = headOf(task);
  const text = await readText(folder, RUN_FILES.config);
  if (text === undefined)
    throw new Error(`the run '${folder.name}' has no ${RUN_FILES.config}; delete it and begin anew`);
  const config = validateConfig(finetuneConfig(head), JSON.parse(text), `${folder.name}/${RUN_FILES.config}`);
  return planOf(head, config, rows, server, note);
}

async function planOf(
  head: Head,
  asked: FinetuneConfig,
  rows: readonly LabelledRow[],
  { openModel }: TuningServer,
  note: (text: string) => void,
): Promise<PlannedTuning> {
  const model = await openModel(asked.model.checkpoint);
  const data = labelledTable(head, asked, { train: rows, validation: [] }, learntBy(model, head, asked) ?? {}, note);
  return { ...data, ...tuned(model, head, data.config, note), model };
}

function headOf(task: string): Head {
  const head = HEADS.find(({ name }) => name === task);
  if (head?.columns?.learn === undefined) throw new ConfigError(`${task} is no task of a table of your own`);
  return head;
}

const writeJson = (folder: FileSystemDirectoryHandle, name: string, value: unknown, indent?: number): Promise<void> =>
  writeFile(folder, name, (sink) => sink.write(new TextEncoder().encode(`${JSON.stringify(value, null, indent)}\n`)));
