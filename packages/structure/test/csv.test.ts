/** Tables for others: what a spreadsheet would compute is text, and what needs quotes has them. */
import { expect, test } from 'vitest';
import { csvLine, inertCell } from '../src/index.ts';

test('cells that a spreadsheet would compute are text', () => {
  expect(
    ['=1+2', '+x', '-x', '@x', "=cmd|' /C calc'!A0", '-1.5', '+2', '-', '--AC', 'a=b', '-1;nan;2', '-1;=x', ''].map(
      inertCell,
    ),
  ).toEqual([
    "'=1+2",
    "'+x",
    "'-x",
    "'@x",
    "'=cmd|' /C calc'!A0",
    '-1.5',
    '+2',
    '-',
    '--AC',
    'a=b',
    '-1;nan;2',
    "'-1;=x",
    '',
  ]);
  expect(csvLine(['=a,b', -1.5, 'x'])).toBe(`"'=a,b",-1.5,x\n`);
});

test('what steers a terminal is written out in tables', () => {
  expect(inertCell('a\x1b[31mb\u202ec\x9b')).toBe(String.raw`a\u{1b}[31mb\u{202e}c\u{9b}`);
  expect(csvLine(['two\nlines', 'a\tb'])).toBe('"two\nlines",a\tb\n');
});
