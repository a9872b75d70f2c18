/** Check of `stepGuard`. What it comes to over many steps is tested with the optimiser. */
import { floats, uniform, type Call, type KernelCheck } from './check.ts';
import { REPORT } from './gradientNorm.ts';
import { SCALED_REPORT } from './lossScale.ts';
import type { RandomStream } from './random.ts';
import { GUARD, GUARD_SIZE, GUARD_WINDOW, REASON, stepGuard } from './stepGuard.ts';

interface Step {
  readonly loss?: number;
  readonly norm?: number;
  readonly applied?: number;
  readonly filled?: number;
  readonly next?: number;
  readonly inRow?: number;
  readonly scale?: number;
  readonly ties?: boolean;
}

const SIZE = Math.max(...Object.values(SCALED_REPORT)) + 1;

function call(
  random: RandomStream,
  { loss = 1, norm = 1, applied = 1, filled = GUARD_WINDOW, next = 5, inRow = 0, scale, ties = false }: Step,
): Call {
  const report = new Float64Array(SIZE);
  report.set([loss, norm, 0.5, applied]);
  report[SCALED_REPORT.scale] = scale ?? 0;
  const guard = new Float64Array(GUARD_SIZE);
  guard.set([filled, next, 7, inRow]);
  for (let i = GUARD.norms; i < GUARD_SIZE; i++) guard[i] = ties ? 1 + random.below(3) : 1 + random.uniform();
  return {
    inputs: { report, guard: guard.map(Math.fround) },
    outputs: {},
    uniforms: { factor: 3 },
    variant: { scaled: scale !== undefined },
  };
}

const median = (values: Float64Array): number => values.slice().sort()[values.length / 2]!;

export const stepGuardCheck: KernelCheck = {
  kernel: stepGuard,
  calls: (random) => [
    call(random, {}),
    call(random, { norm: 7, inRow: 2 }),
    call(random, { loss: 7, next: GUARD_WINDOW - 1 }),
    call(random, { norm: 7, filled: 63 }),
    call(random, { ties: true, inRow: 3 }),
    call(random, { norm: 40, ties: true }),
    call(random, { norm: 0, applied: 0, inRow: 4 }),
    call(random, { applied: 0, scale: 8 }),
    call(random, { applied: 0, scale: 1 }),
    call(random, { norm: 9, scale: 8 }),
  ],
  reference: (each) => {
    const [report, guard] = [floats(each, 'report').slice(), floats(each, 'guard').slice()];
    const [norm, loss] = [GUARD.norms, GUARD.losses].map((first) =>
      median(guard.slice(first, first + GUARD_WINDOW)),
    ) as [number, number];
    const factor = uniform(each, 'factor');
    const finite = report[REPORT.applied] === 1;
    const full = guard[GUARD.filled] === GUARD_WINDOW;
    const spike = finite && full && (report[REPORT.norm]! > factor * norm || report[REPORT.loss]! > factor * loss);
    const overflow = !finite && report[SCALED_REPORT.scale]! > 1;
    if (finite) {
      const next = guard[GUARD.next]!;
      guard[GUARD.norms + next] = report[REPORT.norm]!;
      guard[GUARD.losses + next] = report[REPORT.loss]!;
      guard[GUARD.next] = (next + 1) % GUARD_WINDOW;
      guard[GUARD.filled] = Math.min(GUARD_WINDOW, guard[GUARD.filled]! + 1);
    }
    const refused = spike || (!finite && !overflow);
    guard[GUARD.refused]! += refused ? 1 : 0;
    if (!overflow) guard[GUARD.inRow] = refused ? guard[GUARD.inRow]! + 1 : 0;
    report[REPORT.applied] = finite && !spike ? 1 : 0;
    report[REPORT.reason] = overflow
      ? REASON.overflow
      : spike
        ? REASON.spike
        : finite
          ? REASON.taken
          : REASON.notFinite;
    report[REPORT.refused] = guard[GUARD.refused]!;
    report[REPORT.inRow] = guard[GUARD.inRow]!;
    report[REPORT.usualNorm] = full ? norm : 0;
    return { report, guard };
  },
  work: () => ({ flops: 2 * GUARD_WINDOW ** 2, bytes: 8 * GUARD_SIZE }),
  tolerance: 1e-6,
};
