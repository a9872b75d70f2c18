/** The work of `rna tune`: which calls are timed, where the answers go, and how they are shown. */
import { RandomStream } from '@rna/kernels';
import { checks, type KernelCheck } from '@rna/kernels/checks';
import { Encoder, longestInput, PRESETS, type PresetName } from '@rna/model';
import {
  adapterKey,
  addAnswers,
  answersOf,
  backward,
  collectJobs,
  NO_ANSWERS,
  tune as tuneJobs,
  type Device,
  type TuningJob,
  type TuningRecord,
  type TuningResult,
} from '@rna/tensor';
import { uploadCall } from '@rna/tensor/checks';
import { keptTuning, openDevice, type TuningFile } from '@rna/tensor/node';
import { corpusBatches, FIRST_CURSOR, memoryCorpus, pretrainingTask } from '@rna/train';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { textTable, type Column } from '../../report/table.ts';
import { interruptible, note, progressBar, writeResult, type ProgressBar } from '../../commandLine/terminal.ts';
import { variantText } from '../../commandLine/variantText.ts';

export interface TuneOptions {
  readonly model?: string;
  readonly tokens?: number;
  readonly kernel?: string;
  readonly json?: boolean;
  readonly list?: boolean;
  readonly clear?: boolean;
}

const DEFAULT_TOKENS = 1024;
const SEED = 1;

/** Throws a UsageError on names that are none, a TuningError where the kept answers cannot be read. */
export async function tune(options: TuneOptions): Promise<void> {
  const file = keptTuning();
  if (file === undefined)
    throw new CommandError('RNA_TUNING=off leaves nowhere to keep what is tuned; unset it, or let it name a file');
  if (options.clear === true) {
    await file.clear();
    note(`${file.path} is deleted`);
  } else if (options.list === true) {
    const record = (await file.load()) ?? NO_ANSWERS;
    await writeResult(options.json === true ? `${JSON.stringify(record, null, 2)}\n` : listText(record, file.path));
  } else {
    const results = await measure(options, file);
    await writeResult(options.json === true ? `${JSON.stringify(results, null, 2)}\n` : resultText(results));
  }
}

async function measure(options: TuneOptions, file: TuningFile): Promise<TuningResult[]> {
  const jobsOf = chosenJobs(options);
  // What cannot be added to is found before the work.
  await file.load();
  return interruptible(async (signal) => {
    const device = await openDevice({ tuning: false, quiet: true });
    let bar: ProgressBar | undefined;
    try {
      const key = adapterKey(device.adapter);
      return await tuneJobs(device, await jobsOf(device), {
        onJob: ({ index, of }) => {
          signal.throwIfAborted();
          bar ??= progressBar('tuning', of, 'classes of sizes');
          bar.update(index);
        },
        onResult: async (result) => {
          await file.save(addAnswers((await file.load()) ?? NO_ANSWERS, key, answersOf([result])));
        },
      });
    } finally {
      bar?.stop();
      device.destroy();
    }
  });
}

/** The jobs that the options ask for, checked before a device is opened. */
function chosenJobs({ model, tokens = DEFAULT_TOKENS, kernel }: TuneOptions): (device: Device) => Promise<TuningJob[]> {
  const tunable = checks.filter((check) => check.kernel.tuning !== undefined);
  const names = tunable.map((check) => check.kernel.name);
  if (kernel !== undefined && !names.includes(kernel))
    throw new UsageError(
      `--kernel ${kernel}: no kernel of this name has variants to time; there are ${names.join(', ')}`,
    );
  const wanted = (name: string): boolean => kernel === undefined || name === kernel;
  if (model === undefined)
    return (device) =>
      Promise.resolve(
        tunable.filter((check) => wanted(check.kernel.name)).flatMap((check) => benchmarkJobs(device, check)),
      );
  if (!isPreset(model))
    throw new UsageError(`--model ${model} is no preset; there are ${Object.keys(PRESETS).join(', ')}`);
  return async (device) => {
    const jobs = (await stepJobs(device, model, tokens)).filter((job) => wanted(job.kernel.name));
    if (jobs.length === 0) throw new UsageError(`a training step of ${model} does not run ${kernel}`);
    return jobs;
  };
}

const isPreset = (name: string): name is PresetName => Object.hasOwn(PRESETS, name);

function benchmarkJobs(device: Device, check: KernelCheck): TuningJob[] {
  const { kernel } = check;
  return (check.benchmark ?? check.calls)(new RandomStream(SEED)).map((call) => ({
    kernel,
    buffers: () => uploadCall(device, call),
    outputs: Object.fromEntries(Object.entries(call.outputs).map(([name, count]) => [name, [count]])),
    uniforms: call.uniforms,
    options: call.variant ?? {},
  }));
}

/**
 * What a step of pre-training runs, forward and back, over `tokens` tokens of made-up RNAs. Blocks are alike, so one is
 * enough.
 */
async function stepJobs(device: Device, preset: PresetName, tokens: number): Promise<TuningJob[]> {
  const encoder = Encoder.initialize(device, { ...PRESETS[preset], layers: 1 }, SEED);
  encoder.parameters.forEach((parameter) => {
    parameter.train();
  });
  const random = new RandomStream(SEED);
  const sequence = (): string =>
    Array.from({ length: 8 + random.below(tokens - 9) }, () => 'ACGU'[random.below(4)]!).join('');
  const train = Array.from({ length: 64 }, () => ({ sequence: sequence() }));
  const task = pretrainingTask({
    encoder,
    dropout: true,
    seed: SEED,
    batches: corpusBatches(memoryCorpus(train), {
      masking: { scheme: 'mlm' },
      maxTokens: Math.min(tokens, longestInput(encoder.config) ?? tokens),
      rowsPerStep: 1,
      seed: SEED,
    }),
  });
  const { microBatches } = await task.batchAt(FIRST_CURSOR, 0);
  const jobs = collectJobs(device, () => {
    for (const batch of microBatches) backward(device, () => batch.loss()).dispose();
  });
  encoder.parameters.forEach((parameter) => {
    parameter.dispose();
  });
  return jobs;
}

const left = (header: string): Column => ({ header, group: '', align: 'left' });
const right = (header: string): Column => ({ header, group: '', align: 'right' });
const milliseconds = (ms: number): string => ms.toPrecision(3);

function resultText(results: readonly TuningResult[]): string {
  const text = textTable({
    caption: 'Milliseconds of a call',
    columns: [left('kernel'), left('sizes'), left('variant'), right('was'), right('now')],
    rowHeaders: 2,
    rows: results.map(({ kernel, shape, table, chosen }) => [
      kernel,
      shape,
      chosen.variant === table.variant ? 'as it was' : variantText(chosen.variant),
      milliseconds(table.ms),
      milliseconds(chosen.ms),
    ]),
  });
  const failures = results.flatMap(({ kernel, shape, tried }) =>
    tried.flatMap(({ variant, failed }) =>
      failed === undefined ? [] : [`${kernel} ${shape} ${variantText(variant)} ${failed}\n`],
    ),
  );
  return failures.length === 0 ? text : `${text}\nNot usable here:\n${failures.join('')}`;
}

function listText({ adapters }: TuningRecord, path: string): string {
  const tables = Object.entries(adapters).map(([adapter, kernels]) =>
    textTable({
      caption: adapter,
      columns: [left('kernel'), left('version'), left('sizes'), left('variant'), right('was'), right('now')],
      rowHeaders: 3,
      rows: Object.entries(kernels).flatMap(([kernel, { version, shapes }]) =>
        Object.entries(shapes).map(([shape, { variant, tableMs, ms }]) => [
          kernel,
          version,
          shape,
          variantText(variant),
          milliseconds(tableMs),
          milliseconds(ms),
        ]),
      ),
    }),
  );
  return tables.length === 0 ? `nothing is kept in ${path}\n` : `${path}\n\n${tables.join('\n')}`;
}
