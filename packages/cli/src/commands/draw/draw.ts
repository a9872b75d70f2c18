/** The work of `rna draw`: structures read or folded, each drawn into a file of its own, or all onto one page. */
import { basename, extname, join } from 'node:path';
import {
  figureFile,
  rna2dJson,
  structureDrawing,
  type DrawingColour,
  type DrawingLayout,
  type DrawnStructure,
  type Markup,
  type Pair,
} from '@rna/figures';
import { basePairs, InputError, readable, type FoldingEngine } from '@rna/structure';
import { UsageError } from '../../commandLine/errors.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { makeFolder } from '../../files/files.ts';
import { checkOutputFile, checkOutputFolder, fileNames } from '../../files/outputPaths.ts';
import { foldAll, foldedByName, type Folded, type FoldedBy } from '../../folding/foldAll.ts';
import {
  foldingInput,
  matchedStructures,
  readStructureRecords,
  type StructureRecord,
} from '../../input/structureRecords.ts';
import { BUILTIN } from '../../models/builtin.ts';
import { renderDrawings } from '../../report/drawingPage.ts';
import { writeText } from '../../tables/pairTable.ts';

type DrawFormat = 'svg' | 'r2dt';

const ENDINGS: Readonly<Record<DrawFormat, string>> = { svg: 'svg', r2dt: 'r2dt.json' };

export interface DrawOptions {
  /** Files of structures or sequences, `-` for stdin. */
  readonly inputs: readonly string[];
  readonly out?: string;
  readonly format?: readonly DrawFormat[];
  readonly layout?: DrawingLayout;
  readonly colour?: DrawingColour;
  readonly engine?: FoldingEngine;
  readonly model?: string;
  readonly against?: string;
}

export interface Drawing {
  readonly structure: DrawnStructure;
  /** What folded it. */
  readonly by?: string;
  readonly folded?: Folded;
  readonly against?: { readonly name: string; readonly pairs: readonly Pair[] };
  readonly draw: (heading?: string) => Markup;
}

/** Throws an InputError, CheckpointError, UsageError or CommandError before any output is begun. */
export async function draw(options: DrawOptions): Promise<void> {
  const { out } = options;
  const target = outputOf(options);
  await interruptible(async (signal) => {
    const records = await readStructureRecords(options.inputs);
    if (out !== undefined) await (target.kind === 'folder' ? checkOutputFolder(out) : checkOutputFile(out));
    if (target.kind === 'single' && records.length > 1)
      throw new UsageError(
        `${records.length} records are no single ${target.format === 'svg' ? 'SVG' : 'JSON'}; give --out FOLDER for a file each, or --out FILE.html for one page`,
      );
    const names = target.kind === 'folder' ? fileNames(foldingInput(records).plan) : undefined;
    const drawings = await drawingsOf(records, options, signal);
    const text = ({ structure, draw }: Drawing, format: DrawFormat): string =>
      format === 'r2dt'
        ? rna2dJson(structure)
        : figureFile({ name: structure.id, caption: '', svg: draw(headingOf(structure)) });
    if (target.kind === 'page') await writeText(out!, [renderDrawings(drawings)]);
    else if (target.kind === 'folder') {
      await makeFolder(out!);
      for (const drawing of drawings) {
        signal.throwIfAborted();
        for (const format of target.formats)
          await writeText(`${join(out!, names!.get(drawing.structure.id)!)}.${ENDINGS[format]}`, [
            text(drawing, format),
          ]);
      }
    } else {
      const [drawing] = drawings;
      const content = text(drawing!, target.format);
      if (out === undefined) return writeResult(content);
      await writeText(out, [content]);
    }
    note(`${out!} is written: ${drawings.length === 1 ? '1 structure' : `${drawings.length} structures`}`);
  });
}

type Target =
  | { readonly kind: 'page' }
  | { readonly kind: 'single'; readonly format: DrawFormat }
  | { readonly kind: 'folder'; readonly formats: readonly DrawFormat[] };

/** Where drawings go, by the name of --out. Throws a UsageError where --format does not fit it. */
function outputOf({ out, format }: DrawOptions): Target {
  const ending = out === undefined ? '' : extname(out).toLowerCase();
  const byEnding = { '.svg': 'svg', '.json': 'r2dt' } as const;
  if (ending === '.html') {
    if (format !== undefined) throw new UsageError(`--out ${out!} is a page of drawings; leave out --format`);
    return { kind: 'page' };
  }
  if (ending in byEnding) {
    const single = byEnding[ending as keyof typeof byEnding];
    if (format !== undefined && format.join() !== single)
      throw new UsageError(`--out ${out!} is ${single}; leave out --format, or give a folder for several`);
    return { kind: 'single', format: single };
  }
  if (out !== undefined) return { kind: 'folder', formats: format ?? ['svg'] };
  if (format !== undefined && format.length > 1)
    throw new UsageError(`--format ${format.join(',')} needs --out FOLDER; stdout holds one text`);
  return { kind: 'single', format: format?.[0] ?? 'svg' };
}

export const headingOf = ({ id, sequence }: DrawnStructure): string => `${readable(id, 80)}, ${sequence.length} nt`;

async function drawingsOf(
  records: readonly StructureRecord[],
  options: DrawOptions,
  signal: AbortSignal,
): Promise<Drawing[]> {
  const { layout, against } = options;
  const by = foldedBy(records, options);
  // Read before anything is folded, so that a fault in it costs nothing.
  const others = against === undefined ? undefined : matchedStructures(records, await readStructureRecords([against]));
  const colour = options.colour ?? (by === undefined ? 'loop' : 'probability');
  if (colour === 'probability' && by === undefined)
    throw new UsageError('--colour probability needs pair probabilities; add --engine or --model, which fold the RNAs');
  const folded = by && (await foldAll(records, by, signal));
  const name = by === undefined ? 'drawn' : foldedByName(by);
  return records.map(({ id, sequence, partners }, k): Drawing => {
    const one = folded?.[k];
    const structure = {
      id,
      sequence,
      pairs: basePairs(one?.partners ?? partners!),
      ...(one && { probabilities: one.probabilities }),
    };
    const known = others?.get(id);
    const second = known && { name: basename(against!), pairs: basePairs(known) };
    return {
      structure,
      ...(by && { by: name }),
      ...(one && { folded: one }),
      ...(second && { against: second }),
      draw: (heading) =>
        structureDrawing(structure, {
          colour,
          name,
          ...(layout && { layout }),
          ...(second && { against: second }),
          ...(heading !== undefined && { heading }),
        }),
    };
  });
}

/** What folds the records; undefined where they have structures and nothing was named. */
function foldedBy(records: readonly StructureRecord[], { engine, model }: DrawOptions): FoldedBy | undefined {
  if (engine !== undefined && model !== undefined)
    throw new UsageError('--engine and --model both fold; leave out one of them, or compare them with rna compare');
  if (engine !== undefined) return { engine };
  if (model !== undefined) return { model };
  const bare = records.find(({ partners }) => partners === undefined);
  if (bare === undefined) return undefined;
  const complete = records.find(({ partners }) => partners !== undefined);
  if (complete !== undefined)
    throw new InputError(
      bare.file,
      bare.line,
      `"${readable(bare.id)}" has no structure, and "${readable(complete.id)}" of ${complete.file} has one`,
      'draw them apart, or fold all of them with --engine or --model',
    );
  return { model: BUILTIN };
}
