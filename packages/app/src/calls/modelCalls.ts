/** What the page asks of the workers that keep models, run them, and lay out their vectors. All of it can be cloned. */
import type { Projection, StructureEvidence } from '@rna/figures';
import type { VariantScore } from '@rna/model';
import type { LogEntry } from '@rna/train';
import type { ModelOffer, ModelRecord } from '@rna/web';
import type { NamedFile } from '../fold/protocol.ts';

/** Where a person says that a model is. */
export type ModelPlace =
  | { readonly from: 'hub'; readonly name: string; readonly hub: string }
  | { readonly from: 'address'; readonly address: string; readonly sha256?: string }
  | { readonly from: 'files'; readonly files: readonly File[] }
  /** A run that is kept here. */
  | { readonly from: 'run'; readonly run: string };

export interface Received {
  readonly received: number;
  /** Undefined where a server does not say. */
  readonly total: number | undefined;
}

export interface KeptModels {
  readonly models: readonly ModelRecord[];
  /** Bytes that this site takes of this browser, and may take; undefined where the browser does not say. */
  readonly used: number | undefined;
  readonly quota: number | undefined;
  /** Bytes of the adapter that may be counted on; undefined where there is none. */
  readonly memory: number | undefined;
}

/** The worker that keeps models. */
export interface StoreCalls {
  readonly look: { readonly ask: ModelPlace; readonly answer: ModelOffer; readonly progress: never };
  readonly keep: { readonly ask: ModelOffer; readonly answer: ModelRecord; readonly progress: Received };
  readonly resume: { readonly ask: string; readonly answer: ModelRecord; readonly progress: Received };
  readonly list: { readonly ask: null; readonly answer: KeptModels; readonly progress: never };
  readonly delete: { readonly ask: string; readonly answer: null; readonly progress: never };
}

/** The name that stands for the model in the box. */
export const BUILTIN = 'builtin';

/** How weights are stored on the adapter. */
export const WEIGHTS = ['f32', 'int8', 'int4'] as const;
export type Weights = (typeof WEIGHTS)[number];
/** Their bits, for people. */
export const BITS: Readonly<Record<Weights, number>> = { f32: 32, int8: 8, int4: 4 };

/** A model and the RNAs that it is run on. */
export interface ModelTask {
  readonly model: string;
  readonly weights: Weights;
  readonly text: string;
  /** The name that errors give. */
  readonly file: string;
}

/** A text of what goes on, or how much of the work is done. */
export type ModelProgress = { readonly note: string } | { readonly done: number; readonly total: number };

/** A column of the table that RNAs came in. */
export interface Column {
  readonly name: string;
  /** [RNAs] */
  readonly cells: readonly string[];
}

export interface Vectors {
  readonly ids: readonly string[];
  readonly dim: number;
  /** [RNAs · dim] */
  readonly values: Float32Array<ArrayBuffer>;
}

export interface Embedded extends Vectors {
  readonly lengths: readonly number[];
  readonly columns: readonly Column[];
  /** Why RNAs were left out, one a line. */
  readonly leftOut: readonly string[];
}

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Predicted extends Table {
  readonly task: string;
  readonly leftOut: readonly string[];
}

export const SCORE_MODES = ['scan', 'variants'] as const;
/** Every single substitution of each RNA, or the RNAs behind the first as variants of it. */
export type ScoreMode = (typeof SCORE_MODES)[number];

export interface Scored extends Table {
  /** The mutation map of each RNA that was scanned. */
  readonly maps: readonly {
    readonly id: string;
    readonly svg: string;
    /** The same as a file of its own. */
    readonly file: string;
  }[];
  readonly leftOut: readonly string[];
}

export type Pool = 'mean' | 'cls';

/** A chain in space, predicted or read from a file. L nucleotides. */
export interface SpatialChain {
  readonly id: string;
  /** A, G, U, C, and N for a nucleotide of unknown base. */
  readonly sequence: string;
  /** [L, 23, 3], Å, in the slots of ATOM_NAMES. */
  readonly coordinates: Float32Array<ArrayBuffer>;
  /** [L, 23]: 1 for an atom that there is. */
  readonly mask: Uint8Array<ArrayBuffer>;
  /** [L], −1 without. */
  readonly partners: Int32Array<ArrayBuffer>;
  /** [L, L], Å, between the glycosidic nitrogens: expected of a prediction, measured in a file; NaN where one is missing. */
  readonly distances: Float32Array<ArrayBuffer>;
  /** [L], 0 to 1; undefined where nothing is predicted. */
  readonly plddt?: Float32Array<ArrayBuffer>;
}

export interface PredictedChain extends SpatialChain {
  readonly plddt: Float32Array<ArrayBuffer>;
  /** Which of the samples it is, from 1: the surest. */
  readonly sample: number;
  readonly samples: number;
  readonly recycles: number;
}

export interface StructureTask extends ModelTask {
  /** Undefined: as many as the model was made for. */
  readonly recycles: number | undefined;
  readonly samples: number;
  readonly seed: number;
}

/** The worker that runs models. */
export interface ModelCalls {
  readonly embed: {
    readonly ask: ModelTask & { readonly pool: Pool };
    readonly answer: Embedded;
    readonly progress: ModelProgress;
  };
  readonly predict: { readonly ask: ModelTask; readonly answer: Predicted; readonly progress: ModelProgress };
  readonly score: {
    readonly ask: ModelTask & { readonly mode: ScoreMode; readonly method: VariantScore };
    readonly answer: Scored;
    readonly progress: ModelProgress;
  };
  /** Each structure is told of as it is done. */
  readonly '3d': {
    readonly ask: StructureTask;
    readonly answer: { readonly leftOut: readonly string[] };
    readonly progress:
      ModelProgress | { readonly structure: PredictedChain } | { readonly evidence: StructureEvidence };
  };
}

/** What a table's columns hold. */
export interface TableColumns {
  readonly rows: number;
  readonly columns: readonly {
    readonly name: string;
    /** Whether all of its cells are numbers, or sequences. */
    readonly isNumeric: boolean;
    readonly isSequence: boolean;
    /** Different cells among the first thousand. */
    readonly different: number;
  }[];
}

export interface Places {
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Float32Array<ArrayBuffer>;
}

export const VECTOR_FORMATS = ['safetensors', 'npy', 'csv'] as const;
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** The worker that lays vectors out and writes files. */
export interface MapCalls {
  readonly layout: {
    readonly ask: Vectors & { readonly method: Projection };
    readonly answer: Places;
    readonly progress: never;
  };
  readonly clusters: {
    readonly ask: Vectors;
    readonly answer: { readonly of: readonly number[]; readonly count: number; readonly silhouette: number };
    readonly progress: never;
  };
  readonly drawing: {
    readonly ask: {
      readonly title: string;
      readonly ids: readonly string[];
      readonly labels: readonly (string | number)[];
      readonly places: Places;
      readonly method: Projection;
    };
    readonly answer: NamedFile;
    readonly progress: never;
  };
  /** The curves of a run's log, each an SVG. */
  readonly curves: {
    readonly ask: { readonly name: string; readonly entries: readonly LogEntry[]; readonly steps: number };
    readonly answer: readonly string[];
    readonly progress: never;
  };
  /** The columns of a table. */
  readonly columns: {
    readonly ask: { readonly text: string; readonly file: string };
    readonly answer: TableColumns;
    readonly progress: never;
  };
  /** The RNA chains of a PDB or mmCIF file. */
  readonly chains: {
    readonly ask: { readonly text: string; readonly file: string };
    readonly answer: readonly SpatialChain[];
    readonly progress: never;
  };
  /** The secondary structure of a chain and, of a prediction, its plDDT along the sequence, each an SVG. */
  readonly chainFigures: {
    readonly ask: Pick<SpatialChain, 'id' | 'sequence' | 'partners' | 'plddt'>;
    readonly answer: { readonly structure: string; readonly confidence?: string };
    readonly progress: never;
  };
  readonly file: {
    readonly ask: Vectors & { readonly format: VectorFormat; readonly model: string; readonly pool: Pool };
    readonly answer: NamedFile;
    readonly progress: never;
  };
}
