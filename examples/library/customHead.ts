/**
 * A task of one's own: the share of G and C, which an encoder's rows tell. A
 * head is one declaration (sizes, parameters, forward pass, loss, predictions,
 * scores); it is trained here by hand on a frozen encoder.
 */
import { openModel } from '@rna/inference';
import { headParameters, initialHead, packTokens, runHead, taskHead, type Head } from '@rna/model';
import { regressionScores, tokenize } from '@rna/structure';
import { backward, linear, segmentMean, squaredError, uploadSegments } from '@rna/tensor';
import { AdamW } from '@rna/train';
import * as z from 'zod';

const gcContent: Head<object, number, number> = {
  name: 'gc-content',
  title: 'share of G and C',
  kind: 'number',
  sizes: z.strictObject({}),
  parameters: (dim) =>
    new Map([
      ['out.weight', [1, dim]],
      ['out.bias', [1]],
    ]),
  forward: ({ device, representation, cuSeqlens, weight }) =>
    linear(segmentMean(representation, uploadSegments(device, cuSeqlens)), weight('out.weight'), weight('out.bias')),
  loss: (output, shares) => squaredError(output, Float32Array.from(shares)),
  predict: (output) => Array.from(output),
  metrics: (predictions, examples) => ({
    ...regressionScores(
      predictions,
      examples.map(({ target }) => target),
    ),
  }),
  best: { metric: 'r2', order: 'largest' },
};

const shareOf = (sequence: string): number => sequence.replace(/[^GC]/g, '').length / sequence.length;
const sequences = ['GGGGCCCC', 'AAAAUUUUUA', 'GCAU', 'GGAUCAAAUUU', 'CCGCAUG'];
const shares = sequences.map(shareOf);

const model = await openModel('builtin');
const { encoder } = model;
const { device, config } = encoder;
const task = taskHead({ task: gcContent.name, sizes: {} }, [gcContent], 'the example');
const parameters = initialHead(device, task, config, 1);
const optimizer = new AdamW(device, { groups: [{ parameters, rateScale: 1, weightDecay: 0 }] });
const { tokens, cuSeqlens } = packTokens(sequences.map((sequence) => tokenize(sequence)));
// The encoder is frozen, so its rows are computed once.
const representation = encoder.forward({ tokens, cuSeqlens });

const losses: number[] = [];
for (let step = 1; step <= 300; step++) {
  const loss = backward(device, () =>
    task.head.loss(runHead(task, parameters, { representation, cuSeqlens }), shares, new Map()),
  );
  optimizer.update(loss, step, 0.02).dispose();
  losses.push(await loss.item());
  loss.dispose();
}
const output = runHead(task, parameters, { representation, cuSeqlens });
const predicted = task.head.predict(await output.read(), task.sizes, new Map(), []) as number[];
console.log([...headParameters(task, config.dim).keys()], losses[0], losses.at(-1), predicted);
// The device is the model's own, and all that is on it goes with it.
model.dispose();
