/**
 * Stockholm alignments, as Rfam has them, one file holding any number: each
 * sequence without its gaps, and with the consensus structure (`#=GC SS_cons`,
 * in WUSS: nested pairs in any brackets, pseudoknots in letters) mapped on it.
 * A pair of the consensus with a gap at one end is dropped and counted. Whole
 * and interleaved alignments are read; one is held at a time.
 */

import { parseDotBracket } from '../secondary/dotBracket.ts';
import { checkId, checkLetters, quotedId, type Line, type LineReader, type Source } from './source.ts';
import { removeGaps } from '../secondary/structure.ts';

/** What is written in several lines of an alignment. */
interface Row {
  readonly line: number;
  readonly parts: string[];
  /** The block that its last part stands in. */
  block: number;
}

/** `# STOCKHOLM 1.0`, or another version 1. */
function isStart(text: string): boolean {
  const [name, version = '', ...more] = text.startsWith('#') ? text.slice(1).trim().split(/\s+/) : [];
  return name === 'STOCKHOLM' && version.startsWith('1.') && more.length === 0;
}

export function stockholmReader(source: Source): LineReader {
  let start: Line | undefined;
  let rows = new Map<string, Row>();
  let consensus: Row | undefined;
  let block = 0;

  const emitAll = (): void => {
    const columns = consensus?.parts.join('');
    const partners =
      columns === undefined ? undefined : parseDotBracket(columns, { file: source.file, line: consensus!.line });
    let width = columns?.length;
    for (const [id, { line, parts }] of rows) {
      const aligned = parts.join('').replace(/[._~]/g, '-');
      width ??= aligned.length;
      if (aligned.length !== width)
        throw source.refuse(
          { number: line },
          `${quotedId(id)} has ${aligned.length} columns, its alignment ${width}`,
          'make them equal',
        );
      checkLetters(source, { number: line }, aligned);
      source.emit({ id, line, ...removeGaps({ sequence: aligned, ...(partners && { partners }) }) });
    }
    start = undefined;
    rows = new Map();
    consensus = undefined;
  };

  return {
    takesBlankLines: true,
    accept(line) {
      const { text, number } = line;
      if (text === '') block++;
      else if (start === undefined) {
        if (!isStart(text))
          throw source.refuse(line, 'an alignment does not begin with "# STOCKHOLM 1.0"', 'write that line before it');
        start = line;
      } else if (text === '//') emitAll();
      else if (text.startsWith('#')) {
        const [mark, feature, written, ...more] = text.split(/\s+/);
        if (mark === '#=GC' && feature === 'SS_cons' && written !== undefined && more.length === 0)
          (consensus ??= { line: number, parts: [], block }).parts.push(written);
      } else {
        const [id, letters, ...more] = text.split(/\s+/);
        if (letters === undefined || more.length > 0)
          throw source.refuse(
            line,
            'not a name and a row of letters',
            'write "NAME LETTERS", without blanks in either',
          );
        const row = rows.get(id!);
        if (row === undefined) {
          checkId(source, line, id!);
          rows.set(id!, { line: number, parts: [letters], block });
        } else if (row.block === block)
          throw source.refuse(
            line,
            `a second row of ${quotedId(id!)} in one block (the first is on line ${row.line})`,
            'give each row a name of its own',
          );
        else {
          row.parts.push(letters);
          row.block = block;
        }
      }
    },
    finish() {
      if (start !== undefined)
        throw source.refuse(
          start,
          'the alignment that begins here has no end',
          'the file may be cut off; end each alignment with "//"',
        );
    },
  };
}
