/**
 * What the command line's tests share: model folders made of the model
 * package's fixtures, `rna` run in this process or as the program that a person
 * starts, and safetensors files read back.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memorySink, memorySource, openSafetensors, readFloat32, writeSafetensors } from '@rna/model';
import { onTestFinished, vi } from 'vitest';
import { main } from '../src/main.ts';

const models = fileURLToPath(new URL('../../model/test/fixtures/', import.meta.url));
const program = fileURLToPath(new URL('../bin/rna.js', import.meta.url));

export const modelFixture = (path: string): string => join(models, path);

/** A folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rna-cli-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** Writes a FASTA file of sequences `s0`, `s1`, …, or of the text given. */
export function fasta(folder: string, content: string | readonly string[], name = 'input.fasta'): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    typeof content === 'string'
      ? content
      : content.map((sequence, i) => `>s${i} made for a test\n${sequence}\n`).join(''),
  );
  return path;
}

/** The text of a fixture's `config.json` as the hub has it. */
export function configText(model: string): string {
  const fields = JSON.parse(readFileSync(modelFixture(`oracle/${model}/config.json`), 'utf8')) as {
    multimolecule_config?: unknown;
  };
  return JSON.stringify(fields.multimolecule_config ?? fields);
}

/** A model folder in the hub's layout, of a fixture's weights. */
export function modelFolder(
  folder: string,
  model: string,
  weights = model.startsWith('rinalmo') ? 'weights_official' : 'weights',
): string {
  const path = join(folder, `${model}-${weights}`);
  mkdirSync(path);
  writeFileSync(join(path, 'config.json'), configText(model));
  cpSync(modelFixture(`oracle/${model}/${weights}.safetensors`), join(path, 'model.safetensors'));
  return path;
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `rna …` in this process. */
export async function rna(...argv: string[]): Promise<Result> {
  const texts = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text: unknown, ...rest: unknown[]) => {
      texts[stream] += String(text);
      const done = rest.at(-1);
      if (typeof done === 'function') (done as () => void)();
      return true;
    }),
  );
  try {
    return { code: await main(argv), ...texts };
  } finally {
    spies.forEach((spy) => {
      spy.mockRestore();
    });
  }
}

export interface ProcessOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends a signal as soon as this holds. */
  readonly interruptWhen?: () => boolean;
  /** Default SIGINT. */
  readonly signal?: NodeJS.Signals;
  /** Closes the end of stderr that is read, before the signal, as a terminal that goes away. */
  readonly closeStderr?: boolean;
  /** Reads nothing of what it writes, as `head -0`. */
  readonly closeStdout?: boolean;
}

/** `rna …` as a process of its own. A signal that ends it is code -1. */
export function rnaProcess(
  argv: readonly string[],
  {
    stdin = '',
    env = {},
    interruptWhen,
    signal = 'SIGINT',
    closeStdout = false,
    closeStderr = false,
  }: ProcessOptions = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...argv], { env: { ...process.env, RNA_DEBUG: '', ...env } });
    const texts = { stdout: '', stderr: '' };
    if (closeStdout) child.stdout.destroy();
    child.stdout.on('data', (part: Buffer) => {
      texts.stdout += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      texts.stderr += part.toString();
    });
    const watch =
      interruptWhen &&
      setInterval(() => {
        if (!interruptWhen()) return;
        clearInterval(watch);
        if (closeStderr) child.stderr.destroy();
        child.kill(signal);
      }, 10);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code: code ?? -1, ...texts });
    });
    child.stdin.end(stdin);
  });
}

export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Every tensor of a safetensors file, as float32. */
export async function tensors(path: string): Promise<Map<string, Values>> {
  const file = await openSafetensors(memorySource(path, new Uint8Array(readFileSync(path))));
  const read = new Map<string, Values>();
  for (const [name, tensor] of file.tensors) {
    const bytes = await tensor.read(0, tensor.byteLength);
    const values =
      tensor.dtype === 'I32' ? Float32Array.from(new Int32Array(bytes.slice().buffer)) : await readFloat32(tensor);
    read.set(name, { shape: tensor.shape, values });
  }
  return read;
}

/** The largest absolute difference; Infinity where the lengths differ or a value is NaN. */
export function difference(actual: Float32Array | undefined, expected: ArrayLike<number>): number {
  if (actual?.length !== expected.length) return Infinity;
  return actual.reduce((worst, value, i) => {
    const distance = Math.abs(value - expected[i]!);
    return distance <= worst ? worst : Number.isNaN(distance) ? Infinity : distance;
  }, 0);
}

/** A fine-tuned model: the encoder of a fixture with its secondary-structure head, under the port's names. */
export async function structureModelFolder(folder: string, model: string, threshold?: number): Promise<string> {
  const path = modelFolder(folder, model, 'weights_multimolecule');
  const parts = [
    await tensors(join(path, 'model.safetensors')),
    await tensors(modelFixture(`oracle/${model}/ss_head_multimolecule_names.safetensors`)),
  ];
  const sink = memorySink();
  await writeSafetensors(
    sink,
    parts
      .flatMap((part) => [...part])
      .map(([name, { shape, values }]) => ({
        name,
        dtype: 'F32' as const,
        shape,
        data: () => Promise.resolve(values),
      })),
    new Map(threshold === undefined ? [] : [['threshold', String(threshold)]]),
  );
  writeFileSync(join(path, 'model.safetensors'), sink.bytes());
  return path;
}

/** Sets a tensor of a safetensors file to values near the largest of float32. */
export function enlarge(path: string, tensor: string | RegExp): void {
  const bytes = readFileSync(path);
  const header = Number(bytes.readBigUInt64LE(0));
  const entries = JSON.parse(bytes.toString('utf8', 8, 8 + header)) as Record<string, { data_offsets: number[] }>;
  const name = typeof tensor === 'string' ? tensor : Object.keys(entries).find((each) => tensor.test(each))!;
  const [begin, end] = entries[name]!.data_offsets as [number, number];
  for (let at = 8 + header + begin; at < 8 + header + end; at += 4) bytes.writeFloatLE(3e38, at);
  writeFileSync(path, bytes);
}
