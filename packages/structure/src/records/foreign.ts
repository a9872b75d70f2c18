/**
 * What a file is instead of text about RNAs, by how it begins: a Git LFS
 * pointer, a web page, a packed file, UTF-16. Without this the message would
 * name a line that no person ever wrote.
 */

import { InputError } from '../errors.ts';

/** Characters of a text's start that `refuseForeignText` looks at. */
export const FOREIGN_TEXT_START = 256;

const PACKED: readonly (readonly [string, string])[] = [
  ['\x1f', 'gzip'],
  ['BZh', 'bzip2'],
  ['\uFFFD7zXZ', 'xz'],
  ['(\uFFFD/\uFFFD', 'Zstandard'],
  ['PK\x03\x04', 'zip'],
];

/** Throws an InputError for a text that begins as no file of RNAs does; of `start` the first 256 characters are looked at. */
export function refuseForeignText(start: string, file: string): void {
  const cause = foreignCause(start.slice(0, FOREIGN_TEXT_START));
  if (cause !== undefined) throw new InputError(file, 1, cause.problem, cause.remedy);
}

function foreignCause(start: string): { readonly problem: string; readonly remedy: string } | undefined {
  const text = start.trimStart();
  if (text.startsWith('version https://git-lfs.github.com/'))
    return {
      problem: 'a Git LFS pointer stands in place of the file',
      remedy: 'fetch the file with "git lfs pull", or download it again',
    };
  if (/^<(?:!doctype|html|head|\?xml)\b/i.test(text))
    return {
      problem: 'a web page (HTML or XML) stands in place of the file',
      remedy: 'download the file itself again; the address may ask for a login, or lead to a page about the file',
    };
  const packed = PACKED.find(([magic]) => start.startsWith(magic));
  if (packed !== undefined)
    return {
      problem: `the file is packed (${packed[1]}), and was read as text`,
      remedy: packed[1] === 'gzip' ? 'unpack it first' : 'unpack it first; only gzip is read as it is',
    };
  if (start.includes('\0'))
    return {
      problem: 'the text is UTF-16 or the file is binary: it holds NUL characters',
      remedy: 'save it as UTF-8, or give a file of text',
    };
  return undefined;
}
