/**
 * The encoder of RiNALMo (RINALMO section 3), of SSR-LM (paper 3.1) and of
 * RNA-FM (Chen et al. 2022, RNAFM section 2): one class, since they differ in a
 * norm, a residual, biases, the feed-forward layer and where positions go in.
 * Its input is packed: tokens of sequences end to end, no padding.
 *
 * `forward` and `logits` are recorded where a tape is open; without one, at
 * most two blocks' values live at once.
 */
import { threefry2x32 } from '@rna/kernels';
import {
  attention,
  attentionMap,
  cast,
  embedding,
  gelu,
  layerNorm,
  linear,
  longestSequence,
  lowRankLinear,
  positionEmbedding,
  recompute,
  residual,
  rmsNorm,
  swiglu,
  uploadPack,
  type Device,
  type Dropout,
  type FloatType,
  type Pack,
  type Tensor,
} from '@rna/tensor';
import { encoderParameters, FIRST_POSITION, longestInput, type EncoderConfig } from './config.ts';
import { SequenceLengthError } from './errors.ts';
import { lowRankOf, type LoraSizes } from './lora.ts';
import { checkPack, type PackedTokens } from './packing.ts';
import { initializeParameters, parameter, type ParameterMap } from './parameters.ts';
import { FULL_PRECISION, isReducible, isStoredAs, type Precision } from './precision.ts';
import { TOKEN } from '@rna/structure';
import { blockOf, isLmHead } from './parameterGroups.ts';

export interface ForwardOptions {
  /** Key of the dropout masks of this pass; no dropout without it. */
  readonly dropoutKey?: readonly [number, number];
  /**
   * On a tape, keep no more of a block than its input and run it again on the walk back: less memory for a third more
   * work, the same bits.
   */
  readonly recompute?: boolean;
  /** Stop after this many blocks and return the residual stream, without the final norm. 0 is the embedding. */
  readonly layers?: number;
  /** Sees the embedding and each block's output, still owned by the pass: read it or leave it. */
  readonly onBlock?: (block: number, x: Tensor) => void;
  /** Sees a block's attention: `map(i)` gives the probabilities of sequence i, [heads, length, length]. */
  readonly onAttention?: (block: number, map: (sequence: number) => Tensor) => void;
}

/** Dropout of the published models: RiNALMo on probabilities and both residual branches, the others none. */
const DROPOUT_RATE: Readonly<Record<EncoderConfig['model'], number>> = { rinalmo: 0.1, 'ssr-lm': 0, 'rna-fm': 0 };

// RiNALMo keeps the training-time share of masked embeddings (15 % · 80 %) in its scale (RINALMO section 3, step 2).
const TOKEN_DROPOUT_KEPT = 1 - 0.15 * 0.8;

export class Encoder {
  readonly device: Device;
  readonly config: EncoderConfig;
  readonly parameters: ParameterMap;
  readonly precision: Precision;
  readonly lora: LoraSizes | undefined;

  /**
   * `parameters` holds every name of `encoderParameters(config)`; those of the LM head may be missing (a bare
   * encoder has no logits), and a task head's may be there as well. Of f32 weights that `precision` wants in f16,
   * every pass makes copies, so that the originals can be trained; int8 and int4 ones must have been loaded so. With
   * `lora` the matrices that have low-rank terms among the parameters (lora.ts) are used with them.
   */
  constructor(
    device: Device,
    config: EncoderConfig,
    parameters: ParameterMap,
    precision: Precision = FULL_PRECISION,
    lora?: LoraSizes,
  ) {
    for (const name of encoderParameters(config).keys()) {
      if (isLmHead(name) && !parameters.has(name)) continue;
      const { dtype } = parameter(parameters, name);
      if (!isStoredAs(name, dtype, precision.weights)) {
        throw new TypeError(
          `encoder: '${name}' is ${dtype}, not ${precision.weights}; load the parameters with loadParameters(device, model, '${precision.weights}')`,
        );
      }
    }
    this.device = device;
    this.config = config;
    this.parameters = parameters;
    this.precision = precision;
    this.lora = lora;
  }

  /** An encoder with fresh parameters drawn from `seed`. */
  static initialize(
    device: Device,
    config: EncoderConfig,
    seed: number,
    precision: Precision = FULL_PRECISION,
  ): Encoder {
    return new Encoder(
      device,
      config,
      initializeParameters(device, encoderParameters(config), config.model, seed),
      precision,
    );
  }

  /**
   * The representation of a pack, [tokens, dim], `<cls>` and `<eos>` rows included. A sequence's rows do not
   * depend on its neighbours in the pack. Throws a TypeError or RangeError for what is no pack of known tokens, and a
   * SequenceLengthError for a sequence of more tokens than there are learned positions.
   */
  forward(batch: PackedTokens, options: ForwardOptions = {}): Tensor {
    const { device, config } = this;
    const { layers = config.layers } = options;
    if (!(Number.isInteger(layers) && layers >= 0 && layers <= config.layers)) {
      throw new RangeError(`layers must be an integer in 0 … ${config.layers}, got ${layers}`);
    }
    checkPack(batch, config.vocabularySize);
    const longest = longestSequence(batch.cuSeqlens);
    const most = longestInput(config) ?? Infinity;
    if (longest > most) throw new SequenceLengthError(longest, most);
    return device.scope(() => {
      const pack = uploadPack(device, batch.cuSeqlens, config.dim / config.heads, config.ropeTheta);
      let x = this.#embed(batch, pack);
      options.onBlock?.(-1, x);
      for (let block = 0; block < layers; block++) {
        const next =
          options.recompute === true && device.tape !== undefined
            ? this.#recomputedBlock(x, block, pack, options)
            : device.scope(() => this.#block(x, block, pack, options));
        // What a tape recorded stays for the walk back.
        x.release();
        x = next;
        options.onBlock?.(block, x);
      }
      return options.layers === undefined ? this.#norm(x, 'finalNorm') : x;
    });
  }

  /** Logits over the vocabulary from representations, [rows, vocabulary]. */
  logits(representation: Tensor): Tensor {
    return this.device.scope(() => {
      if (this.config.model === 'ssr-lm') return this.#linear(representation, 'lmHead.decoder');
      const x = this.#norm(gelu(this.#linear(representation, 'lmHead.dense')), 'lmHead.norm');
      // RNA-FM's decoder is its embedding.
      return this.config.model === 'rna-fm'
        ? linear(x, parameter(this.parameters, 'embedding.weight'), parameter(this.parameters, 'lmHead.decoder.bias'))
        : this.#linear(x, 'lmHead.decoder');
    });
  }

  #recomputedBlock(x: Tensor, block: number, pack: Pack, { dropoutKey }: ForwardOptions): Tensor {
    const own = [...this.parameters].flatMap(([name, tensor]) => (blockOf(name) === block ? [tensor] : []));
    return recompute(x, (input) => this.#block(input, block, pack, dropoutKey === undefined ? {} : { dropoutKey }), [
      pack.segments,
      ...(pack.rope === undefined ? [] : [pack.rope]),
      ...own,
    ]);
  }

  #block(x: Tensor, block: number, pack: Pack, options: ForwardOptions): Tensor {
    const { config } = this;
    const { heads, kvHeads } = config;
    const shape = { heads, kvHeads, headDim: config.dim / heads };
    const name = `blocks.${block}`;
    const drop = (site: number): Dropout | undefined => {
      const rate = DROPOUT_RATE[config.model];
      if (options.dropoutKey === undefined || rate === 0) return undefined;
      return { rate, key: threefry2x32(...options.dropoutKey, block, site) };
    };
    const { activations } = this.precision;
    // RiNALMo's residual stream goes on from here, so it stays f32.
    const n = this.#norm(x, `${name}.attention.norm`, config.model === 'rinalmo' ? 'f32' : activations);
    const qkv = this.#linear(n, `${name}.attention.qkv`, undefined, activations);
    options.onAttention?.(block, (sequence) => attentionMap(qkv, pack, shape, sequence));
    // RiNALMo adds the attention to the normalised input, not to the incoming stream (issue 9 of its repository).
    const middle = this.#branch(
      config.model === 'rinalmo' ? n : x,
      attention(qkv, pack, shape, drop(0)),
      `${name}.attention.out`,
      drop(1),
    );
    const m = this.#norm(middle, `${name}.feedForward.norm`, activations);
    const hidden =
      config.model === 'rna-fm'
        ? gelu(this.#linear(m, `${name}.feedForward.up`, undefined, activations))
        : swiglu(
            this.#linear(m, `${name}.feedForward.gateUp`, undefined, activations),
            this.parameters.get(`${name}.feedForward.beta`),
          );
    return this.#branch(middle, hidden, `${name}.feedForward.down`, drop(2));
  }

  #embed({ tokens, cuSeqlens }: PackedTokens, pack: Pack): Tensor {
    const { device, config, parameters } = this;
    const { learned } = config;
    const factor = new Float32Array(tokens.length).fill(1);
    if (learned?.tokenDropout ?? config.model === 'rinalmo') {
      for (let s = 0; s + 1 < cuSeqlens.length; s++) {
        const [start, end] = [cuSeqlens[s]!, cuSeqlens[s + 1]!];
        const masked = tokens.subarray(start, end).reduce((count, token) => count + (token === TOKEN.mask ? 1 : 0), 0);
        const kept = TOKEN_DROPOUT_KEPT / (1 - masked / (end - start));
        for (let t = start; t < end; t++) factor[t] = tokens[t] === TOKEN.mask ? 0 : kept;
      }
    }
    const weight = parameter(parameters, 'embedding.weight');
    if (learned === undefined) return embedding(device.tensor(tokens), device.tensor(factor), weight);
    return device.scope(() => {
      // RNA-FM has no inosine: the row in its place is an unused token's.
      const known = tokens.map((token) => (token === TOKEN.I ? TOKEN.unk : token));
      const x = positionEmbedding(
        embedding(device.tensor(known), device.tensor(factor), weight),
        parameter(parameters, 'embedding.positions.weight'),
        pack,
        FIRST_POSITION,
      );
      return learned.norm ? this.#norm(x, 'embedding.norm') : x;
    });
  }

  #norm(x: Tensor, name: string, dtype: FloatType = 'f32'): Tensor {
    const weight = parameter(this.parameters, `${name}.weight`);
    const bias = this.parameters.get(`${name}.bias`);
    return bias === undefined
      ? rmsNorm(x, weight, this.config.normEps, dtype)
      : layerNorm(x, weight, bias, this.config.normEps, dtype);
  }

  #linear(x: Tensor, name: string, into?: Tensor, dtype: FloatType = 'f32'): Tensor {
    const [weight, bias] = [this.#weight(`${name}.weight`), this.parameters.get(`${name}.bias`)];
    const low = lowRankOf(this, name);
    return low === undefined ? linear(x, weight, bias, into, dtype) : lowRankLinear(x, weight, low, bias, into, dtype);
  }

  #weight(name: string): Tensor {
    const weight = parameter(this.parameters, name);
    return this.precision.weights === 'f16' && isReducible(name) ? cast(weight, 'f16') : weight;
  }

  /** stream + dropout(linear(x)); without dropout the product adds the stream itself. */
  #branch(stream: Tensor, x: Tensor, name: string, drop: Dropout | undefined): Tensor {
    return drop === undefined ? this.#linear(x, name, stream) : residual(stream, this.#linear(x, name), drop);
  }
}
