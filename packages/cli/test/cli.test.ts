/** The command line from outside: a process, its exit code, its two streams, and the files that it leaves. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeFailure } from '../src/commandLine/errors.ts';
import { fasta, modelFixture, modelFolder, rna, rnaProcess, temporaryFolder } from './harness.ts';

const commands = ['info', 'embed', 'fold', 'convert', 'tune'];

describe('help', () => {
  test('stands on stdout and lists the commands', async () => {
    const { code, stdout, stderr } = await rnaProcess(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(stdout).toContain('Exit codes: 0 done');
  });

  test.each(commands)('of %s has examples', async (command) => {
    const { code, stdout, stderr } = await rna(command, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Examples:\n  $ ');
    expect(stdout).toContain(`rna ${command}`);
  });

  test('--version', async () => {
    expect(await rna('--version')).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

describe('wrong usage ends with 2 and one message', () => {
  test.each([
    [['frobnicate'], 'unknown command'],
    [['embed', '--out', 'o'], "missing required argument 'input'"],
    [['embed', 'm', 'x.fasta'], "required option '-o, --out <file>' not specified"],
    [['embed', 'm', 'x.fasta', '--out', 'o', '--poool', 'cls'], "unknown option '--poool'"],
    [['embed', 'm', 'x.fasta', '--out', 'o', '--pool', 'max'], 'Allowed choices are none, cls, mean'],
    [['embed', 'm', 'x.fasta', '--out', 'o', '--layer', '1.5'], 'Expected a whole number of at least 0'],
    [['embed', 'm', 'x.fasta', '--out', 'o', '--tokens', '0'], 'Expected a whole number of at least 1'],
    [['embed', 'm', 'x.fasta', 'y.fasta', '--out', 'o'], 'too many arguments'],
    [['fold', 'm', 'x.fasta', '--threshold', '2'], 'Expected a number from 0 to 1'],
    [['fold', 'm', 'x.fasta', '--format', 'dbn,xyz'], 'Expected some of dbn,ct,bpseq,svg,r2dt'],
    [['fold', 'builtin', 'x.fasta', '--format', 'ct'], '--format ct needs --out FOLDER'],
    [['fold', 'builtin', 'x.fasta', '--probs'], '--probs needs --out FOLDER'],
    [['convert', 'm', 'model.onnx'], 'the extension says the format'],
  ])('rna %j', async (argv, message) => {
    const { code, stdout, stderr } = await rna(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^rna: /);
    expect(stderr).toContain(message);
  });

  test('no command at all shows the help on stderr', async () => {
    const { code, stdout, stderr } = await rna();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: rna');
  });

  test('--layer beyond the model', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await rnaProcess([
      'embed',
      modelFolder(folder, 'rinalmo-A'),
      fasta(folder, ['ACGU']),
      '--out',
      join(folder, 'out.safetensors'),
      '--layer',
      '99',
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^rna: --layer 99: .* has 3 blocks; give 0 \(the embedding\) to 3\n$/);
    expect(existsSync(join(folder, 'out.safetensors'))).toBe(false);
  });
});

describe('bad input ends with 1 and one message that names file and line', () => {
  test.each<[string, string, string | RegExp]>([
    ['a missing header', 'ACGU\n', ':1: a sequence without a header; put a line ">ID" before it'],
    ['an empty file', '', ':1: no record in the file; give at least one'],
    ['an empty record', '>a\nACGU\n>b\n>c\nAC\n', ':3: record "b" has no sequence'],
    ['an empty last record', '>a\nACGU\n>b\n', ':3: record "b" has no sequence'],
    ['a letter outside IUPAC', '>a\nACGU\nAXG\n', ':3: "X" in record "a" is not a nucleotide code'],
    [
      'two records with one id',
      '>a x\nACGU\n>a y\nAC\n',
      ':3: a second record has the id "a" (the first is on line 1)',
    ],
    ['a header without an id', '> \nACGU\n', ':1: a header without an id'],
    [
      'an id that the format keeps for itself',
      '>__metadata__\nACGU\n',
      ':1: the id "__metadata__" has a meaning of its own',
    ],
  ])('%s', async (_, text, message) => {
    const folder = temporaryFolder();
    const [input, out] = [fasta(folder, text), join(folder, 'out.safetensors')];
    const { code, stdout, stderr } = await rnaProcess(['embed', modelFolder(folder, 'rinalmo-A'), input, '--out', out]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^rna: [^\n]*\n$/);
    expect(stderr).toContain(`${input}${String(message)}`);
    expect(readdirSync(folder).sort()).toEqual(['input.fasta', 'rinalmo-A-weights_official']);
  });

  test('stdin goes by that name', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await rnaProcess(
      ['embed', modelFolder(folder, 'rinalmo-A'), '-', '--out', join(folder, 'out.safetensors')],
      { stdin: 'ACGU\n' },
    );
    expect(code).toBe(1);
    expect(stderr).toBe('rna: stdin:1: a sequence without a header; put a line ">ID" before it\n');
  });

  test("an id that is the name of another record's logits", async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, '>a.logits\nAC\n>a\nACGU\n');
    const argv = ['embed', modelFolder(folder, 'rinalmo-A'), input, '--out', join(folder, 'out.safetensors')];
    expect(await rna(...argv, '--logits')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${input}:3: "a.logits" is the id of another record`) as unknown,
    });
    expect(await rna(...argv)).toMatchObject({ code: 0 });
  });

  test('two ids that make one file name', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, '>a/b\nAC\n>a:b\nACGU\n');
    expect(await rna('fold', modelFolder(folder, 'rinalmo-A'), input, '--out', join(folder, 'out'))).toMatchObject({
      code: 1,
      stderr: `rna: ${input}:3: record "a:b" and the one on line 1 would both be written to files named "a_b"; rename one of them\n`,
    });
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });
});

describe('a bad model ends with 1 and one message that names it', () => {
  const attempt = async (model: string, folder: string, ...options: string[]) => {
    const out = join(folder, 'out.safetensors');
    const result = await rnaProcess(['embed', model, fasta(folder, ['ACGU']), '--out', out, ...options]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).not.toMatch(/\n {4}at /);
    expect(readdirSync(folder).filter((name) => name.includes('out.safetensors'))).toEqual([]);
    // Dawn has its own lines on some drivers.
    return result.stderr
      .split('\n')
      .filter((line) => !line.startsWith('Warning: '))
      .join('\n');
  };

  test('a missing one', async () => {
    const folder = temporaryFolder();
    expect(await attempt(join(folder, 'nowhere'), folder)).toContain('no such file or folder');
  });

  test('a folder without weights', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'empty'));
    expect(await attempt(join(folder, 'empty'), folder)).toContain('has none of model.safetensors');
  });

  test('a file that is cut off', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'rinalmo-A');
    truncateSync(join(model, 'model.safetensors'), 400_000);
    expect(await attempt(model, folder)).toMatch(
      /^rna: .*model\.safetensors: tensor ".*" ends at byte \d+ of the data, but the file has only \d+: it is cut off/,
    );
  });

  test('a weight that is not a number', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'rinalmo-A');
    const path = join(model, 'model.safetensors');
    const bytes = readFileSync(path);
    bytes.writeFloatLE(NaN, bytes.length - 8);
    writeFileSync(path, bytes);
    expect(await attempt(model, folder)).toMatch(/^rna: .*model\.safetensors: tensor ".*" has NaN at element \d+/);
  });

  test('a file without a config', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'bare'));
    const path = join(folder, 'bare', 'weights.safetensors');
    copyFileSync(modelFixture('oracle/rinalmo-A/weights_official.safetensors'), path);
    expect(await attempt(path, folder)).toContain(`${path}: its tensors have the sizes of no published rinalmo model`);
    expect(await attempt(path, folder, '--config', join(folder, 'none.json'))).toContain('none.json: no such file');
  });

  test('a missing FASTA file and a missing output folder', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'rinalmo-A');
    expect(await rna('embed', model, join(folder, 'none.fasta'), '--out', join(folder, 'out.safetensors'))).toEqual({
      code: 1,
      stdout: '',
      stderr: `rna: ${join(folder, 'none.fasta')}: no such file or directory\n`,
    });
    expect(
      await rna('embed', model, fasta(folder, ['A']), '--out', join(folder, 'no', 'out.safetensors')),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('does not exist; make it first') as unknown });
  });

  test('one without the head that is asked for', async () => {
    const folder = temporaryFolder();
    expect(await rna('fold', modelFolder(folder, 'rinalmo-A'), fasta(folder, ['ACGU']))).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('has no head that predicts base pairs') as unknown,
    });
  });
});

test.each(['--help', 'info'])('a reader of %s that stops early is no failure', async (argument) => {
  expect(await rnaProcess([argument], { closeStdout: true })).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('EPIPE') as unknown,
  });
});

test('Ctrl-C ends with 130 and leaves no unfinished file', async () => {
  const folder = temporaryFolder();
  const input = fasta(
    folder,
    Array.from({ length: 20_000 }, () => 'ACGUACGUAC'.repeat(4)),
  );
  const model = modelFolder(folder, 'rinalmo-A');
  const before = readdirSync(folder).sort();
  const result = await rnaProcess(
    ['embed', model, input, '--out', join(folder, 'out.safetensors'), '--tokens', '200'],
    { interruptWhen: () => readdirSync(folder).some((name) => name.endsWith('.partial')) },
  );
  expect(result).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringMatching(/^rna: interrupted$/m) as unknown,
  });
  expect(readdirSync(folder).sort()).toEqual(before);
});

describe('describeFailure', () => {
  class CheckpointError extends Error {
    override readonly name = 'CheckpointError';
  }

  test('shows the stack of an expected error only where asked', () => {
    const error = new CheckpointError('x: is damaged', { cause: new Error('why') });
    expect(describeFailure(error, false)).toEqual({ message: 'rna: x: is damaged', exitCode: 1 });
    expect(describeFailure(error, true).message).toMatch(/x: is damaged[^]*\n {4}at [^]*caused by Error: why/);
  });

  test('shows the stack of an unexpected one', () => {
    const { message, exitCode } = describeFailure(new TypeError('undefined is no function'), false);
    expect(message).toMatch(/^rna: an unexpected error[^]*undefined is no function[^]*\n {4}at /);
    expect(exitCode).toBe(1);
  });
});
