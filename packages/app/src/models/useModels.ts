/**
 * The models of this browser and their downloads, as views follow them. Downloads go on while other views are shown,
 * so they live beside the components.
 */
import { useEffect, useState } from 'preact/hooks';
import { fileBytes, isWhole, type ModelOffer, type ModelRecord } from '@rna/web';
import { problemIn, type Problem } from '../calls/caller.ts';
import type { KeptModels, Received } from '../calls/modelCalls.ts';
import { store } from '../calls/workers.ts';

export interface Download extends Received {
  readonly name: string;
  readonly pause: () => void;
}

export interface ModelsState {
  /** Undefined before the list is there. */
  readonly kept: KeptModels | undefined;
  readonly downloads: readonly Download[];
  readonly problem: Problem | undefined;
}

let state: ModelsState = { kept: undefined, downloads: [], problem: undefined };
const followers = new Set<(state: ModelsState) => void>();

function change(next: Partial<ModelsState>): void {
  state = { ...state, ...next };
  for (const follow of followers) follow(state);
}

export function useModels(): ModelsState {
  const [shown, setShown] = useState(state);
  useEffect(() => {
    followers.add(setShown);
    setShown(state);
    if (state.kept === undefined) void refreshModels();
    return () => {
      followers.delete(setShown);
    };
  }, []);
  return shown;
}

export async function refreshModels(): Promise<void> {
  try {
    change({ kept: await store.call('list', null) });
  } catch (error) {
    change({ problem: problemIn(error) });
  }
}

/** Fetches an offered model, or goes on with one by its name. */
export async function fetchModel(what: ModelOffer | string): Promise<void> {
  const name = typeof what === 'string' ? what : what.name;
  const controller = new AbortController();
  const show = (received: Received): void => {
    const download: Download = {
      ...received,
      name,
      pause: () => {
        controller.abort();
      },
    };
    change({ downloads: [...state.downloads.filter((each) => each.name !== name), download] });
  };
  show({ received: 0, total: typeof what === 'string' ? undefined : fileBytes({ files: sized(what) }) });
  change({ problem: undefined });
  // Asks the browser not to clear models when disk space runs short; a refusal changes nothing here.
  void navigator.storage.persist();
  const options = { onProgress: show, signal: controller.signal };
  try {
    await (typeof what === 'string' ? store.call('resume', what, options) : store.call('keep', what, options));
  } catch (error) {
    const problem = problemIn(error);
    if (problem.kind !== 'cancelled') change({ problem });
  }
  change({ downloads: state.downloads.filter((each) => each.name !== name) });
  await refreshModels();
}

const sized = ({ files }: ModelOffer) =>
  files.map(({ name, bytes }) => ({ name, ...(bytes !== undefined && { bytes }), isWhole: false }));

/** Keeps what a run has learnt as a model, unless it is kept already; gives its name, or undefined where it could not. */
export async function keepRun(run: string): Promise<string | undefined> {
  try {
    const offer = await store.call('look', { from: 'run', run });
    await refreshModels();
    if (!usable(state).some(({ name }) => name === offer.name)) await fetchModel(offer);
    return usable(state).find(({ name }) => name === offer.name)?.name;
  } catch (error) {
    change({ problem: problemIn(error) });
    return undefined;
  }
}

export async function removeModel(name: string): Promise<void> {
  try {
    await store.call('delete', name);
    change({ problem: undefined });
  } catch (error) {
    change({ problem: problemIn(error) });
  }
  await refreshModels();
}

/** Models that can be used now. */
export const usable = ({ kept }: ModelsState): readonly ModelRecord[] => kept?.models.filter(isWhole) ?? [];
