/** A source behind a port gives the steps that it gives in place, ahead of time, and its faults. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import {
  remoteBatches,
  serveBatches,
  type BatchPort,
  type BatchSource,
  type RemoteBatches,
} from '../src/batchSource.ts';
import { FIRST_CURSOR, type Cursor } from '../src/batching.ts';
import { memoryCorpus } from '../src/corpus/reader.ts';
import { corpusBatches } from '../src/corpusBatches.ts';
import { rnas } from './tinyModel.ts';

const open: RemoteBatches[] = [];
afterEach(() => {
  open.splice(0).forEach((remote) => {
    remote.close();
  });
});

const batches = (): BatchSource =>
  corpusBatches(memoryCorpus(rnas), {
    masking: { scheme: 'ssm' },
    maxTokens: 80,
    rowsPerStep: 3,
    accumulation: 2,
    seed: 4,
    window: 8,
  });

/** A source at the other end of a channel. */
function serve(source: BatchSource, ahead?: number): RemoteBatches {
  const { port1, port2 } = new MessageChannel();
  serveBatches(port1 as unknown as BatchPort, source);
  const remote = remoteBatches(port2 as unknown as BatchPort, ahead);
  open.push(remote);
  return remote;
}

/** Counts what is asked of a source. */
function counted(source: BatchSource): BatchSource & { readonly asked: Cursor[] } {
  const asked: Cursor[] = [];
  return {
    asked,
    close: () => undefined,
    at: (cursor) => {
      asked.push(cursor);
      return source.at(cursor);
    },
  };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++)
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
};

describe('remoteBatches', () => {
  it('gives the same steps as the source itself, also from other places', async () => {
    const [direct, remote] = [batches(), serve(batches())];
    let cursor = FIRST_CURSOR;
    const places = [];
    for (let i = 0; i < 12; i++) {
      places.push(cursor);
      const step = await remote.at(cursor);
      expect(step).toEqual(await direct.at(cursor));
      cursor = step.next;
    }
    for (const place of [places[5]!, places[5]!, places[1]!, places[2]!])
      expect(await remote.at(place)).toEqual(await direct.at(place));
    const [first, second] = [remote.at(places[3]!), remote.at(places[4]!)];
    expect([await first, await second]).toEqual([await direct.at(places[3]!), await direct.at(places[4]!)]);
  });

  it('has the next steps made before they are asked for, and no more than that', async () => {
    const source = counted(batches());
    const remote = serve(source, 3);
    const { next } = await remote.at(FIRST_CURSOR);
    await turns();
    expect(source.asked).toHaveLength(4);
    await remote.at(next);
    await turns();
    expect(source.asked).toHaveLength(5);
    expect(new Set(source.asked.map((cursor) => JSON.stringify(cursor))).size).toBe(5);
  });

  it('carries a fault over with name and message, and goes on when asked again', async () => {
    let broken = true;
    const source = batches();
    const remote = serve({
      ...source,
      at: (cursor) =>
        broken
          ? Promise.reject(Object.assign(new Error('corpus.bin: page 3 is damaged'), { name: 'CorpusError' }))
          : source.at(cursor),
    });
    await expect(remote.at(FIRST_CURSOR)).rejects.toMatchObject({
      name: 'CorpusError',
      message: 'corpus.bin: page 3 is damaged',
    });
    broken = false;
    expect(await remote.at(FIRST_CURSOR)).toEqual(await source.at(FIRST_CURSOR));
  });

  it('rejects what is awaited when the other end is gone, and all that comes after', async () => {
    const remote = serve({ at: () => new Promise(() => undefined), close: () => undefined });
    const awaited = expect(remote.at(FIRST_CURSOR)).rejects.toThrow('the worker died');
    await turns();
    remote.fail(new Error('the worker died'));
    await awaited;
    await expect(remote.at(FIRST_CURSOR)).rejects.toThrow('the worker died');
    const closed = serve(batches());
    closed.close();
    await expect(closed.at(FIRST_CURSOR)).rejects.toThrow('is closed');
  });
});
