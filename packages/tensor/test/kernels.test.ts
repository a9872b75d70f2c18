/** Every kernel against its reference in doubles, on this machine's adapter, in every variant that the adapter can run. */
import { RandomStream, type Variant } from '@rna/kernels';
import { checks } from '@rna/kernels/checks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callErrors } from '../src/checks.ts';
import type { Device } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';

let device: Device;
beforeAll(async () => { device = await openDevice({ poison: true }); });
afterAll(() => { device.destroy(); });

/** Tunings to try beside the adapter's own choice, by kernel. */
function tunings(kernel: string): Variant[] {
  const { subgroups, subgroupSize } = device.traits;
  if (['matmul', 'conv2d', 'conv2dBackwardWeight'].includes(kernel)) {
    const forms: Variant[] = [{ algorithm: 'register' }, { algorithm: 'register', rows: 3, vectors: 1 }, { algorithm: 'tiled' }];
    return subgroups && subgroupSize !== undefined ? [...forms, { algorithm: 'subgroup', lanes: subgroupSize, rows: 16, vectors: 1 }] : forms;
  }
  if (/^(layerNorm|rmsNorm)(Backward)?$/.test(kernel)) return [{ lanes: 1 }, { lanes: 64 }];
  if (kernel === 'attention' || kernel.startsWith('attentionBackward')) {
    return [{ loads: 'storage' }, { loads: 'workgroup' }, { loads: 'workgroup', threads: 32, ...UNROLLED }];
  }
  return [];
}

// The form for GPUs. Software drivers unroll it too and compile for minutes where the head dimension is large.
const UNROLLED = { unroll: true };
const LARGEST_UNROLLED = 6;

describe.each(checks.map((check) => [check.kernel.name, check] as const))('%s', (name, check) => {
  it('agrees with its reference and writes every element', async () => {
    const calls = check.calls(new RandomStream(1, 2));
    for (const tuning of [{}, ...tunings(name)]) {
      for (const call of calls) {
        if (tuning['unroll'] === true && call.uniforms['headDim']! > LARGEST_UNROLLED) continue;
        const what = JSON.stringify({ ...tuning, ...call.uniforms, ...call.variant });
        for (const [output, error] of Object.entries(await callErrors(device, check, call, tuning))) {
          expect(error, `${output} at ${what}`).toBeLessThanOrEqual(check.tolerance);
        }
      }
    }
  });
});
