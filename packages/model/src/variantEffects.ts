/**
 * What a mutation does, by a language model that has never seen a measurement:
 * differences of log-likelihoods between a variant and its wild type (Meier et
 * al. 2021, as RNAGym takes them for RNA). A probability is that of the softmax
 * over the whole vocabulary. The model must have its LM head.
 *
 * Masked copies of a sequence are packed, so an adapter sees full batches
 * however many variants there are, and a copy that several variants share is
 * run once.
 */
import { formatMutations, standardLetters, TOKEN, tokenize, type Mutation } from '@rna/structure';
import type { Encoder } from './encoder.ts';
import { packTokens } from './packing.ts';

/**
 * How a variant is scored, over its mutated positions M; x is the wild type.
 *
 * - `masked-marginal`: Σ over M of log p(mutant) − log p(wild type), all of M masked at once.
 * - `single-masked-marginal`: the same sum with one position masked at a time; RNAGym's leaderboard has it.
 * - `wild-type-marginal`: the same sum in one pass over x without a mask.
 * - `pseudo-likelihood`: Σ over all positions of log p(letter), each masked in turn, of the variant less that of x.
 */
export type VariantScore = 'masked-marginal' | 'single-masked-marginal' | 'wild-type-marginal' | 'pseudo-likelihood';

export const VARIANT_SCORES: readonly VariantScore[] = [
  'masked-marginal',
  'single-masked-marginal',
  'wild-type-marginal',
  'pseudo-likelihood',
];

export interface VariantScoreOptions {
  readonly score: VariantScore;
  /** Is told after each pass how many copies of a sequence were run, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Checked between passes. */
  readonly signal?: { throwIfAborted(): void };
}

/** Tokens of a pass at most, unless one sequence alone has more. */
const PASS_TOKENS = 4096;

/** A sequence with some of its nucleotides masked, and the nucleotides whose log-probabilities are wanted. */
interface Query {
  readonly tokens: Uint32Array;
  readonly positions: readonly number[];
}

/** Log-probabilities over the vocabulary at each of a query's positions. */
type Answer = ReadonlyMap<number, Float32Array>;

/**
 * The score of each variant, in their order; 0 for the wild type itself.
 * @throws RangeError for a mutation that lies outside of the wild type.
 */
export async function scoreVariants(
  encoder: Encoder,
  wildType: string,
  variants: readonly (readonly Mutation[])[],
  options: VariantScoreOptions,
): Promise<Float64Array> {
  const sequence = standardLetters(wildType);
  const outside = variants.flat().find(({ position }) => !(position >= 0 && position < sequence.length));
  if (outside !== undefined)
    throw new RangeError(`position ${outside.position + 1} lies outside of a sequence of ${sequence.length}`);
  const wild = tokenize(sequence);
  switch (options.score) {
    case 'wild-type-marginal': {
      const positions = [...new Set(variants.flat().map(({ position }) => position))];
      const [answer] = await ask(encoder, [{ tokens: wild, positions }], options);
      return Float64Array.from(variants, (mutations) => sumOf(mutations, (mutation) => gain(answer!, mutation)));
    }
    case 'single-masked-marginal': {
      const positions = [...new Set(variants.flat().map(({ position }) => position))];
      const answers = await ask(
        encoder,
        positions.map((position) => masked(wild, [position])),
        options,
      );
      const at = new Map(positions.map((position, i) => [position, answers[i]!]));
      return Float64Array.from(variants, (mutations) =>
        sumOf(mutations, (mutation) => gain(at.get(mutation.position)!, mutation)),
      );
    }
    case 'masked-marginal': {
      const keyOf = (mutations: readonly Mutation[]): string => mutations.map(({ position }) => position).join();
      const sets = new Map(
        variants
          .filter((mutations) => mutations.length > 0)
          .map((mutations) => [keyOf(mutations), mutations.map(({ position }) => position)]),
      );
      const answers = await ask(
        encoder,
        [...sets.values()].map((positions) => masked(wild, positions)),
        options,
      );
      const at = new Map([...sets.keys()].map((key, i) => [key, answers[i]!]));
      return Float64Array.from(variants, (mutations) =>
        sumOf(mutations, (mutation) => gain(at.get(keyOf(mutations))!, mutation)),
      );
    }
    case 'pseudo-likelihood': {
      // What is the same sequence is run once, so the wild type among the variants scores 0 to the bit.
      const copies = new Map(
        [[], ...variants].map((mutations) => [formatMutations(mutations), mutated(wild, mutations)]),
      );
      const queries = [...copies.values()].flatMap((tokens) =>
        [...sequence].map((_, position) => masked(tokens, [position])),
      );
      const answers = await ask(encoder, queries, options);
      const likelihoods = new Map(
        [...copies].map(([key, tokens], copy) => [
          key,
          sumOf([...sequence], (_, position) =>
            logProbability(answers[copy * sequence.length + position]!, position, tokens[position + 1]!),
          ),
        ]),
      );
      return Float64Array.from(
        variants,
        (mutations) => likelihoods.get(formatMutations(mutations))! - likelihoods.get('')!,
      );
    }
  }
}

const gain = (answer: Answer, { position, from, to }: Mutation): number =>
  logProbability(answer, position, letter(to)) - logProbability(answer, position, letter(from));

const logProbability = (answer: Answer, position: number, token: number): number => answer.get(position)![token]!;

const letter = (text: string): number => tokenize(text)[1]!;

const sumOf = <T>(items: readonly T[], value: (item: T, index: number) => number): number =>
  items.reduce((sum, item, index) => sum + value(item, index), 0);

/** The sequence with nucleotides masked; `<cls>` is token 0, so nucleotide p is token p + 1. */
function masked(tokens: Uint32Array, positions: readonly number[]): Query {
  const copy = tokens.slice();
  for (const position of positions) copy[position + 1] = TOKEN.mask;
  return { tokens: copy, positions };
}

function mutated(tokens: Uint32Array, mutations: readonly Mutation[]): Uint32Array {
  const copy = tokens.slice();
  for (const { position, to } of mutations) copy[position + 1] = letter(to);
  return copy;
}

/** Runs the queries in full passes and gives the log-probabilities that they want, in their order. */
async function ask(
  encoder: Encoder,
  queries: readonly Query[],
  { onProgress, signal }: VariantScoreOptions,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < queries.length;) {
    signal?.throwIfAborted();
    let end = start + 1;
    let tokens = queries[start]!.tokens.length;
    while (end < queries.length && tokens + queries[end]!.tokens.length <= PASS_TOKENS)
      tokens += queries[end++]!.tokens.length;
    answers.push(...(await pass(encoder, queries.slice(start, end))));
    start = end;
    onProgress?.(start, queries.length);
  }
  return answers;
}

async function pass(encoder: Encoder, queries: readonly Query[]): Promise<Answer[]> {
  const batch = packTokens(queries.map(({ tokens }) => tokens));
  const output = encoder.device.scope(() => encoder.logits(encoder.forward(batch)));
  try {
    const vocabulary = output.shape[1]!;
    const logits = await output.read();
    return queries.map(({ positions }, q) => {
      const first = batch.cuSeqlens[q]! + 1;
      return new Map(
        positions.map((position) => {
          const row = (first + position) * vocabulary;
          return [position, logSoftmax(logits.subarray(row, row + vocabulary))];
        }),
      );
    });
  } finally {
    output.dispose();
  }
}

function logSoftmax(logits: Float32Array): Float32Array {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, value) => total + Math.exp(value - most), 0);
  return logits.map((value) => value - most - Math.log(sum));
}
