/**
 * The reader of dot-bracket files as programs write them: `>id`, a sequence and
 * its brackets, each wrapped or not. Known variants: no header (the file's name
 * is the id), `#Name:` (bpRNA), an energy before the id (RNAstructure) or behind
 * the brackets (ViennaRNA), a line `>structure` between sequence and brackets
 * (CONTRAfold and EternaFold), and the lines that `RNAfold -p` adds. Several
 * structures of one RNA are refused, since which is meant would be a guess.
 */

import { parseDotBracket } from '../secondary/dotBracket.ts';
import { checkId, checkLetters, quotedId, withDashes, type Line, type LineReader, type Source } from './source.ts';
import { commentedName, firstWord, hasEnergy, titleId } from './title.ts';

interface Pending {
  readonly id: string;
  /** The line of its header, or its first line where it has none. */
  readonly line: Line;
  sequence: string;
  brackets: string;
  bracketLine: Line | undefined;
}

/** What CONTRAfold and EternaFold print before their results, by how it begins. */
const CHATTER = ['Training mode:', 'Use constraints:', 'Use evidence:', 'Predicting using'];

export function dotBracketReader(source: Source): LineReader {
  const lineOfId = new Map<string, number>();
  let pending: Pending | undefined;
  // The last whole record, under which further lines may stand.
  let last: string | undefined;
  let hasHeaders = false;

  const open = (id: string, line: Line): Pending => {
    checkId(source, line, id);
    const earlier = lineOfId.get(id);
    if (earlier !== undefined)
      throw source.refuse(
        line,
        `a second record has the id ${quotedId(id)} (the first is on line ${earlier})`,
        'give each record an id of its own',
      );
    if (!source.allowRepeatedIds) lineOfId.set(id, line.number);
    return { id, line, sequence: '', brackets: '', bracketLine: undefined };
  };
  const checkComplete = (): void => {
    if (pending === undefined) return;
    if (pending.bracketLine === undefined)
      throw source.refuse(
        pending.line,
        `record ${quotedId(pending.id)} is not complete`,
        'give its sequence and under it its brackets',
      );
    emitBrackets(source, pending, pending.sequence, pending.bracketLine, pending.brackets);
  };
  const addSequence = (record: Pending, line: Line): void => {
    const words = line.text.split(/\s+/);
    // RNAsubopt writes the least energy and the range behind the sequence.
    while (words.length > 1 && isNumber(words.at(-1)!)) words.pop();
    const letters = withDashes(words.join(''));
    checkLetters(source, line, letters);
    record.sequence += letters;
  };
  const addBrackets = (record: Pending, line: Line): void => {
    record.brackets += bracketsOf(line.text);
    record.bracketLine ??= line;
    if (record.brackets.length < record.sequence.length) return;
    emitBrackets(source, record, record.sequence, record.bracketLine, record.brackets);
    last = record.id;
    pending = undefined;
  };

  return {
    accept(line) {
      const { text } = line;
      const name = text.startsWith('>') ? text.slice(1) : commentedName(text);
      if (name === undefined && text.startsWith('#')) return;
      if (name !== undefined) {
        // The line of CONTRAfold that names no record.
        if (pending && pending.sequence !== '' && !pending.bracketLine && name.trim() === 'structure') return;
        checkComplete();
        hasHeaders = true;
        const id = titleId(name);
        pending = open(id === '' && hasEnergy(name) ? source.unnamed() : id, line);
        return;
      }
      if (pending === undefined) {
        if (last !== undefined && isBelowRecord(text)) return;
        if (last !== undefined && isBracketLine(text))
          throw source.refuse(
            line,
            `a second structure of ${quotedId(last)}`,
            'keep one structure for each RNA, or give each a record of its own',
          );
        if (hasHeaders) throw source.refuse(line, 'a record without a header', 'put a line ">ID" before its sequence');
        if (CHATTER.some((start) => text.startsWith(start))) return;
        if (isBracketLine(text))
          throw source.refuse(line, 'brackets without a sequence', 'put the sequence on the line before them');
        pending = open(source.unnamed(), line);
      }
      if (isBrackets(text, pending)) addBrackets(pending, line);
      else addSequence(pending, line);
    },
    finish: checkComplete,
  };
}

/** `#` lines, sequence, brackets; the annotation lines after them repeat what the brackets say. */
export function stReader(source: Source): LineReader {
  let name: string | undefined;
  const lines: Line[] = [];
  return {
    accept(line) {
      if (line.text.startsWith('#')) name ??= commentedName(line.text);
      else if (lines.length < 2) lines.push(line);
    },
    finish() {
      const [sequence, brackets] = lines;
      if (!sequence) return;
      if (!brackets) throw source.refuse(sequence, 'a sequence without brackets', 'give the dot-bracket line after it');
      const letters = withDashes(sequence.text);
      checkLetters(source, sequence, letters);
      const id = firstWord(name ?? '') || source.unnamed();
      checkId(source, sequence, id);
      emitBrackets(source, { id, line: sequence }, letters, brackets, brackets.text);
    },
  };
}

function emitBrackets(
  source: Source,
  header: { readonly id: string; readonly line: Line },
  sequence: string,
  bracketLine: Line,
  brackets: string,
): void {
  if (sequence.length !== brackets.length) {
    throw source.refuse(
      bracketLine,
      `${quotedId(header.id)} has ${sequence.length} letters but ${brackets.length} brackets and dots`,
      'make them equal',
    );
  }
  const partners = parseDotBracket(brackets, { file: source.file, line: bracketLine.number });
  source.emit({ id: header.id, sequence, partners, line: header.line.number, droppedPairs: 0 });
}

const BRACKET = /[()[\]{}<>]/;
/** A word without letters: round, square, curly and angle brackets, and the marks of unpaired positions. */
const BRACKETS_ALONE = /^[()[\]{}<>.:,_~|-]+$/;

/** Whether a line without a record before it can only be brackets. */
function isBracketLine(text: string): boolean {
  const word = firstWord(text);
  return BRACKETS_ALONE.test(word) && (BRACKET.test(word) || word.includes('.'));
}

/** Whether a line goes on with the brackets of a record, or begins them, and not with its sequence. */
function isBrackets(text: string, { sequence, bracketLine }: Pending): boolean {
  if (bracketLine !== undefined) return true;
  const word = firstWord(text);
  if (sequence === '') return false;
  if (BRACKET.test(word) || !/[a-z]/i.test(word)) return true;
  // Pairs that are letters alone, which a sequence with gaps looks like.
  return word.includes('.') && word.length === sequence.length;
}

/**
 * The brackets of a line, without an energy behind them (`-1.20`, `(-1.20)`, `[-1.20]`, `{-1.20 d=0.5}`). Blanks
 * between brackets go.
 */
function bracketsOf(text: string): string {
  const [brackets, ...rest] = text.split(/\s+/);
  const note = rest.join(' ');
  if (note === '' || (/\d/.test(note) && /^[([{]?\s?[-+.\da-z]/i.test(note))) return brackets!;
  return brackets! + rest.join('');
}

/** The lines that `RNAfold -p` writes under a structure: brackets of the ensemble with their energy, and a sentence. */
function isBelowRecord(text: string): boolean {
  const rest = text.slice(firstWord(text).length).trim();
  return (
    (BRACKETS_ALONE.test(firstWord(text)) && (rest.startsWith('[') || rest.startsWith('{'))) ||
    text.startsWith('frequency of mfe structure in ensemble') ||
    text.startsWith('minimum free energy') ||
    text.startsWith('free energy of ensemble')
  );
}

const isNumber = (word: string): boolean => Number.isFinite(Number(word));
