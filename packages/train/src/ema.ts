/**
 * The exponential moving average of the weights under training, kept on the
 * device. It stands in for the weights where the model is evaluated and saved;
 * a checkpoint of such a run holds the averages as its model and the weights
 * beside the moments.
 */
import { movingAverage, scale } from '@rna/kernels';
import type { Tensor } from '@rna/tensor';

export class WeightAverage {
  readonly #entries: readonly { readonly name: string; readonly parameter: Tensor; readonly average: Tensor }[];
  readonly #decay: number;
  #exchanged = false;

  /** Starts from the parameters as they are. `decay` is in (0, 1): 0.999 averages over about a thousand steps. */
  constructor(parameters: ReadonlyMap<string, Tensor>, decay: number) {
    if (!(decay > 0 && decay < 1))
      throw new RangeError(`WeightAverage: the decay must be between 0 and 1, got ${decay}`);
    this.#decay = decay;
    this.#entries = [...parameters].map(([name, parameter]) => ({
      name,
      parameter,
      average: parameter.device
        .run(scale, { x: parameter }, { y: parameter.shape }, { count: parameter.size, factor: 1 })
        .y.keep(),
    }));
  }

  /**
   * Records the average's step after the update that gave `report`, if that was applied. `step` counts from 1: early
   * on the average is over fewer steps, min(decay, (1 + step) / (10 + step)), so that the initial weights are soon
   * forgotten.
   */
  update(report: Tensor, step: number): void {
    const rate = 1 - Math.min(this.#decay, (1 + step) / (10 + step));
    for (const { parameter, average } of this.#entries)
      parameter.device.run(movingAverage, { parameter, report, average }, {}, { count: parameter.size, rate });
  }

  /** Runs `body` with the averages as the parameters' values. What it writes to the parameters goes to the averages. */
  async during<T>(body: () => Promise<T>): Promise<T> {
    if (this.#exchanged) throw new Error('WeightAverage: the averages stand in for the parameters already');
    this.#exchange();
    try {
      return await body();
    } finally {
      this.#exchange();
    }
  }

  /** The weights of the last step as `weight.NAME`, which a checkpoint keeps beside the moments. */
  weights(): Map<string, Tensor> {
    return new Map(this.#entries.map(({ name, parameter }) => [`weight.${name}`, parameter]));
  }

  /** Frees the averages; the parameters stay. */
  dispose(): void {
    for (const { average } of this.#entries) average.dispose();
  }

  #exchange(): void {
    this.#exchanged = !this.#exchanged;
    for (const { parameter, average } of this.#entries) parameter.exchange(average);
  }
}
