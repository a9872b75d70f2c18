import { CheckpointError } from '@rna/model';
import { InputError, parseFasta } from '@rna/structure';
import { CorpusError, openCorpus } from '@rna/train';
import { expect, test } from 'vitest';
import { CommandError, describeFailure } from '../src/commandLine/errors.ts';

/** What a promise rejects with. */
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('facts of the packages below get advice on what can be typed', async () => {
  const lacking = new CheckpointError('m.pt', 'its tensors have no known sizes', { lacks: 'config' });
  expect(describeFailure(lacking, false).message).toBe(
    'rna: m.pt: its tensors have no known sizes; or pass --config FILE',
  );
  expect(describeFailure(new CheckpointError('m.pt', 'is cut off'), false).message).toBe('rna: m.pt: is cut off');
  const letters = await failure(
    parseFasta(
      (async function* () {
        yield await Promise.resolve('>a\nGG!\n');
      })(),
      { file: 'x' },
    ).next(),
  );
  expect(letters).toBeInstanceOf(InputError);
  expect(describeFailure(letters, false).message).toMatch(/rna embed --allow-unknown/);
  const text = { name: 'x.corpus', size: 3, read: () => Promise.resolve(new Uint8Array(3)) };
  const noCorpus = await failure(openCorpus(text));
  expect(noCorpus).toBeInstanceOf(CorpusError);
  expect(describeFailure(noCorpus, false).message).toMatch(
    /not a corpus: it has 3 bytes; build one with rna corpus build/,
  );
});

test('an error of the command line says all itself', () => {
  expect(describeFailure(new CommandError('no'), false)).toEqual({ message: 'rna: no', exitCode: 1 });
});
