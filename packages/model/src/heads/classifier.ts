/**
 * Two linear layers with a GELU between them on the `<cls>` token: the layers of the heads that classify whole
 * sequences (RINALMO 5.2, 5.3).
 */
import { gatherRows, gelu, linear, type Tensor } from '@rna/tensor';
import type { ParameterShapes, Shape } from '../config.ts';
import type { HeadInput, HeadNames } from './head.ts';

export const CLASSIFIER_NAMES: HeadNames = { dense: 'pred_head.classifier.0', out: 'pred_head.classifier.2' };

export const classifierParameters = (dim: number, hidden: number, outputs: number): ParameterShapes =>
  new Map<string, Shape>([
    ['dense.weight', [hidden, dim]],
    ['dense.bias', [hidden]],
    ['out.weight', [outputs, hidden]],
    ['out.bias', [outputs]],
  ]);

/** Hidden width and number of outputs of a stored classifier, from the tensors that it has; undefined without any. */
export function classifierSizes(
  shapeOf: (parameter: string) => Shape | undefined,
): { hidden: number; outputs: number } | undefined {
  const [dense, out] = [shapeOf('dense.weight'), shapeOf('out.weight')];
  if (dense === undefined && out === undefined) return undefined;
  return { hidden: dense?.[0] ?? out?.[1] ?? 1, outputs: out?.[0] ?? 1 };
}

/** Logits, [sequences, outputs]. */
export function classify({ representation, cuSeqlens, weight }: HeadInput): Tensor {
  const cls = gatherRows(representation, Int32Array.from(cuSeqlens.subarray(0, -1)));
  return linear(
    gelu(linear(cls, weight('dense.weight'), weight('dense.bias'))),
    weight('out.weight'),
    weight('out.bias'),
  );
}
