/**
 * What the trunk begins with (TERTIARY section 2): the sequence row from tokens, places and the language model's
 * columns, and the pair representation from tokens and places alone.
 */
import { portable } from '@rna/kernels';
import {
  add,
  embedding,
  joinColumns,
  linear,
  pairSum,
  positionEmbedding,
  reshape,
  uploadPack,
  type Tensor,
} from '@rna/tensor';
import { SequenceLengthError } from '../errors.ts';
import { FIRST_NUCLEOTIDE, TERTIARY_VOCABULARY, type TertiarySizes } from './config.ts';
import { within, type Weights } from './parameters.ts';

/** The two representations that the trunk updates, of a sequence of L nucleotides. */
export interface Representations {
  /** The sequence row m, [L, rowDim]. */
  readonly row: Tensor;
  /** The pair representation z, [L, L, pairDim]: first the nucleotide i, then j. */
  readonly pair: Tensor;
}

/** Ids of RhoFold's alphabet. T is U. */
const TOKEN_OF: Readonly<Record<string, number>> = { A: 4, U: 5, T: 5, G: 6, C: 7 };

/**
 * Tokens of a sequence of A, C, G, U or T, in either case.
 * @throws RangeError that names the first letter that is none of them, and its place.
 */
export function tertiaryTokens(sequence: string): Uint32Array {
  return Uint32Array.from(sequence.toUpperCase(), (letter, i) => {
    const token = TOKEN_OF[letter];
    if (token === undefined)
      throw new RangeError(
        `letter '${sequence[i]!}' at place ${i + 1} of the sequence is none of A, C, G and U, of which atoms are built`,
      );
    return token;
  });
}

/**
 * Row and pair representation of a sequence.
 * @param tokens ids of RhoFold's alphabet, below 17
 * @param lm [L, lmDim], the language model's rows of the nucleotides alone
 * @param probabilities [L, L], of pairs of the secondary structure; read where the sizes have a pair prior
 * @param first the place of the first nucleotide, from 0, where they are a part of a longer sequence
 * @throws SequenceLengthError for more nucleotides than the table of positions has rows.
 */
export function embed(
  p: Weights,
  sizes: TertiarySizes,
  tokens: Uint32Array,
  lm: Tensor,
  probabilities?: Tensor,
  first = 0,
): Representations {
  const { device } = lm;
  const length = tokens.length;
  const most = sizes.positions - FIRST_NUCLEOTIDE;
  if (first + length > most) throw new SequenceLengthError(first + length, most);
  const strange = tokens.find((token) => token >= TERTIARY_VOCABULARY);
  if (strange !== undefined)
    throw new RangeError(`token ${strange} is not one of the ${TERTIARY_VOCABULARY} of RhoFold`);
  const own = within(p, 'msa_embedder');
  return device.scope(() => {
    const ids = device.tensor(tokens);
    const ones = device.full([length], 1);
    const pack = uploadPack(device, Uint32Array.of(0, length), 1);
    const placed = positionEmbedding(
      embedding(ids, ones, own('msa_emb.embed_tokens.weight')),
      own('msa_emb.embed_positions.weight'),
      pack,
      FIRST_NUCLEOTIDE + first,
    );
    const row = linear(joinColumns(lm, placed), own('rna_fm_reduction.weight'), own('rna_fm_reduction.bias'));
    return { row, pair: embedPairs(own, sizes, ids, ones, first, probabilities) };
  });
}

/** z_ij = Linear(E_i beside E_j) + places_i beside places_j, of which the concatenation is never made. */
function embedPairs(
  own: Weights,
  { pairDim, pairPrior }: TertiarySizes,
  ids: Tensor,
  ones: Tensor,
  first: number,
  probabilities?: Tensor,
): Tensor {
  const { device, size: length } = ids;
  const weight = own('pair_emb.pair_emb.projection.weight');
  const nucleotides = embedding(ids, ones, own('pair_emb.pair_emb.emb.weight'));
  // Row 2c of the reshaped weight is the half of channel c for i, row 2c + 1 that for j.
  const halves = linear(nucleotides, reshape(weight, [2 * pairDim, pairDim / 2]));
  const places = device.tensor(pairPlaces(first, length, pairDim), [length, 2 * pairDim]);
  const pair = pairSum(add(halves, places), own('pair_emb.pair_emb.projection.bias'));
  if (!pairPrior) return pair;
  if (probabilities === undefined)
    throw new TypeError('this tertiary model reads pair probabilities of the secondary structure, and none were given');
  return linear(reshape(probabilities, [length, length, 1]), own('pair_prior.weight'), undefined, pair);
}

/** For each nucleotide and channel of the pair representation what its place adds as i and what it adds as j. */
function pairPlaces(first: number, length: number, pairDim: number): Float32Array {
  const half = pairDim / 2;
  const values = new Float32Array(length * 2 * pairDim);
  for (let k = 0; k < half / 2; k++) {
    const frequency = Math.fround(portable.pow(10000, (-2 * k) / half));
    for (let i = 0; i < length; i++) {
      const waves = [portable.sin((first + i) * frequency), portable.cos((first + i) * frequency)];
      waves.forEach((value, wave) => {
        const channel = wave * (half / 2) + k;
        values[i * 2 * pairDim + 2 * channel] = value;
        values[i * 2 * pairDim + 2 * (half + channel) + 1] = value;
      });
    }
  }
  return values;
}
