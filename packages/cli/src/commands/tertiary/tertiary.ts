/**
 * The work of `rna tertiary`: each record's structure in space by a model, its
 * files as soon as it is done, and at the end the table and the page.
 */
import { join } from 'node:path';
import {
  letterWithoutAtoms,
  predictedPartners,
  structureSamples,
  surestFirst,
  writeSafetensors,
  type StructureSample,
  type TertiaryDetail,
} from '@rna/model';
import { dotBracket, InputError, readable, standardLetters, writeMmcif, writePdb } from '@rna/structure';
import { counted, formatScore } from '@rna/figures';
import { calledAs } from '../../commandLine/calledAs.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { makeFolder, writeAtomically } from '../../files/files.ts';
import { checkOutputFolder, fileNames } from '../../files/outputPaths.ts';
import { withFasta, type FastaFileRecord } from '../../input/fastaInput.ts';
import { naming } from '../../models/loadModel.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { textTable, type Table } from '../../report/table.ts';
import { renderTertiary, type ShownStructure } from '../../report/tertiaryPage.ts';
import { loadViewer } from '../../report/viewer.ts';
import { writeText } from '../../tables/pairTable.ts';
import { partOf, type ShardPart } from '../../shards/runShard.ts';
import { runRecords } from '../../shards/runRecords.ts';
import type { ShardOption } from '../../shards/shard.ts';
import { withPredictor, type PredictorOptions, type StructurePredictor } from './predictor.ts';

export interface TertiaryOptions extends PredictorOptions, ShardOption, ShardPart {
  /** FASTA, `-` for stdin. */
  readonly inputs: readonly string[];
  readonly out: string;
  readonly format: readonly ('pdb' | 'cif')[];
  readonly recycles?: number;
  readonly samples: number;
  readonly seed: number;
  readonly probs?: boolean;
  readonly json?: boolean;
  readonly skipBad?: boolean;
}

/** Structures that the page shows: each is some hundred kilobytes. */
const MOST_SHOWN = 50;
/** In the folder of a shard, and of all that are joined: a line of JSON a record, as --json has it. */
const LINES_FILE = 'records.jsonl';

interface Row {
  readonly id: string;
  readonly length: number;
  readonly plddt: number;
  readonly sample: number;
  readonly structure: string;
}

/** Throws a UsageError, InputError, CheckpointError or CommandError before any output is begun. */
export async function tertiary(options: TertiaryOptions): Promise<void> {
  await checkOutputFolder(options.out);
  const kindOf = (suffix: string) => (suffix === `/${LINES_FILE}` ? 'lines' : 'file');
  await runRecords({ name: 'tertiary', inputs: options.inputs, isFolder: true, kindOf }, options, (own) =>
    own.part === undefined
      ? predictRecords(own, writeResult)
      : // What a shard has to say of its records lies with their files.
        writeInFolder(own.out, LINES_FILE, (write) => predictRecords({ ...own, json: true }, write)),
  );
}

/** Predicts all records, or those of the shard; what is said of them goes to `say`. */
async function predictRecords(options: TertiaryOptions, say: (text: string) => Promise<void>): Promise<void> {
  const { out, part } = options;
  // Shards are found by their headers.
  const reading = { skipBad: options.skipBad ?? false, allowUnnamed: part === undefined, ...partOf(options) };
  await interruptible((signal) =>
    withFasta(options.inputs, { ...reading, signal }, (fasta) =>
      withPredictor(options, async (predictor) => {
        const names = fileNames(fasta.plan, (name) =>
          Array.from({ length: options.samples > 1 ? options.samples : 0 }, (_, k) => sampleName(name, k + 1)),
        );
        await makeFolder(out);
        const rows: Row[] = [];
        const shown: ShownStructure[] = [];
        const bar = progressBar('structures', fasta.plan.length, 'records');
        try {
          for await (const record of fasta.records()) {
            signal.throwIfAborted();
            const samples = await samplesOf(predictor, record, options, signal);
            if (samples === undefined) continue;
            const made = await writeRecord(record, samples, names.get(record.id)!, options, say);
            rows.push(made.row);
            bar.update(rows.length);
            if (shown.length < MOST_SHOWN) shown.push(made.shown);
          }
        } finally {
          bar.stop();
        }
        // A page of all records is no sum of the shards'.
        if (part !== undefined) return;
        const table = tableOf(rows, options);
        const page = renderTertiary({
          model: options.model,
          evidence: predictor.evidence,
          command: calledAs(),
          table,
          structures: shown,
          more: rows.length - shown.length,
          viewer: await loadViewer(),
        });
        await writeText(join(out, 'report.html'), [page]);
        if (!options.json) await say(textTable(table));
        note(`${join(out, 'report.html')} shows ${shown.length === 1 ? 'it' : 'them'} in 3D`);
      }),
    ),
  );
}

/** What a record's other samples than the surest are called. */
const sampleName = (name: string, number: number): string => `${name}.sample-${number}`;

/** Writes a text file of a folder, which is made. */
async function writeInFolder(
  folder: string,
  name: string,
  work: (write: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  await makeFolder(folder);
  await writeAtomically(join(folder, name), (sink) => work((text) => sink.write(new TextEncoder().encode(text))));
}

/** A record's structures, the surest first. */
async function samplesOf(
  { encoder, predict }: StructurePredictor,
  record: FastaFileRecord,
  { samples, seed, recycles, skipBad }: TertiaryOptions,
  signal: AbortSignal,
): Promise<StructureSample[] | undefined> {
  const sequence = standardLetters(record.sequence);
  const made: StructureSample[] = [];
  try {
    checkLetters(record, sequence);
    const options = { samples, seed, ...(recycles !== undefined && { recycles }) };
    for await (const sample of structureSamples(predict, sequence, options)) {
      signal.throwIfAborted();
      if (!isFiniteArray(sample.detail.coordinates)) throw await overflow(encoder, record.file, record);
      made.push(sample);
    }
  } catch (error) {
    const named = naming(error, record.file, record);
    if (!skipBad || !(named instanceof InputError)) throw named;
    note(`left out: ${named.message}`);
    return undefined;
  }
  return surestFirst(made);
}

/** Throws an InputError for a letter that has no atoms. */
function checkLetters({ id, file, line }: FastaFileRecord, sequence: string): void {
  const at = letterWithoutAtoms(sequence);
  if (at >= 0)
    throw new InputError(
      file,
      line,
      `nucleotide ${at + 1} of record "${readable(id)}" is ${sequence[at]!}, which has no atoms`,
      'write A, C, G or U in its place',
    );
}

/** Writes a record's files and its line of JSON; what the table and the page show of it is the surest sample. */
async function writeRecord(
  record: FastaFileRecord,
  samples: readonly StructureSample[],
  name: string,
  options: TertiaryOptions,
  say: (text: string) => Promise<void>,
): Promise<{ readonly row: Row; readonly shown: ShownStructure }> {
  const { id } = record;
  const sequence = standardLetters(record.sequence);
  const files: string[] = [];
  for (const [rank, { number, detail }] of samples.entries())
    files.push(...(await writeStructure(rank === 0 ? name : sampleName(name, number), sequence, detail, options)));
  const [{ number: sample, plddt, detail }] = samples as [StructureSample];
  const partners = predictedPartners(sequence, detail);
  const row: Row = { id, length: sequence.length, plddt, sample, structure: dotBracket(partners) };
  if (options.json) {
    const { model, recycles } = options;
    await say(
      `${JSON.stringify({
        ...row,
        plddt: rounded(plddt),
        sequence,
        plddts: Array.from(detail.plddt, rounded),
        model,
        recycles: recycles ?? detail.recycles,
        ...(options.samples > 1 && { seed: options.seed, samples: samples.map((each) => rounded(each.plddt)) }),
        files,
      })}\n`,
    );
  }
  return {
    row,
    shown: {
      id,
      sequence,
      plddt: detail.plddt,
      partners,
      pdb: writePdb([{ id: 'A', sequence, ...detail }]),
      distances: detail.distances,
      ...(options.samples > 1 && { facts: [`sample ${sample} of ${options.samples}`] }),
    },
  };
}

const rounded = (value: number): number => Number(value.toPrecision(6));

/** Writes one structure in the formats that were asked for; gives the files' names. */
async function writeStructure(
  name: string,
  sequence: string,
  detail: TertiaryDetail,
  { out, format, probs }: TertiaryOptions,
): Promise<string[]> {
  const { coordinates, mask, plddt } = detail;
  const chain = { id: 'A', sequence, coordinates, mask, plddt };
  const files: string[] = [];
  for (const each of format) {
    const text = each === 'pdb' ? writePdb([chain]) : writeMmcif([chain], name);
    files.push(`${name}.${each}`);
    await writeText(join(out, files.at(-1)!), [text]);
  }
  if (!probs) return files;
  const length = sequence.length;
  files.push(`${name}.probs.safetensors`);
  const [p, c, n] = detail.distograms;
  const tensors = [
    ['plddt', [length], plddt],
    ['ss_prob_map', [length, length], detail.pairProbabilities],
    ['dist_p', [length, length, p!.length / length ** 2], p!],
    ['dist_c', [length, length, c!.length / length ** 2], c!],
    ['dist_n', [length, length, n!.length / length ** 2], n!],
  ] as const;
  await writeAtomically(join(out, files.at(-1)!), (sink) =>
    writeSafetensors(
      sink,
      tensors.map(([tensor, shape, data]) => ({
        name: tensor,
        shape,
        dtype: 'F32' as const,
        data: () => Promise.resolve(data),
      })),
    ),
  );
  return files;
}

function tableOf(rows: readonly Row[], { samples }: TertiaryOptions): Table {
  const column = (header: string, align: 'left' | 'right') => ({ header, group: '', align });
  return {
    caption: `Structures of ${counted(rows.length, 'record')}`,
    columns: [
      column('record', 'left'),
      column('nucleotides', 'right'),
      column('mean plDDT', 'right'),
      ...(samples > 1 ? [column('sample', 'right')] : []),
      column('secondary structure', 'left'),
    ],
    rowHeaders: 1,
    rows: rows.map(({ id, length, plddt, sample, structure }) => [
      id,
      String(length),
      formatScore(plddt),
      ...(samples > 1 ? [String(sample)] : []),
      structure,
    ]),
  };
}
