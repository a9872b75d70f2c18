/** Runs in the browser's private file system: what is half done never counts, and an archive is the run again. */
import { zip } from './zip.ts';
import { checkpointName, type CheckpointStore } from '@rna/train';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deleteRun, openRunFolder, openRuns, packRun, unpackRun, type RunFolder } from '../src/index.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
let runs: FileSystemDirectoryHandle;
let run: RunFolder;

beforeEach(async () => {
  runs = await openRuns();
  run = await openRunFolder(runs, 'test');
});
afterEach(async () => {
  await run.close();
  await deleteRun('test');
});

/** Closes the run and opens it as a page does that is loaded again. */
async function reopen(): Promise<void> {
  await run.close();
  run = await openRunFolder(runs, 'test');
}

/** A `trainer.json` of a step, which is text so that it may be no number. */
const state = (step: number | string): string =>
  `{"step": ${step}, "cursor": {"epoch": 0, "window": 0, "row": 0}, "evaluationsSinceBest": 0, "settings": {}}`;

const save = (store: CheckpointStore, step: number, content: string): Promise<void> =>
  store.save(`step-00000000${step}`, async (writer) => {
    await writer.file('weights', (sink) => sink.write(text(content)));
    await writer.file('trainer.json', (sink) => sink.write(text(state(step))));
  });

async function read(name: string): Promise<string> {
  const reader = await run.store.open(name);
  const source = await reader.open('weights');
  return new TextDecoder().decode(await source.read(0, source.size));
}

describe("a run's folder", () => {
  it('keeps checkpoints in order and gives their files back', async () => {
    await save(run.store, 2, 'two');
    await save(run.store, 1, 'one');
    await save(run.store, 2, 'two again');
    await reopen();
    expect(await run.store.names()).toEqual(['step-000000001', 'step-000000002']);
    expect(await read('step-000000002')).toBe('two again');
    await run.store.remove('step-000000001');
    expect(await run.store.names()).toEqual(['step-000000002']);
  });

  it('has no checkpoint whose writing failed, or whose files are not what was written', async () => {
    await save(run.store, 1, 'one');
    await expect(
      run.store.save('step-000000002', async (writer) => {
        await writer.file('weights', (sink) => sink.write(text('half')));
        throw new Error('the tab was closed');
      }),
    ).rejects.toThrow('the tab was closed');
    expect(await run.store.names()).toEqual(['step-000000001']);
    await save(run.store, 3, 'three');
    const folder = await (await run.folder.getDirectoryHandle('checkpoints')).getDirectoryHandle('step-000000003');
    const stream = await (await folder.getFileHandle('weights')).createWritable();
    await stream.close();
    expect(await run.store.names()).toEqual(['step-000000001']);
    await reopen();
    expect(await run.store.names()).toEqual(['step-000000001']);
    expect(await foldersOf(run)).toEqual(['step-000000001']);
  });

  it('has the log up to its newest checkpoint at least, and drops what comes after', async () => {
    const entry = (step: number) => ({ step, epoch: 0, loss: 1 / step, learningRate: 0, gradientNorm: 1, tokens: 2 });
    run.log.append(entry(1));
    await save(run.store, 1, 'one');
    run.log.append(entry(2));
    expect(await run.log.entries()).toEqual([entry(1), entry(2)]);
    await reopen();
    expect(await run.log.entries()).toEqual([entry(1), entry(2)]);
    await run.log.rewind(1);
    run.log.append(entry(2));
    run.log.append(entry(3));
    expect(await run.log.entries()).toEqual([entry(1), entry(2), entry(3)]);
    await run.log.rewind(-1);
    expect(await run.log.entries()).toEqual([]);
  });

  it("is one tab's at a time", { timeout: 20_000 }, async () => {
    await expect(openRunFolder(runs, 'test')).rejects.toThrow("the run 'test' is open in another tab");
    const other = await openRunFolder(runs, 'other');
    await other.close();
    await deleteRun('other');
  });
});

describe('an archive', () => {
  it('holds the newest checkpoint and the log, and is a run again', async () => {
    await save(run.store, 1, 'one');
    run.log.append({ step: 2, evaluation: { loss: 3 } });
    await save(run.store, 2, 'two');
    const archive = await packRun(run.folder);
    const copy = await openRunFolder(runs, 'copy');
    await unpackRun(archive, copy.folder);
    expect(await copy.store.names()).toEqual(['step-000000002']);
    expect(await copy.log.entries()).toEqual([{ step: 2, evaluation: { loss: 3 } }]);
    await copy.close();
    await deleteRun('copy');
  });

  it('is refused where there is nothing to pack, where it is no run, and where it is damaged', async () => {
    await expect(packRun(run.folder)).rejects.toThrow('no checkpoint yet');
    await expect(unpackRun(new Blob(['no archive at all']), run.folder)).rejects.toThrow('the archive cannot be used');
    await save(run.store, 1, 'the weights of the model');
    const bytes = new Uint8Array(await (await packRun(run.folder)).arrayBuffer());
    const at = new TextDecoder('latin1').decode(bytes).indexOf('the weights');
    bytes[at]! ^= 1;
    await run.store.remove('step-000000001');
    await expect(unpackRun(new Blob([bytes]), run.folder)).rejects.toThrow('the archive cannot be used');
    expect(await foldersOf(run)).toEqual([]);
  });
});

describe('an archive is refused, and leaves nothing behind,', () => {
  it.each(['NaN', '-1', '1e300', '1.5', '"7"', 'null', '1000000000'])('whose step is %s', async (step) => {
    const archive = zip([
      ['run/checkpoints/step-000000001/trainer.json', state(1)],
      ['run/checkpoints/step-000000001/weights', 'one'],
      ['run/checkpoints/bad/trainer.json', state(step)],
    ]);
    await expect(unpackRun(archive, run.folder)).rejects.toThrow(
      /the archive cannot be used: run\/checkpoints\/bad\/trainer\.json: not /,
    );
    expect(await foldersOf(run)).toEqual([]);
  });

  it('that has two checkpoints of a step', async () => {
    const archive = zip([
      ['a/trainer.json', state(3)],
      ['b/trainer.json', state(3)],
    ]);
    await expect(unpackRun(archive, run.folder)).rejects.toThrow(
      'a/trainer.json and b/trainer.json are both of step 3',
    );
    expect(await foldersOf(run)).toEqual([]);
  });

  it('that has 50,000 entries, in seconds', { timeout: 60_000 }, async () => {
    const archive = zip(Array.from({ length: 50_000 }, (_, i) => [`${i}/trainer.json`, state(i)] as const));
    await expect(unpackRun(archive, run.folder)).rejects.toThrow('it has more than 5000 entries');
    expect(await foldersOf(run)).toEqual([]);
  });
});

it('takes nothing for a checkpoint that has not the name of one', async () => {
  await save(run.store, 1, 'one');
  const checkpoints = await run.folder.getDirectoryHandle('checkpoints');
  for (const name of ['best', 'step-9', `${checkpointName(9)}.copy`]) {
    const folder = await checkpoints.getDirectoryHandle(name, { create: true });
    const stream = await (await folder.getFileHandle('.complete', { create: true })).createWritable();
    await stream.write('{"sizes":{}}');
    await stream.close();
  }
  expect(await run.store.names()).toEqual([checkpointName(1)]);
});

it('names the line of a log that is not one', async () => {
  const stream = await (await run.folder.getFileHandle('log.jsonl', { create: true })).createWritable();
  await stream.write('{"step":0,"evaluation":{"loss":1}}\n{"step":-1}\n');
  await stream.close();
  await expect(run.log.rewind(5)).rejects.toThrow('test/log.jsonl:2: neither a step nor an evaluation');
});

async function foldersOf({ folder }: RunFolder): Promise<string[]> {
  const names: string[] = [];
  for await (const name of (await folder.getDirectoryHandle('checkpoints', { create: true })).keys()) names.push(name);
  return names;
}
