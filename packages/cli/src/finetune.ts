/**
 * The work of `rna finetune`: reads config, structures and a pre-trained model,
 * puts the secondary-structure head on it, and hands all to `@rna/train`'s
 * recipe. The run's folder is trainingRun.ts's.
 */
import { Encoder, headParameters, initializeParameters, loadParameters, parameter, secondaryStructure, type OpenedModel, type ParameterMap, type TaskHead } from '@rna/model';
import { finetune as train, finetuneConfig, trainingPrecision, type Evaluation, type FinetuneConfig } from '@rna/train';
import { UsageError } from './errors.ts';
import { withModel } from './loadModel.ts';
import { formatCount, formatScore } from './report/format.ts';
import { lossTable, scoreTable, textTable, type Table } from './report/table.ts';
import { interruptible, note, writeResult } from './terminal.ts';
import { readConfig, readStructures } from './trainingInput.ts';
import { keepRun, printConfig, type FinishedRun, type TrainingOptions } from './trainingRun.ts';

// Keeps the head's parameters apart from an encoder drawn from the same seed.
const HEAD_SEED_OFFSET = 0x68656164;

/** Throws a UsageError for a config that cannot be, an InputError, CheckpointError or CommandError for RNAs or model, all before the run's folder is touched. */
export async function finetune(options: TrainingOptions): Promise<void> {
  const schema = finetuneConfig(secondaryStructure);
  const config = await readConfig(schema, options.config, options.overrides);
  if (options.printConfig) return printConfig(config);
  const [records, validation] = [await readStructures(config.data.train), await readStructures(config.data.validation)];
  note(`${formatCount(records.length)} structures to train on, ${formatCount(validation.length)} held out`);
  const finished = await interruptible((signal) => withModel(config.model.checkpoint, {}, (model) => {
    const task = { head: secondaryStructure, sizes: secondaryStructure.sizes.parse(config.head) };
    checkHead(model, task, config);
    return keepRun('finetune', schema, config, signal, (places, onDevice) => onDevice(async (device) => {
      // On the f32 originals, which are what is trained.
      const encoder = new Encoder(device, model.config, await loadParameters(device, model, 'f32'), trainingPrecision(config));
      const labelled = (rnas: typeof records) => rnas.map(({ id, sequence, partners }) => ({ id, sequence, target: partners }));
      return train({ encoder, task, parameters: headOf(model, task, encoder, config), config, train: labelled(records), validation: labelled(validation), ...places });
    }));
  }));
  await writeResult(options.json ? `${JSON.stringify({ ...finished, rnas: validation.length }, null, 2)}\n` : resultText(finished, validation.length));
}

/** A model that has a head is trained further, and so decides its sizes. */
function checkHead({ task: found }: OpenedModel, { head, sizes }: TaskHead, { model: { checkpoint } }: FinetuneConfig): void {
  if (found?.head !== head) return;
  const [own, asked] = [found.sizes, sizes].map((each) => new Map<string, unknown>(Object.entries(each))) as [Map<string, unknown>, Map<string, unknown>];
  const differing = [...own].filter(([name, value]) => asked.get(name) !== value);
  if (differing.length > 0) {
    throw new UsageError(`${checkpoint} has a ${head.task} head of other sizes: ${differing.map(([name, value]) => `head.${name} is ${String(value)}, the config asks for ${String(asked.get(name))}`).join('; ')}`);
  }
  note(`${checkpoint} has a ${head.task} head, which is trained further`);
}

/** The head's parameters: the model's own, or new ones. */
function headOf(model: OpenedModel, task: TaskHead, { device, config, parameters }: Encoder, { seed }: FinetuneConfig): ParameterMap {
  const shapes = headParameters(task, config.dim);
  if (model.task?.head !== task.head) return initializeParameters(device, shapes, config.model, seed + HEAD_SEED_OFFSET);
  return new Map([...shapes.keys()].map((name) => [name, parameter(parameters, name)]));
}

function resultText({ folder, steps, modelStep, trainingLoss, before, after }: FinishedRun, rnas: number): string {
  const losses = lossTable([{ what: `training, steps 1 and ${steps}`, unit: 'nats per pair of positions', ...trainingLoss }]);
  const rows = [...(before ? [{ model: 'before', metrics: before }] : []), ...(after ? [{ model: `step ${modelStep}`, metrics: after }] : [])];
  return `${textTable(losses)}\n${textTable(metricsTable(rows, rnas))}\nmodel of step ${modelStep}: ${folder}/model\n`;
}

/** The report's table of scores, with the threshold and the area under the precision-recall curve. */
function metricsTable(rows: readonly { readonly model: string; readonly metrics: Evaluation['metrics'] }[], rnas: number): Table {
  const table = scoreTable(rows.map(({ model, metrics }) => {
    const value = (name: string): number => metrics[name] ?? NaN;
    return {
      set: 'held out', model, rnas,
      strict: { precision: value('precision'), recall: value('recall'), f1: value('f1') },
      tolerant: { precision: value('flexiblePrecision'), recall: value('flexibleRecall'), f1: value('flexibleF1') },
    };
  }));
  const extra = ['AUPRC', 'threshold'].map((header) => ({ header, group: '', align: 'right' as const }));
  return {
    ...table,
    caption: 'Base pairs of the held-out RNAs, means over RNAs',
    columns: [...table.columns, ...extra],
    rows: table.rows.map((cells, i) => [...cells, ...['averagePrecision', 'threshold'].map((name) => formatScore(rows[i]!.metrics[name] ?? NaN))]),
  };
}
