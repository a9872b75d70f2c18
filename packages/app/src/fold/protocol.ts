/** What the page and its workers tell each other. All of it can be cloned. */
import type { Colour, Method, Picture } from '../address.ts';
import type { Problem } from '../calls/caller.ts';

/** A structure with the probable pairs of its RNA. */
export interface Folded {
  readonly id: string;
  /** As models know it: upper case, U for T. */
  readonly sequence: string;
  /** Partners [length], -1 where unpaired. */
  readonly partners: Int32Array;
  readonly dotBracket: string;
  /** The expected share of nucleotides that the structure has right; NaN for a known structure. */
  readonly accuracy: number;
  /** Pairs i < j with a probability of at least 0.0001, in the order of i and then of j. */
  readonly pairs: { readonly i: Uint32Array; readonly j: Uint32Array; readonly probability: Float32Array };
}

export interface FoldTask {
  readonly type: 'fold';
  readonly job: number;
  readonly method: Method;
  readonly text: string;
  /** The name that errors give. */
  readonly file: string;
}

export type FoldCommand = FoldTask | { readonly type: 'cancel'; readonly job: number };

export interface ReadRecord {
  readonly id: string;
  readonly length: number;
  /** The structure that came with it. */
  readonly known?: Folded;
}

export type FoldEvent = { readonly job: number } & (
  | { readonly type: 'read'; readonly records: readonly ReadRecord[] }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'folded'; readonly index: number; readonly folded: Folded }
  /** A record that cannot be folded; the others are. */
  | { readonly type: 'leftOut'; readonly index: number; readonly message: string }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly problem: Problem }
);

/** A structure, and a second one that it is compared with. */
export interface Compared {
  readonly folded: Folded;
  /** What folded it, for the legend. */
  readonly name: string;
  readonly against?: { readonly folded: Folded; readonly name: string; readonly isKnown: boolean };
}

export const FILE_FORMATS = ['svg', 'dbn', 'ct', 'bpseq', 'r2dt.json', 'pairs.tsv'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

export type FigureRequest =
  | {
      readonly type: 'drawing';
      readonly picture: Exclude<Picture, 'matrix'>;
      readonly colour: Colour;
      readonly compared: Compared;
    }
  | {
      readonly type: 'file';
      readonly format: FileFormat;
      readonly picture: Picture;
      readonly colour: Colour;
      readonly compared: Compared;
    }
  | { readonly type: 'archive'; readonly colour: Colour; readonly all: readonly Compared[] };

export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type FigureAnswer = { readonly svg: string } | { readonly file: NamedFile } | { readonly failure: string };
