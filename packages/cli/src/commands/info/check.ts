/**
 * The work of `rna info --check`: known answers on this adapter. A small call of each kernel is held against its
 * reference in doubles, and the built-in model against what its package keeps, which was worked out in doubles too. It
 * uses what every command uses: this device, the variants chosen for it, the answers of `rna tune`.
 */
import { readFile } from 'node:fs/promises';
import { builtinFiles } from '@rna/builtin';
import { halfNames, RandomStream } from '@rna/kernels';
import { checks, type Call, type KernelCheck } from '@rna/kernels/checks';
import {
  memorySource,
  openTensorFile,
  packTokens,
  predictsPairs,
  readFloat32,
  type Encoder,
  type TensorFile,
} from '@rna/model';
import { tokenize } from '@rna/structure';
import type { Device } from '@rna/tensor';
import { callErrors } from '@rna/tensor/checks';
import { pairPredictor } from '@rna/train';
import { CommandError } from '../../commandLine/errors.ts';
import { interruptible, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { withPriors } from '../../folding/priors.ts';
import { BUILTIN, readCard, weightsDigest } from '../../models/builtin.ts';
import { withEncoder, withModel } from '../../models/loadModel.ts';

/**
 * Largest difference from doubles that is allowed of the built-in model, of a value of its representation and of a
 * probability. f32 gives 2e-6 on software drivers; a wrong kernel, variant or weight gives 0.01 and more.
 */
const TOLERANCE = { embedding: 1e-4, probabilities: 1e-4 };
/** Outputs that a kernel's call must have to be worth a check: the smallest calls are of one number. */
const LEAST_OUTPUTS = 64;

interface Checked {
  readonly what: string;
  /** Largest difference, of a kernel relative to max(1, the largest expected value); null where a value is not finite. */
  readonly error: number | null;
  readonly allowed: number;
  readonly agrees: boolean;
}

const checked = (what: string, error: number, allowed: number): Checked => ({
  what,
  error: Number.isFinite(error) ? error : null,
  allowed,
  agrees: error <= allowed,
});

/** Throws a CommandError, after the result is written, where something does not agree. */
export async function check({ json = false }: { readonly json?: boolean }): Promise<void> {
  const [card, found] = [await readCard(), await weightsDigest()];
  const digest = found.sha256 === card.sha256;
  const { adapter, kernels, model } = await interruptible((signal) =>
    withModel(BUILTIN, {}, async (opened) => {
      const { task } = opened;
      if (!predictsPairs(task)) throw new CommandError('the built-in model predicts no base pairs; install it again');
      return withPriors(task, {}, (priors) =>
        withEncoder(opened, async (encoder) => {
          const predict = pairPredictor({ encoder, task, parameters: encoder.parameters, ...(priors && { priors }) });
          return {
            adapter: encoder.device.traits.description,
            kernels: await checkKernels(encoder.device, signal),
            model: await checkModel(encoder, predict, signal),
          };
        }),
      );
    }),
  );
  const wrong = [...kernels, ...model].filter(({ agrees }) => !agrees);
  const result = { adapter, agrees: digest && wrong.length === 0, digest, kernels, model };
  await writeResult(json ? `${JSON.stringify(result, null, 2)}\n` : asText(result));
  if (!digest)
    throw new CommandError(
      `the weights of the built-in model have the digest ${found.sha256}, their card says ${card.sha256}; install the package again`,
    );
  if (wrong.length > 0)
    throw new CommandError(
      `${wrong.length} of ${kernels.length + model.length} answers are wrong on this adapter: use another driver, or RNA_TUNING=off where rna tune chose the variants`,
    );
}

async function checkKernels(device: Device, signal: AbortSignal): Promise<Checked[]> {
  const results: Checked[] = [];
  const bar = progressBar('kernels', checks.length, 'kernels');
  try {
    for (const each of checks) {
      signal.throwIfAborted();
      const call = smallestCall(each);
      const errors = Object.values(await callErrors(device, each, call));
      results.push(checked(each.kernel.name, errors.includes(NaN) ? NaN : Math.max(...errors), each.tolerance));
      bar.update(results.length);
    }
  } finally {
    bar.stop();
  }
  return results;
}

/** The least work among the calls in full precision that say something; the most where there is none. */
function smallestCall({ calls, work, reference }: KernelCheck): Call {
  const size = (call: Call): number => work(call).flops + work(call).bytes;
  const full = calls(new RandomStream(1))
    .filter(({ variant = {} }) => halfNames(variant).length === 0)
    .sort((a, b) => size(a) - size(b));
  const outputs = (call: Call): number => Object.values(reference(call)).reduce((sum, { length }) => sum + length, 0);
  return full.find((call) => outputs(call) >= LEAST_OUTPUTS) ?? full.at(-1)!;
}

async function checkModel(
  encoder: Encoder,
  predict: (sequence: string) => Promise<Float32Array>,
  signal: AbortSignal,
): Promise<Checked[]> {
  const file = await openTensorFile(memorySource('expected.safetensors', await readFile(builtinFiles.expected)));
  const results: Checked[] = [];
  for (const [name, sequence] of file.metadata) {
    signal.throwIfAborted();
    const rows = encoder.forward(packTokens([tokenize(sequence)]));
    const values = { embedding: await rows.read(), probabilities: await predict(sequence) };
    rows.dispose();
    for (const kind of ['embedding', 'probabilities'] as const)
      results.push(
        checked(`${name}, ${kind}`, difference(values[kind], await expected(file, `${name}.${kind}`)), TOLERANCE[kind]),
      );
  }
  return results;
}

function expected({ tensors }: TensorFile, name: string): Promise<Float32Array> {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new CommandError(`expected.safetensors has no ${name}; install @rna/builtin again`);
  return readFloat32(tensor);
}

/** The largest difference; NaN where there are not as many values, or one is none. */
function difference(actual: ArrayLike<number>, wanted: Float32Array): number {
  if (actual.length !== wanted.length) return NaN;
  return wanted.reduce((worst, value, i) => {
    const distance = Math.abs(value - actual[i]!);
    return distance <= worst ? worst : distance;
  }, 0);
}

function asText({
  adapter,
  digest,
  kernels,
  model,
}: {
  readonly adapter: string;
  readonly digest: boolean;
  readonly kernels: readonly Checked[];
  readonly model: readonly Checked[];
}): string {
  const number = (value: number | null): string => (value === null ? 'not finite' : value.toExponential(1));
  const line = ({ what, error, allowed, agrees }: Checked): string =>
    `  ${what.padEnd(26)}  ${number(error)}, allowed ${number(allowed)}${agrees ? '' : '  WRONG'}\n`;
  const share = ({ error, allowed }: Checked): number => (error ?? Infinity) / allowed;
  const agreeing = kernels.filter(({ agrees }) => agrees);
  const nearest = agreeing.reduce<Checked | undefined>(
    (most, each) => (most === undefined || share(each) > share(most) ? each : most),
    undefined,
  );
  return [
    `${adapter}\n`,
    `kernels: ${agreeing.length} of ${kernels.length} agree with their references in doubles`,
    nearest === undefined ? '\n' : `; the nearest to its limit is\n${line(nearest)}`,
    ...kernels.filter(({ agrees }) => !agrees).map(line),
    `built-in model: the digest of its weights is ${digest ? "the card's" : 'WRONG'}; largest differences from doubles\n`,
    ...model.map(line),
  ].join('');
}
