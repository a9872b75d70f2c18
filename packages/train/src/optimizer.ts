/**
 * AdamW on the GPU, wholly: global gradient norm, clipping, the decision
 * whether the step may be taken (not where loss or norm is not finite, or a
 * spike), the scale of the next step's loss where
 * gradients are halves, and the update are recorded without waiting.
 * What happened is in the step's report, a tensor that the trainer reads one
 * step late. Adam is AdamW without decay. Learning rates come from outside, one
 * a step (schedule.ts); the state is the two moments of each parameter, and a few
 * numbers by which the next step is judged.
 */
import { isEmbedding } from '@rna/model';
import {
  GUARD_SIZE,
  lossScale,
  portable,
  REASON,
  REPORT_SIZE,
  SCALED_REPORT,
  SCALED_REPORT_SIZE,
  scale,
  stepGuard,
} from '@rna/kernels';
import {
  adamWBundles,
  adamWUpdate,
  bundleGradient,
  disposeBundle,
  gradientNorm,
  type AdamWBundle,
  type AdamWTensor,
  type Device,
  type Tensor,
} from '@rna/tensor';

/** Parameters that share a rate and a decay. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Multiplies the step's learning rate: 1, or 0.1 for an encoder under a new head. */
  readonly rateScale: number;
  /** λ of the decoupled decay θ ← θ − lr·λ·θ. */
  readonly weightDecay: number;
  /**
   * Updates of the run before this group's first: until then it rests, untracked and without moments; Adam counts its
   * steps from there. Default 0.
   */
  readonly since?: number;
}

export interface AdamWOptions {
  readonly groups: readonly ParameterGroup[];
  /** Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Largest global gradient norm; a larger one is scaled down to it. Default: no clipping. */
  readonly maxNorm?: number;
  /**
   * A step is refused whose gradient norm or loss is more than this many times its median over the last 64 steps.
   * Default: no step is, but one whose loss or norm is not finite.
   */
  readonly spikeFactor?: number;
  /** For gradients that pass through halves: they are those of a multiple of the loss (`lossSeed`), which adapts. */
  readonly lossScaling?: LossScaling;
}

export interface LossScaling {
  /** The scale of the first step's loss, a power of two. */
  readonly initial: number;
  /** Steps in a row whose gradients are finite after which the scale doubles. */
  readonly interval: number;
}

/** PyTorch's growth interval. */
export const DEFAULT_LOSS_SCALING: LossScaling = { initial: 2 ** 16, interval: 2000 };

/** What a step did, as read from its report. */
export interface StepReport {
  readonly loss: number;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
  /** False if the step was refused: parameters and moments are as they were. */
  readonly applied: boolean;
  /**
   * Why it was: a loss or norm that is not finite, one far above the usual, or gradients of a scaled loss that
   * overflowed.
   */
  readonly refused?: Refusal;
  /** Steps refused so far and in a row, this one included; overflows are counted apart. */
  readonly refusals: { readonly total: number; readonly inRow: number };
  /** Median norm of the last steps, from when there are enough of them. */
  readonly usualNorm?: number;
  /** Where the loss is scaled: by how much it was, and how many steps of the run overflowed. */
  readonly scaling?: { readonly scale: number; readonly skipped: number };
}

export type Refusal = Exclude<keyof typeof REASON, 'taken'>;

const REFUSALS: readonly Refusal[] = ['notFinite', 'spike', 'overflow'];

// A uniform may not be infinite.
const UNLIMITED = 3e38;

/** What is to decay beside matrices. */
export interface DecayOptions {
  /** λ. */
  readonly weightDecay: number;
  /** Norms, biases and scalars too. Default false. */
  readonly decayVectors?: boolean;
  /** The embedding too. Default false. */
  readonly decayEmbedding?: boolean;
}

/**
 * The usual two groups: decay on matrices and convolutions, and none, unless asked for, on norms, biases, scalars and
 * the embedding.
 */
export function decayGroups(
  parameters: ReadonlyMap<string, Tensor>,
  { weightDecay, decayVectors = false, decayEmbedding = false }: DecayOptions,
  rateScale = 1,
): ParameterGroup[] {
  const decays = ([name, { shape }]: [string, Tensor]): boolean =>
    isEmbedding(name) ? decayEmbedding : shape.length >= 2 || decayVectors;
  const entries = [...parameters];
  return [
    { parameters: new Map(entries.filter(decays)), rateScale, weightDecay },
    { parameters: new Map(entries.filter((entry) => !decays(entry))), rateScale, weightDecay: 0 },
  ].filter((group) => group.parameters.size > 0);
}

interface Slot extends AdamWTensor {
  readonly name: string;
}

export class AdamW {
  readonly #device: Device;
  #slots: readonly Slot[] = [];
  #groups: readonly { readonly group: ParameterGroup; readonly bundles: readonly AdamWBundle[] }[] = [];
  #resting: readonly ParameterGroup[];
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  readonly #maxNorm: number;
  readonly #spikeFactor: number;
  readonly #guard: Tensor;
  readonly #scaling: { readonly interval: number; readonly state: Tensor } | undefined;

  /**
   * Marks the parameters of the groups that do not rest as trainable. Throws a RangeError for no parameter, one in two
   * groups, or an impossible setting.
   */
  constructor(
    device: Device,
    {
      groups,
      betas = [0.9, 0.999],
      eps = 1e-8,
      maxNorm = UNLIMITED,
      spikeFactor = UNLIMITED,
      lossScaling,
    }: AdamWOptions,
  ) {
    if (!betas.every((beta) => beta >= 0 && beta < 1))
      throw new RangeError(`AdamW: betas must be in [0, 1), got ${betas.join(' and ')}`);
    if (!(eps > 0)) throw new RangeError(`AdamW: eps must be positive, got ${eps}`);
    if (!(maxNorm > 0)) throw new RangeError(`AdamW: the largest gradient norm must be positive, got ${maxNorm}`);
    if (!(spikeFactor > 1)) throw new RangeError(`AdamW: the factor of a spike must be above 1, got ${spikeFactor}`);
    if (lossScaling !== undefined && !(Number.isInteger(Math.log2(lossScaling.initial)) && lossScaling.interval >= 1)) {
      throw new RangeError(
        `AdamW: the loss scale must be a power of two and its interval at least 1, got ${lossScaling.initial} and ${lossScaling.interval}`,
      );
    }
    const names = groups.flatMap(({ parameters }) => [...parameters.keys()]);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new RangeError(`AdamW: parameter '${twice}' is in two groups`);
    if (!groups.some(({ parameters, since = 0 }) => parameters.size > 0 && since === 0))
      throw new RangeError('AdamW: there are no parameters to train from the first step on');
    this.#device = device;
    this.#betas = betas;
    this.#eps = eps;
    this.#maxNorm = Math.min(maxNorm, UNLIMITED);
    this.#spikeFactor = Math.min(spikeFactor, UNLIMITED);
    this.#guard = device.zeros([GUARD_SIZE]).keep();
    this.#resting = groups;
    this.unfreeze(1);
    if (lossScaling !== undefined) {
      const { initial, interval } = lossScaling;
      this.#scaling = { interval, state: device.tensor(Float32Array.of(initial, 0, 0)).keep() };
    }
  }

  /**
   * Takes in the groups whose first update is the run's `step`-th or one before it: to be called before a step's
   * gradients are computed, and before a checkpoint of that step is restored.
   */
  unfreeze(step: number): void {
    const isDue = ({ since = 0 }: ParameterGroup): boolean => since < step;
    const due = this.#resting.filter(isDue);
    if (due.length === 0) return;
    this.#resting = this.#resting.filter((group) => !isDue(group));
    for (const group of due) {
      const bundles = adamWBundles([...group.parameters.values()]);
      const tensors = new Map(
        bundles.flatMap((bundle) => bundle.tensors.map((tensor) => [tensor.parameter, tensor] as const)),
      );
      const slots = [...group.parameters].map(([name, parameter]) => ({ name, ...tensors.get(parameter.train())! }));
      this.#groups = [...this.#groups, { group, bundles }];
      this.#slots = [...this.#slots, ...slots];
    }
  }

  /**
   * What a checkpoint keeps beside the parameters: `m.NAME` and `v.NAME` of every parameter that does not rest, and
   * what the next step is judged by.
   */
  moments(): Map<string, Tensor> {
    return new Map([
      ...this.#slots.flatMap(({ name, m, v }): [string, Tensor][] => [
        [`m.${name}`, m],
        [`v.${name}`, v],
      ]),
      ['stepGuard', this.#guard],
      ...(this.#scaling === undefined ? [] : [['lossScaler', this.#scaling.state] as const]),
    ]);
  }

  /** The parameters that do not rest, in the order in which they began to train. */
  trained(): readonly Tensor[] {
    return this.#slots.map(({ parameter }) => parameter);
  }

  /** Throws if a parameter that does not rest has no gradient: it is no part of the loss. */
  requireGradients(): void {
    const without = this.#slots.find(({ parameter }) => parameter.gradient === undefined);
    if (without !== undefined)
      throw new Error(
        `AdamW: parameter '${without.name}' has no gradient; the loss does not depend on it, so it cannot be trained`,
      );
  }

  /** What `backward` is to start from for `factor` · loss: the factor, or a tensor [1] with the scale in it. */
  lossSeed(factor: number): number | Tensor {
    if (this.#scaling === undefined) return factor;
    return this.#device.run(scale, { x: this.#scaling.state }, { y: [1] }, { count: 1, factor }).y;
  }

  /**
   * Records one update from the parameters' gradients, which it frees, and returns the step's report (see
   * `readReport`). `step` counts updates from 1, those not applied included; `loss` [1] is what the gradients are of.
   * Throws as `requireGradients` does.
   */
  update(loss: Tensor, step: number, learningRate: number): Tensor {
    this.requireGradients();
    const [beta1, beta2] = this.#betas;
    return this.#device.scope(() => {
      const updates = this.#groups.map(({ group, bundles }) => ({
        group,
        bundles: bundles.map((bundle) => ({ bundle, gradient: bundleGradient(bundle) })),
      }));
      const report = this.#report(
        updates.flatMap(({ bundles }) => bundles.map(({ gradient }) => gradient)),
        loss,
      );
      for (const { group, bundles } of updates) {
        const rate = learningRate * group.rateScale;
        const own = step - (group.since ?? 0);
        const settings = {
          keep: 1 - rate * group.weightDecay,
          beta1,
          oneMinusBeta1: 1 - beta1,
          beta2,
          oneMinusBeta2: 1 - beta2,
          stepSize: rate / (1 - portable.pow(beta1, own)),
          rootCorrection2: Math.sqrt(1 - portable.pow(beta2, own)),
          eps: this.#eps,
        };
        for (const { bundle, gradient } of bundles) adamWUpdate(bundle, gradient, report, settings);
      }
      for (const { parameter } of this.#slots) {
        parameter.gradient?.dispose();
        parameter.gradient = undefined;
      }
      return report;
    });
  }

  #report(gradients: readonly Tensor[], loss: Tensor): Tensor {
    const device = this.#device;
    const scaling = this.#scaling;
    const report = gradientNorm(gradients, loss, {
      maxNorm: this.#maxNorm,
      reportSize: scaling === undefined ? REPORT_SIZE : SCALED_REPORT_SIZE,
    });
    if (scaling !== undefined)
      device.run(
        lossScale,
        { report, scaler: scaling.state },
        {},
        { maxNorm: this.#maxNorm, interval: scaling.interval },
      );
    device.run(
      stepGuard,
      { report, guard: this.#guard },
      {},
      { factor: this.#spikeFactor },
      { scaled: scaling !== undefined },
    );
    return report;
  }

  /** Frees the moments; the parameters stay. */
  dispose(): void {
    this.#groups.forEach(({ bundles }) => {
      bundles.forEach(disposeBundle);
    });
    this.#guard.dispose();
    this.#scaling?.state.dispose();
  }
}

/** Reads a report of `AdamW.update` once the step has run. */
export async function readReport(report: Tensor): Promise<StepReport> {
  const values = await report.read();
  const [scale, skipped] = [values[SCALED_REPORT.scale], values[SCALED_REPORT.skipped]];
  const refused = REFUSALS.find((reason) => REASON[reason] === values[SCALED_REPORT.reason]);
  const usualNorm = values[SCALED_REPORT.usualNorm]!;
  return {
    loss: values[SCALED_REPORT.loss]!,
    gradientNorm: values[SCALED_REPORT.norm]!,
    applied: values[SCALED_REPORT.applied] === 1,
    ...(refused && { refused }),
    refusals: { total: values[SCALED_REPORT.refused]!, inRow: values[SCALED_REPORT.inRow]! },
    ...(usualNorm > 0 && { usualNorm }),
    ...(scale !== undefined && skipped !== undefined && { scaling: { scale, skipped } }),
  };
}
