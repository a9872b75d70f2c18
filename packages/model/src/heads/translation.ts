/**
 * Translation efficiency and expression level of a 5′ UTR, both as logarithms
 * (RINALMO 5.4, after UTR-LM): two tasks with the layers of ribosome load and the
 * Huber loss on targets as they are. A file of the reference has the names of a
 * ribosome-load head; only its config.json can say that it is one of these.
 */
import { huberLoss } from '@rna/tensor';
import type { Head } from './head.ts';
import { RESNET_1D_NAMES, resNet1d, resNet1dParameters, resNet1dSizes, type ResNet1dSizes } from './resnet1d.ts';
import { parseNumber, regressionScores } from '@rna/structure';

const utrTask = (task: string, title: string, column: string): Head<ResNet1dSizes, number, number> => ({
  name: task,
  title,
  kind: 'number',
  sizes: resNet1dSizes,
  names: { official: RESNET_1D_NAMES },
  parameters: resNet1dParameters,
  forward: resNet1d,
  loss: (output, targets) => huberLoss(output, Float32Array.from(targets)),
  predict: (output) => Array.from(output),
  metrics: (predictions, examples) => ({
    ...regressionScores(
      predictions,
      examples.map(({ target }) => target),
    ),
  }),
  best: { metric: 'r2', order: 'largest' },
  columns: { sequence: 'utr', target: column, meaning: 'a number', parse: parseNumber },
});

export const translationEfficiency = utrTask('translation-efficiency', 'translation efficiency', 'te_log');
export const expressionLevel = utrTask('expression-level', 'mRNA expression level', 'rnaseq_log');
