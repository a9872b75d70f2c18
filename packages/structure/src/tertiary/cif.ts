/**
 * The syntax of CIF 1.1, as far as mmCIF needs it: data blocks of tags and
 * loops, read into tables by category. Categories that nobody asks for are
 * passed over without a copy of their values.
 */

import { InputError, readable } from '../errors.ts';

/** A table of a category: its columns in lower case, without the category's name. */
export interface CifCategory {
  readonly columns: readonly string[];
  /** Rows by columns, flat. A bare `.` or `?` is ''. */
  readonly values: readonly string[];
  /** The line on which each row begins. */
  readonly lines: readonly number[];
}

export interface CifBlock {
  readonly name: string;
  readonly categories: ReadonlyMap<string, CifCategory>;
}

type Token =
  | { readonly kind: 'value'; readonly text: string; readonly line: number }
  | { readonly kind: 'tag' | 'data' | 'loop' | 'save' | 'end'; readonly text: string; readonly line: number };

/** The blocks of a CIF text with the wanted categories (`atom_site`). Throws an InputError for what is no CIF. */
export function parseCif(text: string, file: string, wanted: ReadonlySet<string>): CifBlock[] {
  const next = tokenizer(text, file);
  const blocks: { name: string; categories: Map<string, CifCategory> }[] = [];
  let token = next();
  const refuse = (problem: string, remedy: string, line = token.line) => new InputError(file, line, problem, remedy);

  while (token.kind !== 'end') {
    if (token.kind === 'data') {
      blocks.push({ name: token.text, categories: new Map() });
      token = next();
      continue;
    }
    const block = blocks.at(-1);
    if (block === undefined)
      throw refuse(
        `"${readable(token.text)}" before the first data block`,
        'give mmCIF, which begins with data_ and a name',
      );
    if (token.kind === 'save') token = next();
    else if (token.kind === 'tag') {
      const { text: tag, line } = token;
      const [category, column] = splitTag(tag, line, file);
      const value = next();
      if (value.kind !== 'value') throw refuse(`"_${tag}" has no value`, 'write ? for one that is not known', line);
      if (wanted.has(category)) addItem(block.categories, category, column, value.text, line);
      token = next();
    } else if (token.kind === 'loop') {
      const start = token.line;
      const columns: string[] = [];
      let category: string | undefined;
      for (token = next(); token.kind === 'tag'; token = next()) {
        const [name, column] = splitTag(token.text, token.line, file);
        category ??= name;
        columns.push(column);
      }
      if (category === undefined) throw refuse('a loop without names', 'name its columns after loop_', start);
      const values: string[] = [];
      const lines: number[] = [];
      const keep = wanted.has(category);
      let count = 0;
      for (; token.kind === 'value'; token = next()) {
        if (keep) {
          if (count % columns.length === 0) lines.push(token.line);
          values.push(token.text);
        }
        count++;
      }
      if (count % columns.length !== 0)
        throw refuse(
          `the loop of _${category} from line ${start} has ${count} values, no multiple of its ${columns.length} columns`,
          'the file may be cut, or a value with a blank lacks its quotes',
        );
      if (keep) block.categories.set(category, { columns, values, lines });
    } else throw refuse(`the value "${readable(token.text)}" has no name`, 'write its name before it');
  }
  if (blocks.length === 0) throw refuse('no data block', 'give mmCIF, which begins with data_ and a name');
  return blocks;
}

function splitTag(tag: string, line: number, file: string): [string, string] {
  const lower = tag.toLowerCase();
  const dot = lower.indexOf('.');
  if (dot < 0)
    throw new InputError(
      file,
      line,
      `"_${readable(tag)}" is a name of small-molecule CIF`,
      'give mmCIF (PDBx), whose names have a category and a dot',
    );
  return [lower.slice(0, dot), lower.slice(dot + 1)];
}

/** Adds a value that stands outside of a loop: all of a category's make one row. */
function addItem(
  categories: Map<string, CifCategory>,
  category: string,
  column: string,
  value: string,
  line: number,
): void {
  const before = categories.get(category) ?? { columns: [], values: [], lines: [line] };
  categories.set(category, {
    columns: [...before.columns, column],
    values: [...before.values, value],
    lines: before.lines,
  });
}

const isBlank = (code: number) => code === 32 || code === 9 || code === 10 || code === 13;

/** A function that gives the next token of a text at each call. */
function tokenizer(text: string, file: string): () => Token {
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  const endOfLine = (from: number) => {
    const end = text.indexOf('\n', from);
    return end < 0 ? text.length : end;
  };
  const value = (from: number, to: number, onLine: number): Token => ({
    kind: 'value',
    text: text.slice(from, to),
    line: onLine,
  });

  return () => {
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 10) line++;
      else if (code === 35) at = endOfLine(at) - 1;
      else if (!isBlank(code)) break;
    }
    if (at >= text.length) return { kind: 'end', text: '', line };
    const first = text[at]!;
    const start = at;
    if (first === ';' && (at === 0 || text[at - 1] === '\n')) {
      const startLine = line;
      const end = text.indexOf('\n;', at);
      if (end < 0)
        throw new InputError(
          file,
          startLine,
          'a text between semicolons has no end',
          'end it with a line that begins with ;',
        );
      for (let i = at; i <= end; i++) if (text.charCodeAt(i) === 10) line++;
      at = end + 2;
      return value(start + 1, end, startLine);
    }
    if (first === "'" || first === '"') {
      const lineEnd = endOfLine(at);
      // A quote ends the value only before a blank: 'C1'' is C1'.
      for (let end = text.indexOf(first, at + 1); end >= 0 && end < lineEnd; end = text.indexOf(first, end + 1)) {
        if (end + 1 < text.length && !isBlank(text.charCodeAt(end + 1))) continue;
        at = end + 1;
        return value(start + 1, end, line);
      }
      throw new InputError(
        file,
        line,
        `a quote has no end: ${readable(text.slice(start, lineEnd))}`,
        'close it on its line',
      );
    }
    while (at < text.length && !isBlank(text.charCodeAt(at))) at++;
    const word = text.slice(start, at);
    if (first === '_') return { kind: 'tag', text: word.slice(1), line };
    if (word === '.' || word === '?') return { kind: 'value', text: '', line };
    const lower = word.length < 6 || /^(?:data_|save_)/i.test(word) ? word.toLowerCase() : word;
    if (lower === 'loop_') return { kind: 'loop', text: word, line };
    if (lower.startsWith('data_')) return { kind: 'data', text: word.slice(5), line };
    if (lower.startsWith('save_')) return { kind: 'save', text: word, line };
    return { kind: 'value', text: word, line };
  };
}
