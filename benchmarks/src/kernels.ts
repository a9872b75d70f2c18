/** The kernel suite: every check's benchmark calls on this machine's adapter. */
import { RandomStream, type Variant } from '@rna/kernels';
import { checks, type Call, type KernelCheck } from '@rna/kernels/checks';
import type { Device } from '@rna/tensor';
import { runCall, uploadCall } from '@rna/tensor/checks';
import { summarize, type Row } from './rows.ts';

const REPEATS = 7;
const LEAST_MS = 20;

/** Milliseconds of one run, measured over enough runs in one submission to be told from the wait. */
async function sample(device: Device, check: KernelCheck, call: Call, buffers: ReturnType<typeof uploadCall>, runs: number): Promise<number> {
  const begin = performance.now();
  device.scope(() => {
    for (let i = 0; i < runs; i++) {
      const results = runCall(device, check, call, buffers);
      for (const name of Object.keys(call.outputs)) results[name]!.dispose();
    }
  });
  await device.idle();
  return (performance.now() - begin) / runs;
}

const describeCall = ({ uniforms, variant }: Call): string => [
  ...Object.entries(uniforms).filter(([name]) => !/^(key\d|threshold|scale|eps|count)$/.test(name)).map(([name, value]) => `${name}=${value}`),
  ...Object.entries(variant ?? {}).filter(([name, value]) => value !== false && name !== 'headDim').map(([name, value]) => `${name}=${String(value)}`),
].join(' ');

/** Times every kernel whose name matches; `report` hears of each row as it is done. */
export async function benchmarkKernels(device: Device, filter: RegExp, report: (row: Row) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const check of checks) {
    if (!filter.test(check.kernel.name)) continue;
    for (const call of (check.benchmark ?? check.calls)(new RandomStream(7))) {
      const buffers = uploadCall(device, call);
      const once = await sample(device, check, call, buffers, 1).then(() => sample(device, check, call, buffers, 1));
      const runs = Math.max(1, Math.ceil(LEAST_MS / once));
      const times: number[] = [];
      for (let i = 0; i < REPEATS; i++) times.push(await sample(device, check, call, buffers, runs));
      for (const tensor of Object.values(buffers)) tensor.dispose();
      const variant: Variant = device.variant(check.kernel, call.variant);
      const row = summarize('kernels', `${check.kernel.name} ${describeCall(call)}`.trim(), 'rna', times, check.work(call), variant);
      rows.push(row);
      report(row);
    }
  }
  return rows;
}
