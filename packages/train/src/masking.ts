/**
 * Corruption of a sequence for pre-training: MLM, span masking (SM) and
 * structure-aware span masking (SSM), as in SSR-LM sections 3.2.1 and A.1.1.
 * Every draw is a function of (seed, epoch, sequence index), so a sequence's
 * mask depends neither on its batch nor on what ran before, and a resumed run
 * repeats it. Sequences are masked one by one, before they are packed.
 *
 * Budget: round(rate · nucleotides), at least one. MLM chooses exactly that
 * many positions. SM and SSM draw spans until the budget is reached and keep
 * the last one whole, so they may exceed it by less than one span.
 */

import { RandomStream } from '@rna/kernels';
import { nestedPartners, TOKEN } from '@rna/model';

export type MaskingScheme = 'mlm' | 'sm' | 'ssm';

export interface MaskingOptions {
  readonly scheme: MaskingScheme;
  /** Fraction of the nucleotides to corrupt. Default 0.15. */
  readonly rate?: number;
  /** j of SSR-LM's span x_i … x_i+j, so a span has j + 1 tokens. Default 3. */
  readonly spanOffset?: number;
}

/** What a sequence's mask is drawn from; `index` is the sequence's number in the corpus. */
export interface MaskKey {
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
}

/** `tokens` [length] after corruption; `labels` [length]: the original token where the model must predict it, else `IGNORED`. */
export interface MaskedSequence {
  readonly tokens: Uint32Array;
  readonly labels: Int32Array;
}

/** The label of a position that the loss passes over. */
export const IGNORED = -100;

// Labels that keep these streams apart from each other and from every other user of the seed.
const MASK_STREAM = 0x6d61736b;
const SCHEME_STREAM = 0x73636865;

const RANDOM_LETTERS = [TOKEN.A, TOKEN.C, TOKEN.G, TOKEN.T, TOKEN.N] as const;

/**
 * Corrupts one sequence. `tokens` [nucleotides + 2] begins with `<cls>` and ends
 * with `<eos>`, which are never chosen; `partners` [nucleotides] is needed for
 * SSM alone, and of its pairs only the main structure's count (dot-bracket's
 * round brackets): a pseudoknot's positions are treated as unpaired. Throws a
 * RangeError for a sequence without nucleotides or partners of another length.
 */
export function maskSequence(
  tokens: Uint32Array,
  partners: Int32Array | undefined,
  { scheme, rate = 0.15, spanOffset = 3 }: MaskingOptions,
  { seed, epoch, index }: MaskKey,
): MaskedSequence {
  const length = tokens.length - 2;
  if (length < 1 || tokens[0] !== TOKEN.cls || tokens[length + 1] !== TOKEN.eos) {
    throw new RangeError('maskSequence: the tokens must be <cls>, one nucleotide or more, <eos>');
  }
  if (!(rate > 0 && rate <= 1)) throw new RangeError(`maskSequence: the rate must be in (0, 1], got ${rate}`);
  if (!(Number.isInteger(spanOffset) && spanOffset >= 0)) {
    throw new RangeError(`maskSequence: the span offset must be an integer of 0 or more, got ${spanOffset}`);
  }
  const random = new RandomStream(seed, MASK_STREAM, epoch, index);
  const budget = Math.max(1, Math.round(rate * length));
  const chosen =
    scheme === 'mlm'
      ? choosePositions(length, budget, random)
      : chooseSpans(scheme === 'ssm' ? mainStructure(partners, length) : new Int32Array(length).fill(-1), budget, spanOffset, random);

  const corrupted = tokens.slice();
  const labels = new Int32Array(tokens.length).fill(IGNORED);
  for (const position of chosen) {
    const at = position + 1;
    labels[at] = tokens[at]!;
    corrupted[at] = scheme === 'mlm' ? mlmReplacement(tokens[at]!, random) : TOKEN.mask;
  }
  return { tokens: corrupted, labels };
}

/** Which span masking a sequence gets: SSM or SM, one half each, with a structure; always SM without (SSR-LM 3.2.2). */
export function drawScheme(hasStructure: boolean, { seed, epoch, index }: MaskKey): 'sm' | 'ssm' {
  return hasStructure && new RandomStream(seed, SCHEME_STREAM, epoch, index).below(2) === 0 ? 'ssm' : 'sm';
}

function mainStructure(partners: Int32Array | undefined, length: number): Int32Array {
  if (partners?.length !== length) {
    throw new RangeError(`maskSequence: SSM needs partners for ${length} nucleotides, got ${partners ? partners.length : 'none'}`);
  }
  return nestedPartners(partners);
}

/** `count` distinct positions in 0 … length − 1, each set equally likely (Floyd's algorithm). */
function choosePositions(length: number, count: number, random: RandomStream): Set<number> {
  const chosen = new Set<number>();
  for (let last = length - count; last < length; last++) {
    const position = random.below(last + 1);
    chosen.add(chosen.has(position) ? last : position);
  }
  return chosen;
}

/**
 * Draws spans until `budget` positions are chosen. A position whose partner is
 * chosen is left out of every span, also of one that began in a loop: the other
 * side of a pair must stay readable. Stops early only when every position left
 * is such a one.
 */
function chooseSpans(partners: Int32Array, budget: number, spanOffset: number, random: RandomStream): Set<number> {
  const chosen = new Set<number>();
  const blocked = (position: number) => chosen.has(partners[position]!);
  let available = partners.length;
  while (chosen.size < budget && available > 0) {
    for (const position of spanFrom(random.below(partners.length), partners, spanOffset)) {
      if (chosen.has(position) || blocked(position)) continue;
      chosen.add(position);
      // Choosing one side of a pair takes away both.
      available -= partners[position]! >= 0 ? 2 : 1;
    }
  }
  return chosen;
}

/**
 * The positions of the span that a draw of `i` gives: from an opening bracket
 * right to the end of its run, from a closing one left to the start of its run,
 * from a dot `spanOffset` further to the right.
 */
function spanFrom(i: number, partners: Int32Array, spanOffset: number): number[] {
  const side = (position: number) => {
    const partner = partners[position];
    return partner === undefined || partner < 0 ? 0 : Math.sign(partner - position);
  };
  const direction = side(i);
  if (direction === 0) {
    return Array.from({ length: Math.min(spanOffset + 1, partners.length - i) }, (_, k) => i + k);
  }
  const span: number[] = [];
  for (let position = i; side(position) === direction; position += direction) span.push(position);
  return span;
}

/** RiNALMo's corruption of a chosen token: `<mask>` 80 %, a random letter 10 %, itself 10 %. */
function mlmReplacement(token: number, random: RandomStream): number {
  const draw = random.below(10);
  if (draw < 8) return TOKEN.mask;
  return draw === 8 ? RANDOM_LETTERS[random.below(RANDOM_LETTERS.length)]! : token;
}
