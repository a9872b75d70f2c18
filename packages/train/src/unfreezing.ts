/**
 * Gradual unfreezing: which parameters of a model train, from which epoch on,
 * at which part of the rate. A stage names parameters by regular expressions
 * and blocks by their place in the model that the recipe was written for, so
 * that one recipe serves models of any depth. What no stage names is frozen for
 * good. The optimiser does the rest (`ParameterGroup.since`).
 */
import { z } from 'zod';
import { blockOf } from '@rna/model';
import type { Tensor } from '@rna/tensor';
import { decayGroups, type DecayOptions, type ParameterGroup } from './optimizer.ts';
import { ConfigError } from './overrides.ts';

const pattern = z.string().min(1).refine(isExpression, 'is no regular expression');

export const unfreezeStage = z.strictObject({
  epoch: z.int().nonnegative().describe('Epoch at whose beginning these parameters begin to train'),
  parameters: z
    .array(pattern)
    .default([])
    .describe("Regular expressions, which match from the beginning of a parameter's name"),
  blocks: z
    .strictObject({
      from: z.int().nonnegative().describe('First block'),
      to: z.int().nonnegative().describe('Last block'),
      of: z.int().positive().describe('Blocks of the model that is meant; in another they are scaled'),
    })
    .refine(({ from, to, of }) => from <= to && to < of, 'are not in order: from ≤ to < of')
    .optional()
    .describe('Encoder blocks, from 0'),
  rateDivisor: z.number().positive().default(1).describe('The rate is divided by this'),
});

/** Parameters that begin to train together. Of several stages that name a parameter the first has it. */
export type UnfreezeStage = z.infer<typeof unfreezeStage>;

export interface UnfreezingOptions {
  /** Blocks of the encoder. */
  readonly layers: number;
  readonly stepsPerEpoch: number;
  readonly decay: DecayOptions;
}

/**
 * The optimiser's groups for the stages. `parameters` are those that may be trained, `names` all that a model of this
 * kind has: an expression may well name what is kept frozen, but what matches nothing is misspelt.
 * @throws ConfigError for such an expression.
 */
export function unfreezingGroups(
  parameters: ReadonlyMap<string, Tensor>,
  names: Iterable<string>,
  stages: readonly UnfreezeStage[],
  { layers, stepsPerEpoch, decay }: UnfreezingOptions,
): ParameterGroup[] {
  const known = [...names];
  stages.forEach((stage, i) => {
    const idle = stage.parameters.find((text) => !known.some((name) => expression(text).test(name)));
    if (idle !== undefined)
      throw new ConfigError(
        `unfreeze.${i}.parameters: '${idle}' matches no parameter; their names are such as ${[known[0], known.at(-1)].map((name) => `'${name}'`).join(' and ')}`,
      );
  });
  const left = new Map(parameters);
  return stages.flatMap((stage) => {
    const belongs = memberOf(stage, layers);
    const own = new Map([...left].filter(([name]) => belongs(name)));
    for (const name of own.keys()) left.delete(name);
    return decayGroups(own, decay, 1 / stage.rateDivisor).map((group) => ({
      ...group,
      since: stage.epoch * stepsPerEpoch,
    }));
  });
}

/**
 * Blocks [first, end) of an encoder of `layers` that stand for the blocks `from … to` of one that has `of`. Ranges that
 * share no block still share none; one block that stands for several goes with the uppermost of their ranges.
 */
export const scaledBlocks = (
  { from, to, of }: NonNullable<UnfreezeStage['blocks']>,
  layers: number,
): { first: number; end: number } => ({
  first: Math.floor((from * layers) / of),
  end: Math.floor(((to + 1) * layers) / of),
});

function memberOf({ parameters, blocks }: UnfreezeStage, layers: number): (name: string) => boolean {
  const expressions = parameters.map(expression);
  const { first, end } = blocks === undefined ? { first: 0, end: 0 } : scaledBlocks(blocks, layers);
  return (name) => {
    const block = blockOf(name) ?? NaN;
    return (block >= first && block < end) || expressions.some((each) => each.test(name));
  };
}

const expression = (text: string): RegExp => new RegExp(`^(?:${text})`, 'u');

function isExpression(text: string): boolean {
  try {
    expression(text);
    return true;
  } catch {
    return false;
  }
}
