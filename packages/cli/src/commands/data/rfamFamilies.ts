/**
 * Families of Rfam as RiNALMo takes them from ncrna-deep (Noviello et al. 2020),
 * to the record: of 177 families those in all three sets, in plain letters, that
 * their lengths do not give away, of at most 200 nucleotides, with at least 400
 * RNAs to train on: 88. Training is balanced by drawing from each family, with
 * repeats, three times as many as the smallest has. Noise at both ends, which
 * the reference draws without a seed, is drawn by ours.
 */
import { RandomStream } from '@rna/kernels';
import { CommandError } from '../../commandLine/errors.ts';
import { counted } from '@rna/figures';
import { lengthScores } from './lengthClasses.ts';
import { RandomState } from './randomState.ts';

export interface ClassedRna {
  readonly id: string;
  readonly sequence: string;
  readonly name: string;
}

export interface ClassedSets {
  readonly train: readonly ClassedRna[];
  readonly validation: readonly ClassedRna[];
  readonly test: readonly ClassedRna[];
}

const GIVEN_AWAY = 0.8;
const LONGEST = 200;
const LEAST = 400;
const BALANCE = 3;
const SEED = 42;
const NOISE_STREAM = 4;

/**
 * The reference's sets and its numbering of families, by their size in training. Throws a CommandError if no family is
 * left.
 */
export function selectFamilies(sets: ClassedSets): { sets: ClassedSets; names: string[]; notes: string[] } {
  const notes: string[] = [];
  let kept = sets;
  const keep = (what: string, wanted: (rna: ClassedRna) => boolean): void => {
    const filtered = {
      train: kept.train.filter(wanted),
      validation: kept.validation.filter(wanted),
      test: kept.test.filter(wanted),
    };
    const left = count(kept) - count(filtered);
    if (left > 0) notes.push(`left out ${counted(left, 'RNA')} ${what}`);
    kept = filtered;
  };
  const namesOf = (rnas: readonly ClassedRna[]): Set<string> => new Set(rnas.map(({ name }) => name));
  const [inTrain, inValidation, inTest] = [namesOf(kept.train), namesOf(kept.validation), namesOf(kept.test)];
  keep(
    'of families that are not in all three sets',
    ({ name }) => inTrain.has(name) && inValidation.has(name) && inTest.has(name),
  );
  keep('with letters other than A, C, G and U', ({ sequence }) => /^[ACGU]+$/.test(sequence));
  const all = [...kept.train, ...kept.validation, ...kept.test];
  const scores = lengthScores(all.map(({ name, sequence }) => ({ name, length: sequence.length })));
  keep(
    `of families that their length gives away (F1 above ${GIVEN_AWAY})`,
    ({ name }) => !(scores.get(name)! > GIVEN_AWAY),
  );
  keep(`longer than ${LONGEST}`, ({ sequence }) => sequence.length <= LONGEST);
  const sizes = new Map<string, number>();
  for (const { name } of kept.train) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  // Sorting is stable, as in the reference: of equal sizes, the family that comes first.
  const large = [...sizes].filter(([, rnas]) => rnas >= LEAST).sort((a, b) => b[1] - a[1]);
  keep(`of families with fewer than ${LEAST} RNAs to train on`, ({ name }) =>
    large.some(([family]) => family === name),
  );
  if (large.length < 2)
    throw new CommandError(
      `${counted(large.length, 'family').replace('familys', 'families')} with at least ${LEAST} RNAs to train on; two are needed`,
    );
  const drawn = BALANCE * large.at(-1)![1];
  const names = large.map(([name]) => name);
  return { sets: balanced(kept, names, drawn), names, notes };
}

/** Family by family: training drawn with repeats, validation without where it has enough. */
function balanced(sets: ClassedSets, names: readonly string[], drawn: number): ClassedSets {
  const each = (
    rnas: readonly ClassedRna[],
    draw: (own: readonly ClassedRna[]) => readonly ClassedRna[],
  ): ClassedRna[] => names.flatMap((name) => draw(rnas.filter((rna) => rna.name === name)));
  return {
    train: each(sets.train, (own) => {
      const random = new RandomState(SEED);
      return Array.from({ length: drawn }, () => own[random.below(own.length)]!);
    }),
    validation: each(sets.validation, (own) =>
      own.length < drawn
        ? own
        : [...new RandomState(SEED).permutation(own.length).subarray(0, drawn)].map((i) => own[i]!),
    ),
    test: each(sets.test, (own) => own),
  };
}

const count = ({ train, validation, test }: ClassedSets): number => train.length + validation.length + test.length;

/**
 * The sequence with dinucleotides drawn from it at both ends.
 * @param percent What is added at both ends together, of the sequence's length.
 */
export function withBoundaryNoise(sequence: string, percent: number, seed: number, index: number): string {
  const random = new RandomStream(seed, NOISE_STREAM, index);
  const pieces = sequence.match(/..?/g)!;
  const side = (): string =>
    Array.from(
      { length: Math.floor((0.25 * sequence.length * percent) / 100) },
      () => pieces[random.below(pieces.length)]!,
    ).join('');
  const [before, after] = [side(), side()];
  return before + sequence + after;
}
