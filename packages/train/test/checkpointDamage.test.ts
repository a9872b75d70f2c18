/** Checkpoints that were changed, cut off or lost after they were written, and runs that are made longer. */
import { CheckpointError } from '@rna/model';
import type { Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AdamW,
  checkCheckpoint,
  checkpointName,
  constantSchedule,
  newestState,
  parseState,
  train,
  type Damage,
  type Settings,
} from '../src/index.ts';
import { digestFile, digestingSink } from '../src/fileDigest.ts';
import { memorySink, memorySource } from '@rna/model';
import { memoryLog, memoryStore, PointTask, type Files } from './memoryRun.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

type Store = ReturnType<typeof memoryStore>;

async function run(store: Store, steps = 12, settings: Settings = { train: { steps } }) {
  const task = new PointTask(device);
  const optimizer = new AdamW(device, { groups: [{ parameters: task.parameters, rateScale: 1, weightDecay: 0 }] });
  const [log, damages] = [memoryLog(), [] as Damage[]];
  try {
    const state = await train({
      device,
      task,
      optimizer,
      schedule: constantSchedule(0.1),
      steps,
      log,
      checkpoints: { store, model: task.model, settings, every: 4, keep: 3 },
      onDamage: (damage) => {
        damages.push(damage);
      },
    });
    return { state, damages, w: await task.w.read() };
  } finally {
    optimizer.dispose();
    task.w.dispose();
  }
}

/** A finished run, and a copy of it to be damaged. */
async function finished(): Promise<{ whole: Store; store: Store; newest: Files }> {
  const whole = memoryStore();
  await run(whole);
  const store = memoryStore();
  for (const [name, files] of whole.checkpoints)
    store.checkpoints.set(name, new Map([...files].map(([file, bytes]) => [file, bytes.slice()])));
  return { whole, store, newest: store.checkpoints.get(checkpointName(12))! };
}

/** Files as texts, which are compared at once and shown in a line. */
const text = (files: Files): Record<string, string> =>
  Object.fromEntries([...files].map(([name, bytes]) => [name, new TextDecoder('latin1').decode(bytes)]));

const flipped = (bytes: Uint8Array, at: number, bit = 0): Uint8Array => {
  const changed = bytes.slice();
  changed[at]! ^= 1 << bit;
  return changed;
};

describe('a damaged newest checkpoint', () => {
  it('is set aside and told, and the run ends in the same bits from the one before', async () => {
    const damage: Record<string, (files: Files) => void> = {
      'a bit of the weights': (files) => {
        const bytes = files.get('model.safetensors')!;
        files.set('model.safetensors', flipped(bytes, bytes.length - 3, 5));
      },
      'a bit of the moments': (files) => {
        files.set('optimizer.safetensors', flipped(files.get('optimizer.safetensors')!, 200));
      },
      'a digit of the state': (files) => {
        const text = new TextDecoder().decode(files.get('trainer.json'));
        files.set('trainer.json', new TextEncoder().encode(text.replace('"epoch": 2', '"epoch": 3')));
      },
      'weights that were cut off': (files) => {
        files.set('model.safetensors', files.get('model.safetensors')!.slice(0, 40));
      },
      'an empty state': (files) => {
        files.set('trainer.json', new Uint8Array());
      },
      'a missing file': (files) => {
        files.delete('optimizer.safetensors');
      },
    };
    for (const [what, harm] of Object.entries(damage)) {
      const { whole, store, newest } = await finished();
      harm(newest);
      const { state, damages } = await run(store);
      expect(damages, what).toEqual([
        {
          checkpoint: checkpointName(12),
          instead: checkpointName(8),
          error: expect.objectContaining({
            name: 'CheckpointError',
            message: expect.stringMatching(/^step-000000012\/\S+: /) as string,
          }) as CheckpointError,
        },
      ]);
      expect(state.step, what).toBe(12);
      for (const [name, files] of whole.checkpoints)
        expect(text(store.checkpoints.get(name)!), `${name} after ${what}`).toEqual(text(files));
    }
  });

  it('says what is wrong and touches nothing where no checkpoint is whole', async () => {
    const { store } = await finished();
    for (const files of store.checkpoints.values()) files.set('model.safetensors', new Uint8Array(9));
    const before = [...store.checkpoints.keys()];
    await expect(run(store)).rejects.toThrow(
      /no checkpoint of this run is whole.*\n {2}step-000000012\/model\.safetensors: damaged: it has 9 bytes/,
    );
    expect([...store.checkpoints.keys()]).toEqual(before);
  });

  it('leaves a checkpoint of other settings alone', async () => {
    const { store } = await finished();
    await expect(run(store, 12, { train: { steps: 12 }, seed: 1 })).rejects.toThrow('seed: then absent, now 1');
    expect(store.checkpoints.size).toBe(3);
  });

  it('is told by any bit of any file', async () => {
    const { store, newest } = await finished();
    const name = checkpointName(12);
    await expect(checkCheckpoint(store, name)).resolves.toBeUndefined();
    for (const [file, bytes] of [...newest]) {
      for (let at = 0; at < bytes.length; at += 23) {
        newest.set(file, flipped(bytes, at, at % 8));
        // White space alone may change in the state, which is JSON.
        const changed = new TextDecoder().decode(newest.get(file));
        if (file === 'trainer.json' && sameJson(changed, new TextDecoder().decode(bytes))) continue;
        await expect(checkCheckpoint(store, name), `${file} at ${at}`).rejects.toThrow(CheckpointError);
      }
      newest.set(file, bytes);
    }
  });

  it('is read where an earlier version wrote it without digests', async () => {
    const { store, newest } = await finished();
    const state = JSON.parse(new TextDecoder().decode(newest.get('trainer.json'))) as object;
    const earlier = { ...state, files: undefined, digest: undefined };
    newest.set('trainer.json', new TextEncoder().encode(JSON.stringify(earlier)));
    expect((await newestState(store))?.step).toBe(12);
    expect((await run(store)).damages).toEqual([]);
  });
});

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}

describe('parseState', () => {
  it.each(['1e300', '-1', 'null', '"1"', '1.5', '1000000000'])('refuses a step of %s', async (step) => {
    const text = `{"step": ${step}, "cursor": {"epoch": 0, "window": 0, "row": 0}, "evaluationsSinceBest": 0, "settings": {}}`;
    await expect(parseState(text, 'a/trainer.json')).rejects.toThrow(
      /^a\/trainer\.json: not the state of a training run/,
    );
  });
});

describe('a digest', () => {
  it('is the same written in any pieces and read back', async () => {
    const bytes = Uint8Array.from({ length: 2 ** 22 + 12345 }, (_, i) => (i * 31) % 251);
    const read = await digestFile(memorySource('a', bytes));
    for (const piece of [bytes.length, 2 ** 22, 2 ** 20 + 1, 5_000_000]) {
      const inner = memorySink();
      const { sink, digest } = digestingSink(inner);
      for (let at = 0; at < bytes.length; at += piece) await sink.write(bytes.subarray(at, at + piece));
      expect(await digest()).toEqual(read);
      expect(await digestFile(memorySource('b', inner.bytes()))).toEqual(read);
    }
    expect(read.bytes).toBe(bytes.length);
    expect((await digestFile(memorySource('a', flipped(bytes, 2 ** 22)))).digest).not.toBe(read.digest);
  });
});

describe('a finished run', () => {
  it('is made longer by a larger number, and no shorter', async () => {
    const store = memoryStore();
    await run(store, 8);
    const { state, w } = await run(store, 12);
    expect(state).toMatchObject({ step: 12, settings: { train: { steps: 12 } } });
    // The rate is constant, so that the longer run is one that was as long from the beginning.
    const whole = memoryStore();
    expect(w).toEqual((await run(whole, 12)).w);
    const moments = ({ checkpoints }: Store) => text(checkpoints.get(checkpointName(12))!)['optimizer.safetensors'];
    expect(moments(store) === moments(whole)).toBe(true);
    await expect(run(store, 8)).rejects.toThrow('train.steps: then 12, now 8');
    await expect(run(store, 16, { train: { steps: 16 }, seed: 2 })).rejects.toThrow(
      /other settings:\n {2}seed: then absent, now 2\nuse/,
    );
  });
});
