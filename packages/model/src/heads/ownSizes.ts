/** Sizes that all tasks of a user's own have: the layers, and the columns of the table that was learnt from. */
import * as z from 'zod';
import type { LabelTable } from './head.ts';

export interface OwnSizes {
  readonly channels: number;
  readonly blocks: number;
  readonly idColumn?: string | undefined;
  readonly sequenceColumn?: string | undefined;
  readonly targets?: readonly string[] | undefined;
}

const title = z.string().min(1);

export const ownSizes = {
  channels: z.int().positive().default(32).describe('Channels of the convolutions'),
  blocks: z.int().nonnegative().default(2).describe('Residual blocks of two convolutions; 0: none'),
  idColumn: title.optional().describe('Column of the ids; by default that of the training set'),
  sequenceColumn: title.optional().describe('Column of the sequences; by default that of the training set'),
  targets: z
    .array(title)
    .min(1)
    .optional()
    .describe('Titles of what is predicted; by default the columns of the labels'),
};

export const UNIQUE_TITLES = 'targets must be named once each';

export const hasUniqueTitles = ({ targets = [] }: { readonly targets?: readonly string[] | undefined }): boolean =>
  new Set(targets).size === targets.length;

/** The columns of a table as sizes, where they are not stated. Throws a RangeError for another number of targets. */
export function learntColumns<S extends OwnSizes>(sizes: S, { id, sequence, targets }: LabelTable): S {
  if (sizes.targets !== undefined && sizes.targets.length !== targets.length)
    throw new RangeError(
      `the titles are ${sizes.targets.join(', ')}, the columns of labels ${targets.join(', ')}; as many of both are needed`,
    );
  return {
    ...sizes,
    idColumn: sizes.idColumn ?? id,
    sequenceColumn: sizes.sequenceColumn ?? sequence,
    targets: sizes.targets ?? [...targets],
  };
}

export const learntFrom = ({ idColumn, sequenceColumn, targets }: OwnSizes) => ({
  id: idColumn,
  sequence: sequenceColumn,
  targets,
});
