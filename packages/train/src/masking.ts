/**
 * Corruption of a sequence for pre-training: MLM, span masking (SM) and
 * structure-aware span masking (SSM), as in SSR-LM sections 3.2.1 and A.1.1.
 * Every draw is a function of (seed, epoch, pass, sequence), so a sequence's
 * mask depends neither on its batch nor on what ran before, and a resumed run
 * repeats it. Sequences are masked one by one, before they are packed.
 *
 * Budget: round(rate · nucleotides), at least one. MLM chooses exactly that
 * many positions. SM and SSM draw spans until the budget is reached and keep
 * the last one whole, so they may exceed it by less than one span.
 */

import { RandomStream } from '@rna/kernels';
import { STREAM } from '@rna/model';
import { nestedPartners, TOKEN } from '@rna/structure';

export type MaskingScheme = 'mlm' | 'sm' | 'ssm';

export interface MaskingOptions {
  readonly scheme: MaskingScheme;
  /** Fraction of the nucleotides to corrupt. Default 0.15. */
  readonly rate?: number;
  /** j of SSR-LM's span x_i … x_i+j, so a span has j + 1 tokens. Default 3. */
  readonly spanOffset?: number;
}

/** What a sequence's draws follow from. */
export interface MaskKey {
  readonly seed: number;
  readonly epoch: number;
  /** Which visit of the sequence within the epoch: a corpus's smaller part is passed through several times in one. */
  readonly pass: number;
  /** Which sequence: a hash of all its letters, so that it is masked alike in whatever corpus it stands. */
  readonly sequence: number;
}

/**
 * Why a position was chosen. A position of SSM counts by the span that it was drawn with: `ssmStem` is a stretch of
 * one side of a stem, `ssmLoop` a span that begins unpaired.
 */
export const MASK_KIND = { none: 0, mlm: 1, sm: 2, ssmStem: 3, ssmLoop: 4 } as const;

/**
 * `tokens` [length] after corruption; `labels` [length]: the original token where the model must predict it, else
 * `IGNORED`; `kinds` [length] of `MASK_KIND`.
 */
export interface MaskedSequence {
  readonly tokens: Uint32Array;
  readonly labels: Int32Array;
  readonly kinds: Uint8Array;
}

/** The label of a position that the loss passes over. */
export const IGNORED = -100;

// Labels that keep these streams apart from each other and from every other user of the seed.

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
  { seed, epoch, pass, sequence }: MaskKey,
): MaskedSequence {
  const length = tokens.length - 2;
  if (length < 1 || tokens[0] !== TOKEN.cls || tokens[length + 1] !== TOKEN.eos) {
    throw new RangeError('maskSequence: the tokens must be <cls>, one nucleotide or more, <eos>');
  }
  if (!(rate > 0 && rate <= 1)) throw new RangeError(`maskSequence: the rate must be in (0, 1], got ${rate}`);
  if (!(Number.isInteger(spanOffset) && spanOffset >= 0)) {
    throw new RangeError(`maskSequence: the span offset must be an integer of 0 or more, got ${spanOffset}`);
  }
  const random = new RandomStream(seed, STREAM.mask, epoch, pass, sequence);
  const budget = Math.max(1, Math.round(rate * length));
  const corrupted = tokens.slice();
  const labels = new Int32Array(tokens.length).fill(IGNORED);
  const kinds = new Uint8Array(tokens.length);
  const chosen = kinds.subarray(1, length + 1);
  if (scheme === 'mlm') choosePositions(chosen, budget, random);
  else chooseSpans(chosen, scheme === 'ssm' ? mainStructure(partners, length) : undefined, budget, spanOffset, random);

  for (let at = 1; at <= length; at++) {
    if (kinds[at] === MASK_KIND.none) continue;
    labels[at] = tokens[at]!;
    corrupted[at] = scheme === 'mlm' ? mlmReplacement(tokens[at]!, random) : TOKEN.mask;
  }
  return { tokens: corrupted, labels, kinds };
}

/** Which span masking a sequence gets: SSM or SM, one half each, with a structure; always SM without (SSR-LM 3.2.2). */
export function drawScheme(hasStructure: boolean, { seed, epoch, pass, sequence }: MaskKey): 'sm' | 'ssm' {
  return hasStructure && new RandomStream(seed, STREAM.maskScheme, epoch, pass, sequence).below(2) === 0 ? 'ssm' : 'sm';
}

function mainStructure(partners: Int32Array | undefined, length: number): Int32Array {
  if (partners?.length !== length) {
    throw new RangeError(
      `maskSequence: SSM needs partners for ${length} nucleotides, got ${partners ? partners.length : 'none'}`,
    );
  }
  return nestedPartners(partners);
}

/** Marks `count` distinct positions of `chosen` [nucleotides], each set equally likely (Floyd's algorithm). */
function choosePositions(chosen: Uint8Array, count: number, random: RandomStream): void {
  for (let last = chosen.length - count; last < chosen.length; last++) {
    const position = random.below(last + 1);
    chosen[chosen[position] === MASK_KIND.none ? position : last] = MASK_KIND.mlm;
  }
}

/**
 * Draws spans until `budget` positions are chosen. A position whose partner is
 * chosen is left out of every span, also of one that began in a loop: the other
 * side of a pair must stay readable. Stops early only when every position left
 * is such a one. Without partners [nucleotides] the spans are SM's.
 */
function chooseSpans(
  chosen: Uint8Array,
  partners: Int32Array | undefined,
  budget: number,
  spanOffset: number,
  random: RandomStream,
): void {
  const length = chosen.length;
  const partnerOf = (position: number): number => partners?.[position] ?? -1;
  const side = (position: number): number => {
    const partner = partnerOf(position);
    return partner < 0 ? 0 : Math.sign(partner - position);
  };
  let missing = budget;
  let available = length;
  const choose = (position: number, kind: number): void => {
    const partner = partnerOf(position);
    if (chosen[position] !== MASK_KIND.none || (partner >= 0 && chosen[partner] !== MASK_KIND.none)) return;
    chosen[position] = kind;
    missing--;
    // Choosing one side of a pair takes away both.
    available -= partner >= 0 ? 2 : 1;
  };
  while (missing > 0 && available > 0) {
    const start = random.below(length);
    const direction = side(start);
    if (direction === 0) {
      // From a dot `spanOffset` further to the right.
      const kind = partners === undefined ? MASK_KIND.sm : MASK_KIND.ssmLoop;
      for (let position = start; position <= Math.min(start + spanOffset, length - 1); position++)
        choose(position, kind);
    } else {
      // From an opening bracket right to the end of its run, from a closing one left to the start of its run.
      for (
        let position = start;
        position >= 0 && position < length && side(position) === direction;
        position += direction
      )
        choose(position, MASK_KIND.ssmStem);
    }
  }
}

/** RiNALMo's corruption of a chosen token: `<mask>` 80 %, a random letter 10 %, itself 10 %. */
function mlmReplacement(token: number, random: RandomStream): number {
  const draw = random.below(10);
  if (draw < 8) return TOKEN.mask;
  return draw === 8 ? RANDOM_LETTERS[random.below(RANDOM_LETTERS.length)]! : token;
}
