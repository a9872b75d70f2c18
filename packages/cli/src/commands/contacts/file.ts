/**
 * The file of `rna contacts`: a regression on attention maps as JSON, with the
 * model that it belongs to and the RNAs that it was fitted to, so that another
 * model is refused, the RNAs are not scored again, and the fit can be repeated.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dotBracket, parseDotBracket, type Structure } from '@rna/structure';
import { encoderParameters, isEncoder, type ContactRegression, type OpenedModel } from '@rna/model';
import { z } from 'zod';
import { CommandError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';

const wholeNumber = z.int().nonnegative();

const rna = z
  .strictObject({ id: z.string(), sequence: z.string().min(1), structure: z.string() })
  .refine(
    ({ sequence, structure }) => sequence.length === structure.length,
    'the structure is not as long as the sequence',
  );

const schema = z
  .strictObject({
    format: z.literal('rna contacts'),
    version: z.literal(1),
    /** Which attention maps the weights are for. */
    model: z.strictObject({
      name: z.string(),
      digest: z.string().regex(/^[0-9a-f]{64}$/),
      layers: wholeNumber.positive(),
      heads: wholeNumber.positive(),
    }),
    /** Least |i − j| of the pairs that were fitted to. */
    separation: wholeNumber.positive(),
    /** Weight of Σ|β| against the summed log-likelihood: 1 / C of scikit-learn. */
    penalty: z.number().positive(),
    /** The largest violation of an optimality condition, as a part of the penalty. */
    violation: z.number().nonnegative(),
    iterations: wholeNumber,
    intercept: z.number(),
    /** [layers][heads] */
    weights: z.array(z.array(z.number())),
    /** What the RNAs were drawn with. */
    seed: wholeNumber,
    rnas: z.array(rna).min(1),
  })
  .refine(
    ({ weights, model: { layers, heads } }) =>
      weights.length === layers && weights.every((row) => row.length === heads),
    { path: ['weights'], message: 'not a row for each layer with a number for each head' },
  );

type Contents = z.infer<typeof schema>;

export interface FittedContacts extends Pick<Contents, 'separation' | 'penalty' | 'seed'> {
  readonly model: { readonly name: string; readonly digest: string };
  readonly regression: ContactRegression;
  /** Those that it was fitted to. */
  readonly rnas: readonly Structure[];
}

export async function writeContacts(
  path: string,
  { model, regression, separation, penalty, seed, rnas }: FittedContacts,
): Promise<void> {
  const { layers, heads, intercept, violation, iterations } = regression;
  const contents: Contents = {
    format: 'rna contacts',
    version: 1,
    model: { ...model, layers, heads },
    separation,
    penalty,
    violation,
    iterations,
    intercept,
    weights: Array.from({ length: layers }, (_, layer) => [
      ...regression.weights.subarray(layer * heads, (layer + 1) * heads),
    ]),
    seed,
    rnas: rnas.map(({ id, sequence, partners }) => ({ id, sequence, structure: dotBracket(partners) })),
  };
  await writeAtomically(path, (sink) => sink.write(new TextEncoder().encode(`${JSON.stringify(contents, null, 1)}\n`)));
}

/** Throws a CommandError for a file that `writeContacts` did not write. */
export async function readContacts(path: string): Promise<FittedContacts> {
  const {
    model: { layers, heads, ...model },
    separation,
    penalty,
    violation,
    iterations,
    intercept,
    weights,
    seed,
    rnas,
  } = parse(await readFile(path, 'utf8'), path);
  return {
    model,
    separation,
    penalty,
    seed,
    regression: { layers, heads, intercept, violation, iterations, weights: Float64Array.from(weights.flat()) },
    rnas: rnas.map(({ id, sequence, structure }) => ({ id, sequence, partners: parseDotBracket(structure) })),
  };
}

function parse(text: string, path: string): Contents {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CommandError(`${path}: not JSON; give a file that rna contacts fit wrote`, { cause });
  }
  const result = schema.safeParse(value);
  if (!result.success)
    throw new CommandError(`${path}: not a file that rna contacts fit wrote:\n${z.prettifyError(result.error)}`);
  return result.data;
}

/** Throws a CommandError for a model of other sizes, which is seen before its weights are read. */
export function requireSizes(
  { regression: { layers, heads }, model }: FittedContacts,
  path: string,
  { config }: OpenedModel,
  name: string,
): void {
  if (layers !== config.layers || heads !== config.heads) {
    throw otherModel(
      path,
      model.name,
      `${name}, which has ${config.layers} layers of ${config.heads} heads and not ${layers} of ${heads}`,
    );
  }
}

/** Throws a CommandError where the encoder that `digest` is of has other weights. */
export function requireDigest({ model }: FittedContacts, path: string, digest: string, name: string): void {
  if (digest !== model.digest) throw otherModel(path, model.name, `${name}, whose weights are others`);
}

const otherModel = (path: string, fitted: string, given: string): CommandError =>
  new CommandError(
    `${path} was fitted to the attention maps of ${fitted} and does not fit ${given}; make one for this model with rna contacts fit`,
  );

/**
 * A model whose encoder is hashed on the way to the device, so that its weights are read once; `digest` is for
 * afterwards.
 */
export function withDigest(model: OpenedModel): { readonly model: OpenedModel; readonly digest: () => string } {
  const hash = createHash('sha256').update(JSON.stringify(model.config));
  const encoder = encoderParameters(model.config);
  return {
    model: {
      ...model,
      async *parameters(maxBytes) {
        for await (const chunk of model.parameters(maxBytes)) {
          const { name, data } = chunk;
          // A language-model head may be missing, and sees no attention.
          if (encoder.has(name) && isEncoder(name))
            hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          yield chunk;
        }
      },
    },
    digest: () => hash.copy().digest('hex'),
  };
}
