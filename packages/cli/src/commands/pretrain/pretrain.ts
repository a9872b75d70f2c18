/**
 * The work of `rna pretrain`: reads config and RNAs, and hands them to the
 * pre-training script, `runPretraining` of `@rna/train`. The run's folder is
 * trainingRun.ts's, the data and the worker that makes batches of it
 * trainingData.ts's.
 */
import { CheckpointError } from '@rna/model';
import {
  newEncoderConfig,
  pretrainConfig,
  RECORD_KINDS,
  runPretraining,
  type OpenedCorpus,
  type PretrainConfig,
} from '@rna/train';
import { openData } from './dataSource.ts';
import { UsageError } from '../../commandLine/errors.ts';
import { formatCount } from '@rna/figures';
import { lossTable, textTable } from '../../report/table.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { readTrainingData, startBatches } from './trainingData.ts';
import { readConfig } from '../../input/trainingInput.ts';
import { withRanks, type MpiRanks } from '../../ranks/ranks.ts';
import { printConfig, type FinishedRun, type TrainingOptions, openTrainingRun } from '../../training/trainingRun.ts';

/**
 * Throws a UsageError for a config that cannot be, an InputError or CommandError for RNAs, all before the run's folder
 * is touched.
 */
export async function pretrain(options: TrainingOptions): Promise<void> {
  const config = await readConfig(pretrainConfig, options);
  checkSizes(config);
  if (options.printConfig) return printConfig(config);
  const finished = await withRanks((ranks) => interruptible((signal) => run(config, signal, ranks)));
  if (finished !== undefined)
    await writeResult(options.json ? `${JSON.stringify(finished, null, 2)}\n` : resultText(finished));
}

async function run(
  config: PretrainConfig,
  signal: AbortSignal,
  ranks: MpiRanks | undefined,
): Promise<FinishedRun | undefined> {
  const data = await readTrainingData(config.data);
  const corpora = {
    train: await openData(data.train),
    ...(data.validation && { validation: await openData(data.validation) }),
  };
  describeData(corpora, config);
  const opened = await openTrainingRun('pretrain', pretrainConfig, config, signal, ranks);
  const batches = startBatches(data, config);
  try {
    return await opened.finish(
      await runPretraining({ config, ...corpora, batches, ...opened.places, ...opened.devices }),
    );
  } catch (error) {
    throw await opened.explain(error);
  } finally {
    await batches.close();
    opened.close();
  }
}

function checkSizes(config: PretrainConfig): void {
  try {
    newEncoderConfig(config.model);
  } catch (error) {
    if (error instanceof CheckpointError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function describeData(
  { train, validation }: { readonly train: OpenedCorpus; readonly validation?: OpenedCorpus },
  { batch, masking, data }: PretrainConfig,
): void {
  const { structured, ncrna, other } = train.sections;
  const all = structured.records + ncrna.records + other.records;
  const clusters = structured.clusters + ncrna.clusters + other.clusters;
  const heldOut =
    validation === undefined ? 0 : RECORD_KINDS.reduce((sum, kind) => sum + validation.sections[kind].records, 0);
  const longest = batch.maxTokens - 2;
  const otherShare = other.records === 0 ? '' : `, ${formatCount(other.records)} other than ncRNA`;
  note(
    `${formatCount(all)} RNAs to train on, ${formatCount(structured.records)} with a structure${otherShare}; ${formatCount(heldOut)} held out`,
  );
  if (clusters < all) note(`they are in ${formatCount(clusters)} clusters, of each of which one is drawn at a time`);
  if (other.records > 0 && structured.records + ncrna.records > 0) {
    note(
      `of the sequences drawn, ${Math.round(100 * data.otherShare)} % are other than ncRNA (data.otherShare); an epoch visits every ${clusters < all ? 'cluster' : 'RNA'}, those of the smaller part repeatedly`,
    );
  }
  if (masking.scheme === 'ssm' && structured.records === 0)
    note('no RNA has a structure, so structure-aware masking (masking.scheme ssm) is span masking (sm)');
  if (RECORD_KINDS.some((kind) => train.table.sections[kind].statistics.longest > longest)) {
    note(`RNAs longer than ${longest} nucleotides are cropped, anew each time (batch.maxTokens)`);
  }
}

function resultText({ folder, steps, modelStep, trainingLoss, before, after }: FinishedRun): string {
  const unit = 'nats per masked token';
  const table = lossTable([
    { what: `training, steps 1 and ${steps}`, unit, ...trainingLoss },
    ...(before && after
      ? [
          { what: 'held-out RNAs', unit, before: before['loss']!, after: after['loss']! },
          {
            what: 'held-out accuracy',
            unit: 'of masked tokens',
            before: before['accuracy']!,
            after: after['accuracy']!,
          },
        ]
      : []),
  ]);
  return `${textTable(table)}\nmodel of step ${modelStep}: ${folder}/model\n`;
}
