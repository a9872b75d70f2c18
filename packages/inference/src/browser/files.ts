/**
 * A model's files in a browser: those of the package, of a hub, at an address, or that a person picked. Models of a hub
 * are kept in the browser's private storage, by @rna/web, and are used from there without asking the hub again.
 */
import { BUILTIN, builtinFiles } from '@rna/builtin';
import { CheckpointError, CONFIG_FILE, isHubName, PUBLIC_HUB, WEIGHTS_FILE, type OpenedModel } from '@rna/model';
import { addressOffer, fileOffer, hubFiles, isWhole, keepModel, openKeptModel, openOffer, readRecord } from '@rna/web';
import type { OpenedFiles, OpenOptions } from '../opening.ts';

/** What a model is opened by in a browser. */
export type BrowserModelName = string | URL | readonly File[];

export const nameOf = (name: BrowserModelName): string =>
  typeof name === 'object' && !(name instanceof URL) ? name.map((file) => file.name).join(', ') : String(name);

/** Opens a model's files. Throws a CheckpointError where there is no model, or it is damaged. */
export async function openFiles(name: BrowserModelName, options: OpenOptions): Promise<OpenedFiles> {
  const model = await open(name, options);
  model.warnings.forEach((warning) => options.onNote?.(warning));
  return { model, close: () => Promise.resolve() };
}

async function open(name: BrowserModelName, options: OpenOptions): Promise<OpenedModel> {
  if (name === BUILTIN) return openBuiltin(fetchFile);
  if (typeof name === 'object' && !(name instanceof URL)) return openOffer(await fileOffer(name));
  if (typeof name === 'string' && isHubName(name)) {
    await fetchModel(name, options);
    return openKeptModel(name);
  }
  if (!URL.canParse(name, location.href)) throw new CheckpointError(String(name), 'neither a model nor an address');
  return openOffer(await addressOffer(new URL(name, location.href).href));
}

/** The model of the package, by the addresses that a bundler gave its files: their names may be others. */
export async function openBuiltin(fetchIt: (address: URL) => Promise<Response>): Promise<OpenedModel> {
  const part = async (name: string, address: URL) => ({ name, from: await (await fetchIt(address)).blob() });
  const files = await Promise.all([part(CONFIG_FILE, builtinFiles.config), part(WEIGHTS_FILE, builtinFiles.weights)]);
  return openOffer({ name: BUILTIN, origin: 'the package', files });
}

/** Rejects where a file of the package is not there. */
export async function fetchFile(address: URL): Promise<Response> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.href}: the server answered ${answer.status} ${answer.statusText}`);
  return answer;
}

/** Keeps what is missing of a hub's model, and of the models that it is an adapter of. */
async function fetchModel(name: string, options: OpenOptions, outer: readonly string[] = []): Promise<void> {
  const { hub = PUBLIC_HUB, onProgress, signal } = options;
  let record = await readRecord(name);
  if (record === undefined || !isWhole(record)) {
    const origin = hub.replace(/\/+$/, '');
    record = await keepModel(
      { name, origin, files: await hubFiles(name, origin, signal) },
      {
        ...(signal && { signal }),
        onProgress({ file: { name: file, received, total } }) {
          onProgress?.({ file, received, total });
        },
      },
    );
  }
  const { adapterOf } = record;
  // One that is its own base is refused when it is opened.
  if (adapterOf !== undefined && isHubName(adapterOf) && !outer.includes(adapterOf))
    await fetchModel(adapterOf, options, [...outer, name]);
}
