/** The worker that looks for models, fetches, lists and deletes them. */
import {
  adapterMemory,
  addressOffer,
  deleteModel,
  fileOffer,
  hubOffer,
  keepModel,
  keptModels,
  resumeModel,
  runOffer,
} from '@rna/web';
import type { ModelPlace, Received, StoreCalls } from '../calls/modelCalls.ts';
import { answerCalls } from './answer.ts';

/** Progress is told so often, in milliseconds; parts of a download come by the thousand. */
const TOLD_EVERY = 100;

answerCalls<StoreCalls>({
  look: (place) => offerOf(place),
  keep: (offer, { tell, signal }) => keepModel(offer, { signal, onProgress: seldom(tell) }),
  resume: (name, { tell, signal }) => resumeModel(name, { signal, onProgress: seldom(tell) }),
  async list() {
    const [models, { usage, quota }, memory] = await Promise.all([
      keptModels(),
      navigator.storage.estimate(),
      adapterMemory(),
    ]);
    return { models, used: usage, quota, memory };
  },
  async delete(name) {
    await deleteModel(name);
    return null;
  },
});

function offerOf(place: ModelPlace) {
  switch (place.from) {
    case 'hub':
      return hubOffer(place.name, place.hub);
    case 'address':
      return addressOffer(place.address, place.sha256);
    case 'files':
      return fileOffer(place.files);
    case 'run':
      return runOffer(place.run);
  }
}

/** Tells the newest progress at most once in `TOLD_EVERY`, the last one too. */
function seldom(tell: (progress: Received) => void): (progress: Received) => void {
  let [last, newest]: [number, Received | undefined] = [-Infinity, undefined];
  const tellNewest = (): void => {
    if (newest !== undefined) tell(newest);
    [last, newest] = [performance.now(), undefined];
  };
  return ({ received, total }) => {
    const isWaiting = newest !== undefined;
    newest = { received, total };
    if (isWaiting) return;
    const wait = last + TOLD_EVERY - performance.now();
    if (wait <= 0) tellNewest();
    else setTimeout(tellNewest, wait);
  };
}
