/** The workers behind models, each started when it is first called. */
import { createCaller } from './caller.ts';
import type { MapCalls, ModelCalls, StoreCalls } from './modelCalls.ts';

export const store = createCaller<StoreCalls>(
  () => new Worker(new URL('../workers/storeWorker.ts', import.meta.url), { type: 'module' }),
);

export const models = createCaller<ModelCalls>(
  () => new Worker(new URL('../workers/modelWorker.ts', import.meta.url), { type: 'module' }),
);

export const maps = createCaller<MapCalls>(
  () => new Worker(new URL('../workers/mapWorker.ts', import.meta.url), { type: 'module' }),
);
