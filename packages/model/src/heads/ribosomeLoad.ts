/**
 * Mean ribosome load of a 5′ UTR (RINALMO 5.4). The head learns standardised
 * targets, whose mean and deviation are kept with the model; predictions are in
 * the targets' own unit and not negative.
 */
import { squaredError } from '@rna/tensor';
import { scalar, type Head } from './head.ts';
import {
  RESNET_1D_NAMES,
  resNet1d,
  resNet1dParameters,
  resNet1dSizes,
  storedResNet1d,
  type ResNet1dSizes,
} from './resnet1d.ts';
import { parseNumber, regressionScores } from '@rna/structure';

const MEAN = 'scaler._mean';
const STD = 'scaler._std';

// The longest UTR of the reference's data set has 100 nucleotides, and so all of its sequences are padded to this.
const REFERENCE_PADDING = 102;

/** Labels and predictions are mean ribosome loads. */
export const ribosomeLoad: Head<ResNet1dSizes, number, number> = {
  name: 'ribosome-load',
  title: 'mean ribosome load',
  kind: 'number',
  sizes: resNet1dSizes,
  names: { official: RESNET_1D_NAMES },
  parameters: resNet1dParameters,
  sizesOf: (shapeOf, dim) => storedResNet1d(shapeOf, dim, REFERENCE_PADDING),
  forward: resNet1d,
  loss(output, loads, scalars) {
    const [mean, std] = [scalar(scalars, MEAN), scalar(scalars, STD)];
    return squaredError(
      output,
      Float32Array.from(loads, (load) => (load - mean) / std),
    );
  },
  scalars: [MEAN, STD],
  fit(loads) {
    const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
    const std = Math.sqrt(loads.reduce((sum, load) => sum + (load - mean) ** 2, 0) / loads.length);
    if (!(std > 0))
      throw new RangeError(`ribosome-load: ${loads.length} training targets that do not differ cannot be standardised`);
    return new Map([
      [MEAN, mean],
      [STD, std],
    ]);
  },
  predict(output, _, scalars) {
    const [mean, std] = [scalar(scalars, MEAN), scalar(scalars, STD)];
    return Array.from(output, (value) => Math.max(0, value * std + mean));
  },
  metrics: (loads, examples) => ({
    ...regressionScores(
      loads,
      examples.map(({ target }) => target),
    ),
  }),
  best: { metric: 'r2', order: 'largest' },
  columns: { sequence: 'utr', target: 'rl', group: 'set', meaning: 'a number', parse: parseNumber },
};
