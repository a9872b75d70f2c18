/**
 * Which variant a call runs in, and what is kept of the autotuner's answers:
 * the order of who decides, the record by adapter, kernel and class of sizes,
 * its text form and its check. Where the text lies (a file, a browser's
 * storage) is a `TuningStorage`; timing is in `autotune.ts`.
 *
 * Variants differ in the order in which they sum, so results of two variants
 * differ in their last bits. Who wants the same bits again opens the device with
 * the answers of the first time (`device.tuned`), or with none.
 */
import {
  entryCounts,
  isBounded,
  kernelVersion,
  shapeClass,
  tableEntries,
  tableVariant,
  withDerived,
  type AdapterTraits,
  type AnyKernel,
  type TableEntry,
  type Variant,
} from '@rna/kernels';
import { TuningError } from './errors.ts';

/** What was found for a class of calls. */
export interface TunedAnswer {
  /** Every field that was tuned. */
  readonly variant: Variant;
  /** Median milliseconds of a call, then and there, with the table's variant. */
  readonly tableMs: number;
  /** The same with this variant. */
  readonly ms: number;
}

export interface KernelAnswers {
  /** `kernelVersion` of the kernel that was timed; answers for another text are not used. */
  readonly version: string;
  /** By class of sizes. */
  readonly shapes: Readonly<Record<string, TunedAnswer>>;
}

/** By kernel. */
export type AdapterAnswers = Readonly<Record<string, KernelAnswers>>;

export interface TuningRecord {
  readonly format: 1;
  /** By `adapterKey`. */
  readonly adapters: Readonly<Record<string, AdapterAnswers>>;
}

/**
 * Where answers are kept. `load` gives undefined where nothing was kept, and rejects with a TuningError on what it
 * cannot read.
 */
export interface TuningStorage {
  load(): Promise<TuningRecord | undefined>;
  save(record: TuningRecord): Promise<void>;
}

export const NO_ANSWERS: TuningRecord = { format: 1, adapters: {} };

/** Names an adapter and its driver: timings of one say nothing of another. */
export function adapterKey({ info }: GPUAdapter): string {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = info;
  return `${[vendor, architecture, device, description].filter((part) => part !== '').join(' | ')} | subgroups of ${subgroupMinSize} to ${subgroupMaxSize}`;
}

export interface VariantSources {
  readonly traits: AdapterTraits;
  readonly tuned: AdapterAnswers;
  readonly pinned: Readonly<Record<string, Variant>>;
}

export type VariantChoice = (
  kernel: AnyKernel,
  options: Variant,
  uniforms?: Readonly<Record<string, number>>,
) => Variant;

/**
 * The choice of variants on a device, each source laid over those before: the kernel's default, the table of the
 * adapter's class, the autotuner's answer, what is pinned, what follows from the call's sizes, the call's options.
 * Without uniforms it is the variant of an ordinary call, and what depends on sizes is left out. Throws a TuningError where a pinned field
 * is none of the kernel's.
 */
export function variantChoice({ traits, tuned, pinned }: VariantSources): VariantChoice {
  const kernels = new Map<AnyKernel, KernelChoice>();
  return (kernel, options, uniforms) => {
    let choice = kernels.get(kernel);
    if (choice === undefined) {
      choice = kernelChoice(kernel, { traits, tuned, pinned });
      kernels.set(kernel, choice);
    }
    const { ordinary, base, bounded, answers, pin } = choice;
    if (uniforms === undefined) return { ...ordinary, ...options };
    const own = withDerived(kernel, options, uniforms);
    // Every call comes by here, and most kernels leave nothing to be chosen.
    if (bounded.length === 0 && answers === undefined) return { ...ordinary, ...own };
    const shape = answers === undefined ? undefined : shapeClass(kernel, uniforms, options);
    const table = bounded.map((entry) => (entryCounts(entry, uniforms, options) ? entry.variant : undefined));
    return Object.assign(
      {},
      base,
      ...table,
      shape === undefined ? undefined : answers?.[shape]?.variant,
      pin,
      own,
    ) as Variant;
  };
}

/** What there is to choose from for a kernel on an adapter. */
interface KernelChoice {
  /** The default and what the table says of every size. */
  readonly base: Variant;
  /** What the table says of some sizes alone. */
  readonly bounded: readonly TableEntry[];
  readonly answers: KernelAnswers['shapes'] | undefined;
  readonly pin: Variant | undefined;
  /** Base and pin: the variant where nothing depends on sizes. */
  readonly ordinary: Variant;
}

function kernelChoice(kernel: AnyKernel, { traits, tuned, pinned }: VariantSources): KernelChoice {
  const pin = pinned[kernel.name];
  requireFields(kernel, pin ?? {});
  const base = { ...kernel.variant, ...tableVariant(kernel.name, traits) };
  const answers = currentAnswers(kernel, traits, tuned);
  return {
    base,
    pin,
    ordinary: { ...base, ...pin },
    bounded: tableEntries(kernel.name, traits).filter(isBounded),
    answers: Object.keys(answers).length > 0 ? answers : undefined,
  };
}

/** The answers that hold for the kernel as it is now: none where its text was edited since. */
export function currentAnswers(
  kernel: AnyKernel,
  traits: AdapterTraits,
  tuned: AdapterAnswers,
): KernelAnswers['shapes'] {
  const kept = tuned[kernel.name];
  return kept !== undefined && kernel.tuning !== undefined && kept.version === kernelVersion(kernel, traits)
    ? kept.shapes
    : {};
}

function requireFields(kernel: AnyKernel, pinned: Variant): void {
  const fields = Object.keys(kernel.variant);
  const unknown = Object.keys(pinned).find((field) => !fields.includes(field));
  if (unknown !== undefined) {
    throw new TuningError(
      `pinned.${kernel.name}: '${unknown}' is no field of its variant; ${fields.length === 0 ? 'it has none' : `it has ${fields.join(', ')}`}`,
    );
  }
}

/**
 * A record with `answers` for an adapter added. Older answers of the same kernel version stay where they are of other
 * classes.
 */
export function addAnswers(record: TuningRecord, adapter: string, answers: AdapterAnswers): TuningRecord {
  const before = record.adapters[adapter] ?? {};
  const merged = Object.entries(answers).map(([kernel, { version, shapes }]): [string, KernelAnswers] => {
    const kept = before[kernel];
    return [kernel, { version, shapes: { ...(kept?.version === version ? kept.shapes : undefined), ...shapes } }];
  });
  return { ...record, adapters: { ...record.adapters, [adapter]: { ...before, ...Object.fromEntries(merged) } } };
}

/** Reads a record from its JSON. Throws a TuningError that names `source` and the place where it is no record. */
export function parseTuningRecord(text: string, source: string): TuningRecord {
  const fail = (problem: string): never => {
    throw new TuningError(`${source} holds no kernel timings that this version can read (${problem})`, source);
  };
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  const entries = (value: unknown, place: string): [string, unknown][] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value)
      : fail(`${place} is no object`);
  const field = (value: unknown, name: string, place: string): unknown =>
    Object.fromEntries(entries(value, place))[name];
  if (field(record, 'format', 'the whole') !== 1) return fail('format is not 1');
  for (const [adapter, kernels] of entries(field(record, 'adapters', 'the whole'), 'adapters')) {
    for (const [kernel, answers] of entries(kernels, adapter)) {
      if (typeof field(answers, 'version', kernel) !== 'string') fail(`${kernel}.version is no text`);
      for (const [shape, answer] of entries(field(answers, 'shapes', kernel), `${kernel}.shapes`)) {
        const place = `${kernel} ${shape}`;
        for (const name of ['ms', 'tableMs'])
          if (!Number.isFinite(field(answer, name, place))) fail(`${place}: ${name} is no number`);
        for (const [name, value] of entries(field(answer, 'variant', place), `${place}: variant`)) {
          if (!['string', 'number', 'boolean'].includes(typeof value))
            fail(`${place}: ${name} is neither text, number nor truth value`);
        }
      }
    }
  }
  return record as TuningRecord;
}
