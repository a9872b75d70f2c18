/** Opens a checkpoint file of any known format by its first bytes, whatever its name says. */
import { CheckpointError } from '../errors.ts';
import { openPyTorch } from './pytorch.ts';
import { openLegacyPyTorch } from './pytorchLegacy.ts';
import { openSafetensors } from './safetensors.ts';
import { checkedSource, type ByteSource } from './source.ts';
import { PROBE_BYTES, standIn } from './standIn.ts';
import type { TensorFile } from './tensorFile.ts';

/** @throws CheckpointError if the file is damaged or of a format that is not read. */
export async function openTensorFile(unchecked: ByteSource): Promise<TensorFile> {
  const source = checkedSource(unchecked);
  const first = await source.read(0, Math.min(PROBE_BYTES, source.size));
  const startsWith = (...bytes: number[]): boolean => bytes.every((byte, i) => first[i] === byte);
  if (startsWith(0x50, 0x4b, 0x03, 0x04)) return openPyTorch(source);
  // A version 2 pickle of a ten-byte integer: the magic number of files from
  // before PyTorch 1.6. Fewer bytes would also match some safetensors lengths.
  if (startsWith(0x80, 0x02, 0x8a, 0x0a)) return openLegacyPyTorch(source);
  if (startsWith(0x1f, 0x8b)) throw new CheckpointError(source.name, 'compressed by gzip; unpack it with gunzip first');
  // As the length of a header, these bytes would be absurd.
  if (startsWith(0x80) && first[1]! <= 5 && first.subarray(3, 8).some((byte) => byte !== 0)) {
    throw new CheckpointError(
      source.name,
      'a bare pickle, which is not read; save the weights in Python: torch.save(model.state_dict(), "file.pt")',
    );
  }
  const other = standIn(first);
  if (other !== undefined) throw new CheckpointError(source.name, other);
  return openSafetensors(source);
}
