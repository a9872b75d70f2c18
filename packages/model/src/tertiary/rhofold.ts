/**
 * RhoFold's published checkpoint (`RhoFold_pretrained.pt`; RNAFM section 4) in its single-sequence path: one file with
 * the language model, RNA-FM, the trunk, the structure module, RefineNet and the heads. Sizes are read off its tensors;
 * every tensor of it is of a parameter, of the language model, or the one table that follows from the sizes.
 */
import { portable } from '@rna/kernels';
import { sigmoid, TOKEN, tokenize } from '@rna/structure';
import { softmax, type Device, type Tensor } from '@rna/tensor';
import type { ParameterShapes, Shape } from '../config.ts';
import { Encoder } from '../encoder.ts';
import { CheckpointError } from '../errors.ts';
import { packTokens } from '../packing.ts';
import { checkFinite, openModel, type OpenedModel, type ParameterChunk } from '../checkpoint/load.ts';
import { loadParameters } from '../checkpoint/loadParameters.ts';
import { RHOFOLD_LM_PREFIX, unwrapped } from '../checkpoint/layout.ts';
import { CHUNK_BYTES, readFloat32, readFloat32Chunks, type TensorFile } from '../checkpoint/tensorFile.ts';
import type { ParameterMap } from '../parameters.ts';
import { plddtOf } from './confidence.ts';
import { TERTIARY_PRESETS, TORSIONS, tertiarySizes, type TertiarySizes } from './config.ts';
import { tertiaryTokens } from './embedding.ts';
import { atomMask } from './fullAtoms.ts';
import { distograms, pairLogitsOf } from './pairHeads.ts';
import { meanDistances, type TertiaryDetail, type TertiaryDetailOptions } from './predict.ts';
import { tertiaryParameters, weightsOf } from './parameters.ts';
import { runTertiary } from './tertiary.ts';

/** The frequencies of the pairs' places, which the file has beside the parameters. */
const FREQUENCIES = 'msa_embedder.pair_emb.pair_emb.pos.div_term';

/** A RhoFold file whose tensors all fit. */
export interface OpenedRhoFold {
  readonly sizes: TertiarySizes;
  /** RNA-FM as the file has it, which may differ from the one that is published alone. */
  readonly languageModel: OpenedModel;
  /** Names and shapes of the module's parameters, in the order of `parameters()`. */
  readonly shapes: ParameterShapes;
  readonly parameters: (maxBytes?: number) => AsyncGenerator<ParameterChunk, void, undefined>;
}

/** Whether a file has the names of RhoFold's module. */
export function isRhoFold(file: TensorFile): boolean {
  const { tensors } = unwrapped(file);
  return tensors.has('e2eformer.linear.weight') && tensors.has('structure_module.ipa.head_weights');
}

/**
 * Fits a file to RhoFold.
 * @throws CheckpointError listing every missing, unexpected and misshapen tensor at once, and as `openModel` for the
 *   language model; from `parameters` also for a weight that is not a finite number.
 */
export async function openRhoFold(file: TensorFile): Promise<OpenedRhoFold> {
  const languageModel = await openModel(file);
  const plain = unwrapped(file);
  const { tensors } = plain;
  const sizes = sizesOf(plain);
  const shapes = tertiaryParameters(sizes);
  const problems: string[] = [];
  for (const [name, shape] of shapes) {
    const stored = tensors.get(name)?.shape;
    const text = `"${name}" [${shape.join(', ')}]`;
    if (stored === undefined) problems.push(`missing ${text}`);
    else if (stored.join() !== shape.join()) problems.push(`misshapen ${text}: it is [${stored.join(', ')}]`);
  }
  for (const [name, { shape }] of tensors)
    if (!shapes.has(name) && !name.startsWith(RHOFOLD_LM_PREFIX) && name !== FREQUENCIES)
      problems.push(`unexpected "${name}" [${shape.join(', ')}]`);
  if (languageModel.config.dim !== sizes.lmDim)
    problems.push(`a language model of ${languageModel.config.dim} columns, and ${sizes.lmDim} are read`);
  problems.push(...(await strangeFrequencies(plain, sizes)));
  if (problems.length > 0)
    throw new CheckpointError(plain.name, `does not fit RhoFold:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  return {
    sizes,
    languageModel,
    shapes,
    async *parameters(maxBytes = CHUNK_BYTES) {
      for (const [name, shape] of shapes) {
        const tensor = tensors.get(name)!;
        for await (const { offset, data } of readFloat32Chunks(tensor, maxBytes)) {
          checkFinite(tensor, data, offset);
          yield { name, shape, offset, data };
        }
      }
    },
  };
}

/** Sizes as the tensors show them; what they do not show is as published. */
function sizesOf({ name: file, tensors }: TensorFile): TertiarySizes {
  const shapeOf = (name: string): Shape => {
    const found = tensors.get(name);
    if (found === undefined)
      throw new CheckpointError(file, `is no RhoFold file: it has no tensor "${name}", which tells its sizes`);
    return found.shape;
  };
  const rows = (name: string): number => shapeOf(`${name}.weight`)[0] ?? NaN;
  const cols = (name: string): number => shapeOf(`${name}.weight`)[1] ?? NaN;
  const count = (nameOf: (index: number) => string): number => {
    let found = 0;
    while (tensors.has(nameOf(found))) found++;
    return found;
  };
  const block = 'e2eformer.blocks.0';
  const [structure, refine] = ['structure_module', 'structure_module.refinenet'];
  const rowDim = rows('msa_embedder.rna_fm_reduction');
  const rowHeads = rows(`${block}.msa_att_row.linear_z`);
  const triangleHeads = rows(`${block}.core.tri_att_start.linear`);
  const ipaHeads = shapeOf(`${structure}.ipa.head_weights`)[0] ?? NaN;
  const queryPoints = rows(`${structure}.ipa.linear_q_points`) / (3 * ipaHeads);
  const { iterations, recycles, form, geometry, pairPrior } = TERTIARY_PRESETS.published;
  const read = {
    lmDim: cols('msa_embedder.rna_fm_reduction') - rowDim,
    rowDim,
    pairDim: rows('msa_embedder.pair_emb.pair_emb.projection'),
    singleDim: rows('e2eformer.linear'),
    positions: rows('msa_embedder.msa_emb.embed_positions'),
    blocks: count((i) => `e2eformer.blocks.${i}.msa_att_row.linear_z.weight`),
    rowHeads,
    rowHeadDim: rows(`${block}.msa_att_row.mha.linear_q`) / rowHeads,
    outerDim: rows(`${block}.core.outer_product_mean.linear_1`),
    triangleDim: rows(`${block}.core.tri_mul_out.linear_a_p`),
    triangleHeads,
    triangleHeadDim: rows(`${block}.core.tri_att_start.mha.linear_q`) / triangleHeads,
    transitionFactor: rows(`${block}.core.msa_transition.linear_1`) / rowDim,
    ipaHeads,
    ipaDim: rows(`${structure}.ipa.linear_q`) / ipaHeads,
    queryPoints,
    valuePoints: rows(`${structure}.ipa.linear_kv_points`) / (3 * ipaHeads) - queryPoints,
    iterations,
    torsionDim: rows(`${structure}.angle_resnet.linear_in`),
    torsionBlocks: count((i) => `${structure}.angle_resnet.layers.${i}.linear_1.weight`),
    recycles,
    form,
    geometry,
    pairPrior,
    ...(tensors.has(`${refine}.embed_tokens.weight`) && {
      refineNet: {
        dim: cols(`${refine}.embed_tokens`),
        layers: count((i) => `${refine}.refine_layer0.layers.${i}.edge_mlp.0.weight`),
      },
    }),
  };
  const parsed = tertiarySizes.safeParse(read);
  const torsions = rows(`${structure}.angle_resnet.linear_out`) / 2;
  if (!parsed.success || torsions !== TORSIONS) {
    const fields = parsed.success
      ? `${torsions} torsions`
      : parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new CheckpointError(file, `its tensors have the sizes of no RhoFold: ${fields}`);
  }
  return parsed.data;
}

/** The table of frequencies must be the one that places are made with here. */
async function strangeFrequencies({ tensors }: TensorFile, { pairDim }: TertiarySizes): Promise<string[]> {
  const stored = tensors.get(FREQUENCIES);
  if (stored === undefined) return [];
  const values = await readFloat32(stored);
  const half = pairDim / 2;
  const isOurs =
    values.length === half / 2 &&
    values.every((value, k) => Math.abs(value / portable.pow(10000, (-2 * k) / half) - 1) < 1e-5);
  return isOurs ? [] : [`"${FREQUENCIES}", whose ${values.length} frequencies are not 10000^(-2k/${half})`];
}

/** A RhoFold on a device. Its tensors are the caller's to free, by `disposeRhoFold`. */
export interface RhoFold {
  readonly encoder: Encoder;
  readonly parameters: ParameterMap;
  readonly sizes: TertiarySizes;
}

/** Uploads an opened file. */
export async function loadRhoFold(device: Device, opened: OpenedRhoFold): Promise<RhoFold> {
  const { languageModel, sizes } = opened;
  const ofEncoder = await loadParameters(device, languageModel);
  const encoder = new Encoder(device, languageModel.config, ofEncoder);
  try {
    return { encoder, sizes, parameters: await loadParameters(device, opened) };
  } catch (error) {
    disposeRhoFold({ encoder, parameters: new Map() });
    throw error;
  }
}

export function disposeRhoFold({ encoder, parameters }: Pick<RhoFold, 'encoder' | 'parameters'>): void {
  for (const tensor of [...encoder.parameters.values(), ...parameters.values()]) tensor.dispose();
}

/**
 * The language model's rows of a sequence, [L, lmDim]: RhoFold reads nucleotides alone, without what RNA-FM puts at a
 * sequence's ends. It reads masks at the places in `hidden`.
 */
export function rhoFoldRows(encoder: Encoder, sequence: string, hidden: readonly number[] = []): Tensor {
  const tokens = tokenize(sequence).slice(1, -1);
  for (const place of hidden) tokens[place] = TOKEN.mask;
  return encoder.forward(packTokens([tokens]));
}

/**
 * Predicts the structure of one sequence; its coordinates are refined, where the file has a RefineNet. Without being told
 * otherwise it runs 9 cycles after the first, as RhoFold does.
 * @throws RangeError for a letter besides A, C, G, U and T, and SequenceLengthError for more than RNA-FM has positions
 *   for.
 */
export async function predictRhoFold(
  { encoder, parameters, sizes }: RhoFold,
  sequence: string,
  { recycles = sizes.recycles, hidden = [] }: TertiaryDetailOptions = {},
): Promise<TertiaryDetail> {
  const { device } = encoder;
  const tokens = tertiaryTokens(sequence);
  const p = weightsOf(parameters);
  const outputs = device.scope(() => {
    const { atoms, refined, confidence, pair } = runTertiary(p, sizes, tokens, rhoFoldRows(encoder, sequence, hidden), {
      recycles,
    });
    const maps = distograms(p, pair).map((logits) => softmax(logits));
    return [refined ?? atoms.coordinates, plddtOf(confidence), pairLogitsOf(p, pair), ...maps];
  });
  try {
    const [coordinates, plddt, pairLogits, ...maps] = await Promise.all(outputs.map((tensor) => tensor.read()));
    return {
      coordinates: coordinates!,
      mask: atomMask(tokens),
      plddt: plddt!,
      pairProbabilities: pairLogits!.map(sigmoid),
      recycles,
      distograms: maps,
      distances: meanDistances(maps.at(-1)!),
    };
  } finally {
    for (const tensor of outputs) tensor.dispose();
  }
}
