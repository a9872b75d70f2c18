/**
 * The work of `rna pretrain`: reads config and RNAs, makes an encoder, and
 * hands all to `@rna/train`'s recipe. The run's folder is trainingRun.ts's.
 */
import { CheckpointError, Encoder, type EncoderConfig } from '@rna/model';
import { newEncoderConfig, pretrain as train, pretrainConfig, trainingPrecision, type PretrainConfig } from '@rna/train';
import { UsageError } from './errors.ts';
import { withDevice } from './loadModel.ts';
import { formatCount } from './report/format.ts';
import { lossTable, textTable } from './report/table.ts';
import { interruptible, note, writeResult } from './terminal.ts';
import { readConfig, readRecords, type InputRecord } from './trainingInput.ts';
import { keepRun, printConfig, type FinishedRun, type TrainingOptions } from './trainingRun.ts';

/** Throws a UsageError for a config that cannot be, an InputError or CommandError for RNAs, all before the run's folder is touched. */
export async function pretrain(options: TrainingOptions): Promise<void> {
  const config = await readConfig(pretrainConfig, options.config, options.overrides);
  const sizes = encoderSizes(config);
  if (options.printConfig) return printConfig(config);
  const { data, seed } = config;
  const [records, validation] = [await readRecords(data.train), await readRecords(data.validation)];
  describeData(records, validation, config);
  const finished = await interruptible((signal) =>
    keepRun('pretrain', pretrainConfig, config, signal, (places) => withDevice((device) =>
      train({ encoder: Encoder.initialize(device, sizes, seed, trainingPrecision(config)), config, train: records, validation, ...places }))));
  await writeResult(options.json ? `${JSON.stringify(finished, null, 2)}\n` : resultText(finished));
}

function encoderSizes(config: PretrainConfig): EncoderConfig {
  try {
    return newEncoderConfig(config.model);
  } catch (error) {
    if (error instanceof CheckpointError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function describeData(train: readonly InputRecord[], validation: readonly InputRecord[], { batch, masking }: PretrainConfig): void {
  const structured = train.filter(({ partners }) => partners !== undefined).length;
  const longest = batch.maxTokens - 2;
  const cropped = train.filter(({ sequence }) => sequence.length > longest).length;
  note(`${formatCount(train.length)} RNAs to train on, ${formatCount(structured)} with a structure; ${formatCount(validation.length)} held out`);
  if (masking.scheme === 'ssm' && structured === 0) note('no RNA has a structure, so structure-aware masking (masking.scheme ssm) is span masking (sm)');
  if (cropped > 0) note(`${formatCount(cropped)} RNAs are longer than ${longest} nucleotides and are cropped, anew in each epoch (batch.maxTokens)`);
}

function resultText({ folder, steps, modelStep, trainingLoss, before, after }: FinishedRun): string {
  const unit = 'nats per masked token';
  const table = lossTable([
    { what: `training, steps 1 and ${steps}`, unit, ...trainingLoss },
    ...(before && after ? [
      { what: 'held-out RNAs', unit, before: before['loss']!, after: after['loss']! },
      { what: 'held-out accuracy', unit: 'of masked tokens', before: before['accuracy']!, after: after['accuracy']! },
    ] : []),
  ]);
  return `${textTable(table)}\nmodel of step ${modelStep}: ${folder}/model\n`;
}
