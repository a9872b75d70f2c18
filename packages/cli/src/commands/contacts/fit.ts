/**
 * The work of `rna contacts fit`: attention maps of a few RNAs, which the host
 * holds within a stated memory, and a logistic regression from them to base
 * pairs. The encoder is not trained.
 */
import { setImmediate } from 'node:timers/promises';
import { RandomStream } from '@rna/kernels';
import {
  contactFeatureBytes,
  contactFeatures,
  contactLabels,
  fitContacts,
  type ContactRegression,
  type Encoder,
  type EncoderConfig,
  type Precision,
} from '@rna/model';
import { type Structure } from '@rna/structure';
import { megabytes } from '@rna/tensor';
import { CommandError } from '../../commandLine/errors.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { withEncoder, withModel } from '../../models/loadModel.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { counted, formatCount } from '@rna/figures';
import { interruptible, note } from '../../commandLine/terminal.ts';
import { withDigest, writeContacts } from './file.ts';
import { eachRna, readRnas, truePairs, type RnaOptions } from './rnas.ts';

export interface ContactsFitOptions extends RnaOptions, Precision {
  readonly model: string;
  readonly out: string;
  readonly maxRnas: number;
  readonly separation: number;
  readonly penalty: number;
  readonly seed: number;
  /** For the attention maps, in MiB. */
  readonly memory: number;
  readonly config?: string;
}

/** Throws an InputError, CheckpointError or CommandError before any work. */
export async function contactsFit(options: ContactsFitOptions): Promise<void> {
  const { out, separation, penalty, seed, model: name } = options;
  await checkOutputFile(out);
  const rnas = draw(await readRnas(options, separation), options);
  await interruptible((signal) =>
    withModel(name, options, async (opened) => {
      checkLengths(opened.config, rnas);
      checkMemory(rnas, opened.config, options);
      const { model, digest } = withDigest(opened);
      const regression = await withEncoder(
        model,
        (encoder) => fitTo(encoder, rnas, ({ file }) => file, { separation, penalty, signal }),
        options,
      );
      await writeContacts(out, { model: { name, digest: digest() }, regression, separation, penalty, seed, rnas });
      note(
        `${out} is written: ${keptMaps(regression)} maps have a weight, after ${counted(regression.iterations, 'step')}`,
      );
    }),
  );
}

/** `--max-rnas` of the RNAs, in their order. */
function draw<R>(rnas: readonly R[], { maxRnas, seed }: ContactsFitOptions): R[] {
  if (rnas.length <= maxRnas) return [...rnas];
  note(`${formatCount(maxRnas)} of ${counted(rnas.length, 'RNA')} are drawn (--max-rnas, --seed)`);
  return new RandomStream(seed)
    .shuffle([...rnas.keys()])
    .slice(0, maxRnas)
    .sort((a, b) => a - b)
    .map((index) => rnas[index]!);
}

function checkMemory(
  rnas: readonly Structure[],
  config: EncoderConfig,
  { separation, memory }: ContactsFitOptions,
): void {
  const lengths = rnas.map(({ sequence }) => sequence.length);
  const bytes = contactFeatureBytes(lengths, config, separation);
  if (bytes > memory * 2 ** 20) {
    throw new CommandError(
      `the ${config.layers * config.heads} attention maps of ${counted(rnas.length, 'RNA')} of up to ${Math.max(...lengths)} nucleotides take ${megabytes(bytes)}, more than the ${memory} MiB of --memory; take shorter RNAs (--max-length), fewer (--max-rnas), or more memory`,
    );
  }
}

export interface FitSettings {
  readonly separation: number;
  readonly penalty: number;
  readonly signal: AbortSignal;
}

/** The regression on the maps of an encoder; `source` names the file of an RNA. */
export async function fitTo<R extends Structure & { readonly line?: number }>(
  encoder: Encoder,
  rnas: readonly R[],
  source: (rna: R) => string,
  { separation, penalty, signal }: FitSettings,
): Promise<ContactRegression> {
  const samples = await eachRna('attention maps', rnas, source, signal, async (rna) => {
    const columns = await contactFeatures(encoder, rna.sequence, separation);
    if (!columns.every(isFiniteArray)) throw await overflow(encoder, source(rna), rna);
    return { columns, labels: contactLabels(rna.partners, separation) };
  });
  const contacts = rnas.reduce((sum, { partners }) => sum + truePairs(partners, separation), 0);
  note(
    `fitting ${counted(samples[0]!.columns.length, 'map')} to ${counted(
      samples.reduce((sum, { labels }) => sum + labels.length, 0),
      'pair',
    )}, of which ${formatCount(contacts)} are contacts`,
  );
  const regression = await fitContacts(encoder, samples, {
    penalty,
    onStep: async () => {
      // A step computes without a pause; a signal is heard between two.
      await setImmediate();
      signal.throwIfAborted();
    },
  });
  if (regression.weights.every((weight) => weight === 0))
    note('no map is worth its penalty: every pair is equally probable, and what is scored is chance');
  return regression;
}

/** `12 of 40`. */
export const keptMaps = ({ weights }: ContactRegression): string =>
  `${weights.filter((weight) => weight !== 0).length} of ${weights.length}`;
