/** Every reader that the fuzzer knows. A new one is one more entry. */
import { COORDINATE_READERS } from './coordinateReaders.ts';
import { DATA_READERS } from './dataReaders.ts';
import type { Reader } from './engine.ts';
import { FILE_READERS } from './fileReaders.ts';
import { MODEL_READERS } from './modelReaders.ts';
import { RECORD_READERS } from './recordReaders.ts';
import { SHARD_READERS } from './shardReaders.ts';

export const READERS: readonly Reader[] = [
  ...RECORD_READERS,
  ...FILE_READERS,
  ...COORDINATE_READERS,
  ...MODEL_READERS,
  ...DATA_READERS,
  ...SHARD_READERS,
];
