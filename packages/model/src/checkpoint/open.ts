/** Opens a checkpoint file of any known format by its first bytes, whatever its name says. */
import { CheckpointError } from '../errors.ts';
import { openPyTorch } from './pytorch.ts';
import { openSafetensors } from './safetensors.ts';
import type { ByteSource } from './source.ts';
import type { TensorFile } from './tensorFile.ts';

/** @throws CheckpointError if the file is damaged or of a format that is not read. */
export async function openTensorFile(source: ByteSource): Promise<TensorFile> {
  const magic = await source.read(0, Math.min(4, source.size));
  const startsWith = (...bytes: number[]): boolean => bytes.every((byte, i) => magic[i] === byte);
  if (startsWith(0x50, 0x4b, 0x03, 0x04)) return openPyTorch(source);
  // A version 2 pickle of a ten-byte integer: the magic number of files from
  // before PyTorch 1.6. Fewer bytes would also match some safetensors lengths.
  if (startsWith(0x80, 0x02, 0x8a, 0x0a)) {
    throw new CheckpointError(
      source.name,
      'saved in the format from before PyTorch 1.6, which is not read. ' +
        'Convert it in Python: torch.save(torch.load("old.pt", map_location="cpu"), "new.pt")',
    );
  }
  return openSafetensors(source);
}
