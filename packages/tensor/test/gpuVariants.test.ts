/**
 * The variants that only GPUs run, on this machine's adapter, so that they are right before a card sees them. A small
 * tile runs the calls that cover a check's options, and what the table of GPUs says the largest of them: the texts differ
 * in how often a line stands in them, and lavapipe compiles large tiles for seconds. With `RNA_MATRIX=full` everything
 * runs everything.
 */
import {
  attentionTiles,
  entryCounts,
  halfNames,
  kernelVersion,
  pipelineKey,
  RandomStream,
  tableEntries,
  type AdapterTraits,
  type Kernel,
  type Variant,
} from '@rna/kernels';
import { checks, type Call } from '@rna/kernels/checks';
import { afterAll, describe, expect, it } from 'vitest';
import { verifyCall } from '../src/checks.ts';
import { openDevice } from '../src/node/index.ts';
import { coveringCalls } from './covering.ts';
import { fullMatrix } from './softwareDrivers.ts';

const device = await openDevice({ poison: true });
afterAll(() => {
  device.destroy();
});

const { traits } = device;
const card: AdapterTraits = { ...traits, class: 'gpu' };
const smallTile: Variant = { algorithm: 'tiled', side: 8, rows: 4, vectors: 1 };
const smallAttention: Variant = attentionTiles(card, 32);

/** Calls of attention in a small tile: heads of another dimension are another text, which lavapipe compiles for 10 s. */
const SAMPLE = 2;

describe.each([
  ['matmul', smallTile],
  ['conv2d', smallTile],
  ['conv2dBackwardWeight', smallTile],
  ['attention', smallAttention],
  ['attentionBackwardQuery', smallAttention],
  ['attentionBackwardKey', smallAttention],
])('%s', (name, small) => {
  const check = checks.find(({ kernel }) => kernel.name === name)!;
  const kernel = check.kernel as unknown as Kernel;
  const calls = coveringCalls(
    check,
    check.calls(new RandomStream(1, 2)).filter(({ variant = {} }) => traits.f16 || halfNames(variant).length === 0),
  );
  const run = async (some: readonly Call[], tuning: (call: Call) => Variant): Promise<void> => {
    for (const call of some) expect(await verifyCall(device, check, call, tuning(call))).toEqual([]);
  };

  // Which ones follows from the kernel's text, so that a change of it draws others.
  const sample = (): readonly Call[] =>
    new RandomStream(parseInt(kernelVersion(kernel, card), 16)).shuffle([...calls.keys()]).map((i) => calls[i]!);
  const few = small === smallAttention && !fullMatrix ? sample().slice(0, SAMPLE) : calls;

  it('is right in a small tile', () => run(few, () => small));

  it('is right in the largest tile of the table', async () => {
    const large = tableEntries(name, card)
      .filter((entry) => entryCounts(entry, {}))
      .map(({ variant }) => variant);
    const work = (call: Call): number => check.work(call).flops;
    const most = [...calls].sort((a, b) => work(b) - work(a));
    await run(fullMatrix ? most : most.slice(0, 1), () => Object.assign({}, ...large) as Variant);
  });

  it.runIf(fullMatrix)('is right in its whole space', async () => {
    const own = new Set((kernel.tuning!.space(traits) as Variant[]).map((setting) => pipelineKey(kernel, setting)));
    for (const setting of kernel.tuning!.space(card) as Variant[])
      if (!own.has(pipelineKey(kernel, setting))) await run(calls, () => setting);
  });
});
