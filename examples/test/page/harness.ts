/**
 * The page that the tests drive: the application's own worker, with what it tells
 * gathered for the test to ask about. Files go in and out as texts of base 64.
 */
import { connectRun, openRuns, type Command, type RunEvent } from '@rna/web';

const events: RunEvent[] = [];
let wake: (() => void)[] = [];
const client = connectRun(
  new Worker(new URL('../../../packages/app/src/workers/trainWorker.ts', import.meta.url), { type: 'module' }),
  (event) => {
    events.push(event);
    const waiting = wake;
    wake = [];
    for (const each of waiting) each();
  },
);

export const harness = {
  events,
  send: (command: Command): void => {
    client.send(command);
  },
  file: (name: string, text: string): File => new File([text], name),

  /** The first event of a type from now on, of a checkpoint if one is named; rejects if the run ends otherwise. */
  async next(type: RunEvent['type'], checkpoint?: string): Promise<RunEvent> {
    for (let seen = events.length; ;) {
      for (; seen < events.length; seen++) {
        const event = events[seen]!;
        if (
          event.type === type &&
          (event.type !== 'saved' || checkpoint === undefined || event.checkpoint === checkpoint)
        )
          return event;
        if (event.type === 'failed' || event.type === 'notPacked') throw new Error(event.message);
        if (event.type === 'finished' || event.type === 'stopped') throw new Error(`the run ended before ${type}`);
      }
      await new Promise<void>((resolve) => {
        wake.push(resolve);
      });
    }
  },

  /** The files of a run's folder by path. */
  async files(run: string): Promise<Record<string, string>> {
    const files: Record<string, string> = {};
    const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      for await (const [name, handle] of folder.entries()) {
        if (handle.kind === 'directory') await walk(handle, `${path}${name}/`);
        else files[path + name] = await toBase64(await handle.getFile());
      }
    };
    await walk(await (await openRuns()).getDirectoryHandle(run), '');
    return files;
  },

  /** A run's archive. */
  async pack(run: string): Promise<string> {
    const packed = this.next('packed');
    client.send({ type: 'pack', run });
    return toBase64(((await packed) as Extract<RunEvent, { type: 'packed' }>).file);
  },

  archive: async (base64: string): Promise<Blob> => (await fetch(`data:application/zip;base64,${base64}`)).blob(),
};

async function toBase64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}

Object.assign(globalThis, { harness });
