/**
 * `rna info --for`: what folding a file will take, before it is begun; or
 * predicting structures in space, with a model that does, or embedding the file,
 * with one that has no head for either. Memory follows from sizes. Time is that
 * of two short passes here, through whose times and operations a line is drawn;
 * what folding engines take is drawn through two lengths too, as a power of the
 * length.
 */
import {
  packTokens,
  modelCost,
  predictsChains,
  predictsPairs,
  predictTertiary,
  type Encoder,
  type OpenedModel,
  type PassCost,
  type WeightType,
} from '@rna/model';
import { RandomStream } from '@rna/kernels';
import { tokenize, type EnginePairsProvider, type FoldingEngine } from '@rna/structure';
import { megabytes } from '@rna/tensor';
import { pairPredictor } from '@rna/train';
import { interruptible, writeResult } from '../../commandLine/terminal.ts';
import { withPriors } from '../../folding/priors.ts';
import { withFasta, type PlannedRecord } from '../../input/fastaInput.ts';
import { withEncoder, withModel } from '../../models/loadModel.ts';
import { checkWindowOptions, chooseWindows, windowsOf, type WindowOptions } from '../../models/windows.ts';
import { rowsText } from './card.ts';

export interface EstimateOptions extends WindowOptions {
  readonly inputs: readonly string[];
  readonly model: string;
  readonly json: boolean;
  readonly weights?: WeightType;
}

/** Throws what reading the inputs, the model and opening a device throw. */
export async function estimate({ inputs, model: name, json, ...options }: EstimateOptions): Promise<void> {
  checkWindowOptions(options);
  await interruptible((signal) =>
    withFasta(inputs, { signal, allowUnnamed: true }, ({ plan }) =>
      withModel(name, {}, async (model) => {
        const begun = performance.now();
        const work = (priors: EnginePairsProvider | undefined): Promise<void> =>
          withEncoder(
            model,
            async (encoder) => {
              const facts = await estimated(plan, { name, model, encoder, priors, begun, options });
              await writeResult(json ? `${JSON.stringify(facts, null, 2)}\n` : rowsText(rows(facts)));
            },
            options.weights === undefined ? {} : { weights: options.weights },
          );
        await (model.task === undefined ? work(undefined) : withPriors(model.task, {}, work));
      }),
    ),
  );
}

interface Setting {
  readonly name: string;
  readonly model: OpenedModel;
  readonly encoder: Encoder;
  readonly priors: EnginePairsProvider | undefined;
  /** When the model began to be loaded, in milliseconds. */
  readonly begun: number;
  readonly options: WindowOptions & { readonly weights?: WeightType };
}

type Facts = Awaited<ReturnType<typeof estimated>>;

async function estimated(plan: readonly PlannedRecord[], setting: Setting) {
  const { name, model, encoder, begun, options } = setting;
  const { device, config, precision } = encoder;
  const { task, command } = workOf(model);
  const windows =
    command === 'tertiary'
      ? undefined
      : chooseWindows(device, config, task, options, command === 'fold' ? 'short' : 'fitting');
  const cut = plan.map((record) => ({
    record,
    pieces: windows === undefined ? [record.length] : windowsOf(record.length, windows),
  }));
  const pieces = cut.flatMap((each) => each.pieces);
  const lengths = plan.map(({ length }) => length).sort((a, b) => a - b);
  const kinds = new Set(pieces);
  const longest = Math.max(...kinds);
  const costs = new Map(
    [...kinds].map((length) => [length, modelCost(device, config, task, length, precision.weights)]),
  );
  const costOf = (length: number): PassCost => costs.get(length)!;

  const timing = await measured(setting, longest, begun);
  const { budget } = device.memory.use();
  const seconds = pieces.reduce((sum, length) => {
    const [pass, engines] = [timing.pass(costOf(length).flops), timing.engines(length)];
    // A software adapter computes on the cores that the engines need.
    return sum + (device.traits.class === 'cpu' ? pass + engines : Math.max(pass, engines));
  }, 0);
  return {
    model: name,
    weights: precision.weights,
    command,
    records: plan.length,
    nucleotides: lengths.reduce((sum, length) => sum + length, 0),
    shortest: lengths[0]!,
    median: lengths[Math.floor(lengths.length / 2)]!,
    longest: lengths.at(-1)!,
    /** Null where records are run whole: the place of an atom follows from all of the RNA. */
    windows:
      windows === undefined
        ? null
        : {
            size: windows.size,
            stride: windows.stride,
            records: cut
              .filter(({ record }) => !windows.isWhole(record.length))
              .map(({ record: { id, length }, pieces: own }) => ({ id, length, windows: own.length })),
          },
    flops: pieces.reduce((sum, length) => sum + costOf(length).flops, 0),
    seconds: { start: rounded(timing.start), run: rounded(seconds) },
    /** Bytes on the device, at most; the budget is null where only the driver knows. */
    memory: {
      bytes: Math.ceil(Math.max(...[...kinds].map((length) => costOf(length).bytes))),
      budget: Number.isFinite(budget) ? Math.floor(budget) : null,
    },
    timed: timing.passes,
  };
}

/** What a model does with a file, and the head that it needs for that. */
const workOf = ({ task }: OpenedModel) =>
  predictsPairs(task)
    ? ({ task, command: 'fold' } as const)
    : predictsChains(task)
      ? ({ task, command: 'tertiary' } as const)
      : ({ task: undefined, command: 'embed' } as const);

const rounded = (value: number): number => Number(value.toPrecision(3));

// Nucleotides of the passes that are timed, where the input has RNAs so long.
const TIMED = { pass: [64, 256], engines: [128, 512] } as const;
// Passes that are over sooner are timed again, and the least counts.
const LEAST_SECONDS = 0.2;
const MOST_PASSES = 5;

async function measured(setting: Setting, longest: number, begun: number) {
  const { model, encoder, priors } = setting;
  const random = new RandomStream(1);
  const sequenceOf = (length: number): string => Array.from({ length }, () => 'ACGU'[random.below(4)]!).join('');
  const engines: readonly FoldingEngine[] = model.task?.head.engines?.(model.task.sizes) ?? [];
  const { task, command } = workOf(model);
  const pass = async (length: number): Promise<number> => {
    const sequence = sequenceOf(length);
    const known = await priors?.(sequence, engines);
    const predictor = {
      encoder,
      parameters: encoder.parameters,
      ...(known && { priors: () => Promise.resolve(known) }),
    };
    const start = performance.now();
    if (command === 'fold') await pairPredictor({ ...predictor, task })(sequence);
    else if (command === 'tertiary') await predictTertiary({ ...predictor, task }, sequence);
    else {
      const rows = encoder.forward(packTokens([tokenize(sequence)]));
      await rows.read();
      rows.dispose();
    }
    return (performance.now() - start) / 1000;
  };
  const least = async (timed: () => Promise<number>): Promise<number> => {
    let best = await timed();
    for (let k = 1; k < MOST_PASSES && best < LEAST_SECONDS; k++) best = Math.min(best, await timed());
    return best;
  };
  const timeAt = async (lengths: readonly number[], timed: (length: number) => Promise<number>) => {
    const points: { readonly length: number; readonly seconds: number }[] = [];
    for (const length of new Set(lengths.map((each) => Math.min(each, longest))))
      points.push({ length, seconds: await least(() => timed(length)) });
    return points;
  };

  // The first pass compiles.
  await pass(Math.min(TIMED.pass[0], longest));
  const start = (performance.now() - begun) / 1000;
  const passes = (await timeAt(TIMED.pass, pass)).map((point) => ({
    ...point,
    flops: modelCost(encoder.device, encoder.config, task, point.length).flops,
  }));
  const byEngines =
    priors === undefined
      ? []
      : await timeAt(TIMED.engines, async (length) => {
          const sequence = sequenceOf(length);
          const begin = performance.now();
          await priors(sequence, engines);
          return (performance.now() - begin) / 1000;
        });
  return { start, passes, pass: line(passes), engines: power(byEngines) };
}

/** Seconds of so many operations, by what some took: a time that every pass takes, and a rate. */
export function line(
  points: readonly { readonly flops: number; readonly seconds: number }[],
): (flops: number) => number {
  const [short, long] = [points[0]!, points.at(-1)!];
  const slope = (long.seconds - short.seconds) / (long.flops - short.flops);
  if (!(slope > 0)) return (flops) => (flops * long.seconds) / long.flops;
  const fixed = Math.max(0, short.seconds - slope * short.flops);
  const rate = (long.seconds - fixed) / long.flops;
  return (flops) => fixed + rate * flops;
}

/** Seconds of a length, by what some took; with an exponent of 2 to 3, as folding has. None: no time. */
export function power(
  points: readonly { readonly length: number; readonly seconds: number }[],
): (length: number) => number {
  const [short, long] = [points[0], points.at(-1)];
  if (short === undefined || long === undefined) return () => 0;
  const slope = short === long ? 2 : Math.log(long.seconds / short.seconds) / Math.log(long.length / short.length);
  const exponent = Math.min(3, Math.max(2, slope));
  return (length) => long.seconds * (length / long.length) ** exponent;
}

function rows({ model, weights, command, windows, seconds, memory, timed, ...facts }: Facts): [string, string][] {
  const last = timed.at(-1)!;
  const [first] = windows?.records ?? [];
  const count = (value: number): string => value.toLocaleString('en');
  return [
    [
      'records',
      `${count(facts.records)} of ${count(facts.shortest)} to ${count(facts.longest)} nucleotides, median ${count(facts.median)}, ${count(facts.nucleotides)} in all`,
    ],
    ['with', `rna ${command}, model ${model}${weights === 'f32' ? '' : `, weights ${weights}`}`],
    ...(windows === null
      ? []
      : [
          [
            'in windows',
            first === undefined
              ? `none; records of more than ${count(windows.size)} nucleotides would be`
              : `${count(windows.records.length)} of the records, windows of ${count(windows.size)} nucleotides every ${count(windows.stride)}; the first is "${first.id}" with ${count(first.length)} in ${first.windows}`,
          ] satisfies [string, string],
        ]),
    ['time', `about ${duration(seconds.run)} after ${duration(seconds.start)} to load and compile`],
    [
      'memory',
      `${megabytes(memory.bytes)} of the device at most${memory.budget === null ? '' : `, of a budget of ${megabytes(memory.budget)}`}`,
    ],
    [
      'timed',
      `${timed.map(({ length }) => count(length)).join(' and ')} nucleotides here: ${(last.flops / last.seconds / 1e9).toPrecision(3)} GFLOP/s, beside what else this machine does now`,
    ],
  ];
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toPrecision(2)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toPrecision(2)} h`;
}
