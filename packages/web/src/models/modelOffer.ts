/**
 * What a model is, before it is fetched: a hub, an address or files are looked into by range, so that names, shapes
 * and sizes are known from some kilobytes. `keepModel` then fetches it.
 */
import {
  CheckpointError,
  CONFIG_FILE,
  blobSource,
  encoderCost,
  hubFileUrl,
  isHubName,
  isShardIndex,
  LARGEST_WEIGHTS,
  LIMITS,
  longestInput,
  LORA_CONFIG_FILE,
  LORA_HEAD_FILE,
  LORA_WEIGHTS_FILE,
  loraBase,
  openModel,
  openShards,
  openTensorFile,
  parameterCount,
  parseConfig,
  parsePeftConfig,
  parseShardIndex,
  weightBytes,
  WEIGHTS_FILE,
  WEIGHTS_FILES,
  type ByteSource,
  type LoraParts,
  type OpenedModel,
  type TensorFile,
} from '@rna/model';
import { z } from 'zod';
import { checkpointStep, RUN_FILES } from '@rna/train';
import { httpSource, rangedHttpSource } from '../httpSource.ts';
import { childFile, childFolder, openRuns } from '../opfs.ts';
import { bestCheckpoint, checkpointNames } from '../runFolder.ts';
import { readTuning } from '../tuning.ts';
import type { ModelFacts } from './modelRecord.ts';
import { rhoFoldFacts } from './rhoFold.ts';

/** A file that can be fetched, or was given. */
export interface OfferedFile {
  readonly name: string;
  readonly from: string | Blob;
  readonly bytes?: number;
  readonly sha256?: string;
  /** The SHA-1 that git gives it as a blob. */
  readonly gitSha1?: string;
}

export interface ModelOffer {
  readonly name: string;
  readonly origin: string;
  readonly files: readonly OfferedFile[];
  readonly facts?: ModelFacts;
  readonly adapterOf?: string;
}

/** Nucleotides of the RNA whose memory is said beside the weights'. */
const USUAL_LENGTH = 500;

const tree = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().optional(),
    oid: z.string().optional(),
    lfs: z.object({ oid: z.string(), size: z.number() }).optional(),
  }),
);
type ListedFile = z.infer<typeof tree>[number];

/** Looks into a model of a hub. Rejects with a CheckpointError that says what a person can do about it. */
export async function hubOffer(name: string, hub: string): Promise<ModelOffer> {
  return offerOf(name, hub, await hubFiles(name, hub));
}

/** The files of a hub's model, not looked into. Rejects as `hubOffer` does. */
export async function hubFiles(name: string, hub: string, signal?: AbortSignal): Promise<OfferedFile[]> {
  if (!isHubName(name))
    throw new CheckpointError(name, 'is no name of a hub; such a name has the form organisation/model');
  const listed = await listHub(name, hub, signal);
  const has = (file: string): boolean => listed.has(file);
  const offer = (file: string): OfferedFile => listedOffer(name, hub, listed.get(file)!);
  const weights = WEIGHTS_FILES.find(has);
  if (weights === undefined && has(LORA_CONFIG_FILE))
    return [LORA_CONFIG_FILE, LORA_WEIGHTS_FILE, LORA_HEAD_FILE].filter(has).map(offer);
  if (weights === undefined) throw new CheckpointError(name, `has none of ${WEIGHTS_FILES.join(', ')} on ${hub}`);
  const files = [CONFIG_FILE, weights].filter(has).map(offer);
  if (isShardIndex(weights)) {
    const text = await textOf(files.at(-1)!);
    for (const shard of new Set(parseShardIndex(text, weights).values())) {
      if (!has(shard)) throw new CheckpointError(name, `${weights} names ${shard}, which the hub does not have`);
      files.push(offer(shard));
    }
  }
  return files;
}

/** A file with what the hub promises of it: SHA-256 of large ones, of others the SHA-1 that git gives a blob. */
function listedOffer(model: string, hub: string, { path, size, oid, lfs }: ListedFile): OfferedFile {
  const bytes = lfs?.size ?? size;
  const most = path.endsWith('.json') ? LIMITS.jsonBytes : LARGEST_WEIGHTS;
  if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 0 || bytes > most)
    throw new CheckpointError(
      model,
      `${hub} announces ${String(bytes)} bytes for ${path}; ${most} at most are fetched`,
    );
  const digest = (lfs?.oid ?? oid ?? '').toLowerCase();
  if (!(lfs === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(digest))
    throw new CheckpointError(model, `${hub} lists no digest of ${path}, so it could not be checked`);
  const from = hubFileUrl(hub, model, path);
  return { name: path, from, bytes, ...(lfs === undefined ? { gitSha1: digest } : { sha256: digest }) };
}

async function listHub(name: string, hub: string, signal?: AbortSignal): Promise<Map<string, ListedFile>> {
  let answer: Response;
  try {
    answer = await fetch(`${hub}/api/models/${name}/tree/main`, signal && { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new CheckpointError(name, `${hub} cannot be reached; look at the connection and the hub's address`, {
      cause,
    });
  }
  if ([401, 403, 404].includes(answer.status))
    throw new CheckpointError(
      name,
      `no such model on ${hub}, or one that is not public; look at how it is spelt (organisation/model)`,
    );
  if (!answer.ok)
    throw new CheckpointError(name, `${hub} answered ${answer.status} ${answer.statusText}; try it later`);
  const parsed = tree.safeParse(await answer.json().catch(() => undefined));
  if (!parsed.success) throw new CheckpointError(name, `${hub} does not answer as a hub of models does`);
  return new Map(parsed.data.filter(({ type }) => type === 'file').map((file) => [file.path, file]));
}

/** What weights end in; an address that ends otherwise is that of a folder. */
const WEIGHTS_ENDING = /\.(?:safetensors|pt|pth|ckpt|bin|index\.json)$/i;

/**
 * Looks into weights at an address, or into the folder there: a `config.json` beside them is used, and an index brings
 * its shards.
 * @param sha256 The digest of the file of weights, in hexadecimal digits
 */
export async function addressOffer(address: string, sha256?: string): Promise<ModelOffer> {
  if (!URL.canParse(address) || !['https:', 'http:'].includes(new URL(address).protocol))
    throw new CheckpointError(address, 'is no address; one begins with https://');
  const url = new URL(address);
  const isFile = WEIGHTS_ENDING.test(url.pathname);
  const folder = new URL(isFile ? '.' : url.pathname.replace(/\/*$/, '/'), url);
  const weights = isFile ? url : await weightsIn(folder);
  const file = nameIn(weights);
  const { size } = await httpSource(weights.href);
  const config = new URL(CONFIG_FILE, folder).href;
  const offered = { name: plainName(file), from: weights.href, bytes: size };
  const files: OfferedFile[] = [
    ...((await isThere(config)) ? [{ name: CONFIG_FILE, from: config }] : []),
    { ...offered, ...(sha256 && { sha256: sha256.trim().toLowerCase() }) },
  ];
  if (isShardIndex(file)) {
    for (const shard of new Set(parseShardIndex(await textOf(offered), weights.href).values())) {
      const from = new URL(shard, folder).href;
      files.push({ name: shard, from, bytes: (await httpSource(from)).size });
    }
  }
  const name = isFile ? file.replace(/\.\w+$/, '') : nameIn(new URL(folder.href.slice(0, -1)));
  return offerOf(name || url.host, url.host, files);
}

const nameIn = ({ pathname }: URL): string => decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1));

async function weightsIn(folder: URL): Promise<URL> {
  for (const file of WEIGHTS_FILES) {
    const address = new URL(file, folder);
    if (await isThere(address.href)) return address;
  }
  throw new CheckpointError(folder.href, `has none of ${WEIGHTS_FILES.join(', ')}`);
}

/** Whether a server has a file; one that answers all addresses with its page has not. */
async function isThere(address: string): Promise<boolean> {
  let answer: Response;
  try {
    answer = await fetch(address, { method: 'HEAD' });
  } catch (cause) {
    throw new CheckpointError(
      address,
      'cannot be reached: the address is wrong, the server is down, or it lets no other site read it (CORS)',
      { cause },
    );
  }
  return answer.ok && !/html/.test(answer.headers.get('content-type') ?? '');
}

/** Looks into files that a person chose: weights, with a `config.json` or without, or an adapter's files. */
export async function fileOffer(files: readonly File[]): Promise<ModelOffer> {
  const weights = files.filter(({ name }) => name !== CONFIG_FILE && name !== LORA_CONFIG_FILE);
  const [first] = weights;
  if (first === undefined)
    throw new CheckpointError(files[0]?.name ?? 'nothing', 'holds no weights; choose the file of weights with it');
  const isAdapter = files.some(({ name }) => [LORA_CONFIG_FILE, LORA_HEAD_FILE].includes(name));
  const isIndexed = weights.some(({ name }) => isShardIndex(name));
  if (weights.length > 1 && !isAdapter && !isIndexed)
    throw new CheckpointError(
      weights.map(({ name }) => name).join(', '),
      'are several models; choose the files of one, with its config.json',
    );
  const folder = first.webkitRelativePath.split('/').at(-2);
  return offerOf(
    folder ?? (isAdapter ? 'adapter' : first.name.replace(/\.\w+$/, '')),
    'a file',
    files.map((file) => ({ name: plainName(file.name), from: file, bytes: file.size })),
  );
}

/** The model of a run that is kept here: the newest, or where it was fine-tuned the best by its held-out score. */
export async function runOffer(run: string): Promise<ModelOffer> {
  const folder = await childFolder(await openRuns(), run);
  const checkpoints = folder && (await childFolder(folder, RUN_FILES.checkpoints));
  const newest = checkpoints && (await checkpointNames(checkpoints)).at(-1);
  if (checkpoints === undefined || newest === undefined) throw new CheckpointError(run, 'has no checkpoint yet');
  const isTuning = folder !== undefined && (await readTuning(folder)) !== undefined;
  const chosen = isTuning ? await bestCheckpoint(checkpoints, newest) : newest;
  const checkpoint = await checkpoints.getDirectoryHandle(chosen);
  const files = await Promise.all([CONFIG_FILE, WEIGHTS_FILE].map((name) => childFile(checkpoint, name)));
  return offerOf(
    `${run}, step ${checkpointStep(chosen)!}`,
    'a run',
    files.map((file) => ({ name: file.name, from: file, bytes: file.size })),
  );
}

/** A name under which a file can be kept. */
const plainName = (name: string): string => name.replace(/[^\w.+=@-]/g, '_').replace(/^\.+$/, '_');

const offerOf = async (name: string, origin: string, files: readonly OfferedFile[]): Promise<ModelOffer> => ({
  name,
  origin,
  files,
  ...(await whatItIs(await openFiles(name, files.map(sourceOf)))),
});

/** Opens an offered model where it is, without keeping it. */
export async function openOffer({ name, files }: ModelOffer): Promise<OpenedModel> {
  const opened = await openFiles(name, files.map(sourceOf));
  if ('model' in opened) return opened.model;
  throw new CheckpointError(name, `is an adapter of ${loraBase(opened.parts).name}, and needs it; keep both first`);
}

/** What is known of a model before it is loaded. */
export async function whatItIs(opened: OpenedFiles): Promise<Pick<ModelOffer, 'facts' | 'adapterOf'>> {
  if ('parts' in opened) return { adapterOf: loraBase(opened.parts).name };
  const facts = modelFacts(opened.model);
  return { facts: (await rhoFoldFacts(opened.tensors, facts)) ?? facts };
}

/** A file of a model that is read by range. */
export interface NamedSource {
  readonly name: string;
  readonly open: () => Promise<ByteSource>;
}

const sourceOf = ({ name, from, bytes }: OfferedFile): NamedSource => ({
  name,
  open: async () =>
    typeof from !== 'string'
      ? blobSource(name, from)
      : bytes === undefined
        ? httpSource(from)
        : rangedHttpSource(from, bytes),
});

/** A model with its file's tensors, or an adapter, which waits for its base. */
export type OpenedFiles = { readonly model: OpenedModel; readonly tensors: TensorFile } | { readonly parts: LoraParts };

/** Opens a model's files, or those of an adapter. */
export async function openFiles(name: string, files: readonly NamedSource[]): Promise<OpenedFiles> {
  const find = (wanted: string): NamedSource | undefined => files.find((file) => file.name === wanted);
  const tensors = async (file: NamedSource): Promise<TensorFile> => openTensorFile(await file.open());
  const [peft, terms, head] = [LORA_CONFIG_FILE, LORA_WEIGHTS_FILE, LORA_HEAD_FILE].map(find);
  if (peft !== undefined || head !== undefined) {
    if (peft !== undefined && terms === undefined)
      throw new CheckpointError(name, `has ${LORA_CONFIG_FILE} without ${LORA_WEIGHTS_FILE}; give both`);
    const lora = peft && {
      config: parsePeftConfig(await textOfSource(peft), peft.name),
      weights: await tensors(terms!),
    };
    return { parts: { name, ...(lora && { lora }), ...(head && { head: await tensors(head) }) } };
  }
  const config = find(CONFIG_FILE);
  const others = files.filter((file) => file !== config);
  const index = others.find((file) => isShardIndex(file.name));
  const [first] = others;
  if (first === undefined) throw new CheckpointError(name, 'has no file of weights');
  const file =
    index === undefined
      ? await tensors(first)
      : await openShards(await textOfSource(index), index.name, (shard) => {
          const found = find(shard);
          if (found === undefined)
            throw new CheckpointError(name, `${index.name} names ${shard}, which is not among the files; give it too`);
          return found.open();
        });
  const model = await openModel(file, config && parseConfig(await textOfSource(config), config.name));
  return { model, tensors: file };
}

const textOf = (file: OfferedFile): Promise<string> => textOfSource(sourceOf(file));

async function textOfSource({ name, open }: NamedSource): Promise<string> {
  const source = await open();
  if (source.size > LIMITS.jsonBytes)
    throw new CheckpointError(name, `has ${source.size} bytes; ${LIMITS.jsonBytes} at most are read`);
  return new TextDecoder().decode(await source.read(0, source.size));
}

function modelFacts({ config, shapes, lmHead, task, warnings }: OpenedModel): ModelFacts {
  const longest = longestInput(config);
  return {
    model: config.model,
    dim: config.dim,
    layers: config.layers,
    parameters: parameterCount(shapes),
    lmHead,
    ...(task && { task: { name: task.head.name, title: task.head.title, kind: task.head.kind } }),
    ...(longest !== undefined && { longest: longest - 2 }),
    bytes: {
      f32: weightBytes(shapes, 'f32'),
      f16: weightBytes(shapes, 'f16'),
      int8: weightBytes(shapes, 'int8'),
      int4: weightBytes(shapes, 'int4'),
    },
    passBytes: Math.ceil(encoderCost(config, USUAL_LENGTH).bytes),
    warnings: [...warnings],
  };
}
