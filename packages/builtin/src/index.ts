/**
 * Where the files of the built-in model and of the folding engines are. The package is data: an encoder with a head for
 * secondary structure, which is read as any other model, and the parameters of the engines that this head takes the
 * pair probabilities of. How the model was made is in docs/builtin-model.md, where the parameters are from in
 * engines/SOURCE.md.
 */

/** The name that the built-in model goes by wherever a model is named. */
export const BUILTIN = 'builtin';

/** A score of the model on one set of RNAs, as `docs/builtin-model.md` explains it. */
export interface CardScore {
  /** The set and how many RNAs of it were scored. */
  readonly set: string;
  readonly rnas: number;
  /** What the set was for: one that chose the threshold or the checkpoint says less than one that chose nothing. */
  readonly use: 'validation' | 'test';
  /** Mean F1 over RNAs of exact base pairs, and of those within one position; area under the precision-recall curve. */
  readonly f1: number;
  readonly f1WithinOne: number;
  readonly auprc: number;
}

/** What `card.json` holds. */
export interface ModelCard {
  readonly name: string;
  /** One sentence for a person. */
  readonly summary: string;
  readonly licence: string;
  /** What was trained. The letters' probabilities mean nothing where the language-model head was not. */
  readonly trained: { readonly tasks: readonly string[]; readonly languageModel: boolean };
  readonly trainingData: readonly { readonly set: string; readonly rnas: number; readonly source: string }[];
  readonly training: string;
  readonly scores: readonly CardScore[];
  /** Of `model.safetensors`: numbers, size in bytes and SHA-256 in hexadecimal digits. */
  readonly parameters: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** The files. In Node they are `file:` addresses, in a bundle what the bundler makes of them. */
export const builtinFiles = {
  /** Weights as float16. */
  weights: new URL('../model/model.safetensors', import.meta.url),
  config: new URL('../model/config.json', import.meta.url),
  /** A `ModelCard`. */
  card: new URL('../model/card.json', import.meta.url),
  /** What the model says of a few short RNAs: see `docs/builtin-model.md`. */
  expected: new URL('../model/expected.safetensors', import.meta.url),
} as const;

/** The parameters of the folding engines, each with its licence in a file COPYING beside it. */
export const engineFiles = {
  contrafold: new URL('../engines/contrafold/contrafold.params.complementary', import.meta.url),
  eternafold: new URL('../engines/eternafold/EternaFoldParams.v1', import.meta.url),
} as const;
