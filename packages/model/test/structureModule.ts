/**
 * The structure module against the numbers of RhoFold's own code: invariant point attention, frames, torsions, atoms,
 * losses and every gradient. Node and the browser run the same tests.
 */
import { RandomStream } from '@rna/kernels';
import { buildAtoms } from '@rna/structure';
import {
  add,
  backward,
  binaryCrossEntropy,
  fape,
  frameMatrices,
  framePoints,
  scaleTranslations,
  updateFrames,
  type Tensor,
} from '@rna/tensor';
import { afterEach, describe, expect, it } from 'vitest';
import {
  atomMask,
  confidence,
  confidenceLoss,
  distogramLoss,
  fullAtoms,
  geometryName,
  invariantPointAttention,
  pairBias,
  plddtOf,
  structureModule,
  tertiaryTokens,
  torsionLosses,
  type StructureIteration,
  type Weights,
} from '../src/index.ts';
import { cotangentLoss, openNumbers, type Numbers } from './tertiaryNumbers.ts';
import type { Platform } from './parity.ts';

/** The gradient of quaternions [rows, 4] from that of their matrices [rows, 9], each entry a form of the quaternion. */
function quaternionGradients(quaternions: Float32Array, matrices: Float32Array): Float32Array {
  return Float32Array.from(quaternions, (_, at) => {
    const [l, k] = [Math.floor(at / 4), at % 4];
    const [w, x, y, z] = [0, 1, 2, 3].map((c) => 2 * quaternions[4 * l + c]!) as [number, number, number, number];
    const slopes = [
      [w, -z, y, z, w, -x, -y, x, w],
      [x, y, z, y, -x, -w, z, w, -x],
      [-y, x, w, x, y, z, -w, z, -y],
      [-z, -w, x, w, -z, y, x, y, z],
    ];
    return slopes[k]!.reduce((sum, slope, entry) => sum + slope * matrices[9 * l + entry]!, 0);
  });
}

/** [rows, 7] of quaternions [rows, 4] and translations [rows, 3]. */
const joinFrames = (quaternions: Float32Array, translations: Float32Array): Float32Array =>
  Float32Array.from({ length: (7 * quaternions.length) / 4 }, (_, at) => {
    const [l, k] = [Math.floor(at / 7), at % 7];
    return k < 4 ? quaternions[4 * l + k]! : translations[3 * l + k - 4]!;
  });

export function structureModuleTests(platform: Platform): void {
  afterEach(() => {
    expect(platform.device().memory.use().tensors, 'tensors alive after a test').toBe(0);
  });

  describe('invariant point attention', () => {
    it.each(['full', 'masked'])('%s', async (tag) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'a_ipa');
      const p = numbers.weights('param.');
      const [length, heads] = [7, 3];
      const sizes = { ipaHeads: heads, ipaDim: 8, queryPoints: 2, valuePoints: 5 };
      const single = numbers.tensor('in.s', [length, 24]).train();
      const pair = numbers.tensor('in.z', [length, length, 16]).train();
      const frames = device
        .tensor(joinFrames(numbers.values('in.quat'), numbers.values('in.trans')), [length, 7])
        .train();
      const mask = numbers.values(`${tag}.in.mask`);
      const masked = tag === 'masked' ? { mask: device.tensor(mask) } : {};
      const valid = (width: number) => (at: number) => mask[Math.floor(at / width)]! > 0;
      const cotangent = numbers.tensor(`${tag}.in.cot`);
      const maps: Tensor[] = [];
      let y: Tensor | undefined;
      backward(device, () => {
        const bias = pairBias(p, pair);
        y = invariantPointAttention(p, sizes, { single, pair, bias, frames, ...masked }, (seen) => {
          maps.push(seen.logits, seen.probabilities);
        });
        const loss = cotangentLoss([[y, cotangent]]);
        y = y.alias().keep();
        return loss;
      }).dispose();
      numbers.expectClose(`${tag}.out`, await y!.read(), valid(24));
      // Ours are [query, head, key].
      const byHead = (values: Float32Array): Float32Array =>
        values.map((_, at) => {
          const [h, i, j] = [Math.floor(at / length ** 2), Math.floor(at / length) % length, at % length];
          return values[(i * heads + h) * length + j]!;
        });
      const [logits, probabilities] = maps;
      const queries = (at: number): boolean => mask[Math.floor(at / length) % length]! > 0;
      numbers.expectClose(`${tag}.mid.logits`, byHead(await logits!.read()), queries);
      numbers.expectClose(`${tag}.mid.attn`, byHead(await probabilities!.read()), queries);
      numbers.expectClose(`${tag}.grad.in.s`, await single.gradient!.read());
      numbers.expectClose(`${tag}.grad.in.z`, await pair.gradient!.read());
      const dframes = await frames.gradient!.read();
      numbers.expectClose(
        `${tag}.grad.in.trans`,
        numbers.values('in.trans').map((_, at) => dframes[7 * Math.floor(at / 3) + 4 + (at % 3)]!),
      );
      quaternionGradients(numbers.values('in.quat'), numbers.values(`${tag}.grad.in.rot`)).forEach((value, at) => {
        expect(Math.abs(dframes[7 * Math.floor(at / 4) + (at % 4)]! - value)).toBeLessThan(1e-3);
      });
      await numbers.expectGradients(`${tag}.grad.param.`, 'param.');
      [single, pair, frames, cotangent, y!, ...maps, ...Object.values(masked)].forEach((tensor) => {
        tensor.dispose();
      });
      numbers.dispose();
    });
  });

  it('frames: matrices, points and updates', async () => {
    const device = platform.device();
    const numbers = await openNumbers(platform, 'e_rigid');
    const values = joinFrames(numbers.values('in.q1'), numbers.values('in.t1'));
    const frames = device.tensor(values, [12, 7]).train();
    const update = numbers.tensor('in.update').train();
    const seen = device.scope(() => {
      const doubled = device.tensor(
        values.map((value, at) => (at % 7 < 4 ? 2 * value : value)),
        [12, 7],
      );
      return {
        matrices: frameMatrices(frames),
        doubled: frameMatrices(doubled),
        points: framePoints(numbers.tensor('in.p'), frames),
        scaled: scaleTranslations(frames, 10),
      };
    });
    const rotations = (rows: Float32Array): Float32Array => rows.filter((_, at) => at % 12 < 9);
    numbers.expectClose('quat_to_rot.q1', rotations(await seen.matrices.read()));
    numbers.expectClose('quat_to_rot.unnormalised_2q1', rotations(await seen.doubled.read()));
    numbers.expectClose('apply', await seen.points.read());
    numbers.expectClose('scale_translation10.tensor_7', await seen.scaled.read());
    const cotangent = numbers.tensor('in.cot7');
    let updated: Tensor | undefined;
    backward(device, () => {
      const y = updateFrames(frames, update);
      updated = y.alias().keep();
      return cotangentLoss([[y, cotangent]]);
    }).dispose();
    numbers.expectClose('compose_q_update_vec.tensor_7', await updated!.read());
    const dframes = await frames.gradient!.read();
    numbers.expectClose(
      'compose_q_update_vec.grad.q1',
      dframes.filter((_, at) => at % 7 < 4),
    );
    numbers.expectClose(
      'compose_q_update_vec.grad.t1',
      dframes.filter((_, at) => at % 7 >= 4),
    );
    numbers.expectClose('compose_q_update_vec.grad.update', await update.gradient!.read());
    [frames, update, cotangent, updated!, ...Object.values(seen)].forEach((tensor) => {
      tensor.dispose();
    });
  });

  it.each(['published', 'repaired'] as const)('builds the atoms that doubles give, %s geometry', async (geometry) => {
    const device = platform.device();
    const random = new RandomStream(5);
    const sequence = 'GACUUGCAAUCGN';
    const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
    // The builder in doubles refuses the base that is not known; ours leaves it without atoms.
    const known = sequence.length - 1;
    const [frames, torsions] = [draw(7 * sequence.length), draw(12 * sequence.length)];
    const tokens = Uint32Array.of(...tertiaryTokens(sequence.slice(0, known)), 3);
    const { coordinates, groups } = device.scope(() =>
      fullAtoms(
        { geometry },
        tokens,
        device.tensor(frames, [sequence.length, 7]),
        device.tensor(torsions, [sequence.length, 6, 2]),
      ),
    );
    const expected = buildAtoms(
      sequence.slice(0, known),
      frames.subarray(0, 7 * known),
      torsions.subarray(0, 12 * known),
      geometryName({ geometry }),
    );
    const found = await coordinates.read();
    expect([...atomMask(tokens)]).toEqual([...expected.mask, ...new Uint8Array(23)]);
    expected.coordinates.forEach((value, at) => {
      expect(Math.abs(found[at]! - value)).toBeLessThan(2e-5);
    });
    expect([...found.subarray(69 * known)]).toEqual([...new Float32Array(69)]);
    const rows = await groups.read();
    expected.groups.translations.forEach((value, at) => {
      expect(Math.abs(rows[12 * Math.floor(at / 3) + 9 + (at % 3)]! - value)).toBeLessThan(2e-5);
    });
    [coordinates, groups].forEach((tensor) => {
      tensor.dispose();
    });
  });

  describe('full atoms', () => {
    it.each([
      ['identity_zero', 'AGUC'],
      ['identity_90', 'AGUC'],
      ['random12', 'GACUUGCAAUCG'],
    ])('%s', async (tag, sequence) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'd_fullatom');
      const length = sequence.length;
      const frames = numbers.tensor(`${tag}.in.frames`, [length, 7]).train();
      const torsions = numbers.tensor(`${tag}.in.angles`, [length, 6, 2]).train();
      const cotangent = numbers.tensor(`${tag}.cot`);
      const tokens = tertiaryTokens(sequence);
      let y: Tensor | undefined;
      backward(device, () => {
        const { coordinates } = fullAtoms({ geometry: 'published' }, tokens, frames, torsions);
        y = coordinates.alias().keep();
        return cotangentLoss([[coordinates, cotangent]]);
      }).dispose();
      numbers.expectClose(`${tag}.out.cords`, await y!.read());
      expect([...atomMask(tokens)]).toEqual([...numbers.values(`${tag}.out.mask`)]);
      numbers.expectClose(`${tag}.grad.in.frames`, await frames.gradient!.read());
      numbers.expectClose(`${tag}.grad.in.angles`, await torsions.gradient!.read());
      [frames, torsions, cotangent, y!].forEach((tensor) => {
        tensor.dispose();
      });
    });
  });

  describe('structure module', () => {
    const sizes = {
      ipaHeads: 4,
      ipaDim: 8,
      queryPoints: 4,
      valuePoints: 8,
      iterations: 3,
      torsionBlocks: 2,
      geometry: 'published',
    } as const;
    const sequence = 'GGCAUUCGAC';
    const length = sequence.length;
    const read = async (tensors: readonly Tensor[]): Promise<Float32Array> => {
      const parts: Float32Array[] = [];
      for (const tensor of tensors) {
        parts.push(await tensor.read());
        tensor.dispose();
      }
      return Float32Array.from(parts.flatMap((part) => [...part]));
    };

    it('iterations, atoms and plDDT', async () => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'c_structure_module');
      const p: Weights = (name) =>
        name.startsWith('structure_module.')
          ? numbers.weights('param.')(name.slice('structure_module.'.length))
          : numbers.weights('plddt.param.')(name.slice('plddt_head.'.length));
      const single = numbers.tensor('in.single', [length, 32]).train();
      const pair = numbers.tensor('in.pair', [length, length, 16]).train();
      const cotangents = new Map(
        ['frames', 'unnormalized_angles', 'angles', 'single', 'cords', 'plddt_local'].map((name) => [
          name,
          numbers.values(`cot.${name}`),
        ]),
      );
      const seen = new Map<string, Tensor[]>();
      const loss = backward(device, () => {
        const iterations = structureModule(p, sizes, single, pair);
        const { coordinates } = fullAtoms(
          sizes,
          tertiaryTokens(sequence),
          iterations.at(-1)!.frames,
          iterations.at(-1)!.torsions,
        );
        const plddt = plddtOf(confidence(p, iterations.at(-1)!.state));
        const outputs: [string, Tensor[]][] = [
          ...(
            [
              ['frames', 'frames'],
              ['unnormalized_angles', 'rawTorsions'],
              ['angles', 'torsions'],
              ['single', 'state'],
            ] as const satisfies [string, keyof StructureIteration][]
          ).map(([name, key]): [string, Tensor[]] => [name, iterations.map((iteration) => iteration[key])]),
          ['cords', [coordinates]],
          ['plddt_local', [plddt]],
        ];
        outputs.forEach(([name, tensors]) =>
          seen.set(
            name,
            tensors.map((tensor) => tensor.alias().keep()),
          ),
        );
        return cotangentLoss(
          outputs.flatMap(([name, tensors]) =>
            tensors.map((tensor, i) => {
              const values = cotangents.get(name)!;
              return [tensor, device.tensor(values.slice(i * tensor.size, (i + 1) * tensor.size))] as const;
            }),
          ),
        );
      });
      numbers.expectClose('loss', await loss.read());
      loss.dispose();
      for (const [name, tensors] of seen) numbers.expectClose(`out.${name}`, await read(tensors));
      numbers.expectClose('grad.in.single', await single.gradient!.read());
      numbers.expectClose('grad.in.pair', await pair.gradient!.read());
      await numbers.expectGradients('grad.param.', 'param.');
      await numbers.expectGradients('grad.plddt.param.', 'plddt.param.');
      [single, pair].forEach((tensor) => {
        tensor.dispose();
      });
      numbers.dispose();
    });

    it.each(['stop', 'nostop'])('gradients of the frames alone, rotations %s', async (tag) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'c_structure_module');
      const p: Weights = (name) => numbers.weights('param.')(name.slice('structure_module.'.length));
      const single = numbers.tensor('in.single', [length, 32]).train();
      const pair = numbers.tensor('in.pair', [length, length, 16]).train();
      const cotangent = numbers.values('cot.frames');
      const loss = backward(device, () =>
        cotangentLoss(
          structureModule(p, sizes, single, pair, { throughRotations: tag === 'nostop' }).map(
            ({ frames }, i) =>
              [frames, device.tensor(cotangent.slice(i * frames.size, (i + 1) * frames.size))] as const,
          ),
        ),
      );
      if (tag === 'nostop') numbers.expectClose('nostop.frames_loss', await loss.read());
      loss.dispose();
      numbers.expectClose(`${tag}.grad.in.single`, await single.gradient!.read());
      numbers.expectClose(`${tag}.grad.in.pair`, await pair.gradient!.read());
      [single, pair].forEach((tensor) => {
        tensor.dispose();
      });
      numbers.dispose();
    });
  });

  describe('losses', () => {
    const values = (numbers: Numbers): Record<string, Float32Array> => ({
      mask: numbers.values('truth.mask'),
      frames: joinColumns(numbers.values('truth.true_frames_rot'), 9, numbers.values('truth.true_frames_trans'), 3),
      predicted: joinColumns(numbers.values('truth.pred_frames_rot'), 9, numbers.values('truth.pred_frames_trans'), 3),
    });
    /** Rows of two matrices side by side. */
    const joinColumns = (a: Float32Array, left: number, b: Float32Array, right: number): Float32Array =>
      Float32Array.from({ length: a.length + b.length }, (_, at) => {
        const [row, col] = [Math.floor(at / (left + right)), at % (left + right)];
        return col < left ? a[row * left + col]! : b[row * right + col - left]!;
      });

    it.each([
      ['main_c1.clamp10', 10, 0.6814737958543035],
      ['all_all.clamp10', 10, 0.785360375865816],
      ['all_all.clamp3', 3, 0.2862125516095786],
    ])('FAPE, %s', async (tag, clamp, expected) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'g_losses');
      const { mask, frames, predicted } = values(numbers) as Record<'mask' | 'frames' | 'predicted', Float32Array>;
      const main = tag.startsWith('main');
      // Main frames are the first of five; C1' is the second of 23 atoms.
      const frameRows = (of: Float32Array): Float32Array =>
        main ? of.filter((_, at) => Math.floor(at / 12) % 5 === 0) : of;
      const pointRows = (of: Float32Array, width: number): Float32Array =>
        main ? of.filter((_, at) => Math.floor(at / width) % 23 === 1) : of;
      const pointMask = pointRows(mask, 1);
      const goalFrames = frameRows(frames);
      const goal = {
        frames: device.tensor(goalFrames),
        points: device.tensor(pointRows(numbers.values('truth.true'), 3)),
        frameMask: device.full([goalFrames.length / 12], 1),
        pointMask: device.tensor(pointMask),
        framesCounted: goalFrames.length / 12,
        pointsCounted: pointMask.reduce((sum, value) => sum + value, 0),
      };
      const moved = device.tensor(frameRows(predicted), [goalFrames.length / 12, 12]).train();
      const points = device.tensor(pointRows(numbers.values('truth.pred'), 3), [pointMask.length, 3]).train();
      const loss = backward(device, () => fape(moved, points, goal, { clamp }));
      expect(Math.abs((await loss.item()) - expected)).toBeLessThan(1e-5);
      const dframes = await moved.gradient!.read();
      numbers.expectClose(
        `fape.${tag}.grad.rot`,
        dframes.filter((_, at) => at % 12 < 9),
      );
      numbers.expectClose(
        `fape.${tag}.grad.trans`,
        dframes.filter((_, at) => at % 12 >= 9),
      );
      numbers.expectClose(`fape.${tag}.grad.points`, await points.gradient!.read());
      const { frames: a, points: b, frameMask, pointMask: c } = goal;
      [loss, moved, points, a, b, frameMask, c].forEach((tensor) => {
        tensor.dispose();
      });
    });

    it('torsions', async () => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'g_losses');
      const x = numbers.tensor('torsion.in.unnormalized', [3, 12, 6, 2]).train();
      const four = numbers.values('torsion.in.mask');
      const goal = {
        torsions: numbers.values('truth.true_torsions_cos_sin'),
        torsionMask: Float32Array.from({ length: 72 }, (_, at) =>
          at % 6 < 2 ? 1 : four[Math.floor(at / 6) * 4 + (at % 6) - 2]!,
        ),
        torsionSlots: [2, 3, 4, 5],
      };
      const loss = backward(device, () => torsionLosses([x], goal, 0.5, 0.01));
      // Three iterations in one tensor count as one here, but for the epsilon of the mean.
      expect(Math.abs((await loss.item()) / 3 - 1.012742023679812)).toBeLessThan(1e-5);
      numbers.expectClose(
        'torsion.grad.unnormalized',
        (await x.gradient!.read()).map((value) => value / 3),
      );
      [loss, x].forEach((tensor) => {
        tensor.dispose();
      });
    });

    it('distogram, plDDT and secondary structure', async () => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'g_losses');
      const byChannel = numbers.values('distogram.in.logits');
      const distogram = device
        .tensor(
          byChannel.map((_, at) => byChannel[(at % 40) * 144 + Math.floor(at / 40)]!),
          [12, 12, 40],
        )
        .train();
      const valid = numbers.values('distogram.in.mask');
      const labels = Int32Array.from(numbers.values('distogram.in.labels'), (label, at) =>
        valid[at]! > 0 ? label : -1,
      );
      const bins = numbers.tensor('plddt.in.logits', [12, 50]).train();
      const coordinates = numbers.tensor('truth.pred');
      const goal = { coordinates: numbers.values('truth.true'), atomMask: numbers.values('truth.mask') };
      const pairs = numbers.tensor('ss.in.logits', [12, 12]).train();
      const terms = new Map<string, Tensor>();
      backward(device, () => {
        terms.set('distogram', distogramLoss([distogram], [labels])!);
        terms.set('plddt', confidenceLoss(bins, coordinates, goal)!);
        terms.set('ss', binaryCrossEntropy(pairs, numbers.values('ss.in.target'), 5));
        const total = [...terms.values()].reduce((sum, term) => add(sum, term));
        terms.forEach((term, name) => terms.set(name, term.alias().keep()));
        return total;
      }).dispose();
      const expected = { distogram: 4.083545097109469, plddt: 4.203998248919967, ss: 0.8940150935005513 };
      for (const [name, value] of Object.entries(expected))
        expect(Math.abs((await terms.get(name)!.item()) - value), name).toBeLessThan(1e-5);
      const ddistogram = await distogram.gradient!.read();
      numbers.expectClose(
        'distogram.grad.logits',
        byChannel.map((_, at) => ddistogram[(at % 144) * 40 + Math.floor(at / 144)]!),
      );
      numbers.expectClose('plddt.grad.logits', await bins.gradient!.read());
      numbers.expectClose('ss.grad.logits', await pairs.gradient!.read());
      [distogram, bins, coordinates, pairs, ...terms.values()].forEach((tensor) => {
        tensor.dispose();
      });
    });
  });
}
