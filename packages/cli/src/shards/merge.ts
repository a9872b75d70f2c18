/**
 * Shards joined to what one process would have written, byte for byte. Files are
 * read once, from front to back, and held against the digests of their manifests on
 * the way, so memory does not grow with them; what is joined appears by a rename.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { npyHeader, writeSafetensors, type ByteSink, type TensorEntry } from '@rna/model';
import * as z from 'zod';
import { CommandError, UsageError } from '../commandLine/errors.ts';
import { makeFolder, openFileSource, writeAtomically } from '../files/files.ts';
import { checkOutputFile, checkOutputFolder } from '../files/outputPaths.ts';
import { npyShape } from '../tables/vectorFile.ts';
import { digestOf, MANIFEST_FILE, type Kind } from './manifest.ts';
import { ranges, surveyShards, type DoneShard } from './survey.ts';

/** A file of a shard and what its manifest says of it. */
interface ShardFile {
  readonly path: string;
  /** The folder of its shard. */
  readonly shard: string;
  readonly kind: Kind;
  readonly bytes: number;
  readonly sha256: string;
}

const INDEX_ENDING = '.safetensors.index.json';

/**
 * Joins the shards of an output that is named by itself or by their folder, into `to` or else into that. Throws a
 * CommandError for shards that are missing, damaged or made in another way, before anything is written.
 */
export async function joinShards(
  name: string,
  to?: string,
): Promise<{ readonly written: readonly string[]; readonly shards: number; readonly records: number }> {
  const { folder, out, shards, done, missing, differing } = await surveyShards(name);
  const [first] = differing;
  if (first !== undefined)
    throw new CommandError(
      `${first.folder} does not belong to the other shards or is damaged: ${first.why}; remove it and run shard ${first.shard} again`,
    );
  if (missing.length > 0)
    throw new CommandError(`${folder}: ${missing.length} of ${shards} shards are missing: ${ranges(missing)}`);
  const written = await mergeShards(done, basename(out), to ?? out);
  return { written, shards, records: done.reduce((sum, { manifest }) => sum + manifest.records, 0) };
}

/**
 * Joins all shards of an output, in order, into `to` and what their command writes beside it, and gives the names of
 * the files. `name` is the file's name in each shard. A name that ends in .safetensors.index.json keeps the
 * shards as files beside an index.
 */
async function mergeShards(shards: readonly DoneShard[], name: string, to: string): Promise<readonly string[]> {
  if (isFolder(shards[0]!)) return mergeFolders(shards, name, to);
  await checkOutputFile(to);
  const files = shards[0]!.manifest.files.map(({ suffix, kind }) => ({
    kind,
    to: `${to}${suffix}`,
    parts: shards.map(({ folder, manifest }): ShardFile => {
      const own = manifest.files.find((each) => each.suffix === suffix && each.kind === kind);
      if (own === undefined || manifest.files.length !== shards[0]!.manifest.files.length)
        throw new CommandError(
          `${folder} does not have the files of ${shards[0]!.folder}; remove it and run its shard again`,
        );
      return { ...own, path: join(folder, `${name}${suffix}`), shard: folder };
    }),
  }));
  const written: string[] = [];
  // The file that was asked for comes last: where it is, all are.
  for (const { kind, to: path, parts } of files.toReversed()) written.unshift(...(await mergeFiles(kind, parts, path)));
  return written;
}

async function mergeFiles(kind: Kind, files: readonly ShardFile[], to: string): Promise<readonly string[]> {
  if (to.endsWith(INDEX_ENDING)) {
    if (kind !== 'safetensors') throw new UsageError(`${to}: only shards of safetensors have an index`);
    return writeIndex(files, to);
  }
  if (kind === 'file') throw new CommandError(`${files[0]!.path} is damaged: a file of its kind lies in a folder`);
  if (kind === 'parquet')
    throw new CommandError(
      `shards of Parquet are not joined: their readers take ${join(dirname(files[0]!.path), '..', '*', basename(files[0]!.path))} for one table`,
    );
  await writeAtomically(to, (sink) => JOIN[kind](files, sink));
  return [to];
}

const JOIN: Readonly<
  Record<Exclude<Kind, 'parquet' | 'file'>, (files: readonly ShardFile[], sink: ByteSink) => Promise<void>>
> = { lines: joinLines, table: joinTables, json: joinJson, npy: joinNpy, safetensors: joinSafetensors };

async function joinLines(files: readonly ShardFile[], sink: ByteSink): Promise<void> {
  for (const file of files) for await (const bytes of checkedBytes(file)) await sink.write(bytes);
}

/** The lines of all tables under the header of the first. */
async function joinTables(files: readonly ShardFile[], sink: ByteSink): Promise<void> {
  let header: string | undefined;
  for (const file of files) {
    const reader = byteReader(checkedBytes(file));
    const own = await reader.line();
    if (header === undefined) await sink.write(own);
    header ??= Buffer.from(own).toString('utf8');
    if (Buffer.from(own).toString('utf8') !== header)
      throw new CommandError(`${file.path} has other columns than ${files[0]!.path}; it is no shard of the same table`);
    for await (const bytes of reader.rest()) await sink.write(bytes);
  }
}

/** Behind the last row of a document of JSON with a row a line under its first line. */
const END_OF_JSON = Buffer.from('\n]}\n');

/** The rows of all documents under the first line of the first, which ends in `[`. */
async function joinJson(files: readonly ShardFile[], sink: ByteSink): Promise<void> {
  let first: string | undefined;
  for (const file of files) {
    const reader = byteReader(checkedBytes(file));
    const line = Buffer.from(await reader.line()).toString('utf8');
    if (first !== undefined && first !== line)
      throw new CommandError(
        `${file.path} begins otherwise than ${files[0]!.path}; it is no shard of the same document`,
      );
    await sink.write(Buffer.from(first === undefined ? line : ',\n'));
    first ??= line;
    // The end is held back until it is known to be that.
    let held: Uint8Array = new Uint8Array(0);
    for await (const bytes of reader.rest()) {
      const all = Buffer.concat([held, bytes]);
      held = all.subarray(Math.max(0, all.length - END_OF_JSON.length));
      await sink.write(all.subarray(0, all.length - held.length));
    }
    if (!END_OF_JSON.equals(held)) throw damaged(file);
  }
  await sink.write(END_OF_JSON);
}

async function joinNpy(files: readonly ShardFile[], sink: ByteSink): Promise<void> {
  const arrays: NonNullable<ReturnType<typeof npyShape>>[] = [];
  for (const file of files) {
    const source = await openFileSource(file.path);
    const array = npyShape(Buffer.from(await source.read(0, Math.min(source.size, NPY_HEADER_BYTES))));
    await source.close();
    if (array === undefined) throw damaged(file);
    arrays.push(array);
  }
  const [, ...row] = arrays[0]!.shape;
  const other = arrays.findIndex(({ shape }) => shape.slice(1).join() !== row.join());
  if (other >= 0)
    throw new CommandError(
      `${files[other]!.path} has rows of [${arrays[other]!.shape.slice(1).join(', ')}] and ${files[0]!.path} of [${row.join(', ')}], so they are not one array; records of several lengths need .safetensors`,
    );
  await sink.write(npyHeader([arrays.reduce((sum, { shape }) => sum + shape[0]!, 0), ...row]));
  for (const [k, file] of files.entries()) {
    const reader = byteReader(checkedBytes(file));
    await reader.skip(arrays[k]!.headerBytes);
    for await (const bytes of reader.rest()) await sink.write(bytes);
  }
}

/** More than the header of an array of a few dimensions takes. */
const NPY_HEADER_BYTES = 1024;
const LENGTH_BYTES = 8;
/** What `rna embed` writes and nothing else. */
const tensorSchema = z.object({
  dtype: z.literal('F32'),
  shape: z.array(z.int()),
  data_offsets: z.tuple([z.int(), z.int()]),
});
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(tensorSchema);

interface TensorHeader {
  readonly entries: readonly Omit<TensorEntry, 'data'>[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly headerBytes: number;
}

async function joinSafetensors(files: readonly ShardFile[], sink: ByteSink): Promise<void> {
  const headers: TensorHeader[] = [];
  for (const file of files) headers.push(await tensorHeader(file));
  let reader: ReturnType<typeof byteReader> | undefined;
  const entries = files.flatMap((file, k) =>
    headers[k]!.entries.map((entry, e): TensorEntry => ({
      ...entry,
      data: async function* () {
        if (e === 0) {
          reader = byteReader(checkedBytes(file));
          await reader.skip(headers[k]!.headerBytes);
        }
        yield* reader!.take(4 * entry.shape.reduce((product, extent) => product * extent, 1));
        // The digest is compared where the file ends.
        if (e === headers[k]!.entries.length - 1 && !(await reader!.isAtEnd())) throw damaged(file);
      },
    })),
  );
  await writeSafetensors(sink, entries, headers[0]!.metadata);
}

/**
 * The tensors of a file in the order of their data. Written here and not by `openSafetensors`, which is for strangers'
 * files: it bounds a header far below a million records.
 */
async function tensorHeader(file: ShardFile): Promise<TensorHeader> {
  const source = await openFileSource(file.path);
  try {
    const start = await source.read(0, LENGTH_BYTES);
    const length = Number(new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
    const text = new TextDecoder().decode(await source.read(LENGTH_BYTES, length));
    const { __metadata__: metadata = {}, ...tensors } = headerSchema.parse(JSON.parse(text));
    const entries = Object.entries(tensors as Readonly<Record<string, z.infer<typeof tensorSchema>>>)
      .map(([name, tensor]) => ({ name, ...tensor }))
      .sort((a, b) => a.data_offsets[0] - b.data_offsets[0])
      .map(({ name, dtype, shape }) => ({ name, dtype, shape }));
    return { entries, metadata: new Map(Object.entries(metadata)), headerBytes: LENGTH_BYTES + length };
  } catch (cause) {
    throw damaged(file, cause);
  } finally {
    await source.close();
  }
}

/** Shards beside an index, as the Hugging Face hub lays models out: `NAME-00003-of-00008.safetensors`. */
async function writeIndex(files: readonly ShardFile[], to: string): Promise<readonly string[]> {
  const stem = to.slice(0, -INDEX_ENDING.length);
  const names = files.map((_, k) => `${stem}-${digits(k + 1)}-of-${digits(files.length)}.safetensors`);
  for (const [k, file] of files.entries()) {
    await place(file, names[k]!);
  }
  const encoder = new TextEncoder();
  await writeAtomically(to, async (sink) => {
    let [bytes, separator] = [0, ''];
    await sink.write(encoder.encode('{"weight_map":{'));
    for (const [k, file] of files.entries()) {
      const { entries, headerBytes } = await tensorHeader(file);
      bytes += file.bytes - headerBytes;
      const lines = entries.map(({ name }) => `${JSON.stringify(name)}:${JSON.stringify(basename(names[k]!))}`);
      await sink.write(encoder.encode(`${separator}\n${lines.join(',\n')}`));
      separator = ',';
    }
    await sink.write(encoder.encode(`\n},"metadata":{"total_size":${bytes}}}\n`));
  });
  return [to, ...names];
}

const digits = (value: number): string => String(value).padStart(5, '0');

/** Puts a file under another name, once it is known to be as it was written. */
async function place(file: ShardFile, to: string): Promise<void> {
  const found = await digestOf(file.path);
  if (found.sha256 !== file.sha256) throw damaged(file);
  await rm(to, { force: true });
  // A link takes no room; another file system needs a copy.
  await link(file.path, to).catch(() => copyFile(file.path, to));
}

/** Whether the output of a command is a folder. */
const isFolder = ({ manifest }: DoneShard): boolean => manifest.files.some(({ suffix }) => suffix.startsWith('/'));

/** Puts the files of all shards into one folder, and joins those that each has. */
async function mergeFolders(shards: readonly DoneShard[], name: string, to: string): Promise<readonly string[]> {
  const lines = new Map<string, ShardFile[]>();
  const files = new Map<string, ShardFile>();
  for (const { folder, manifest } of shards) {
    for (const { suffix, ...own } of manifest.files) {
      const file = { ...own, path: join(folder, `${name}${suffix}`), shard: folder };
      const earlier = files.get(suffix);
      if (own.kind === 'lines') lines.set(suffix, [...(lines.get(suffix) ?? []), file]);
      else if (earlier === undefined) files.set(suffix, file);
      else
        throw new CommandError(
          `records of ${earlier.shard} and of ${folder} would both be written to ${to}${suffix}; rename one of them, and run both shards again`,
        );
    }
  }
  await checkOutputFolder(to);
  await makeFolder(to);
  for (const [suffix, file] of files) await place(file, `${to}${suffix}`);
  // What lists the files comes last: where it is, all are.
  for (const [suffix, parts] of lines) await writeAtomically(`${to}${suffix}`, (sink) => joinLines(parts, sink));
  return [to];
}

const damaged = ({ path, shard }: ShardFile, cause?: unknown): CommandError =>
  new CommandError(
    `${path} is not as it was written (${MANIFEST_FILE} has its digest); remove ${shard} and run its shard again`,
    { cause },
  );

/** The bytes of a file. Throws a CommandError at its end where they are not those of the manifest. */
async function* checkedBytes(file: ShardFile): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file.path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== file.sha256) throw damaged(file);
}

const [LF, QUOTE] = [10, 34];

/** Takes a stream of bytes apart by sizes and lines. */
function byteReader(chunks: AsyncGenerator<Uint8Array, void, undefined>) {
  let left: Uint8Array = new Uint8Array(0);
  const fill = async (): Promise<boolean> => {
    while (left.length === 0) {
      const next = await chunks.next();
      if (next.done) return false;
      left = next.value;
    }
    return true;
  };
  async function* take(bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let missing = bytes; missing > 0;) {
      if (!(await fill())) return;
      const piece = left.subarray(0, missing);
      left = left.subarray(piece.length);
      missing -= piece.length;
      yield piece;
    }
  }
  return {
    take,
    skip: async (bytes: number): Promise<void> => {
      const skipped = take(bytes);
      while (!(await skipped.next()).done);
    },
    isAtEnd: async (): Promise<boolean> => !(await fill()),
    /** Up to a line end that does not stand in quotes, with it. */
    line: async (): Promise<Uint8Array> => {
      const pieces: Uint8Array[] = [];
      let isQuoted = false;
      while (await fill()) {
        for (let i = 0; i < left.length; i++) {
          if (left[i] === QUOTE) isQuoted = !isQuoted;
          if (left[i] !== LF || isQuoted) continue;
          pieces.push(left.subarray(0, i + 1));
          left = left.subarray(i + 1);
          return Buffer.concat(pieces);
        }
        pieces.push(left);
        left = new Uint8Array(0);
      }
      return Buffer.concat(pieces);
    },
    rest: async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      while (await fill()) {
        const piece = left;
        left = new Uint8Array(0);
        yield piece;
      }
    },
  };
}
