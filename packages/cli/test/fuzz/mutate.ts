/**
 * Damage to the bytes of an input, drawn from a seed: what disks, editors,
 * programs of other systems and hostile people do to files.
 */
import { gzipSync } from 'node:zlib';
import type { RandomStream } from '@rna/kernels';

/** Texts that have broken readers somewhere. */
const TOKENS = [
  '>',
  '>\n',
  '(',
  ')',
  '[',
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  ' '.repeat(300),
  ';',
  '#',
  '//',
  '-',
  '.',
  ',',
  '"',
  "'",
  '=',
  '&',
  '0',
  '-1',
  '1',
  '2147483648',
  '4294967297',
  '99999999999999999999',
  '1e999',
  '1e3',
  '0x10',
  'NaN',
  '9'.repeat(400),
  'ENERGY =',
  ' dG = -1 [initially -2] ',
  '>structure\n',
  '#Name:',
  '# STOCKHOLM 1.0\n',
  '#=GC SS_cons ',
  '\uFEFF',
  '\u202E',
  '\x1b[31m',
  '\x1f\x8b',
  'version https://git-lfs.github.com/spec/v1\n',
  '<!DOCTYPE html>',
  'ß',
  '😀',
  '\uFFFD',
  '__proto__',
  'constructor',
].map((text) => Buffer.from(text));

type Mutation = (bytes: Buffer, random: RandomStream, other: () => Buffer) => Buffer;

const place = (bytes: Buffer, random: RandomStream): number => random.below(bytes.length + 1);
const range = (bytes: Buffer, random: RandomStream): [number, number] => {
  const start = place(bytes, random);
  return [start, Math.min(bytes.length, start + 1 + random.below(random.below(2) === 0 ? 4 : 64))];
};
const pick = <T>(items: readonly T[], random: RandomStream): T => items[random.below(items.length)]!;
const splice = (bytes: Buffer, start: number, end: number, inserted: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(end)]);
const lines = (bytes: Buffer): string[] => bytes.toString('latin1').split('\n');
const joined = (rows: readonly string[]): Buffer => Buffer.from(rows.join('\n'), 'latin1');

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    if (bytes.length > 0) changed[random.below(bytes.length)] = random.below(256);
    return changed;
  },
  (bytes, random) => splice(bytes, ...range(bytes, random), Buffer.alloc(0)),
  (bytes, random) => {
    const at = place(bytes, random);
    return splice(bytes, at, at, pick(TOKENS, random));
  },
  (bytes, random) => splice(bytes, ...range(bytes, random), pick(TOKENS, random)),
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    const copies = Array.from({ length: 1 + random.below(40) }, () => bytes.subarray(start, end));
    return splice(bytes, end, end, Buffer.concat(copies));
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random, other) => splice(bytes, place(bytes, random), bytes.length, other()),
  (bytes, random) => {
    const rows = lines(bytes);
    const [a, b] = [random.below(rows.length), random.below(rows.length)];
    [rows[a], rows[b]] = [rows[b]!, rows[a]!];
    return joined(rows);
  },
  (bytes, random) => {
    const rows = lines(bytes);
    rows.splice(random.below(rows.length), 1);
    return joined(rows);
  },
  (bytes, random) => {
    const rows = lines(bytes);
    const at = random.below(rows.length);
    rows.splice(at, 0, rows[random.below(rows.length)]!);
    return joined(rows);
  },
  // A number in it becomes another one.
  (bytes, random) =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replace(/\d+/g, (digits) =>
          random.below(8) === 0 ? String(random.below(3) === 0 ? 2 ** 32 + Number(digits) : random.below(50)) : digits,
        ),
      'latin1',
    ),
  (bytes, random) =>
    Buffer.from(bytes.toString('latin1').replaceAll('\n', pick(['\r', '\r\n', '\n\n', ''], random)), 'latin1'),
  (bytes) => Buffer.from(`\uFEFF${bytes.toString('latin1')}`, 'utf16le'),
  (bytes) => gzipSync(bytes),
];

/** One to four damages. `other` gives an input of any reader. */
export function mutate(bytes: Uint8Array, random: RandomStream, other: () => Uint8Array): Uint8Array {
  let mutated = Buffer.from(bytes);
  for (let count = 1 + random.below(4); count > 0; count--)
    mutated = Buffer.from(pick(MUTATIONS, random)(mutated, random, () => Buffer.from(other())));
  return mutated;
}
