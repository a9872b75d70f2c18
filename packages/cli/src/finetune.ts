/**
 * The work of `rna finetune`: reads config, structures and a pre-trained model,
 * puts the secondary-structure head on it, and hands all to `@rna/train`'s
 * recipe. The run's folder is trainingRun.ts's.
 */
import { Encoder, initializeParameters, loadParameters, SecondaryStructureHead, secondaryStructureParameters, secondaryStructureSizes, type OpenedModel } from '@rna/model';
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
  const config = await readConfig(finetuneConfig, options.config, options.overrides);
  if (options.printConfig) return printConfig(config);
  const [records, validation] = [await readStructures(config.data.train), await readStructures(config.data.validation)];
  note(`${formatCount(records.length)} structures to train on, ${formatCount(validation.length)} held out`);
  const finished = await interruptible((signal) => withModel(config.model.checkpoint, {}, (model) => {
    checkHead(model, config);
    return keepRun('finetune', finetuneConfig, config, signal, (places, onDevice) => onDevice(async (device) => {
      // On the f32 originals, which are what is trained.
      const encoder = new Encoder(device, model.config, await loadParameters(device, model, 'f32'), trainingPrecision(config));
      return train({ encoder, head: headOf(model, encoder, config), config, train: records, validation, ...places });
    }));
  }));
  await writeResult(options.json ? `${JSON.stringify({ ...finished, rnas: validation.length }, null, 2)}\n` : resultText(finished, validation.length));
}

/** A model that has a head is trained further, and so decides its sizes. */
function checkHead(opened: OpenedModel, { head: asked, model: { checkpoint } }: FinetuneConfig): void {
  const found = secondaryStructureSizes(opened);
  if (found === undefined) return;
  const differing = (['convDim', 'kernelSize', 'blocks'] as const).filter((name) => found[name] !== asked[name]);
  if (differing.length > 0) {
    throw new UsageError(`${checkpoint} has a secondary-structure head of other sizes: ${differing.map((name) => `head.${name} is ${found[name]}, the config asks for ${asked[name]}`).join('; ')}`);
  }
  note(`${checkpoint} has a secondary-structure head, which is trained further`);
}

function headOf(model: OpenedModel, encoder: Encoder, { head, seed }: FinetuneConfig): SecondaryStructureHead {
  const { device, config: { dim, model: architecture }, parameters } = encoder;
  const own = secondaryStructureSizes(model) ? parameters : initializeParameters(device, secondaryStructureParameters(dim, head), architecture, seed + HEAD_SEED_OFFSET);
  return new SecondaryStructureHead(device, head, own);
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
