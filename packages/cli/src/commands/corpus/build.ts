/**
 * The work of `rna corpus build`. Records stream from their files through
 * cleaning into buckets by sequence, where duplicates are found, and from there
 * into buckets by kind and place, which are sorted one by one into the corpus.
 * Memory is that of a few buckets, and of the cluster file if there is one.
 * Nothing is left out without being counted.
 */
import { createReadStream } from 'node:fs';
import { appendFile, rm, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { findInvalidLetter, readable, recordFormat, removeGaps, unpackedName, type FileRecord } from '@rna/structure';
import {
  byKind,
  compareKeys,
  contentDigest,
  encodeRecord,
  letterBytes,
  RECORD_KINDS,
  sequenceHash,
  writeCorpus,
  type CorpusBuild,
  type CorpusInput,
  type CorpusTable,
  type EncodedRecord,
  type RecordKind,
  type Spool,
} from '@rna/train';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically, partialFolder } from '../../files/files.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { createBuckets, type Buckets } from './buckets.ts';
import { readClusters, type Clusters } from './clusters.ts';
import { corpusJson, corpusText } from './describe.ts';
import { listRecordFiles, readRecordFile } from '../../input/recordFiles.ts';
import { inputName, STDIN } from '../../input/inputText.ts';

export interface BuildOptions {
  readonly out: string;
  readonly ncrna: readonly string[];
  readonly other: readonly string[];
  readonly clusters?: string;
  readonly maxLength?: number;
  readonly report?: string;
  readonly json?: boolean;
}

export const CORPUS_EXTENSION = '.corpus';

// What stdin holds is not known before it is read. More of it makes larger buckets, not another corpus.
const STDIN_BYTES = 2 ** 30;

interface Input {
  readonly file: string;
  readonly as: 'ncRNA' | 'other RNA';
  readonly bytes: number;
}

/** Counts by what they are of; in the report as they stand here. */
type Notes = Map<string, number>;

/** @throws UsageError for wrong arguments, CommandError or InputError for bad input; what stood at `out` then stays. */
export async function buildCorpus(options: BuildOptions): Promise<void> {
  const { out } = options;
  if (extname(out) !== CORPUS_EXTENSION)
    throw new UsageError(
      `${out}: a corpus has a name that ends in ${CORPUS_EXTENSION}, by which rna pretrain knows it`,
    );
  await checkOutputFile(out);
  if (options.report !== undefined) {
    const { checkReportFile } = await import('./report.ts');
    await checkReportFile(options.report);
  }
  const inputs = [...(await listInputs(options.ncrna, 'ncRNA')), ...(await listInputs(options.other, 'other RNA'))];
  if (inputs.length === 0) throw new UsageError('no input: give files or folders with --ncrna or --other');
  const table = await interruptible(async (signal) => {
    const clusters = options.clusters === undefined ? undefined : await readClusters(options.clusters);
    const folder = await partialFolder(out);
    try {
      return await build(inputs, clusters, folder, options, signal);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  note(`wrote ${out}`);
  const described = { file: out, bytes: (await stat(out)).size, digest: contentDigest(table.sections), table };
  if (options.report !== undefined) {
    const { writeCorpusReport } = await import('./report.ts');
    await writeCorpusReport(options.report, described);
  }
  await writeResult(options.json ? corpusJson(described) : corpusText(described));
}

async function listInputs(paths: readonly string[], as: Input['as']): Promise<Input[]> {
  return Promise.all(
    (await listRecordFiles(paths)).map(async (file) => ({
      file,
      as,
      bytes: file === STDIN ? STDIN_BYTES : (await stat(file)).size,
    })),
  );
}

async function build(
  inputs: readonly Input[],
  clusters: Clusters | undefined,
  folder: string,
  { out, maxLength }: BuildOptions,
  signal: AbortSignal,
): Promise<CorpusTable> {
  const notes: Notes = new Map();
  const count = bucketCount(inputs);
  const bySequence = createBuckets(folder, 'sequences', count);
  const readInputs = await readAll(inputs, clusters, bySequence, notes, maxLength, signal);

  const sorted = byKind((kind) => createBuckets(folder, kind, count));
  const bar = progressBar('sorting', (1 + RECORD_KINDS.length) * count, 'parts');
  let [parts, spools] = [0, 0];
  const nextPart = (): void => {
    signal.throwIfAborted();
    bar.update(++parts);
  };
  let table: CorpusTable | undefined;
  try {
    for (let bucket = 0; bucket < count; bucket++) {
      nextPart();
      for (const record of withoutDuplicates(await bySequence.take(bucket), notes))
        await sorted[record.kind].add(record, record.key);
    }
    await writeAtomically(out, async (sink) => {
      table = await writeCorpus(sink, {
        sections: (kind) => inOrder(sorted[kind], nextPart),
        spool: () => Promise.resolve(fileSpool(join(folder, `spool-${spools++}`))),
        build: { inputs: readInputs, notes: Object.fromEntries(notes) },
      });
      if (RECORD_KINDS.every((kind) => table!.sections[kind].records === 0))
        throw new CommandError('no record is left to make a corpus of');
    });
  } finally {
    bar.stop();
  }
  return table!;
}

/** So many that a bucket holds the records of about 16 MB of text. */
function bucketCount(inputs: readonly Input[]): number {
  const bytes = inputs.reduce((sum, input) => sum + input.bytes * (unpackedName(input.file) === input.file ? 1 : 5), 0);
  return Math.min(4096, Math.max(1, Math.ceil(bytes / 2 ** 24)));
}

async function readAll(
  inputs: readonly Input[],
  clusters: Clusters | undefined,
  buckets: Buckets,
  notes: Notes,
  maxLength: number | undefined,
  signal: AbortSignal,
): Promise<CorpusBuild['inputs']> {
  const bar = progressBar(
    'reading',
    inputs.reduce((sum, { bytes }) => sum + bytes, 0),
    'bytes',
  );
  const results: CorpusBuild['inputs'] = [];
  const clustered = { records: 0, unnamed: 0, first: '' };
  let before = 0;
  try {
    for (const { file, as, bytes } of inputs) {
      let records = 0;
      const onRead = (read: number): void => {
        if (records % 4096 === 0) bar.update(before + read);
      };
      for await (const record of readRecordFile(file, { allowUnknown: true, allowRepeatedIds: true, onRead })) {
        if (records++ % 4096 === 0) signal.throwIfAborted();
        const input = clean(record, file, as, notes);
        if (input === undefined) continue;
        if (maxLength !== undefined && input.sequence.length > maxLength)
          tally(notes, `longer than ${maxLength} nucleotides (kept)`);
        const cluster = clusters?.find(record.id);
        if (clusters !== undefined && cluster === undefined) {
          tally(notes, 'not in the cluster file (a cluster each)');
          if (clustered.unnamed++ === 0) clustered.first = record.id;
        }
        clustered.records++;
        const encoded = encodeRecord({ ...input, ...(cluster && { cluster }) });
        await buckets.add(encoded, sequenceHash(encoded.bytes, encoded.length));
      }
      addInput(results, file, as, records);
      before += bytes;
    }
  } finally {
    bar.stop();
  }
  if (clusters !== undefined) checkClustered(clusters, clustered);
  return results;
}

/** Throws a CommandError for clusters of which no record is; says where some records are in none. */
function checkClustered(
  { file, members, first }: Clusters,
  { records, unnamed, first: id }: { readonly records: number; readonly unnamed: number; readonly first: string },
): void {
  if (records > 0 && unnamed === records)
    throw new CommandError(
      `${file}: none of its ${members} members (the first is "${readable(first)}") is the id of a record (the first is "${readable(id)}"); give the cluster file that was made of these records, with the member in the second column`,
    );
  if (unnamed > 0)
    note(`${unnamed} of ${records} records are not in ${file} and are a cluster each (the first is "${readable(id)}")`);
}

/** Files of one folder are one entry, as far as they are read alike. */
function addInput(inputs: CorpusBuild['inputs'], file: string, as: Input['as'], records: number): void {
  const [folder, format] = file === STDIN ? [inputName(file), 'fasta'] : [dirname(file), recordFormat(file)!];
  const entry = inputs.find((input) => input.folder === folder && input.as === as && input.format === format);
  if (entry === undefined) inputs.push({ folder, as, format, files: 1, records });
  else {
    entry.files++;
    entry.records += records;
  }
}

/** The record as a corpus takes it, or undefined where there is no use for it. Both are counted. */
function clean(
  { id, sequence, partners, line, droppedPairs }: FileRecord,
  file: string,
  as: Input['as'],
  notes: Notes,
): CorpusInput | undefined {
  if (findInvalidLetter(sequence) >= 0) {
    if (!notes.has('left out: letters outside IUPAC'))
      note(
        `${inputName(file)}:${line}: "${readable(id)}" has letters outside IUPAC and is left out, as all such records are`,
      );
    tally(notes, 'left out: letters outside IUPAC');
    return undefined;
  }
  const ungapped = removeGaps({ sequence, ...(partners && { partners }) });
  if (ungapped.sequence.length === 0) {
    tally(notes, 'left out: no letter but gaps');
    return undefined;
  }
  if (ungapped.sequence.length < sequence.length) tally(notes, 'gaps taken out of records');
  tally(notes, 'pairs dropped with a gap at one end', droppedPairs + ungapped.droppedPairs);
  if (as === 'other RNA') {
    if (partners !== undefined) tally(notes, 'structures of other RNA that are not kept');
    return { kind: 'other', sequence: ungapped.sequence };
  }
  return ungapped.partners === undefined
    ? { kind: 'ncrna', sequence: ungapped.sequence }
    : { kind: 'structured', sequence: ungapped.sequence, partners: ungapped.partners };
}

/** One record of each sequence: the first with a structure, else the first ncRNA, else the first. */
function withoutDuplicates(records: readonly EncodedRecord[], notes: Notes): Iterable<EncodedRecord> {
  const kept = new Map<string, EncodedRecord>();
  for (const record of records) {
    const { bytes, length } = record;
    const sequence = `${length} ${Buffer.from(bytes.buffer, bytes.byteOffset, letterBytes(length)).toString('latin1')}`;
    const earlier = kept.get(sequence);
    if (earlier === undefined || RECORD_KINDS.indexOf(record.kind) < RECORD_KINDS.indexOf(earlier.kind))
      kept.set(sequence, record);
    if (earlier === undefined) continue;
    const isOther = (kind: RecordKind): boolean => kind === 'other';
    if (record.kind === 'structured' && earlier.kind === 'structured') {
      tally(
        notes,
        isSameContent(record, earlier)
          ? 'left out: duplicates, of sequence and structure'
          : 'left out: duplicates, with another structure than the first',
      );
    } else if (record.kind === 'structured' || earlier.kind === 'structured')
      tally(notes, 'left out: duplicates of a record with structure');
    else
      tally(
        notes,
        isOther(record.kind) === isOther(earlier.kind)
          ? 'left out: duplicates, without structure'
          : 'left out: duplicates among other RNA of an ncRNA',
      );
  }
  return kept.values();
}

const isSameContent = (a: EncodedRecord, b: EncodedRecord): boolean => Buffer.compare(a.bytes, b.bytes) === 0;

async function* inOrder(buckets: Buckets, nextPart: () => void): AsyncGenerator<EncodedRecord, void, undefined> {
  for (let bucket = 0; bucket < buckets.count; bucket++) {
    nextPart();
    yield* (await buckets.take(bucket)).sort((a, b) => compareKeys(a.key, b.key));
  }
}

function fileSpool(file: string): Spool {
  let isEmpty = true;
  return {
    async write(page) {
      isEmpty = false;
      await appendFile(file, page);
    },
    read: () => (isEmpty ? [] : (createReadStream(file) as AsyncIterable<Uint8Array>)),
  };
}

function tally(notes: Notes, what: string, count = 1): void {
  if (count > 0) notes.set(what, (notes.get(what) ?? 0) + count);
}
