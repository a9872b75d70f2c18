/**
 * RhoFold's published form, from a file to coordinates, against its own code in doubles: a tiny one with all names, of
 * whose tables of positions only the rows that are read are kept.
 */
import type { Tensor } from '@rna/tensor';
import { afterEach, describe, expect, it } from 'vitest';
import {
  disposeRhoFold,
  distograms,
  isRhoFold,
  loadRhoFold,
  openRhoFold,
  openTensorFile,
  memorySource,
  pairLogitsOf,
  plddtOf,
  predictRhoFold,
  rhoFoldRows,
  runTertiary,
  TERTIARY_PRESETS,
  tertiaryParameters,
  tertiaryTokens,
  weightsOf,
  type StoredTensor,
  type TensorFile,
  type Weights,
} from '../src/index.ts';
import { openNumbers, type Numbers } from './tertiaryNumbers.ts';
import { nodePlatform } from './platform.node.ts';

const platform = nodePlatform();
afterEach(() => {
  expect(platform.device().memory.use().tensors, 'tensors alive after a test').toBe(0);
});

const fixture = async (): Promise<TensorFile> =>
  openTensorFile(memorySource('RhoFold.pt', await platform.bytes('oracle/tertiary/rhofold_tiny.safetensors')));
const text = async (path: string): Promise<string> => new TextDecoder().decode(await platform.bytes(path));

const SEQUENCES = { l13: 'GGACUUCGGUCAC', l5: 'GCAUU' };

/** A distogram's logits with the channels first, as the oracle has them. */
const channelsFirst = (values: Float32Array, length: number): Float32Array =>
  values.map((_, at) => values[(at % length ** 2) * 40 + Math.floor(at / length ** 2)]!);

describe('a RhoFold file', () => {
  it.each([
    ['l13', 0],
    ['l13', 1],
    ['l13', 2],
    ['l5', 2],
  ] as const)('%s, cycle %i', async (tag, cycle) => {
    const model = await loadRhoFold(platform.device(), await openRhoFold(await fixture()));
    const { encoder, parameters, sizes } = model;
    const numbers: Numbers = await openNumbers(platform, 'c_rhofold_tiny');
    const sequence = SEQUENCES[tag];
    const asked = new Set<string>();
    const p: Weights = (name) => {
      asked.add(name);
      return weightsOf(parameters)(name);
    };
    const seen = platform.device().scope((): [string, readonly Tensor[]][] => {
      const lm = rhoFoldRows(encoder, sequence);
      const last = runTertiary(p, sizes, tertiaryTokens(sequence), lm, { recycles: cycle });
      const { iterations } = last;
      return [
        [`${tag}.cycle0.mid.lm`, [lm]],
        ...(
          [
            ['out.m', [last.row]],
            ['out.z', [last.pair]],
            ['out.single', [last.single]],
            ['out.frames', iterations.map(({ frames }) => frames)],
            ['out.unnormalized_angles', iterations.map(({ rawTorsions }) => rawTorsions)],
            ['out.angles', iterations.map(({ torsions }) => torsions)],
            ['out.s', iterations.map(({ state }) => state)],
            ['mid.cords_before', [last.atoms.coordinates]],
            ['out.cords', [last.refined!]],
            ['out.plddt_local', [plddtOf(last.confidence)]],
            ['out.ss', [pairLogitsOf(p, last.pair)]],
            ...['p', 'c4_', 'n'].map((name, i) => [`out.${name}`, [distograms(p, last.pair)[i]!]] as const),
          ] as const
        ).map(([name, tensors]): [string, readonly Tensor[]] => [`${tag}.cycle${cycle}.${name}`, tensors]),
      ];
    });
    let compared = 0;
    for (const [name, tensors] of seen) {
      const parts: number[] = [];
      for (const tensor of tensors) {
        const values = await tensor.read();
        parts.push(...(/\.out\.(p|c4_|n)$/.test(name) ? channelsFirst(values, sequence.length) : values));
        tensor.dispose();
      }
      if (!numbers.names.includes(name)) continue;
      numbers.expectClose(name, Float32Array.from(parts));
      compared++;
    }
    expect(compared).toBe(cycle === 2 ? 15 : 8);
    // What is never read is what RhoFold's own code gives the same results without.
    if (cycle === 2) {
      const dead = JSON.parse(await text('oracle/tertiary/rhofold_dead.json')) as string[];
      expect([...parameters.keys()].filter((name) => !asked.has(name)).sort()).toEqual(dead.sort());
    }
    disposeRhoFold(model);
  });

  it('predicts what its cycles give', async () => {
    const model = await loadRhoFold(platform.device(), await openRhoFold(await fixture()));
    const numbers = await openNumbers(platform, 'c_rhofold_tiny');
    // T is U, and case says nothing.
    const {
      coordinates,
      mask,
      plddt,
      pairProbabilities,
      distograms: maps,
    } = await predictRhoFold(model, 'gcaTT', { recycles: 2 });
    numbers.expectClose('l5.cycle2.out.cords', coordinates);
    numbers.expectClose('l5.cycle2.out.plddt_local', plddt);
    expect([...mask].reduce((sum, value) => sum + value, 0)).toBe(23 + 20 + 22 + 20 + 20);
    numbers.values('l5.cycle2.out.ss').forEach((logit, at) => {
      expect(pairProbabilities[at]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 4);
    });
    maps.forEach((map) => {
      expect(map.subarray(0, 40).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    });
    await expect(predictRhoFold(model, 'GCNUU')).rejects.toThrow(/'N' at place 3/);
    await expect(predictRhoFold(model, 'A'.repeat(27))).rejects.toThrow(/27/);
    disposeRhoFold(model);
  });

  it('is told by its names, and has every key of the published one', async () => {
    expect(isRhoFold(await fixture())).toBe(true);
    const rows = (await text('keys/rhofold.tsv')).trimEnd().split('\n').slice(1);
    const ours = [...tertiaryParameters(TERTIARY_PRESETS.published)].map(
      ([name, shape]) => `${name}\t${shape.join('x')}`,
    );
    const buffer = 'msa_embedder.pair_emb.pair_emb.pos.div_term\t32';
    expect([...ours, buffer].sort()).toEqual(rows.sort());
  });

  it('names every tensor that is missing, too many or misshapen', async () => {
    const file = await fixture();
    const tensors = new Map<string, StoredTensor>(file.tensors);
    const of = (name: string): StoredTensor => tensors.get(name)!;
    tensors.delete('structure_module.linear_in.bias');
    tensors.set('plddt_head.extra', { ...of('plddt_head.net_lddt.0.bias'), name: 'plddt_head.extra' });
    tensors.set('ss_head.proj.bias', { ...of('ss_head.proj.bias'), shape: [3] });
    await expect(openRhoFold({ ...file, tensors })).rejects.toThrow(
      /RhoFold\.pt: does not fit RhoFold:\n {2}missing "structure_module\.linear_in\.bias" \[24\]\n {2}misshapen "ss_head\.proj\.bias" \[16\]: it is \[3\]\n {2}unexpected "plddt_head\.extra" \[24\]$/,
    );
    tensors.delete('e2eformer.linear.weight');
    expect(isRhoFold({ ...file, tensors })).toBe(false);
    await expect(openRhoFold({ ...file, tensors })).rejects.toThrow(/no tensor "e2eformer\.linear\.weight"/);
  });
});
