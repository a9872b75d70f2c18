/**
 * A model's parameters: tensors by name, in the order of `encoderParameters`
 * and its siblings. Checkpoints, optimisers and modules all speak these names.
 */
import { RandomStream } from '@rna/kernels';
import type { Device, Tensor } from '@rna/tensor';
import type { EncoderConfig, ParameterShapes } from './config.ts';
import { isEmbedding, isTaskHead } from './parameterGroups.ts';

export type ParameterMap = Map<string, Tensor>;

/** The tensor of a parameter. Throws when the map has none of that name. */
export function parameter(parameters: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = parameters.get(name);
  if (tensor === undefined) throw new Error(`parameter '${name}' is missing`);
  return tensor;
}

/**
 * Fresh parameters, drawn from (seed, index of the parameter). Norms start at 1 and 0, beta at 1. RiNALMo and
 * the heads start as the reference does, with PyTorch's defaults: U(±1/√fan_in) for weights and their biases,
 * N(0, 1) for the embedding with a zero `<pad>` row. SSR-LM starts as LLaMA does: N(0, 0.02), and so does RNA-FM, as
 * BERT, with biases of 0.
 * @param initial The value of all of a parameter's elements, where they are not drawn.
 */
export function initializeParameters(
  device: Device,
  shapes: ParameterShapes,
  model: EncoderConfig['model'],
  seed: number,
  initial: (name: string) => number | undefined = () => undefined,
): ParameterMap {
  let fanIn = 1;
  return new Map(
    [...shapes].map(([name, shape], index) => {
      const random = new RandomStream(seed, index);
      const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
      const given = initial(name);
      const head = isTaskHead(name);
      if (given !== undefined) {
        values.fill(given);
      } else if (name.endsWith('norm.weight') || name.endsWith('Norm.weight') || name.endsWith('.beta')) {
        values.fill(1);
      } else if (name.endsWith('norm.bias') || name.endsWith('Norm.bias')) {
        values.fill(0);
      } else if (model === 'rna-fm' && !head && name.endsWith('.bias')) {
        values.fill(0);
      } else if (model !== 'rinalmo' && !head) {
        for (let i = 0; i < values.length; i++) values[i] = 0.02 * random.normal();
      } else if (isEmbedding(name)) {
        for (let i = 0; i < values.length; i++) values[i] = random.normal();
        values.fill(0, shape[1], 2 * shape[1]!);
      } else {
        // A bias follows its weight and takes that one's fan-in.
        if (shape.length > 1) fanIn = values.length / shape[0]!;
        const bound = 1 / Math.sqrt(fanIn);
        for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * bound;
      }
      return [name, device.tensor(values, shape).keep()];
    }),
  );
}
