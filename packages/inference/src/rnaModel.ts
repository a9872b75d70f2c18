/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A model that was opened: what is asked of most models, in one call each.
 * Whatever else a model can do is reached by its `encoder` and `task`, which are
 * those of @rna/model.
 */
import {
  packTokens,
  poolRows,
  predictsPairs,
  sequenceRange,
  groupByTokenBudget,
  type Encoder,
  type EncoderConfig,
  type OpenedModel,
  type PairTask,
  type Pool,
} from '@rna/model';
import {
  decodeBasePairs,
  dotBracket,
  expectedAccuracy,
  findInvalidLetter,
  standardLetters,
  tokenize,
  windowedPairs,
  windowedRows,
  windowStarts,
  type EnginePairsProvider,
} from '@rna/structure';
import { MemoryBudgetError } from '@rna/tensor';
import { pairPredictor, predictions, tokensOf } from '@rna/train';
import { defaultTokenBudget } from './embedding.ts';
import { isFiniteArray, isFinitePrediction, placeOfOverflow } from './finite.ts';
import { teller, type Prediction } from './prediction.ts';
import { halfOverlapping, type Reach } from './windows.ts';

export interface EmbedOptions {
  /** What is given for each sequence. Default: 'mean'. */
  readonly pool?: Pool;
}

export interface FoldOptions {
  /** Pairs above this probability are taken. Default: the threshold that was chosen with the model, else 0.5. */
  readonly threshold?: number;
  /** Pairs other than AU, CG and GU may be taken. Default: false. */
  readonly allowNcPairs?: boolean;
  /** Partners may have fewer than three nucleotides between them. Default: false. */
  readonly allowSharpLoops?: boolean;
}

/** A secondary structure and what it was decoded from. */
export interface FoldedRna {
  /** Upper case, with U for T. */
  readonly sequence: string;
  /** The structure; pairs that cross others are written with other kinds of brackets. */
  readonly dotBracket: string;
  /** [length]: each nucleotide's partner, counted from 0, or -1. */
  readonly partners: Int32Array;
  /** The probabilities of all pairs i < j, row by row: [length (length - 1) / 2]. */
  readonly probabilities: Float32Array;
  /** The share of nucleotides that the structure is expected to have right, from 0 to 1. */
  readonly accuracy: number;
}

/** What an `RnaModel` is made of; `openModel` makes it. */
export interface ModelParts {
  readonly name: string;
  readonly opened: OpenedModel;
  readonly encoder: Encoder;
  /** What the model can take of RNAs with its head, and without. */
  readonly reach: Reach;
  readonly encoderReach: Reach;
  /** What folding engines say, for a head that takes it. */
  readonly priors: EnginePairsProvider | undefined;
  /** Frees what the model holds. */
  readonly release: () => void;
}

/**
 * A model on a device. It holds memory of the adapter until it is disposed of: by `dispose`, or by `using` where the
 * language has it.
 */
export class RnaModel {
  /** What it was opened by. */
  readonly name: string;
  /** The encoder of @rna/model with its parameters and its device, for all that has no method here. */
  readonly encoder: Encoder;
  readonly #parts: ModelParts;
  #disposed = false;

  /** Made by `openModel`. */
  constructor(parts: ModelParts) {
    this.name = parts.name;
    this.encoder = parts.encoder;
    this.#parts = parts;
  }

  /** What its files say it is, as @rna/model reads them: names, shapes, the head of its task with its scalars. */
  get opened(): OpenedModel {
    return this.#parts.opened;
  }

  /** What it can take of RNAs on its device, encoder and head together. */
  get reach(): Reach {
    return this.#parts.reach;
  }

  /** What folding engines say of a sequence, for a head that takes it; undefined where it takes none. */
  get priors(): EnginePairsProvider | undefined {
    return this.#parts.priors;
  }

  /** Sizes of the encoder; `dim` is the width of an embedding. */
  get config(): EncoderConfig {
    return this.encoder.config;
  }

  /** The name of the task that the model was fine-tuned for, such as `secondary-structure`. */
  get task(): string | undefined {
    return this.#parts.opened.task?.head.name;
  }

  /**
   * The encoder's representation of each sequence: as `pool` says a vector [dim], or rows [length + 2, dim].
   * RNAs that are too long for the device are run in overlapping windows, and their rows averaged.
   * @throws RangeError for a sequence that is empty or holds other characters than letters of nucleotides, and where the
   *   numbers overflow; MemoryBudgetError and DeviceError as the device does.
   */
  async embed(sequences: readonly string[], { pool = 'mean' }: EmbedOptions = {}): Promise<Float32Array[]> {
    this.#check(sequences);
    const { device, config } = this.encoder;
    const { fits, window } = this.#parts.encoderReach;
    const budget = defaultTokenBudget(device, config);
    const embeddings: Float32Array[] = [];
    const tokens = (sequence: string): number => (fits(sequence.length) ? tokensOf({ sequence }) : Infinity);
    for await (const batch of groupByTokenBudget(sequences, budget, tokens)) {
      const [first] = batch;
      if (first !== undefined && !fits(first.length)) embeddings.push(await this.#rowsOfWindows(first, window()));
      else embeddings.push(...(await this.#rows(batch)));
    }
    return embeddings.map((rows) => poolRows(rows, config.dim, pool));
  }

  /**
   * The secondary structure of a sequence, by a model that was fine-tuned for it, as the built-in one: pairs are taken
   * the most probable first, each nucleotide once, down to the threshold. Letters other than A, C, G and U stay unpaired.
   * RNAs that are too long for the device are run in overlapping windows, and probabilities averaged.
   * @throws RangeError where the model predicts no base pairs, and as `embed` does.
   */
  async fold(sequence: string, options: FoldOptions = {}): Promise<FoldedRna> {
    this.#check([sequence]);
    const task = this.#pairTask();
    const { encoder, opened, priors, reach } = this.#parts;
    const predict = windowedPairs(
      pairPredictor({ encoder, task, parameters: encoder.parameters, ...(priors && { priors }) }),
      halfOverlapping(reach.window()),
    );
    const letters = standardLetters(sequence);
    const probabilities = await predict(letters);
    if (!isFiniteArray(probabilities)) throw await this.#overflow(letters);
    const threshold = options.threshold ?? opened.scalars.get('threshold') ?? 0.5;
    const partners = decodeBasePairs(probabilities, letters, { ...options, threshold });
    return {
      sequence: letters,
      dotBracket: dotBracket(partners),
      partners,
      probabilities,
      accuracy: expectedAccuracy(probabilities, partners),
    };
  }

  /**
   * What the model was fine-tuned for, of each sequence: a probability, a class, a number, or one of these for each
   * nucleotide. Base pairs are given by `fold`.
   * @throws RangeError where the model was fine-tuned for nothing or for base pairs, and as `embed` does.
   */
  async predict(sequences: readonly string[]): Promise<Prediction[]> {
    this.#check(sequences);
    const { encoder, opened } = this.#parts;
    const { task, scalars } = opened;
    if (task === undefined) {
      throw new RangeError(
        `${this.name} was fine-tuned for no task, so it predicts nothing; embed gives its embeddings`,
      );
    }
    const tell = teller(task, scalars);
    const told: Prediction[] = [];
    const rnas = sequences.map((sequence) => ({ sequence }));
    for await (const prediction of predictions({ encoder, task, parameters: encoder.parameters }, rnas, scalars)) {
      if (!isFinitePrediction(prediction)) throw await this.#overflow(sequences[told.length]!);
      told.push(tell(prediction));
    }
    return told;
  }

  /** Gives back what the model holds on the adapter. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#parts.release();
  }

  /** As `dispose`, at the end of the block that a `using` stands in. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Throws an Error where the model was disposed of, and a RangeError for what is no sequence. */
  #check(sequences: readonly string[]): void {
    if (this.#disposed) throw new Error(`${this.name} was disposed of; open it again`);
    // Callers without types get here with one text in place of a list.
    const given: unknown = sequences;
    if (!Array.isArray(given)) throw new TypeError('expected an array of sequences; write [sequence] for a single one');
    for (const [i, sequence] of given.entries()) {
      if (typeof sequence !== 'string') throw new TypeError(`sequence ${i} is no text`);
      if (sequence.length === 0) throw new RangeError(`sequence ${i} is empty`);
      const at = findInvalidLetter(sequence);
      if (at >= 0) {
        throw new RangeError(
          `sequence ${i} has "${[...sequence.slice(at)][0]!}" at position ${at + 1}; letters of nucleotides were expected`,
        );
      }
    }
  }

  #pairTask(): PairTask {
    const { task } = this.#parts.opened;
    if (predictsPairs(task)) return task;
    throw new RangeError(
      `${this.name} ${task === undefined ? 'was fine-tuned for no task' : `was fine-tuned for ${task.head.name}`}, ` +
        'so it predicts no base pairs; open builtin, or a model that was fine-tuned for secondary-structure',
    );
  }

  /** The rows [length + 2, dim] of each sequence, run together, or in halves where they do not fit. */
  async #rows(batch: readonly string[]): Promise<Float32Array[]> {
    const { dim } = this.config;
    const packed = packTokens(batch.map((sequence) => tokenize(sequence)));
    let values: Float32Array;
    try {
      const representation = this.encoder.forward(packed);
      try {
        values = await representation.read();
      } finally {
        representation.dispose();
      }
    } catch (error) {
      if (!(error instanceof MemoryBudgetError) || batch.length === 1) throw error;
      const middle = Math.ceil(batch.length / 2);
      return [...(await this.#rows(batch.slice(0, middle))), ...(await this.#rows(batch.slice(middle)))];
    }
    const rows = batch.map((_, i) => {
      const { start, end } = sequenceRange(packed, i);
      return values.slice(start * dim, end * dim);
    });
    const bad = rows.findIndex((each) => !isFiniteArray(each));
    if (bad >= 0) throw await this.#overflow(batch[bad]!);
    return rows;
  }

  async #rowsOfWindows(sequence: string, size: number): Promise<Float32Array> {
    const rows = windowedRows(sequence.length, this.config.dim);
    for (const start of windowStarts(sequence.length, halfOverlapping(size))) {
      rows.add(start, (await this.#rows([sequence.slice(start, start + size)]))[0]!);
    }
    return rows.mean();
  }

  async #overflow(sequence: string): Promise<RangeError> {
    const shown = sequence.length > 20 ? `${sequence.slice(0, 20)}…` : sequence;
    return new RangeError(
      `${this.name}: the numbers overflow in ${await placeOfOverflow(this.encoder, sequence)} for ${shown}, so its output is NaN or infinite`,
    );
  }
}
