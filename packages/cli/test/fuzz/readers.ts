/** Every reader that the fuzzer knows. A new one is one more entry. */
import type { Reader } from './engine.ts';
import { FILE_READERS } from './fileReaders.ts';
import { RECORD_READERS } from './recordReaders.ts';

export const READERS: readonly Reader[] = [...RECORD_READERS, ...FILE_READERS];
