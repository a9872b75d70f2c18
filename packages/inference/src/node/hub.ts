/**
 * Models by hub name: files are downloaded (download.ts) from the Hugging Face
 * hub into a cache folder of this program. A cached file is used without asking
 * the hub again. `HF_ENDPOINT` names another hub, `RNA_HUB_CACHE` another folder.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  CheckpointError,
  CONFIG_FILE,
  hubFileUrl,
  isShardIndex,
  LARGEST_WEIGHTS,
  LIMITS,
  parseShardIndex,
  PUBLIC_HUB,
  WEIGHTS_FILE,
  WEIGHTS_FILES,
} from '@rna/model';
import { download, type Patience } from './download.ts';
import type { Progress } from '../progress.ts';
import { makeFolder } from './files.ts';

export interface HubOptions {
  /** Default: `HF_ENDPOINT`, else the public hub. */
  readonly endpoint?: string;
  /** Default: `RNA_HUB_CACHE`, else `rna/hub` below the user's cache folder. */
  readonly cacheDir?: string;
  /** How slow the hub may be. */
  readonly patience?: Patience;
  /** Called for every part that arrives. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends a download; what has arrived is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a person should know and no error says, a sentence each. */
  readonly onNote?: ((text: string) => void) | undefined;
}

export function hubCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.RNA_HUB_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rna', 'hub');
}

/**
 * The local folder of a hub model, with its config and weights (or shards).
 * @throws CheckpointError if the hub has no such model, cannot be reached, or gives other bytes than it promises.
 */
export async function fetchHubModel(name: string, options: HubOptions = {}): Promise<string> {
  const hub = (options.endpoint ?? process.env.HF_ENDPOINT ?? PUBLIC_HUB).replace(/\/+$/, '');
  if (!URL.canParse(hub) || !['https:', 'http:'].includes(new URL(hub).protocol)) {
    throw new CheckpointError(name, `HF_ENDPOINT is "${hub}"; expected the address of a hub, such as ${PUBLIC_HUB}`);
  }
  const folder = join(options.cacheDir ?? hubCacheDir(), ...name.split('/'));
  const url = (file: string): string => hubFileUrl(hub, name, file);
  const ensure = (file: string): Promise<boolean> =>
    download({
      model: name,
      file,
      endpoint: new URL(hub),
      url: url(file),
      path: join(folder, file),
      maxBytes: file.endsWith('.json') ? LIMITS.jsonBytes : LARGEST_WEIGHTS,
      ...(options.patience && { patience: options.patience }),
      onProgress: options.onProgress,
      onNote: options.onNote,
      signal: options.signal,
      advice:
        `Without a network, fetch\n${[CONFIG_FILE, file === CONFIG_FILE ? WEIGHTS_FILE : file].map((each) => `  ${url(each)}`).join('\n')}\n` +
        `elsewhere and put the files into\n  ${folder}\nor name a local folder as the model`,
    });

  await makeFolder(folder);
  if (!(await ensure(CONFIG_FILE))) {
    throw new CheckpointError(
      name,
      `no such model on ${hub}, or one that is not public; check the spelling (organisation/model)`,
    );
  }
  // What is cached tells what the model has without asking the hub.
  let weights = WEIGHTS_FILES.find((file) => existsSync(join(folder, file)));
  for (const file of WEIGHTS_FILES) {
    if (weights === undefined && (await ensure(file))) weights = file;
  }
  if (weights === undefined) throw new CheckpointError(name, `has none of ${WEIGHTS_FILES.join(', ')} on ${hub}`);
  if (!isShardIndex(weights)) return folder;
  const indexPath = join(folder, weights);
  for (const shard of new Set(parseShardIndex(await readFile(indexPath, 'utf8'), indexPath).values())) {
    if (!(await ensure(shard)))
      throw new CheckpointError(name, `${weights} names ${shard}, which the hub does not have`);
  }
  return folder;
}
