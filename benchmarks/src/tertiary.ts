/**
 * The suite `tertiary`: one cycle of the tertiary-structure module at RhoFold's published sizes, and its parts: the
 * trunk, the structure module with the full atoms, the heads over pairs; and RefineNet, which follows the last cycle.
 * Parameters are constants, which no figure depends on. A row is one sequence.
 */
import {
  confidence,
  distograms,
  embed,
  fullAtoms,
  pairLogitsOf,
  refineNet,
  structureModule,
  TERTIARY_PRESETS,
  tertiaryFlops,
  tertiaryParameters,
  tertiaryTokens,
  trunk,
  weightsOf,
  type TertiarySizes,
} from '@rna/model';
import { MemoryBudgetError, type Device } from '@rna/tensor';
import { shareOfCeiling, type Ceilings } from './ceilings.ts';
import type { Report } from './report.ts';
import { makeRow } from './rows.ts';
import { measure, sampleOf } from './timing.ts';

export interface TertiaryOptions {
  readonly device: Device;
  readonly ceilings: Ceilings;
  readonly filter: RegExp;
  /** Longest run that is timed, in milliseconds. */
  readonly limitMs: number;
  readonly report: Report;
}

const LENGTHS = [64, 128, 256];
const SIZES: TertiarySizes = TERTIARY_PRESETS.published;
// Runs of seconds are timed a few times only.
const SAMPLES = 3;

/** Times every case whose name matches: a part and a length each. */
export async function benchmarkTertiary(options: TertiaryOptions): Promise<void> {
  const { device } = options;
  const parameters = new Map(
    [...tertiaryParameters(SIZES)].map(([name, shape]) => [name, device.full(shape, 0.01).keep()]),
  );
  try {
    for (const length of LENGTHS) await benchmarkLength(length, weightsOf(parameters), options);
  } finally {
    parameters.forEach((tensor) => {
      tensor.dispose();
    });
    device.memory.trim();
  }
}

async function benchmarkLength(
  length: number,
  p: ReturnType<typeof weightsOf>,
  { device, ceilings, filter, limitMs, report }: TertiaryOptions,
): Promise<void> {
  const tokens = tertiaryTokens('ACGU'.repeat(length / 4));
  const lm = device.full([length, SIZES.lmDim], 0.1).keep();
  const single = device.full([length, SIZES.singleDim], 0.1).keep();
  const pair = device.full([length, length, SIZES.pairDim], 0.1).keep();
  const atoms = device.full([length, 23, 3], 0.1).keep();
  const flops = tertiaryFlops(SIZES, length);
  const parts = {
    trunk: {
      flops: flops.trunk,
      run: () => {
        trunk(p, SIZES, embed(p, SIZES, tokens, lm));
      },
    },
    structure: { flops: flops.structure, run: () => structure(single) },
    heads: { flops: flops.heads, run: () => heads(pair) },
    refinement: {
      flops: flops.refinement,
      run: () => {
        refineNet(p, TERTIARY_PRESETS.published.refineNet, tokens, atoms);
      },
    },
    cycle: {
      flops: flops.trunk + flops.structure + flops.heads,
      run: () => {
        const out = trunk(p, SIZES, embed(p, SIZES, tokens, lm));
        structure(out.single, out.pair);
        heads(out.pair);
      },
    },
  };
  function structure(of: typeof single, pairs = pair): void {
    const { frames, torsions, state } = structureModule(p, SIZES, of, pairs).at(-1)!;
    fullAtoms(SIZES, tokens, frames, torsions);
    confidence(p, state);
  }
  function heads(pairs: typeof pair): void {
    distograms(p, pairs);
    pairLogitsOf(p, pairs);
  }
  for (const [part, { flops: work, run }] of Object.entries(parts)) {
    const name = `published ${part} ${length} nt`;
    if (!filter.test(name)) continue;
    const least = shareOfCeiling({ flops: work }, 1, ceilings);
    if (least > limitMs) {
      report.skip(
        name,
        'rna',
        `takes at least ${(least / 1000).toFixed(1)} s at the adapter's ceilings, more than the limit of ${limitMs / 1000} s a run (--limit)`,
      );
      continue;
    }
    report.progress(name);
    const sample = sampleOf(
      (runs) => {
        for (let i = 0; i < runs; i++)
          device.scope(() => {
            run();
          });
      },
      () => device.idle(),
    );
    try {
      const figures = await measure(sample, SAMPLES);
      report.row(
        makeRow(
          'tertiary',
          name,
          'rna',
          figures,
          { flops: work },
          {
            ofCeiling: shareOfCeiling({ flops: work }, figures.medianMs, ceilings),
            peakBytes: device.memory.use().peak,
          },
        ),
      );
    } catch (error) {
      if (!(error instanceof MemoryBudgetError)) throw error;
      report.skip(name, 'rna', error.message);
    }
  }
  [lm, single, pair, atoms].forEach((tensor) => {
    tensor.dispose();
  });
}
