/** Which problem an error in a worker is. */
import { CheckpointError, SequenceLengthError } from '@rna/model';
import { InputError } from '@rna/structure';
import { DeviceError, DeviceLostError, MemoryBudgetError } from '@rna/tensor';
import { NotKeptError, StorageFullError } from '@rna/web';
import type { Problem } from '../calls/caller.ts';
import { TooLongError, UnfitModelError } from './refusals.ts';

export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InputError) return { kind: 'input', message };
  if (error instanceof DeviceLostError) return { kind: 'deviceLost', message };
  if (error instanceof MemoryBudgetError) return { kind: 'memory', message };
  if (error instanceof DeviceError) return { kind: 'noWebGpu', message };
  if (error instanceof StorageFullError) return { kind: 'storage', message };
  if (error instanceof NotKeptError) return { kind: 'notKept', message, model: error.model };
  if (error instanceof CheckpointError || error instanceof UnfitModelError) return { kind: 'model', message };
  if (error instanceof TooLongError || error instanceof SequenceLengthError) return { kind: 'tooLong', message };
  if (error instanceof DOMException && error.name === 'AbortError') return { kind: 'cancelled', message };
  return { kind: 'other', message };
}
